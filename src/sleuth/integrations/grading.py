"""The grade that every adapter gives: of a puzzle stored as JSON text and a completion, as everywhere in Sleuth."""

from __future__ import annotations

import functools

from pydantic import ValidationError

from sleuth.config import Mode
from sleuth.errors import UserError
from sleuth.grading.worker import grade_safely
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Score


@functools.lru_cache(maxsize=256)
def puzzle_of(text: str) -> Puzzle:
    """The puzzle that a data set of another engine holds as JSON text; the same object for the same text. Raises
    `UserError` for a text that is none."""
    try:
        return Puzzle.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "puzzle"
        raise UserError(f"a row's puzzle is not one of Sleuth's ({where}: {first['msg']}); export it again") from None


def grade_text(puzzle: str, completion: str, mode: Mode, truncated: bool = False) -> Score:
    """The grade of a completion about a puzzle (JSON text), whatever the completion does to the grader. `truncated`:
    it hit the limit of tokens."""
    return grade_safely(puzzle_of(puzzle), completion, mode, truncated)
