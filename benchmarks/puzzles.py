"""How fast puzzles are made, on one core: `python benchmarks/puzzles.py [--quick] [--out benchmarks/results]`.

Beside each figure stands the one it is measured against: the generator of 2025 took 0.18 s for its smallest puzzles,
22 s for one of 41 clues and 77 s for one of 51 (measured on a machine of this kind). An *attempt* draws one case and
its clues; a puzzle may take several, since those whose canonical form belongs to another split are drawn again.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from common import QUICK, machine, write_table
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.task import Made

DECLARED = ("kinship", "knights-and-knaves", "round-table", "timetable", "zebra@2")
"""Families that are declared with the kit."""
LEVEL_COUNTS = (500, 100, 40, 20, 10)
STYLE_COUNTS = {"1": 200, "2": 100, "3": 60, "4": 20, "5": 8, "reference": 60}


def timed(family: str, level: str, count: int, style: str) -> list[tuple[float, Made]]:
    """Processor seconds and puzzle, for each of `count` puzzles of split `train`."""
    made = []
    for index in range(count):
        started_s = time.process_time()
        one = make_puzzle(family, level, "train", 20261122, index, style)
        made.append((time.process_time() - started_s, one))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    parser.add_argument("--reference", type=int, default=200, help="how many puzzles of level `reference`")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.reference = 3
    rows: list[tuple[str, ...]] = []
    for family, level, count, style in (
        ("temporal-clue", "1", 1000, "terse"),
        ("temporal-clue", "1", 1000, "plain"),
        ("temporal-clue", "2", 200, "plain"),
        ("temporal-clue", "3", 100, "plain"),
        ("temporal-clue", "4", 40, "plain"),
        ("temporal-clue", "5", 20, "plain"),
        *(("temporal-clue", level, count, "original") for level, count in STYLE_COUNTS.items()),
        *(
            (name, level, count, "plain")
            for name in ("zebra@1", *DECLARED)
            for level, count in zip(get_family(name).levels, LEVEL_COUNTS, strict=False)
        ),
    ):
        if arguments.quick and level != "1":
            continue
        timed(family, level, 3, style)
        seconds = [s for s, _ in timed(family, level, 3 if arguments.quick else count, style)]
        mean = statistics.fmean(seconds)
        bar = "at least 200 a second" if level == "1" else ""
        rows.append((f"{family} level {level}, {style}", f"{1 / mean:.1f} a second ({mean * 1000:.1f} ms)", bar))

    reference = timed("temporal-clue", "reference", arguments.reference, "plain")
    seconds = sorted(s for s, _ in reference)
    clues = [len(one.puzzle.clues) for _, one in reference]
    rows.append(
        (
            "reference, mean",
            f"{statistics.fmean(seconds):.2f} s, {statistics.fmean(clues):.0f} clues (up to {max(clues)})",
            "",
        )
    )
    rows.append(("reference, 99th percentile", f"{seconds[int(len(seconds) * 0.99) - 1]:.2f} s", "under 10 s"))
    for low, high, then in ((2, 8, "2025: 0.18 s"), (38, 44, "2025: 22 s"), (46, 56, "under 0.7 s; 2025: 77 s")):
        here = [(s, one) for s, one in reference if low <= len(one.puzzle.clues) <= high]
        if here:
            whole = statistics.median(s for s, _ in here)
            attempt = statistics.median(_attempt_seconds(one) for _, one in here)
            text = f"{attempt:.2f} s an attempt, {whole:.2f} s a puzzle (medians of {len(here)})"
            rows.append((f"reference, {low} to {high} clues", text, then))
    write_table("puzzles", f"Making puzzles, one core ({machine()})", ("what", "measured", "bar"), rows, arguments.out)


def _attempt_seconds(one: Made) -> float:
    """Processor seconds of the attempt that made a puzzle, made again on its own."""
    puzzle = one.puzzle
    started_s = time.process_time()
    again = make_puzzle(puzzle.family, puzzle.level, puzzle.split, puzzle.seed, puzzle.index, "plain", one.attempt)
    assert again.puzzle == puzzle
    return time.process_time() - started_s


if __name__ == "__main__":
    main()
