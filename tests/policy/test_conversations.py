"""Conversations: who is asked again, with what, how often, and where they end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from sleuth.errors import UserError
from sleuth.policy.base import Request, Rollout, Sampling, StopReason
from sleuth.policy.chat import prompt_tokens
from sleuth.policy.conversations import converse
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.scripted import ScriptedPolicy
from sleuth.puzzles.score import Outcome, Score
from tests.tiny import tiny_llama, tiny_tokenizer

TOKENIZER = tiny_tokenizer()
REQUESTS = [Request("a", "", "One?"), Request("b", "", "Two?")]


def grade(rollout: Rollout) -> Score:
    """An answer is what says so."""
    outcome = next((one for one in (Outcome.CORRECT, Outcome.WRONG) if one in rollout.text), Outcome.AMBIGUOUS)
    return Score(outcome, float(outcome is Outcome.CORRECT), outcome is Outcome.CORRECT, {}, {}, f"no {rollout.text}")


def never(rollout: Rollout) -> Score:
    return Score(Outcome.UNREADABLE, 0.0, False, {}, {}, "nothing")


def test_a_conversation_goes_on_until_it_answers() -> None:
    asked: list[Request] = []

    def write(request: Request, sample: int) -> str:
        asked.append(request)
        turn = len(request.turns)
        first = int(request.key.partition("sample ")[2][:1] or sample)
        return "correct" if turn == first else "wrong" if (turn, first, request.user) == (1, 2, "Two?") else "hm"

    done: list[int] = []
    groups = converse(ScriptedPolicy(write), REQUESTS, [grade] * 2, 3, Sampling(4), 2, done.append)
    outcomes = [[[score.outcome for score in one.scores] for one in group] for group in groups]
    hm = Outcome.AMBIGUOUS
    assert outcomes[0] == [[Outcome.CORRECT], [hm, Outcome.CORRECT], [hm, hm, Outcome.CORRECT]]
    assert outcomes[1] == [[Outcome.CORRECT], [hm, Outcome.CORRECT], [hm, Outcome.WRONG]]
    assert [[one.sample for one in group] for group in groups] == [[0, 1, 2]] * 2
    assert sum(done) == 3 * 6 and all(one.ended for group in groups for one in group)
    assert [turn.said for turn in groups[0][2].request.turns] == ["No hm. Write the whole program again."] * 2
    keys = [request.key for request in asked]
    assert keys[6:] == [f"{key}, sample {sample}, again" for key in "ab" for sample in (1, 2)] + [
        "a, sample 2, again, again"
    ]


class Noted:
    """A policy that keeps what it was asked."""

    def __init__(self, policy: TorchPolicy) -> None:
        self.policy = policy
        self.asked: list[tuple[Sequence[Request], int, Sampling]] = []

    def rollout(
        self,
        requests: Sequence[Request],
        samples: int,
        sampling: Sampling,
        progress: Callable[[int], None] | None = None,
    ) -> list[list[Rollout]]:
        self.asked.append((requests, samples, sampling))
        return self.policy.rollout(requests, samples, sampling, progress)


def test_every_turn_s_prompt_holds_the_tokens_that_were_sampled() -> None:
    policy = TorchPolicy(tiny_llama(), TOKENIZER)
    groups = converse(policy, REQUESTS, [never] * 2, 3, Sampling(5, seed=(3, 1)), 2)
    again = 0
    for one in (one for group in groups for one in group):
        assert len(one.rollouts) == 3
        for before, after in zip(one.rollouts, one.rollouts[1:], strict=False):
            held = (*before.prompt_tokens, *before.tokens)
            assert after.prompt_tokens[: len(held)] == held
            again += TOKENIZER(before.text)["input_ids"] != list(before.tokens)
        assert list(one.rollout.prompt_tokens) == prompt_tokens(TOKENIZER, one.request)
        assert one.length == sum(len(rollout.tokens) for rollout in one.rollouts)
    assert again, "no completion whose text has other tokens"
    # Drawn by its own key, a turn is other than those beside it, and the same each time.
    texts = [rollout.tokens for group in groups for one in group for rollout in one.rollouts]
    assert len(set(texts)) == len(texts)
    repeated = converse(policy, REQUESTS[1:], [never], 3, Sampling(5, seed=(3, 1)), 2)
    assert [[turn.tokens for turn in one.rollouts] for one in repeated[0]] == [
        [turn.tokens for turn in one.rollouts] for one in groups[1]
    ]


def test_a_budget_leaves_out_groups_and_never_a_later_turn() -> None:
    policy = Noted(TorchPolicy(tiny_llama(), TOKENIZER, rows=2))
    groups = converse(policy, REQUESTS, [never] * 2, 2, Sampling(4, token_budget=1), 1)
    assert [len(group) for group in groups] == [2, 0]
    assert [len(one.rollouts) for one in groups[0]] == [2, 2]
    assert [sampling.token_budget for _, _, sampling in policy.asked] == [1, 0]


def test_a_conversation_that_outgrows_the_context_ends() -> None:
    """Of two, the longer one has no room for a second turn; the other has room for one, and for none after it."""
    long = Request("long", "", "Two?" + "x" * 40)
    policy = TorchPolicy(tiny_llama(), TOKENIZER)
    new = 8
    second = [
        len(one.rollouts[1].prompt_tokens)
        for [one] in converse(policy, [REQUESTS[0], long], [never] * 2, 1, Sampling(new), 1)
    ]
    small = TorchPolicy(tiny_llama(max_position_embeddings=second[0] + new), TOKENIZER)
    done: list[int] = []
    [[short], [cut]] = converse(small, [REQUESTS[0], long], [never] * 2, 1, Sampling(new), 3, done.append)
    assert (len(short.rollouts), len(cut.rollouts)) == (2, 1)
    assert cut.ended and cut.score.outcome is Outcome.UNREADABLE and sum(done) == 2 * 4
    assert short.rollouts[1].stop in StopReason
    with pytest.raises(UserError, match="exceed the model's context"):  # a first prompt that does not fit is an error
        converse(small, [replace(long, user="x" * 4_000)], [never], 1, Sampling(new), 3)
