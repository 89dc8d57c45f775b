"""Examples for a warm start, made while training: puzzles with right completions, by the hundred thousand.

Example `number` of a stream depends on the stream's settings and the number alone, so it is the same whatever the
workers, and a stream can be taken up anywhere. Of every puzzle several variants are shown (`sleuth.puzzles.variants`):
numbers go through `BLOCK` puzzles, then through the same ones in their next variant, and after the last variant to the
next block. So the variants of a puzzle are far apart, and every worker keeps a block's puzzles.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import lru_cache

from sleuth.config import Mode, Telling
from sleuth.datasets.make import PuzzleSpec, Slot
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import adopting, get_task
from sleuth.puzzles.variants import Variants
from sleuth.workers import in_order

BLOCK = 256
"""Puzzles whose variants are mixed."""
AHEAD = 256
"""Examples that workers make before they are asked for."""
CHUNK = 16
FEW = 64
"""So many examples are made faster than a worker starts."""


def base_of(number: int, variants: int) -> tuple[int, int]:
    """Which puzzle an example shows, and in which variant."""
    block, place = divmod(number, BLOCK * variants)
    variant, within = divmod(place, BLOCK)
    return block * BLOCK + within, variant


def bases(examples: int, variants: int) -> int:
    """How many puzzles so many examples show."""
    blocks, rest = divmod(examples, BLOCK * variants)
    return blocks * BLOCK + min(rest, BLOCK)


@dataclass(frozen=True, slots=True)
class _Job:
    spec: PuzzleSpec
    index: int
    variant: int | None
    """None: the puzzle has no variants to share its reading with."""
    mode: Mode
    telling: Telling


def stream(
    slot: Callable[[int], Slot],
    examples: int,
    mode: Mode,
    telling: Telling = "short",
    variants: int = 1,
    workers: int = 1,
    start: int = 0,
) -> Generator[tuple[Puzzle, str], None, None]:
    """Examples `start` … `examples` - 1: puzzles with right completions. `slot` gives the spec and index of a base
    puzzle by its number (`base_of`).

    `workers`: processes in the background; 0 makes examples here, when they are asked for. Closing the iterator ends
    them. A task without clues and rules has no variants: its other puzzles are shown. Raises `UserError` as
    `gold_completion` and `PuzzleSpec.make` do.
    """

    def jobs() -> Iterator[_Job]:
        for number in range(start, examples):
            base, variant = base_of(number, variants)
            spec, index = slot(base)
            told_again = variants > 1 and get_task(spec.family).family is not None
            if variants > 1 and not told_again:
                index = number
            yield _Job(spec, index, variant if told_again else None, mode, telling)

    if workers == 0 or examples - start <= FEW:
        yield from map(_example, jobs())
        return
    yield from in_order(adopting(_example), jobs(), workers, chunk=CHUNK, ahead=AHEAD)


def _example(job: _Job) -> tuple[Puzzle, str]:
    if job.variant is None:
        puzzle = job.spec.make(job.index).puzzle
    else:
        puzzle = _variants(job.spec, job.index).variant(job.variant)
    return puzzle, gold_completion(puzzle, job.mode, job.telling)


@lru_cache(maxsize=2 * BLOCK)
def _variants(spec: PuzzleSpec, index: int) -> Variants:
    return Variants(spec.make(index).puzzle)
