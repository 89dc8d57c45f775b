"""The contract of tasks as checks that anybody can run on a task of their own: `sleuth.check_family("my-family")`.

Like Gymnasium's `check_env`, these are the checks that Sleuth's own tasks are tested with. They take from some seconds
to a few minutes, by what a puzzle costs.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sleuth.contract import families, kinds, tasks
from sleuth.contract.promises import BrokenPromiseError, LevelCheck, TaskCheck
from sleuth.puzzles.registry import get_task
from sleuth.puzzles.task import check_level

__all__ = ["BrokenPromiseError", "Verdict", "check_family", "checks", "level_checks", "verdicts"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check came to."""

    promise: str
    level: str
    """"" where it is about the task as a whole."""
    problem: str
    """"" where the promise is kept."""

    def __str__(self) -> str:
        what = f"level {self.level}: {self.promise}" if self.level else self.promise
        return f"broken: {what}: {self.problem}" if self.problem else f"kept: {what}"


def checks(name: str) -> tuple[TaskCheck, ...]:
    """The checks of a task as a whole, by name or id. Raises `UserError` for one that does not exist."""
    return tasks.TASK_CHECKS + (() if get_task(name).family is None else kinds.FAMILY_CHECKS)


def level_checks(name: str) -> tuple[LevelCheck, ...]:
    """The checks of each of its levels."""
    return tasks.LEVEL_CHECKS + (() if get_task(name).family is None else families.LEVEL_CHECKS)


def verdicts(name: str, levels: Sequence[str] = ()) -> Iterator[Verdict]:
    """Runs all checks of a task, one after the other; of these levels only, where some are named.

    Raises `UserError` for a task or level that does not exist or that cannot be used here.
    """
    task = get_task(name)
    task.check()
    for level in levels:
        check_level(task, level)
    for cached in (tasks.puzzles, families.audited):
        cached.cache_clear()  # the same id may be another class by now
    for check in checks(task.id):
        yield Verdict(check.promise, "", _problem(check, task.id))
    for level in levels or task.levels:
        for one in level_checks(task.id):
            yield Verdict(one.promise, level, _problem(one, task.id, level))


def check_family(name: str, levels: Sequence[str] = ()) -> None:
    """Checks that a task or family keeps the contract, at all its levels or at some. Raises `BrokenPromiseError` with a
    line for everything that does not hold, and `UserError` for a task that does not exist or load."""
    broken = [verdict for verdict in verdicts(name, levels) if verdict.problem]
    if broken:
        raise BrokenPromiseError(f"{get_task(name).id} breaks the contract:\n" + "\n".join(map(str, broken)))


def _problem(check: TaskCheck | LevelCheck, *about: str) -> str:
    try:
        check.run(*about)
    except BrokenPromiseError as error:
        return str(error)
    except Exception as error:  # code of somebody else's: whatever it raises is its fault to be told of
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(str(error).split())[:200]
        return f"{type(error).__name__}: {said} ({Path(place.filename).name}, line {place.lineno})"
    return ""
