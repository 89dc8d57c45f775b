"""Success by difficulty, with thirds worked out by hand."""

from __future__ import annotations

import pytest

import sleuth
from sleuth.evaluation.difficulty import Third, by_difficulty, steps_of
from sleuth.evaluation.statistics import share_interval
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome
from sleuth.runs.rows import EvaluationRow
from tests.evaluation.test_summary import row

[MADE] = sleuth.make("zebra", count=1)


def puzzles(steps: dict[str, int]) -> list[Puzzle]:
    return [MADE.model_copy(update={"id": name, "meta": {"difficulty": {"steps": n}}}) for name, n in steps.items()]


def rows(solved: str, failed: str) -> list[EvaluationRow]:
    right = [row(name, Outcome.CORRECT, 1.0) for name in solved]
    return right + [row(name, Outcome.PARTLY, 0.5) for name in failed]


def test_thirds() -> None:
    steps = dict(zip("gfedcba", (30, 21, 20, 9, 8, 5, 4), strict=True))
    found = by_difficulty(rows("abce", "dfg"), puzzles(steps))
    # Of seven the third easiest has 8 steps, the fifth 20: a, b and c; d and e; f and g.
    assert found == [
        Third(4, 8, share_interval({"a": [1], "b": [1], "c": [1]})),
        Third(9, 20, share_interval({"d": [0], "e": [1]})),
        Third(21, 30, share_interval({"f": [0], "g": [0]})),
    ]


def test_equally_hard_puzzles_stay_together() -> None:
    found = by_difficulty(rows("ab", "cd"), puzzles({"a": 5, "b": 5, "c": 5, "d": 9}))
    assert [(third.low, third.high, third.strict.mean, third.strict.n) for third in found] == [
        (5, 5, pytest.approx(2 / 3), 3),
        (9, 9, 0.0, 1),
    ]


def test_samples_are_averaged_and_what_is_not_known_is_left_out() -> None:
    many = [row("a", outcome, 0.0, sample=i) for i, outcome in enumerate((Outcome.CORRECT, Outcome.WRONG))]
    unknown = [MADE.model_copy(update={"id": "b"}), MADE.model_copy(update={"id": "c", "meta": {"difficulty": 3}})]
    asked = [*puzzles({"a": 7, "z": 1}), *unknown]
    [third] = by_difficulty(many + rows("bc", ""), asked)
    assert (third.low, third.high, third.strict.n) == (7, 7, 1)
    assert by_difficulty(rows("bc", ""), unknown) == []


def test_the_steps_are_those_of_the_explanation() -> None:
    assert steps_of(MADE) is None
    assert steps_of(sleuth.rated(MADE)) == len(sleuth.explain(MADE).steps)
