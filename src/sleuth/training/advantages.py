"""How much better than its group a completion was.

GRPO (Group Relative Policy Optimization; Shao et al. 2024, DeepSeekMath, arXiv:2402.03300, section 4.1.2): the
advantage of every token of completion i is (r_i − mean(r)) / std(r) over the rewards r of its group.

Shapes: B groups, G completions each, K parts of a completion.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from torch import Tensor

EPSILON = 1e-4
"""Added to the standard deviation, so that a tiny spread is not blown up to a full one."""


def part_advantages(values_GK: Sequence[Sequence[float]]) -> list[list[float]]:
    """Advantages of the parts (lines, sentences) of a group's completions, which may have different numbers of them.

    A part is compared with those at its place, the first with the first: what stands before it has decided which place
    it has, so the mean there is a baseline that does not hang on the part itself. All are divided by one standard
    deviation, that of the differences in the group.
    """
    places = itertools.zip_longest(*values_GK)
    means_K = [statistics.fmean(value for value in place if value is not None) for place in places]
    centred_GK = [[value - mean for value, mean in zip(values_K, means_K, strict=False)] for values_K in values_GK]
    every = [value for centred_K in centred_GK for value in centred_K]
    deviation = math.sqrt(statistics.fmean(value * value for value in every)) if every else 0.0
    return [[value / (deviation + EPSILON) for value in centred_K] for centred_K in centred_GK]


def group_advantages(rewards_BG: Tensor) -> Tensor:
    """Advantages (B × G, float32).

    The standard deviation is the population's (divided by G, not by G − 1). A group of equal rewards gets exact zeros:
    it says nothing about which completion is better.
    """
    rewards_BG = rewards_BG.float()
    spread_B = rewards_BG.amax(1) > rewards_BG.amin(1)
    centred_BG = rewards_BG - rewards_BG.mean(1, keepdim=True)
    advantages_BG = centred_BG / (rewards_BG.std(1, correction=0, keepdim=True) + EPSILON)
    return advantages_BG * spread_B[:, None]
