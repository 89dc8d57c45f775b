"""How much better than its group a completion was.

GRPO (Group Relative Policy Optimization; Shao et al. 2024, DeepSeekMath, arXiv:2402.03300, section 4.1.2): the
advantage of every token of completion i is (r_i − mean(r)) / std(r) over the rewards r of its group.

Shapes: B groups, G completions each, K spans of a completion.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from torch import Tensor

EPSILON = 1e-4
"""Added to the standard deviation, so that a tiny spread is not blown up to a full one."""


def span_advantages(values_GK: Sequence[Sequence[float]], deviation: bool = True) -> list[list[float]]:
    """Advantages of the spans (lines, sentences) of a group's completions, which may have different numbers of them.

    A part is compared with the mean of those at its place, the first with the first in the order of reading, itself
    included: one that has no counterpart gets nothing. `deviation`: all are divided by one standard deviation, that of
    the differences in the group.
    """
    places = itertools.zip_longest(*values_GK)
    means_K = [statistics.fmean(value for value in place if value is not None) for place in places]
    centred_GK = [[value - mean for value, mean in zip(values_K, means_K, strict=False)] for values_K in values_GK]
    every = [value for centred_K in centred_GK for value in centred_K]
    if not deviation or not every:
        return centred_GK
    scale = math.sqrt(statistics.fmean(value * value for value in every)) + EPSILON
    return [[value / scale for value in centred_K] for centred_K in centred_GK]


def group_advantages(
    rewards_BG: Tensor, deviation: bool = True, leave_one_out: bool = False, sample_deviation: bool = False
) -> Tensor:
    """Advantages (B × G, float32), divided by the standard deviation or not (Dr. GRPO: Liu et al. 2025,
    arXiv:2503.20783), over the mean of all or of the others (RLOO: Ahmadian et al. 2024, arXiv:2402.14740).

    The standard deviation is the population's (divided by G) or, with `sample_deviation`, a sample's (divided by G − 1,
    as in TRL). A group of equal rewards gets exact zeros: it says nothing about which completion is better.
    """
    rewards_BG = rewards_BG.float()
    spread_B = rewards_BG.amax(1) > rewards_BG.amin(1)
    advantages_BG = rewards_BG - rewards_BG.mean(1, keepdim=True)
    if leave_one_out:  # r − (sum − r) / (G − 1) = (r − mean) · G / (G − 1)
        advantages_BG *= rewards_BG.shape[1] / (rewards_BG.shape[1] - 1)
    if deviation:
        advantages_BG /= rewards_BG.std(1, correction=int(sample_deviation), keepdim=True) + EPSILON
    return advantages_BG * spread_B[:, None]
