"""Which tokens of a completion its advantage goes on, and what the spans of it (lines, sentences) earn in addition.

Shapes: G conversations of a group, K spans of a completion, T completion tokens of all turns of one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from sleuth.config import RunConfig
from sleuth.policy.base import Rollout
from sleuth.policy.conversations import Conversation
from sleuth.puzzles.score import Span
from sleuth.training.advantages import span_advantages

TokenEnds = Callable[[Rollout], Sequence[int]]
"""A rollout to the length of its text after each of its tokens, in characters (`sleuth.training.token_ends`)."""


def token_advantages(
    conversations: Sequence[Conversation], advantages: Sequence[float], config: RunConfig, ends: TokenEnds | None
) -> list[list[float]]:
    """Those of whole conversations on all their tokens, and those of spans on all tokens that write some of them.

    Parts are compared within a turn: first completions with first ones, second with second ones.
    """
    by_token = [[one] * conversation.length for conversation, one in zip(conversations, advantages, strict=True)]
    if config.reward.spans == 0:
        return by_token
    assert ends is not None
    starts = [0] * len(conversations)
    for turn in range(max(len(one.rollouts) for one in conversations)):
        numbers = [number for number, one in enumerate(conversations) if len(one.rollouts) > turn]
        scores = [conversations[number].scores[turn] for number in numbers]
        spans_GK = [[(span, span.value) for span in score.spans if span.value is not None] for score in scores]
        values_GK = [[value for _, value in spans_K] for spans_K in spans_GK]
        advantages_GK = span_advantages(values_GK, config.grpo.deviation)
        for number, spans_K, own_K in zip(numbers, spans_GK, advantages_GK, strict=True):
            rollout = conversations[number].rollouts[turn]
            if any(own_K):
                credit = [(part, config.reward.spans * value) for (part, _), value in zip(spans_K, own_K, strict=True)]
                _add_credit(by_token[number], starts[number], ends(rollout), credit)
            starts[number] += len(rollout.tokens)
    return by_token


def _add_credit(
    advantages_T: list[float], start: int, ends_T: Sequence[int], credit: Sequence[tuple[Span, float]]
) -> None:
    """Adds what spans are credited with to the tokens that write some of them; those of their turn begin at `start`."""
    for part, advantage in credit:
        last = bisect_left(ends_T, part.end)
        for t in range(bisect_right(ends_T, part.start), min(last + 1, len(ends_T))):
            advantages_T[start + t] += advantage
