"""Every adapter's reward gives the scores of the golden file."""

from __future__ import annotations

from collections import Counter

import pytest

from sleuth.config import RewardConfig
from sleuth.errors import UserError
from sleuth.grading.grade import grade
from sleuth.integrations.grading import grade_text, puzzle_of
from sleuth.integrations.trl import reward
from sleuth.puzzles.score import Outcome
from tests.integrations.golden import EVERY, Golden

EACH = pytest.mark.parametrize("golden", EVERY, ids=lambda golden: golden.note)


@EACH
def test_shared_grade(golden: Golden) -> None:
    score = grade_text(golden.puzzle, golden.completion, golden.mode, golden.truncated)
    assert score.reward == pytest.approx(golden.reward)
    assert (score.correct, score.outcome) == (golden.strict, golden.outcome)
    assert score == grade(puzzle_of(golden.puzzle), golden.completion, golden.mode, golden.truncated)


@EACH
def test_trl(golden: Golden) -> None:
    told: dict[str, float] = {}
    extra: dict[str, list[object]] = {}
    weights = RewardConfig(answers=0.5, strict=2.0)
    tokens = [1, 2, 3]
    earned = reward(
        prompts=[[{"role": "user", "content": "?"}]],
        completions=[[{"role": "assistant", "content": golden.completion}]],
        completion_ids=[tokens],
        id=["one"],
        puzzle=[golden.puzzle],
        mode=[golden.mode],
        reward=[weights.model_dump_json()],
        max_new_tokens=[len(tokens) if golden.truncated else 100],
        log_extra=extra.__setitem__,
        log_metric=told.__setitem__,
        trainer_state=None,
    )
    assert earned == [pytest.approx(0.5 * golden.reward + 2.0 * golden.strict)]
    assert told["sleuth/strict"] == golden.strict
    assert told[f"sleuth/outcome/{golden.outcome}"] == 1.0
    assert told["sleuth/reward/answers"] == pytest.approx(golden.reward)
    assert extra == {"id": ["one"], "outcome": [golden.outcome], "strict": [golden.strict], "tokens": [tokens]}


def test_the_file_has_every_outcome_and_mode() -> None:
    outcomes = Counter(golden.outcome for golden in EVERY)
    without = {Outcome.FAULT, Outcome.UNDECIDED}  # of interfaces, and of bounds on work
    assert set(outcomes) == {str(outcome) for outcome in Outcome if outcome not in without}
    assert {golden.mode for golden in EVERY} == {"answer", "reason", "program"}


def test_a_row_that_is_no_puzzle() -> None:
    with pytest.raises(UserError, match=r"not one of Sleuth's \(id: Field required\); export it again"):
        grade_text('{"family": "zebra@1"}', "A. x", "answer")


def test_parts_are_told() -> None:
    golden = next(one for one in EVERY if one.note == "a wrong clue: another world")
    told: dict[str, float] = {}
    reward(
        prompts=[[{"role": "user", "content": "?"}]],
        completions=[[{"role": "assistant", "content": golden.completion}]],
        completion_ids=[[1]],
        id=["one"],
        puzzle=[golden.puzzle],
        mode=["program"],
        reward=[RewardConfig().model_dump_json()],
        max_new_tokens=[100],
        log_extra=lambda name, values: None,
        log_metric=told.__setitem__,
    )
    assert told["sleuth/spans/lines_right"] == 0.75  # three of four lines say what a clue says
