"""What a worker imports so that one completion takes it long, however quick the machine is."""

from __future__ import annotations

import time
from typing import Any

from sleuth.grading import worker
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Score

SLOW = "slow"
"""The completion."""
_grade = worker.grade


def slow_grade(puzzle: Puzzle, completion: str, *settings: Any, **named: Any) -> Score:
    if completion == SLOW:
        time.sleep(600)
    return _grade(puzzle, completion, *settings, **named)


worker.grade = slow_grade  # type: ignore[assignment]
