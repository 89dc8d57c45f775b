"""Do two versions of a family make puzzles alike? `python benchmarks/versions.py [--quick] [--out benchmarks/results]`

For each level: the mean number of clues, how directly a clue tells the solution (the mean of its kind's `direct`), and
the difficulty, as the number of steps of an explanation and the share of steps that need two clues or more. Differences
are those of the second version from the first, with 95 % intervals (independent samples, normal approximation). Style
`plain`, split `train`. The measured bytes are the same on every machine.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from common import QUICK, write_table
from sleuth.progress import track
from sleuth.puzzles.explain import difficulty, explain
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family

COUNTS = {"1": (400, 200), "2": (400, 100), "3": (200, 30), "4": (300, 12), "5": (200, 0)}
"""By level: puzzles, and how many of these are explained."""
SEED = 20261129


def direct(puzzle: Puzzle) -> float:
    """How directly a clue tells the solution, on average."""
    kinds = get_family(puzzle.family).kinds
    clues = [(kinds[kind].direct, count) for kind, count in puzzle.meta["kinds"].items()]
    return sum(one * count for one, count in clues) / len(puzzle.clues)


def compared(first: Sequence[float], second: Sequence[float]) -> str:
    """Both means, and their difference with its interval."""
    if not first:
        return "–"
    means = statistics.fmean(first), statistics.fmean(second)
    spread = math.sqrt(sum(statistics.variance(values) / len(values) for values in (first, second)))
    difference = means[1] - means[0]
    ends = f"[{difference - 1.96 * spread:+.2f}, {difference + 1.96 * spread:+.2f}]"
    return f"{means[0]:.2f}, {means[1]:.2f}: {difference:+.2f} {ends}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", default="zebra@1", help="id of a family")
    parser.add_argument("--second", default="zebra@2", help="id of another version of it")
    parser.add_argument("--levels", default="1,2,3,4,5", help="which levels, with commas between them")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    rows = []
    for level in ("1",) if options.quick else options.levels.split(","):
        made, explained = (4, 2) if options.quick else COUNTS[level]
        found: list[list[Puzzle]] = []
        for family in (options.first, options.second):
            numbers = track(range(made), f"{family} level {level}", made)
            found.append([make_puzzle(family, level, "train", SEED, number, "plain").puzzle for number in numbers])

        def over(measure: Callable[[Puzzle], float], puzzles: list[list[Puzzle]] = found) -> str:
            first, second = ([measure(puzzle) for puzzle in one] for one in puzzles)
            return compared(first, second)

        ratings = [[difficulty(explain(puzzle)) for puzzle in puzzles[:explained]] for puzzles in found]
        steps, several = (
            compared(*([getattr(rating, name) for rating in one] for one in ratings)) for name in ("steps", "several")
        )
        clues = over(lambda puzzle: len(puzzle.clues))
        rows.append((level, str(made), clues, over(direct), str(explained), steps, several))
    head = ("level", "puzzles", "clues", "directness", "explained", "steps", "steps of several clues, share")
    title = f"{options.first} and {options.second}: means, and the difference with its 95 % interval"
    write_table("versions", title, head, rows, options.out)


if __name__ == "__main__":
    main()
