"""What a broken promise is, and how checks are listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class BrokenPromiseError(AssertionError):
    """Something that every task, or every family, promises does not hold; the message says what."""


def demand(held: bool, problem: str) -> None:
    """Raises `BrokenPromiseError` unless it is held. Unlike `assert`, also where Python was told to leave those out."""
    if not held:
        raise BrokenPromiseError(problem)


@dataclass(frozen=True, slots=True)
class LevelCheck:
    """A promise about the puzzles of one level."""

    promise: str
    """In words, as in "each has one world, by both solvers"."""
    run: Callable[[str, str], None]
    """Takes the task's id and the level. Raises `BrokenPromiseError`."""


@dataclass(frozen=True, slots=True)
class TaskCheck:
    """A promise about a task as a whole."""

    promise: str
    run: Callable[[str], None]
    """Takes the task's id. Raises `BrokenPromiseError`."""
