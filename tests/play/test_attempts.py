"""What a run's model wrote, as the game shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("filelock")

from sleuth.errors import UserError
from sleuth.play.attempts import attempts_of
from sleuth.play.catalog import Catalog, case_of
from sleuth.puzzles.retell import retold
from sleuth.puzzles.score import Outcome
from sleuth.runs.directory import RunDirectory
from sleuth.runs.rows import EvaluationRow
from tests.report.made_up_run import CONFIG


def row(prompt: str, puzzle_id: str, gold: dict[str, str], completion: str, correct: bool) -> EvaluationRow:
    return EvaluationRow(
        puzzle_id=puzzle_id,
        sample=0,
        system="",
        prompt=prompt,
        completion=completion,
        stop="end",
        outcome=Outcome.CORRECT if correct else Outcome.WRONG,
        reward=float(correct),
        correct=correct,
        answers=gold,
        right=dict.fromkeys(gold, correct),
        gold=gold,
        spans=((0, 4, "derived"),),
        length_tokens=9,
    )


def test_cases_are_read_from_their_pages_whatever_their_names(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", CONFIG)
    puzzle = retold(case_of("zebra", "1", 3), "terse", 5)
    other = case_of("temporal-clue", "1", 4)
    gym = row("2 + 2?", "reasoning-gym/chain_sum@0.1.25/x", {"A": "4"}, "4", True)
    before = [row(puzzle.prompt, puzzle.id, puzzle.answers, "True. And so on", False), gym]
    after = [replace(one, correct=True) for one in before] + [row(other.prompt, other.id, other.answers, "No", True)]
    run.write_evaluation("before", before, {})
    run.write_evaluation("after-grpo", after, {})
    found = attempts_of(run.path)
    assert [puzzle.id for puzzle, _ in found] == [puzzle.id, other.id]
    read, attempts = found[0]
    assert (read.prompt, read.clues) == (puzzle.prompt, puzzle.clues)
    assert [(q.letter, q.text, q.choices) for q in read.questions] == [
        (q.letter, q.text, q.choices) for q in puzzle.questions
    ]
    assert [one["stage"] for one in attempts] == ["Before training", "After GRPO"]
    assert attempts[0]["pieces"][0] | {"meaning": ""} == {"text": "True", "verdict": "derived", "meaning": ""}
    data = Catalog([], found).dossier("run/0")
    assert data["attempts"] == attempts and data["clues"] == list(puzzle.clues)


def test_a_run_without_cases_is_refused(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", CONFIG)
    with pytest.raises(UserError, match="no evaluation"):
        attempts_of(run.path)
