"""Suites: lists of puzzles that a model is asked, with a hash that is printed with every result.

`sleuth-bench@1` is frozen: families, levels, counts, seed and the styles of its twins are written down here, and the
puzzles are made again from their keys (split `test`), so nothing is downloaded. Its puzzles never change; another
choice of anything is another version. The small size is the beginning of the full one. Of four puzzles in a row,

    the first    is also asked with other names (`names`),
    the second   in other words (`words`),
    the third    with red herrings (`herrings`), clues that are true and not needed; a few puzzles have none.

What these lose against the puzzles they were made of says how far a model knows names and sentences by heart, and how
easily it is distracted. The figures of a level are about the puzzles themselves (`base`) alone.

A file of puzzles is a suite, too, without twins.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from sleuth.bench.result import SuiteFacts
from sleuth.bench.summary import Twin
from sleuth.config import SuiteSize
from sleuth.datasets.files import SUFFIXES, read_puzzles
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError, nearest
from sleuth.progress import bar
from sleuth.puzzles.generate import rng_of
from sleuth.puzzles.herrings import NoHerringError, with_herrings
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import adopting
from sleuth.puzzles.retell import retold
from sleuth.workers import map_in_order, processes

Variant = Literal["base"] | Twin
TWINS: tuple[Twin, ...] = ("names", "words", "herrings")
EVERY = 4
"""Puzzles in a row of which the first have a twin of each sort, in the order of `TWINS`."""
CANARY = "sleuth-bench canary e2b6b0c4-5f0e-4a55-9d8e-7c1f3a9d2b61: keep this out of training data"
"""In every result file: text that is found again in a model, or a corpus, shows that it has seen the benchmark."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Puzzles of one level."""

    family: str
    level: str
    small: int
    """Puzzles in the small size, and in the full one: `full`."""
    full: int

    def count(self, size: SuiteSize) -> int:
        """Puzzles, twins not counted."""
        return self.small if size == "small" else self.full


@dataclass(frozen=True, slots=True)
class Plan:
    """A frozen suite, as keys."""

    id: str
    seed: int
    style: str
    words: tuple[str, ...]
    """Styles of twins in other words."""
    cells: tuple[Cell, ...]


PLANS = {
    "sleuth-bench@1": Plan(
        id="sleuth-bench@1",
        seed=1_129_001,
        style="plain",
        words=("terse", "witness"),
        cells=(
            *(Cell("kinship@1", level, 16, 160) for level in "123"),
            Cell("kinship@1", "4", 8, 40),
            *(Cell("knights-and-knaves@1", level, 16, 160) for level in "1234"),
            *(Cell("round-table@1", level, 16, 160) for level in "1234"),
            *(Cell("temporal-clue@1", level, 16, 160) for level in "123"),
            Cell("temporal-clue@1", "4", 12, 80),
            Cell("temporal-clue@1", "5", 4, 40),
            Cell("temporal-clue@1", "reference", 4, 40),
            *(Cell("timetable@1", level, 16, 160) for level in "123"),
            Cell("timetable@1", "4", 8, 40),
            *(Cell("zebra@1", level, 16, 160) for level in "123"),
            Cell("zebra@1", "4", 12, 80),
            Cell("zebra@1", "5", 8, 40),
        ),
    )
}
"""Frozen suites by id."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is asked. The puzzle's id names it: that of a twin ends in `+names`, `+words` or `+herrings`."""

    puzzle: Puzzle
    variant: Variant = "base"
    of: str = ""
    """Id of the puzzle that a twin was made of; of a puzzle itself, its own."""

    @property
    def cell(self) -> str:
        """`temporal-clue@1/2`: family and level."""
        return f"{self.puzzle.family}/{self.puzzle.level}"


@dataclass(frozen=True, slots=True)
class Keys:
    """(Puzzle id, sample) for every sample of every puzzle, without a list of them."""

    puzzles: frozenset[str]
    samples: int

    def __contains__(self, key: object) -> bool:
        match key:
            case (str(puzzle), int(sample)):
                return puzzle in self.puzzles and 0 <= sample < self.samples
        return False


@dataclass(frozen=True)
class Suite:
    """What is asked, in order."""

    id: str
    """`sleuth-bench@1`, or the name of a file."""
    size: str
    """`small` or `full`; empty for a file."""
    items: tuple[Item, ...]
    levels: tuple[str, ...] = ()
    """Of a frozen suite, those that are asked; none: all."""

    @cached_property
    def hash(self) -> str:
        """SHA-256 of every item, to the byte, as hexadecimal digits."""
        found = hashlib.sha256()
        for item in self.items:
            found.update(f"{item.variant}\t{item.of}\t{item.puzzle.model_dump_json()}\n".encode())
        return found.hexdigest()

    @property
    def facts(self) -> SuiteFacts:
        """What results say of it."""
        return SuiteFacts(id=self.id, size=self.size, hash=self.hash, items=len(self.items), levels=self.levels)

    def keys(self, samples: int) -> Keys:
        """Of all rows that a result with so many samples of a puzzle has."""
        return Keys(frozenset(item.puzzle.id for item in self.items), samples)

    @property
    def base(self) -> list[Item]:
        """The puzzles themselves, without twins."""
        return [item for item in self.items if item.variant == "base"]


def load_suite(name: str, size: SuiteSize = "small", workers: int = 0, levels: Sequence[str] = ()) -> Suite:
    """A frozen suite by its id, or the puzzles of a file. `workers`: processes that make it, 0: all cores. `levels`:
    those of a frozen suite that are asked, in every family that has them; none: all.

    Raises `UserError` for a name that is neither, for a level that no family of the suite has, and for a file that
    cannot be read.
    """
    if name in PLANS:
        plan = PLANS[name]
        known = sorted({cell.level for cell in plan.cells})
        if unknown := [level for level in levels if level not in known]:
            raise UserError(f"{name} has no level {unknown[0]!r}; it has {', '.join(known)}")
        cells = [cell for cell in plan.cells if not levels or cell.level in levels]
        chosen = tuple(level for level in known if level in levels)
        items = []
        with bar(f"making {plan.id}", sum(cell.count(size) for cell in cells)) as advance:
            for item in make_items(plan, cells, size, workers):
                items.append(item)
                advance(item.variant == "base")
        return Suite(plan.id, size, tuple(items), chosen)
    path = Path(name)
    if path.suffix not in SUFFIXES:
        raise UserError(
            f"no suite {name!r}; {nearest(name, list(PLANS))}. A file of puzzles ends in .jsonl or .parquet"
        )
    if size != "small":
        raise UserError(f"{name}: a file has one size; leave out --size")
    if levels:
        raise UserError(f"{name}: --level is for frozen suites, and this one is a file")
    puzzles = read_puzzles(path)
    return Suite(path.name, "", tuple(Item(puzzle, of=puzzle.id) for puzzle in puzzles))


def make_items(plan: Plan, cells: Iterable[Cell], size: SuiteSize, workers: int = 0) -> Iterator[Item]:
    """The items of cells: puzzles, each with its twin behind it. All puzzles of a cell are different."""
    jobs = [
        _Job(PuzzleSpec(cell.family, cell.level, "test", plan.seed, cell.count(size), plan.style), index, plan.words)
        for cell in cells
        for index in range(cell.count(size))
    ]
    groups = map_in_order(adopting(_group), jobs, processes(workers))
    seen: set[tuple[str, str, str]] = set()
    for job, (digest, attempt, items) in zip(jobs, groups, strict=True):
        place = (job.spec.family, job.spec.level)
        while (*place, digest) in seen:  # a double, but for names and order: the next draw of its key
            digest, attempt, items = _group(replace(job, attempt=attempt + 1))
        seen.add((*place, digest))
        yield from items


@dataclass(frozen=True, slots=True)
class _Job:
    spec: PuzzleSpec
    index: int
    words: tuple[str, ...]
    attempt: int = 0


def _group(job: _Job) -> tuple[str, int, tuple[Item, ...]]:
    """Hash and draw of a puzzle, and the items: the puzzle and, where its number says so, its twin."""
    made = job.spec.make(job.index, job.attempt)
    puzzle = made.puzzle
    items = [Item(puzzle, of=puzzle.id)]
    place = job.index % EVERY
    if place < len(TWINS):
        variant = TWINS[place]
        with contextlib.suppress(NoHerringError):  # a puzzle that none can be found for has no such twin
            twin = _twin(puzzle, variant, job.words)
            items.append(Item(twin.model_copy(update={"id": f"{puzzle.id}+{variant}"}), variant, puzzle.id))
    return made.digest, made.attempt, tuple(items)


def _twin(puzzle: Puzzle, variant: Variant, words: tuple[str, ...]) -> Puzzle:
    if variant == "names":
        return retold(puzzle, names=1)
    if variant == "words":
        return retold(puzzle, rng_of(puzzle.id, "words").choice(words))
    return with_herrings(puzzle)
