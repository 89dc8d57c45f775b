"""Summaries of completions, with figures worked out by hand."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from sleuth.evaluation.summary import compare, summarise
from sleuth.puzzles.score import Outcome
from sleuth.runs.rows import EvaluationRow


def row(puzzle: str, outcome: Outcome, reward: float, length: int = 10, sample: int = 0) -> EvaluationRow:
    return EvaluationRow(
        puzzle_id=puzzle,
        sample=sample,
        system="",
        prompt="",
        completion="",
        stop="end",
        outcome=outcome,
        reward=reward,
        correct=outcome == Outcome.CORRECT,
        answers={},
        right={},
        gold={},
        length_tokens=length,
    )


FIRST = [
    row("a", Outcome.CORRECT, 1.0, length=10),
    row("b", Outcome.PARTLY, 0.5, length=20),
    row("c", Outcome.TRUNCATED, 0.0, length=90),
    row("d", Outcome.UNREADABLE, 0.0, length=40),
]
SECOND = [row(puzzle, Outcome.CORRECT, 1.0, length=12) for puzzle in "dcba"]


def test_figures() -> None:
    summary = summarise(FIRST)
    assert summary.share.mean == 0.375
    assert summary.strict.mean == 0.25
    assert summary.readable.mean == 0.5
    assert summary.length_tokens.mean == 40
    assert summary.outcomes[Outcome.TRUNCATED] == 0.25 and summary.outcomes[Outcome.WRONG] == 0
    metrics = summary.as_metrics()
    assert metrics["reward"] == 0.375 and metrics["outcome/partly"] == 0.25
    assert sum(value for name, value in metrics.items() if name.startswith("outcome/")) == 1


def test_samples_of_a_puzzle_are_one_puzzle() -> None:
    rows = [row("a", Outcome.CORRECT, 1.0, sample=i) for i in range(9)] + [row("b", Outcome.WRONG, 0.0)]
    summary = summarise(rows)
    assert (summary.strict.mean, summary.strict.n, summary.completions) == (0.5, 2, 10)


def test_json_holds_no_nan() -> None:
    summary = summarise([row("a", Outcome.CORRECT, 1.0)])
    assert math.isnan(summary.length_tokens.low)
    data = json.loads(json.dumps(summary.as_json(), allow_nan=False))
    assert data["length_tokens"] == {"mean": 10.0, "low": None, "high": None, "n": 1}
    assert data["outcomes"]["correct"] == 1.0


def test_figures_of_turns_by_hand() -> None:
    # Right at once, right in the second turn, in the third, and wrong in the second.
    told = (("a", Outcome.CORRECT, 0), ("b", Outcome.CORRECT, 1), ("c", Outcome.CORRECT, 2), ("d", Outcome.WRONG, 1))
    rows = [
        dataclasses.replace(row(puzzle, outcome, float(outcome is Outcome.CORRECT)), turns=(("x", "No."),) * before)
        for puzzle, outcome, before in told
    ]
    metrics = summarise(rows, retries=2).as_metrics()
    found = {name: value for name, value in metrics.items() if name.startswith("turns/")}
    assert found == {
        "turns/again": 0.75,
        "turns/right_by_1": 0.25,
        "turns/right_by_2": 0.5,
        "turns/right_by_3": metrics["strict"],
    }
    assert summarise(rows, retries=2).as_json()["turns"]["again"]["n"] == 4
    # Where nothing may be asked again there is nothing to say of turns.
    once = summarise(FIRST)
    assert "turns" not in once.as_json() and not any(name.startswith("turns/") for name in once.as_metrics())


def test_difference_is_second_minus_first_on_the_same_puzzles() -> None:
    difference = compare(FIRST, SECOND)
    assert difference.share.mean == 0.625
    assert difference.strict.mean == 0.75
    assert difference.readable.mean == 0.5
    assert difference.length_tokens.mean == -28
    with pytest.raises(ValueError, match="same puzzles"):
        compare(FIRST, SECOND[1:])


def test_nothing_to_summarise() -> None:
    with pytest.raises(ValueError, match="no completions"):
        summarise([])


def parted(puzzle: str, *verdicts: str, sample: int = 0) -> EvaluationRow:
    spans = tuple((place, place + 1, verdict) for place, verdict in enumerate(verdicts))
    return dataclasses.replace(row(puzzle, Outcome.WRONG, 0.0, sample=sample), spans=spans)


def test_sentences() -> None:
    rows = [
        parted("a", "derived", "repeated", "false", "unread"),  # of three read: 2/3 true, 1/3 derived
        parted("a", "derived", sample=1),
        parted("b", "unread"),
        row("c", Outcome.WRONG, 0.0),
    ]
    spans = summarise(rows, mode="reason").spans
    assert list(spans) == ["sentences_true", "sentences_derived", "nothing_false", "sentences_read", "sentences_unread"]
    assert spans["sentences_true"].mean == pytest.approx((2 / 3 + 1) / 2) and spans["sentences_true"].n == 1
    assert spans["sentences_derived"].mean == pytest.approx((1 / 3 + 1) / 2)
    assert spans["nothing_false"].mean == 0.5
    assert spans["sentences_read"].mean == pytest.approx(1.0)  # puzzle a: (3 + 1) / 2, puzzle b: 0
    assert spans["sentences_unread"].mean == pytest.approx((0.5 + 1) / 2)
    assert summarise(rows, mode="reason").as_metrics()["spans/nothing_false"] == 0.5


def test_lines() -> None:
    right = dataclasses.replace(parted("b", "right"), outcome=Outcome.CORRECT, correct=True)
    unclear = dataclasses.replace(parted("c", "right", "wrong"), outcome=Outcome.AMBIGUOUS)
    empty = row("d", Outcome.UNREADABLE, 0.0)
    spans = summarise([parted("a", "right", "wrong", "wrong", "right"), right, unclear, empty], mode="program").spans
    figures = {"lines_right": pytest.approx(2 / 3), "answered": 0.5, "right_if_answered": 0.5}
    assert {name: interval.mean for name, interval in spans.items()} == figures
    assert json.loads(json.dumps(summarise([parted("a", "right")], mode="program").as_json(), allow_nan=False))["spans"]
