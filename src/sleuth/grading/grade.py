"""The one function that grades, in training, evaluation and every export (`sleuth.grading.worker` runs it apart)."""

from __future__ import annotations

from dataclasses import replace

from sleuth.config import Mode
from sleuth.grading.python import grade_python
from sleuth.grading.thinking import ENDLESS, without_thinking
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_task
from sleuth.puzzles.score import Score


def grade(
    puzzle: Puzzle, completion: str, mode: Mode = "answer", truncated: bool = False, strict_format: bool = False
) -> Score:
    """Grades a completion by the puzzle's task: share of questions right, whether all are, how it ended, and what its
    parts are worth.

    Thinking is taken off first (`sleuth.grading.thinking`); where it does not end the completion is `truncated`.
    `truncated` says that the completion hit the token limit: what can't be read is then `truncated` rather than
    `unreadable`. `strict_format` reads answer blocks and nothing else (`sleuth.grading.strict_format`). Never raises on
    a completion, whatever it holds; raises `UserError` for a puzzle that cannot be graded (without answers, say) and
    for a mode that its task does not have.
    """
    if mode == "python":
        return grade_python(puzzle, completion, truncated, strict_format, grade)
    task = get_task(puzzle.family)
    said = completion if strict_format else without_thinking(completion)
    if said is None:
        return replace(task.grade(puzzle, "", mode, truncated=True), detail=ENDLESS)
    return task.grade(puzzle, said, mode, truncated, strict_format)
