"""Statements: what clues, questions, facts and program lines are, before any words or formulas.

A statement is a kind and its arguments. An argument names an entity of the case (`Ref("suspect", 2)`) or is itself a
statement. A *question* is a statement with one hole; each choice that fills it gives a statement, and exactly one of
these is true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Something that a statement can name: its sort (`suspect`, `room`, …) and its number in the case."""

    sort: str
    index: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A kind of statement with its arguments, in the order of the kind's slots. None is the hole of a question."""

    kind: str
    args: tuple[Argument, ...]

    def hole(self) -> int:
        """Which argument of a question is missing."""
        return self.args.index(None)

    def fill(self, value: Ref) -> Statement:
        """A question with its hole filled."""
        return Statement(self.kind, tuple(value if arg is None else arg for arg in self.args))

    def rename(self, name: Callable[[Ref], Ref]) -> Statement:
        """The same statement about other entities."""
        return Statement(
            self.kind,
            tuple(
                arg.rename(name) if isinstance(arg, Statement) else name(arg) if arg is not None else None
                for arg in self.args
            ),
        )

    def order(self) -> tuple[object, ...]:
        """A key that sorts statements of any kinds the same way in every process."""
        return (
            self.kind,
            tuple(
                (1, *arg.order()) if isinstance(arg, Statement) else (0, arg.sort, arg.index) if arg else (2,)
                for arg in self.args
            ),
        )


Argument = Ref | Statement | None
