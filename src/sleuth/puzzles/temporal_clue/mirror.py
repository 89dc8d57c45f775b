"""The map of a Temporal Clue case mirrored: rows, columns or both turned round, or rows made columns.

Rooms keep their names and who was in them; only where they lie changes, and so what "north of" says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.theory import STEPS, Grid

Turned = tuple[bool, bool, bool]
"""Whether rows are in the other order, columns are, and rows and columns change places, in this order."""
ALL = [(rows, columns, swapped) for rows in (False, True) for columns in (False, True) for swapped in (False, True)]


def mirrored(case: Case, rng: Random) -> tuple[Case, Callable[[Statement], Statement]]:
    """A case with its map mirrored in one of the seven ways, and what turns statements into those about it."""
    return mirror(case, rng.choice(ALL[1:]))


def mirror(case: Case, turned: Turned) -> tuple[Case, Callable[[Statement], Statement]]:
    """As `mirrored`, in one way. Rooms are numbered in the order in which the new map is read."""
    grid = _turn(case.grid, turned)
    order = [room for row in grid for room in row if room is not None]
    place = {room: number for number, room in enumerate(order)}
    directions = _directions(turned)

    def renamed(ref: Ref) -> Ref:
        if ref.sort == "room":
            return Ref("room", place[ref.index])
        return Ref("direction", directions[ref.index]) if ref.sort == "direction" else ref

    new = replace(
        case,
        rooms=tuple(case.rooms[room] for room in order),
        prepositions=tuple(case.prepositions[room] for room in order),
        grid=tuple(tuple(None if room is None else place[room] for room in row) for row in grid),
    )
    return new, lambda statement: statement.rename(renamed)


def _turn(grid: Grid, turned: Turned) -> Grid:
    rows, columns, swapped = turned
    found = [row[::-1] if columns else row for row in (grid[::-1] if rows else grid)]
    return tuple(zip(*found, strict=True)) if swapped else tuple(found)


def _directions(turned: Turned) -> dict[int, int]:
    """What each direction becomes."""
    rows, columns, swapped = turned
    named = {step: direction for direction, step in STEPS.items()}
    found = {}
    for direction, (down, right) in STEPS.items():
        step = (-down if rows else down, -right if columns else right)
        found[direction] = named[step[::-1] if swapped else step]
    return found
