"""What a completion earns: components, each logged on its own, and their weighted sum.

Of a conversation, what its answers are worth is that of the last completion, discounted for every further turn it took:
the return that StarPO maximises, the sum of γᵗ rₜ over the turns t (Wang et al. 2025, RAGEN, arXiv:2504.20073), with
all reward at the end. Without the discount, asking again would be free, and a group all of which comes right in the
end, some at once and some later, would have nothing to teach. It is a factor and no fixed price for a turn, since that
would make giving up worse than answering wrongly, which nobody asks about again.

Soft punishment of overlong completions: Yu et al. 2025 (DAPO, arXiv:2503.14476), equation 13.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sleuth.config import RewardConfig
from sleuth.grading.legibility import legibility
from sleuth.grading.soundness import Verdict
from sleuth.policy.base import Rollout
from sleuth.puzzles.score import ANSWERED, Score

READ = frozenset(map(str, Verdict)) - {Verdict.UNREAD}
"""Verdicts on sentences that can be read; a program's lines have others."""


def components(
    rollouts: Sequence[Rollout],
    score: Score,
    prompt: str,
    config: RewardConfig,
    longest: int,
    fluency: float | None = None,
    discount: float = 1.0,
) -> dict[str, float]:
    """Every component of one conversation, by its key in `RewardConfig`, whether it weighs anything or not.

    rollouts: its completions in order, mostly one; score: the last one's grade. The length counts all turns, the
    punishment for being overlong is that of the longest, and language, legibility and false sentences are the last
    one's. prompt: what was asked, as text; longest: new tokens allowed in a turn. fluency: the mean log-probability
    (nats a token of all turns) for the reference, where that was computed. discount: of the answers, for each turn
    after the first.
    """
    lengths = [len(rollout.tokens) for rollout in rollouts]
    read = legibility(rollouts[-1].text, prompt)
    worth = discount ** (len(rollouts) - 1)
    sentences = {span.verdict for span in score.spans} & READ
    found = {
        "answers": worth * score.reward,
        "strict": worth * score.correct,
        "format": worth * (score.outcome in ANSWERED),
        "length": max(0.0, 1 - abs(sum(lengths) - config.length_target) / longest),
        "nothing_false": float(bool(sentences) and Verdict.FALSE not in sentences),
        "language": read.language,
        "compression": read.compression,
        "repetition": read.repetition,
    }
    if config.overlong_tokens:
        over = max(lengths) - (longest - config.overlong_tokens)
        found["overlong"] = -min(1.0, max(0.0, over / config.overlong_tokens))
    if fluency is not None:
        found["fluency"] = math.exp(fluency)
    return found


def earned(found: dict[str, float], config: RewardConfig) -> float:
    """The weighted sum."""
    weights: dict[str, float] = config.model_dump()
    return sum(weights[name] * value for name, value in found.items())
