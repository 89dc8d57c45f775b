"""What models wrote about cases in a run, cut at the judge's marks, to be watched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sleuth.errors import UserError
from sleuth.puzzles.puzzle import Puzzle, Question
from sleuth.puzzles.registry import get_family
from sleuth.report.facts import STAGES
from sleuth.report.samples import pieces
from sleuth.runs.directory import RunDirectory
from sleuth.runs.rows import EvaluationRow

MOST_CASES = 50
"""Cases of a run that are offered."""
LONGEST = 20_000
"""Characters of a completion that are shown."""


def attempts_of(path: Path) -> list[tuple[Puzzle, list[dict[str, Any]]]]:
    """The first cases that a run was evaluated on, each with what the model wrote at each stage.

    Raises `UserError` for a folder that is no run, or one without a case that can be played.
    """
    run = RunDirectory.open(path)
    found: dict[str, tuple[Puzzle, list[dict[str, Any]]]] = {}
    for stage in STAGES:
        if stage not in run.evaluation_names():
            continue
        for row in run.read_evaluation(stage):
            if row.sample:
                continue
            if row.puzzle_id not in found:
                puzzle = _puzzle(row) if len(found) < MOST_CASES else None
                if puzzle is None:
                    continue
                found[row.puzzle_id] = puzzle, []
            found[row.puzzle_id][1].append(_attempt(row, stage))
    if not found:
        raise UserError(f"{path}: no evaluation of this run asked a case that can be played")
    return list(found.values())


def _puzzle(row: EvaluationRow) -> Puzzle | None:
    """The puzzle of a row, from its page and its id; None where that is no case with clues and rules."""
    parts = row.puzzle_id.split("/")
    try:
        family = get_family(parts[0])
        page = family.read_page(row.prompt)
    except UserError:
        return None
    lines = row.prompt.splitlines()[max(family.clue_lines(row.prompt), default=0) :]
    texts = {line.lstrip("- ")[0]: line.lstrip("- ")[3:] for line in lines if re.match(r"[- ]*[A-Z]\. ", line)}
    if texts.keys() != set(page.letters):
        return None
    return Puzzle(
        id=row.puzzle_id,
        family=family.id,
        level=next((part.removeprefix("level-") for part in parts if part.startswith("level-")), ""),
        split="",
        seed=0,
        index=0,
        prompt=row.prompt,
        clues=page.clue_texts,
        questions=tuple(
            Question(
                letter=letter,
                text=texts[letter],
                kind="",
                choices=tuple(family.answer_text(page.case, choice) for choice in family.choices(page.case, question)),
            )
            for letter, question in zip(page.letters, page.questions, strict=True)
        ),
        answers=row.gold,
        meta={},
    )


def _attempt(row: EvaluationRow, stage: str) -> dict[str, Any]:
    return {
        "stage": STAGES[stage],
        "pieces": pieces(row.completion[:LONGEST], row.spans),
        "cut": max(0, len(row.completion) - LONGEST),
        "outcome": str(row.outcome),
        "answers": {letter: row.answers.get(letter) for letter in row.gold},
        "right": {letter: row.right.get(letter, False) for letter in row.gold},
        "tokens": row.length_tokens,
    }
