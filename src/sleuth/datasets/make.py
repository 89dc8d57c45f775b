"""Many puzzles at once: on all cores, and the same whatever their number.

Every puzzle is made from its own key, so workers need not agree on anything; doubles within a file are found when the
puzzles are put in order, and drawn again there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sleuth.config import MOST_SEED, Names
from sleuth.errors import UserError, shortened
from sleuth.puzzles.explain import rated
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import adopting, get_task
from sleuth.puzzles.task import Key, Made, check_level, check_names, check_split, check_style
from sleuth.workers import map_in_order, processes

MOST_PUZZLES = 10_000_000
"""Puzzles in one go: what tells doubles apart needs a gigabyte of memory for them."""
REDRAWS = 2000
"""A puzzle that is a double so many times in a row means that there are hardly any others left."""


def check_count(count: int) -> None:
    """Raises `UserError` for numbers of puzzles that nothing can be made of."""
    if not 1 <= count <= MOST_PUZZLES:
        raise UserError(f"--count {shortened(str(count))}: ask for 1 to {MOST_PUZZLES} puzzles")


def first_level(family: str) -> str:
    """The level that a family has first. Raises `UserError` for a family that does not exist."""
    return next(iter(get_task(family).levels))


@dataclass(frozen=True, slots=True)
class PuzzleSpec:
    """Which puzzles to make."""

    family: str
    level: str
    split: str
    seed: int
    count: int
    style: str = "plain"
    names: Names = "themed"
    difficulty: bool = False
    """Explain every puzzle, and store how hard it is in its metadata."""

    def check(self) -> None:
        """Raises `UserError` for what does not exist."""
        task = get_task(self.family)
        task.check()
        check_level(task, self.level)
        check_split(self.split)
        check_style(task, self.style)
        check_names(task, self.names)
        if not 0 <= self.seed <= MOST_SEED:
            raise UserError(f"--seed {shortened(str(self.seed))}: give a number from 0 to {MOST_SEED}")
        if self.difficulty and task.family is None:
            raise UserError(f"{self.family}: difficulty comes from the explanation of a puzzle, and this one has none")
        check_count(self.count)

    def make(self, index: int, attempt: int = 0) -> Made:
        """The puzzle of an index."""
        key = Key(self.level, self.split, self.seed, index, self.style, self.names, attempt)
        made = get_task(self.family).make(key)
        return replace(made, puzzle=rated(made.puzzle)) if self.difficulty else made


Slot = tuple[PuzzleSpec, int]
"""A puzzle to make: of which spec, and its index there."""


def make_puzzles(spec: PuzzleSpec, workers: int = 0) -> Iterator[Puzzle]:
    """The puzzles of a spec, all different, in order. `workers`: processes; 0 takes all cores.

    Raises `UserError` when the level has no more different puzzles.
    """
    spec.check()
    yield from make_slots([(spec, index) for index in range(spec.count)], workers)


def make_slots(slots: Sequence[Slot], workers: int = 0, different: bool = True) -> Iterator[Puzzle]:
    """The puzzles of slots, in order. `workers`: processes; 0 takes all cores. `different`: for one that is like an
    earlier one but for names and order another is drawn.

    Raises `UserError` when a level has no more different puzzles.
    """
    draws = first_draws(slots, workers)
    if different:
        yield from (made.puzzle for _, made in without_doubles(slots, draws))
    else:
        yield from (made.puzzle for made in draws)


def first_draws(slots: Sequence[Slot], workers: int = 0) -> Iterator[Made]:
    """The first draw of each slot, in order, whatever the others are. `workers`: processes; 0 takes all cores."""
    return _made(slots, processes(workers))


def without_doubles(slots: Iterable[Slot], draws: Iterable[Made]) -> Iterator[tuple[Made, Made]]:
    """For each slot, in order, its first draw and what takes its place: the same, or, where that is like an earlier
    puzzle but for names and order, a later draw that is not.

    Raises `UserError` when a level has no more different puzzles.
    """
    seen: set[str] = set()
    for (spec, index), drawn in zip(slots, draws, strict=True):
        made = drawn
        redraws = 0
        while made.digest in seen:
            redraws += 1
            if redraws > REDRAWS:
                raise UserError(
                    f"{spec.family} level {spec.level}, split {spec.split}: found {len(seen)} different puzzles and "
                    f"then only duplicates; ask for fewer (--count {len(seen)}) or for a higher level"
                )
            made = spec.make(index, made.attempt + 1)
        seen.add(made.digest)
        yield drawn, made


def _made(slots: Sequence[Slot], workers: int) -> Iterator[Made]:
    chunk = max(1, min(64, len(slots) // (workers * 4)))
    return map_in_order(adopting(_make), slots, workers, chunk=chunk)


def _make(slot: Slot) -> Made:
    spec, index = slot
    return spec.make(index)
