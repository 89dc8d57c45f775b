"""Answer blocks graded a second on one core, by the format that they are written in.

    python benchmarks/answers.py [--quick] [--out benchmarks/results]

The same right answers of 20 puzzles of level 2 in each format; the quickest round counts, in processor time.
Only the format that is asked for has a fast path, so it is the one that training and constrained evaluations meet.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from common import machine, write_table
from sleuth.grading.grade import grade
from sleuth.puzzles.generate import make_puzzle

Answers = dict[str, str]


def lines(form: str) -> Callable[[Answers], str]:
    return lambda answers: "\n".join(form.format(letter, value) for letter, value in answers.items())


FORMATS: dict[str, Callable[[Answers], str]] = {
    "as asked for": lines("{}. {}"),
    "a sentence before": lambda answers: f"I think so.\n\n{lines('{}. {}')(answers)}",
    "bold list": lines("* **{}.** {}"),
    "table": lines("| {} | {} |"),
    "JSON": json.dumps,
    "one line": lambda answers: ", ".join(f"{letter}: {value}" for letter, value in answers.items()),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    puzzles = [make_puzzle("temporal-clue", "2", "val", 17, index).puzzle for index in range(20)]
    rounds, repeats = (3, 10) if options.quick else (10, 30)
    rows = []
    for name, written in FORMATS.items():
        work = [(puzzle, written(puzzle.answers)) for puzzle in puzzles] * repeats
        assert all(grade(puzzle, text).correct for puzzle, text in work[: len(puzzles)]), name
        taken_s = []
        for _ in range(rounds):
            started_s = time.process_time()
            for puzzle, text in work:
                grade(puzzle, text)
            taken_s.append(time.process_time() - started_s)
        rows.append((name, f"{len(work) / min(taken_s):,.0f}"))
    write_table("answers", f"answer blocks, {machine()}", ("format", "completions a second"), rows, options.out)


if __name__ == "__main__":
    main()
