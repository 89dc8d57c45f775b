"""What a completion earns: components, each logged on its own, and their weighted sum.

Soft punishment of overlong completions: Yu et al. 2025 (DAPO, arXiv:2503.14476), equation 13.
"""

from __future__ import annotations

import math

from sleuth.config import RewardConfig
from sleuth.grading.legibility import legibility
from sleuth.grading.score import ANSWERED, Score
from sleuth.policy.base import Rollout


def components(
    rollout: Rollout, score: Score, prompt: str, config: RewardConfig, longest: int, fluency: float | None = None
) -> dict[str, float]:
    """Every component of one completion, by its key in `RewardConfig`, whether it weighs anything or not.

    prompt: what was asked, as text; longest: new tokens allowed. fluency: the mean log-probability (nats a token) for
    the reference, where that was computed.
    """
    tokens = len(rollout.tokens)
    read = legibility(rollout.text, prompt)
    found = {
        "answers": score.reward,
        "strict": float(score.correct),
        "format": float(score.outcome in ANSWERED),
        "length": max(0.0, 1 - abs(tokens - config.length_target) / longest),
        "language": read.language,
        "compression": read.compression,
        "repetition": read.repetition,
    }
    if config.overlong_tokens:
        over = tokens - (longest - config.overlong_tokens)
        found["overlong"] = -min(1.0, max(0.0, over / config.overlong_tokens))
    if fluency is not None:
        found["fluency"] = math.exp(fluency)
    return found


def earned(found: dict[str, float], config: RewardConfig) -> float:
    """The weighted sum."""
    weights: dict[str, float] = config.model_dump()
    return sum(weights[name] * value for name, value in found.items())
