"""The case of a Temporal Clue puzzle: names over a shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sleuth.errors import UserError
from sleuth.puzzles.drawing import SIGNS, check_names
from sleuth.puzzles.statements import Ref
from sleuth.puzzles.temporal_clue.theory import Grid, Shape

GROUPS = ("suspects", "weapons")
RESERVED = ("victim", "murderer", "weapon")
"""Roles in the formal language: no name may be one."""


@dataclass(frozen=True)
class Case:
    """Who, what, where and when, by name.

    Of suspects, weapons and victim together, of rooms, of times and of motives no two names are alike, whatever their
    capitals. No name is blank, is in `RESERVED`, or holds one of `,()|;`.
    """

    victim: str
    suspects: tuple[str, ...]
    weapons: tuple[str, ...]
    rooms: tuple[str, ...]
    prepositions: tuple[str, ...]
    """`in`, `at` or `on`, by room."""
    grid: Grid
    times: tuple[str, ...]
    """One or more, in order."""
    motives: tuple[str, ...] = ()
    motive_counts: tuple[int, ...] | None = None
    """Suspects by motive where motives are shared."""
    title: str = ""
    story: str = ""

    def __post_init__(self) -> None:
        things = (self.victim, *self.suspects, *self.weapons)
        for names in (things, self.rooms, self.times, self.motives):
            check_names(names, signs=SIGNS - {":"}, reserved=RESERVED)
        placed = sorted(room for row in self.grid for room in row if room is not None)
        if placed != list(range(len(self.rooms))) or not placed:
            raise UserError("the map does not show every room once")
        if not self.suspects or not self.weapons or not self.times:
            raise UserError("a case needs at least one suspect, one weapon and one time")
        if self.motive_counts is not None and (
            sum(self.motive_counts) != len(self.suspects) or len(self.motive_counts) != len(self.motives)
        ):
            raise UserError("the numbers of suspects by motive do not add up to the suspects")
        if self.motive_counts is None and self.motives and len(self.motives) != len(self.suspects):
            raise UserError("there must be as many motives as suspects")

    @cached_property
    def shape(self) -> Shape:
        """The case without its names."""
        return Shape(
            len(self.suspects), len(self.weapons), self.grid, len(self.times), len(self.motives), self.motive_counts
        )

    @property
    def timed(self) -> bool:
        """Whether sentences name times: with only one, they leave it out."""
        return len(self.times) > 1

    def unique_motive(self, motive: int) -> bool:
        """Whether exactly one suspect has this motive."""
        return self.motive_counts is None or self.motive_counts[motive] == 1

    def name(self, ref: Ref) -> str:
        """An entity's name."""
        match ref.sort:
            case "suspect":
                return self.suspects[ref.index]
            case "weapon":
                return self.weapons[ref.index]
            case "room":
                return self.rooms[ref.index]
            case "time":
                return self.times[ref.index]
            case "motive":
                return self.motives[ref.index]
        raise AssertionError(ref)
