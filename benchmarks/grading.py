"""Programs graded a second, in this process and in the worker that can be killed; and what the largest programs take.

    python benchmarks/grading.py [--rounds 5] [--quick] [--out benchmarks/results]

Right programs and programs with a line wrong or missing, 8 of each of 100 puzzles; the two take turns, and the quickest
of their rounds are compared. Then single completions about a case of level 5: 100 true lines of where somebody was not,
and 400 lines of the kind that needs most clauses.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from random import Random

from common import QUICK, machine, write_table
from sleuth.grading.grade import grade
from sleuth.grading.reading import read_puzzle
from sleuth.grading.worker import grade_safely
from sleuth.logic.formulas import holds
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.solve import solve_text

PUZZLES, COMPLETIONS = 100, 8
GRADERS = (grade, grade_safely)


def written(rng: Random, text: str) -> str:
    """Right in half of the cases."""
    lines = text.split("\n")
    if rng.random() < 0.25:
        lines[rng.randrange(len(lines))] = rng.choice(lines)
    elif rng.random() < 0.33:
        lines.pop()
    return "\n".join(lines)


def rates(level: str, rounds: int, count: int) -> list[float]:
    """Completions a second by each of `GRADERS`, which must agree."""
    rng = Random(0)
    puzzles = [make_puzzle("temporal-clue", level, "val", 17, index, "terse").puzzle for index in range(count)]
    work = [
        (puzzle, written(rng, gold_completion(puzzle, "program"))) for puzzle in puzzles for _ in range(COMPLETIONS)
    ]
    taken_s: list[list[float]] = [[] for _ in GRADERS]
    expected = None
    for _ in range(1 + rounds):  # the first one warms up
        for grader, times_s in zip(GRADERS, taken_s, strict=True):
            started_s = time.perf_counter()
            scores = [grader(puzzle, text, "program") for puzzle, text in work]
            times_s.append(time.perf_counter() - started_s)
            assert scores == (expected := expected or scores)
    return [len(work) / min(times_s[1:]) for times_s in taken_s]


def large(puzzle: Puzzle) -> dict[str, str]:
    """Programs that take long."""
    reading = read_puzzle(puzzle)
    case = reading.page.case
    theory = reading.family.theory(case)
    world = solve_text(puzzle.prompt).world
    true = [
        line
        for time_of_day in case.times
        for suspect in case.suspects
        for room in case.rooms
        if holds(theory.formula(reading.language.read(line := f"not_in({suspect}, {room}, {time_of_day})")), world)
    ]
    rooms = [(first, second) for first in case.rooms for second in case.rooms]
    kinds = [f"earlier({a}, {{}}, {b}, {{}})" for a in ("murderer", "weapon") for b in ("murderer", "weapon")]
    big = [kind.format(*pair) for pair in rooms for kind in kinds]
    return {"100 true lines": "\n".join(true[:100]), "400 of the largest lines": "\n".join(big[:400])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    puzzles, levels, largest = (2, ("1",), "2") if options.quick else (PUZZLES, ("1", "3"), "5")
    rows = []
    for level in levels:
        here, apart = rates(level, 1 if options.quick else options.rounds, puzzles)
        more = f"{1e6 * (1 / apart - 1 / here):.0f} µs"
        rows.append((f"level {level}, completions a second", f"{here:.0f}", f"{apart:.0f}", more))
    puzzle = make_puzzle("temporal-clue", largest, "val", 11, 0).puzzle
    for name, text in large(puzzle).items():
        grade_safely(puzzle, "", "program")
        taken_s = []
        for grader in GRADERS:
            started_s = time.perf_counter()
            outcome = grader(puzzle, text, "program").outcome
            taken_s.append(time.perf_counter() - started_s)
        rows.append((f"level {largest}, {name} ({outcome}), seconds", *(f"{one:.2f}" for one in taken_s), ""))
    title = f"grading programs, {machine()}"
    write_table("grading", title, ("what", "in process", "in the worker", "more for each"), rows, options.out)


if __name__ == "__main__":
    main()
