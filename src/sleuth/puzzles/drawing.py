"""What families have in common when they draw: names that can be told apart, and a statement that rules a world out."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Collection, Iterable, Sequence
from random import Random
from typing import TypeVar

from sleuth.errors import UserError
from sleuth.logic.formulas import Formula
from sleuth.puzzles.statements import Statement

Option = TypeVar("Option")
DRAWS = 40
"""So many draws that rule nothing out, and a clue is found in another way."""
SIGNS = frozenset(",()|:;")
"""Signs that no name may hold: they part names on pages and in the formal language."""


def weighted(options: Sequence[Option], sums: Sequence[float], rng: Random) -> Option:
    """One of the options, whose weights have these running sums: what `Random.choices` gives, in half the time."""
    return options[bisect(sums, rng.random() * (sums[-1] + 0.0), 0, len(options) - 1)]


def check_names(names: Iterable[str], signs: Collection[str] = SIGNS, reserved: Collection[str] = ()) -> None:
    """Raises `UserError` for a name that comes twice (whatever its capitals), is empty or reserved, or holds a sign."""
    listed = list(names)
    folded = [name.casefold() for name in listed]
    if len(set(folded)) < len(folded):
        twice = min(name for name in folded if folded.count(name) > 1)
        raise UserError(f"the case names {twice!r} twice")
    forbidden = frozenset(signs)
    for name in listed:
        if not name.strip() or not forbidden.isdisjoint(name) or name.casefold() in reserved:
            raise UserError(f"{name!r} can't be a name in a case")


def first_that_fits(
    draw: Callable[[], Statement | None],
    formula: Callable[[Statement], Formula],
    fits: Callable[[Formula], bool],
) -> tuple[Statement, Formula] | None:
    """The first of `DRAWS` statements whose formula fits, with that; None where none does."""
    for _ in range(DRAWS):
        statement = draw()
        if statement is not None:
            meaning = formula(statement)
            if fits(meaning):
                return statement, meaning
    return None
