"""The golden file of grades: what completions in the formats that people and models use are worth."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from sleuth.grading import Outcome, grade
from sleuth.puzzles.puzzle import Puzzle

DATA = files("sleuth.grading") / "data"


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").split("\n") if line]


PUZZLES = {line["id"]: Puzzle.model_validate(line) for line in _lines("golden_puzzles.jsonl")}
ROWS = _lines("golden_answers.jsonl")
KINDS = list(dict.fromkeys(row["kind"] for row in ROWS))


def _score(row: dict[str, Any], strict_format: bool = False) -> tuple[float, str]:
    score = grade(PUZZLES[row["id"]], row["completion"], row["mode"], row["truncated"], strict_format)
    return round(score.reward, 6), str(score.outcome)


@pytest.mark.parametrize("kind", KINDS)
def test_grades(kind: str) -> None:
    wrong = [
        (row["completion"], found)
        for row in ROWS
        if row["kind"] == kind and (found := _score(row)) != (row["reward"], row["outcome"])
    ]
    assert not wrong


def test_there_are_enough_and_each_once() -> None:
    assert len(ROWS) >= 300 and len(KINDS) >= 25
    assert len({(row["id"], row["mode"], row["completion"]) for row in ROWS}) == len(ROWS)
    assert {row["outcome"] for row in ROWS} <= set(Outcome)


@pytest.mark.parametrize("kind", ["list marks", "JSON", "all on one line", "table", "thinking that does not end"])
def test_the_strict_format_reads_as_before(kind: str) -> None:
    rows = [row for row in ROWS if row["kind"] == kind]
    assert any(_score(row, strict_format=True) != (row["reward"], row["outcome"]) for row in rows)
    assert all(_score(row, strict_format=True)[0] == 1.0 for row in ROWS if row["kind"] == "as asked for")


def test_a_hedge_costs_its_own_letter_only() -> None:
    for row in ROWS:
        if row["kind"] == "hedges":
            right = grade(PUZZLES[row["id"]], row["completion"]).right
            assert list(right.values()).count(False) == 1, row["completion"]
