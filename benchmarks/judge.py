"""How many sentences a second are judged, on one core.

    python benchmarks/judge.py [--puzzles 20] [--quick] [--out benchmarks/results]

For each puzzle three texts: its trace as a model is shown it, the explanation in full sentences, and 40 facts and
denials drawn at random, most of them false or lucky. Every puzzle has a judge of its own, made within the time.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from common import QUICK, machine, write_table
from sleuth.grading.reading import read_puzzle
from sleuth.grading.soundness import judge
from sleuth.puzzles.explain import explain, tell
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.puzzle import Puzzle

LEVELS = (("temporal-clue", "1"), ("temporal-clue", "2"), ("temporal-clue", "3"), ("zebra", "2"))
DRAWN = 40


def texts(puzzle: Puzzle, rng: Random) -> Iterator[str]:
    yield "\n".join(tell(explain(puzzle, goal="questions"), "short"))
    yield "\n".join(tell(explain(puzzle), "full"))
    reading = read_puzzle(puzzle)
    family, theory = reading.family, reading.family.theory(reading.page.case)
    grammar = family.fact_grammar(reading.page.case)
    pairs = [(variable.index, value) for variable in theory.space for value in range(variable.size)]
    drawn = [rng.choice((family.fact, family.denial))(theory, *rng.choice(pairs)) for _ in range(DRAWN)]
    yield "\n".join(grammar.sentence(statement, "plain") for statement in drawn if statement is not None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--puzzles", type=int, default=20, help="of each level")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    if options.quick:
        options.puzzles = 1
    rows = []
    for family, level in LEVELS[:1] if options.quick else LEVELS:
        rng, found, taken_s = Random(0), Counter[str](), 0.0
        for index in range(options.puzzles):
            puzzle = make_puzzle(family, level, "val", 7, index).puzzle
            for text in texts(puzzle, rng):
                started = time.perf_counter()
                found.update(str(one.verdict) for one in judge(puzzle, text))
                taken_s += time.perf_counter() - started
        told = ", ".join(f"{count} {verdict}" for verdict, count in found.most_common())
        rows.append((f"{family} {level}", f"{found.total()}", f"{found.total() / taken_s:.0f}", told))
    head = ("level", "sentences", "a second", "verdicts")
    write_table("judge", f"Sentences judged ({machine()})", head, rows, options.out)


if __name__ == "__main__":
    main()
