"""How fast examples for a warm start are made: `python benchmarks/stream.py [--quick] [--out benchmarks/results]`.

An example is a puzzle with its reasoning, in one of eight variants (other names, clues in another order, the map
mirrored), ready for the tokenizer; making the puzzles is counted. "A second and core" divides by the processor time of
the process that makes them. "With a worker" is wall-clock time, with one process in the background and its start left
out, while this process does nothing else.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from common import machine, write_table
from sleuth.config import RoundTelling
from sleuth.datasets import stream as streaming
from sleuth.datasets.make import PuzzleSpec, Slot

VARIANTS = 8
COUNTS = {("temporal-clue", "1"): 1600, ("zebra", "1"): 800, ("temporal-clue", "2"): 160, ("zebra", "2"): 160}
"""Family and level to the examples that are made, each number a multiple of `VARIANTS`."""


def slots(family: str, level: str) -> Callable[[int], Slot]:
    """The puzzles of a stream."""

    def slot(number: int) -> Slot:
        return PuzzleSpec(family, level, "train", 20261129, number + 1, "terse"), number

    return slot


def measured(family: str, level: str, telling: RoundTelling, count: int) -> tuple[str, ...]:
    """A row of the table."""
    # One block, all variants of its puzzles: as in the long run.
    streaming.BLOCK = count // VARIANTS
    slot = slots(family, level)
    started_s = time.process_time()
    made = list(streaming.stream(slot, count, "reason", telling, VARIANTS, workers=0))
    here = count / (time.process_time() - started_s)
    background = streaming.stream(slot, count, "reason", telling, VARIANTS, workers=1)
    next(background)
    started_s = time.perf_counter()
    rest = sum(1 for _ in background)
    worker = rest / (time.perf_counter() - started_s)
    length = sum(len(right) for _, right in made) / count
    return f"{family} level {level}, {telling}", str(count), f"{here:.0f}", f"{worker:.0f}", f"{length:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    parser.add_argument("--quick", action="store_true", help="a few examples, only to see that it works")
    arguments = parser.parse_args()
    if arguments.quick:
        rows = [measured("temporal-clue", "1", "spelled", 2 * VARIANTS)]
    else:
        rows = [measured(*source, telling, n) for source, n in COUNTS.items() for telling in get_args(RoundTelling)]
    head = ("what", "examples", "a second and core", "a second with a worker", "characters")
    title = f"Examples for a warm start, {VARIANTS} variants of a puzzle; bar: 200 a second and core at level 1"
    write_table("stream", f"{title} ({machine()})", head, rows, arguments.out)


if __name__ == "__main__":
    main()
