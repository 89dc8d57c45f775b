"""What answers that know nothing earn from the scorers of reasoning-gym.

Some of them give a share of the reward for any answer, or all of it. For every task this asks its scorer, through our
grader, about constant answers (`0`, `1`, `yes`, `[]`, `A`), about the answer that is right most often among as many
other puzzles, and, past the grader (which reads no empty answer), about the empty text. Puzzles are of split `train`. A
cell is the mean reward; in brackets the share of puzzles solved.

    python benchmarks/gym.py [--quick] --out benchmarks/results
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from sleuth.datasets.make import PuzzleSpec
from sleuth.grading.worker import grade_safely
from sleuth.gym import items as gym
from sleuth.progress import track
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Score

sys.path.insert(0, str(Path(__file__).parent))
from common import QUICK, machine, write_table

CONSTANTS = ("0", "1", "yes", "[]", "A")


def main() -> None:
    """Measures and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=15, help="puzzles of each task")
    parser.add_argument("--tasks", nargs="*", help="only these")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.quick:
        options.count, options.tasks = 2, ["chain_sum", "leg_counting"]
    tasks = options.tasks or gym.task_names()
    rows = [_row(task, options.count) for task in track(tasks, "scoring", len(tasks))]
    rows.sort(key=lambda row: (-max(row[1]), row[0]))
    head = ["task", "empty text", *(f"`{constant}`" for constant in CONSTANTS), "commonest", "stored answer"]
    title = (
        f"rewards of answers that know nothing, {options.count} puzzles a task, reasoning-gym "
        f"{gym.source_of(gym.PREFIX + tasks[0]).version} ({machine()})"
    )
    write_table("gym", title, head, [[task, *cells] for task, _, cells in rows], options.out)


def _row(task: str, count: int) -> tuple[str, list[float], list[str]]:
    """The task, its mean rewards without knowledge, and the cells of the table."""
    drawn = [
        PuzzleSpec(gym.PREFIX + task, gym.LEVEL, "train", 0, count).make(index).puzzle for index in range(2 * count)
    ]
    test, others = drawn[:count], drawn[count:]
    empty = [_empty(task, puzzle) for puzzle in test]
    answers = Counter(answer for puzzle in others for answer in puzzle.answers.values())
    blind = [gym.written(constant) for constant in CONSTANTS]
    blind += [gym.written(answers.most_common(1)[0][0])] if answers else []
    graded = [[grade_safely(puzzle, text) for puzzle in test] for text in blind]
    means = [sum(empty) / count, *(sum(score.reward for score in scores) / count for scores in graded)]
    cells = [_cell(means[0], sum(value == 1 for value in empty) / count), *map(_shown, graded)]
    if answers:
        cells.append(_shown([grade_safely(puzzle, gym.written(puzzle.answers[gym.LETTER])) for puzzle in test]))
    else:
        cells += ["–", "–"]
    return task, means, cells


def _empty(task: str, puzzle: Puzzle) -> float:
    try:
        return float(gym.data_set(task).score_answer("", gym.item_of(puzzle)))
    except Exception:
        return 0.0


def _shown(scores: list[Score]) -> str:
    return _cell(
        sum(score.reward for score in scores) / len(scores), sum(score.correct for score in scores) / len(scores)
    )


def _cell(reward: float, right: float) -> str:
    if reward == 0:
        return "0"
    return f"{reward:.3g} [{right:.3g}]"


if __name__ == "__main__":
    main()
