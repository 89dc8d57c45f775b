"""How much better than its group a completion was.

GRPO (Group Relative Policy Optimization; Shao et al. 2024, DeepSeekMath, arXiv:2402.03300, section 4.1.2): the
advantage of every token of completion i is (r_i − mean(r)) / std(r) over the rewards r of its group.

Shapes: B groups, G completions each.
"""

from __future__ import annotations

from torch import Tensor

EPSILON = 1e-4
"""Added to the standard deviation, so that a tiny spread is not blown up to a full one."""


def group_advantages(rewards_BG: Tensor) -> tuple[Tensor, Tensor]:
    """Advantages (B × G, float32), and for each group whether its rewards differ at all (B, bool).

    The standard deviation is the population's (divided by G, not by G − 1). A group of equal rewards gets exact zeros:
    it says nothing about which completion is better.
    """
    rewards_BG = rewards_BG.float()
    spread_B = rewards_BG.amax(1) > rewards_BG.amin(1)
    centred_BG = rewards_BG - rewards_BG.mean(1, keepdim=True)
    advantages_BG = centred_BG / (rewards_BG.std(1, correction=0, keepdim=True) + EPSILON)
    return advantages_BG * spread_B[:, None], spread_B
