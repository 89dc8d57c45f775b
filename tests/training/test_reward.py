"""Components of the reward and measures of legibility, worked out by hand."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleuth.config import RewardConfig
from sleuth.grading.legibility import legibility
from sleuth.policy.base import Rollout, StopReason
from sleuth.puzzles.score import Outcome, Score, Span
from sleuth.training.reward import components, earned


def rollout(tokens: int, text: str = "A. Ada", stop: StopReason = StopReason.END) -> Rollout:
    return Rollout((1,), tuple(range(tokens)), (-1.0,) * tokens, stop, text)


HALF = Score(Outcome.PARTLY, 0.5, False, {}, {})


def found(tokens: int, score: Score = HALF, longest: int = 100, **keys: float) -> dict[str, float]:
    return components([rollout(tokens)], score, "Who is it?", RewardConfig(**keys), longest)  # type: ignore[arg-type]


def test_components_of_a_half_right_completion() -> None:
    told = found(20)
    assert (told["answers"], told["strict"], told["format"]) == (0.5, 0.0, 1.0)
    assert told["length"] == 0.8  # 20 of 100 tokens from the target of 0
    assert found(20, length_target=30)["length"] == 0.9
    assert found(50, length_target=30)["length"] == 0.8
    unread = Score(Outcome.UNREADABLE, 0.0, False, {}, {})
    assert found(20, unread)["format"] == 0.0
    assert "overlong" not in told and "fluency" not in told


@pytest.mark.parametrize(
    ("verdicts", "worth"),
    [
        (["derived", "empty", "lucky", "repeated"], 1.0),
        (["derived", "false", "derived"], 0.0),
        (["unread", "derived"], 1.0),
        (["unread", "unread"], 0.0),
    ],
)
def test_reasoning_without_a_false_sentence(verdicts: list[str], worth: float) -> None:
    spans = tuple(Span(i, i + 1, verdict) for i, verdict in enumerate(verdicts))
    told = found(20, replace(HALF, spans=spans))
    assert told["nothing_false"] == worth
    assert earned(told, RewardConfig(nothing_false=2.0)) == 0.5 + 2 * worth


def test_only_reasoning_has_sentences() -> None:
    for spans in ((), (Span(0, 5, "right"), Span(6, 9, "wrong"))):
        assert found(20, replace(HALF, spans=spans))["nothing_false"] == 0.0


@pytest.mark.parametrize(("tokens", "punished"), [(80, 0.0), (85, -0.25), (90, -0.5), (100, -1.0)])
def test_soft_punishment_of_overlong_completions(tokens: int, punished: float) -> None:
    # DAPO, equation 13, with L_max = 100 and L_cache = 20.
    assert found(tokens, overlong=1.0, overlong_tokens=20)["overlong"] == punished


def test_fluency_is_the_geometric_mean_probability() -> None:
    told = components([rollout(4)], HALF, "", RewardConfig(), 100, fluency=math.log(0.25))
    assert told["fluency"] == pytest.approx(0.25)


def test_what_is_earned_is_the_weighted_sum() -> None:
    config = RewardConfig(answers=2.0, format=0.5, overlong=0.1, overlong_tokens=20)
    told = components([rollout(90)], HALF, "Who?", config, 100)
    assert earned(told, config) == pytest.approx(2 * 0.5 + 0.5 * 1 + 0.1 * -0.5)
    # By default nothing counts but the answers.
    assert earned(found(90), RewardConfig()) == 0.5


def test_language_counts_foreign_letters_and_mixed_words() -> None:
    assert legibility("Ada did it", "Who did it?").language == 1.0
    assert legibility("12 + 3!", "Who?").language == 1.0
    # 3 of 8 letters are Cyrillic, in a word of their own; no word of two mixes scripts.
    assert legibility("Adaно же", "Who?").language < legibility("Adax ноже", "Who?").language
    assert legibility("abcde жук", "Who?").language == pytest.approx(1 - 3 / 8)
    # The same letters, and one word of two mixes.
    assert legibility("abcdж еук", "Who?").language == pytest.approx(1 - 4 / 8 - 1 / 2 if 4 / 8 + 1 / 2 < 1 else 0)
    # A prompt in two scripts allows both.
    assert legibility("abcde жук", "Who? Кто?").language == 1.0


def test_repetition_counts_runs_of_four_words() -> None:
    assert legibility("a b c", "").repetition == 1.0
    # a b c d a b c d: five runs, the last of which was there before.
    assert legibility("a b c d a b c d", "").repetition == pytest.approx(4 / 5)
    assert legibility("so " * 23, "").repetition == pytest.approx(1 / 20)


def test_compression_falls_with_repetition() -> None:
    text = "Ada was in the hall. " * 40
    assert legibility(text, "").compression == len(zlib.compress(text.encode(), 9)) / len(text)
    assert legibility(text, "").compression < 0.1
    assert legibility("", "").compression == 1.0


@given(st.text(max_size=200), st.text(max_size=40))
def test_every_measure_is_a_share_whatever_the_text(text: str, prompt: str) -> None:
    read = legibility(text, prompt)
    assert all(0 <= value <= 1 for value in (read.language, read.compression, read.repetition))
