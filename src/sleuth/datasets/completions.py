"""Grading a file of completions that somebody's model wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sleuth.config import Mode
from sleuth.datasets.files import read_puzzles
from sleuth.errors import UserError
from sleuth.files import read_text
from sleuth.grading.worker import grade_safely
from sleuth.puzzles.registry import get_task
from sleuth.puzzles.temporal_clue.original.grader import grade_original


def grade_file(
    puzzles: Path, completions: Path, mode: Mode, original: bool = False, strict_format: bool = False
) -> Iterator[dict[str, Any]]:
    """For each line `{"id": …, "completion": …}` its grade as plain data; `original`: as the grader of 2025 did;
    `strict_format`: as `sleuth.grading.grade.grade`.

    Raises `UserError` naming the line that is not of this form or whose puzzle is not in the file.
    """
    if original and mode == "program":
        raise UserError("the grader of 2025 reads answers, no programs; leave out --original or --mode program")
    known = {puzzle.id: puzzle for puzzle in read_puzzles(puzzles)}
    if original and any(get_task(puzzle.family).family is None for puzzle in known.values()):
        raise UserError(f"{puzzles}: the grader of 2025 knows only puzzles with clues; leave out --original")
    lines = [(number, line) for number, line in enumerate(read_text(completions).split("\n"), 1) if line.strip()]
    if not lines:
        raise UserError(f"{completions}: no completions in it")
    for number, line in lines:
        try:
            record = json.loads(line)
            name, text = record["id"], record["completion"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise UserError(f"{completions}, line {number}: needs JSON with 'id' and 'completion'") from None
        if not isinstance(name, str) or name not in known:
            raise UserError(f"{completions}, line {number}: no puzzle {name!r} in {puzzles}")
        if not isinstance(text, str):
            text = ""  # null, or a list of parts: one that cannot be read
        score = (
            grade_original(known[name], text)
            if original
            else grade_safely(known[name], text, mode, False, strict_format)
        )
        yield {
            "id": name,
            "outcome": str(score.outcome),
            "reward": score.reward,
            "correct": score.correct,
            "answers": score.answers,
            "right": score.right,
            "detail": score.detail,
            "spans": [[span.start, span.end, span.verdict] for span in score.spans],
        }
