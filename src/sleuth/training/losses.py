"""Losses on the flat completion tokens of a batch or of a part of it.

Each is a sum over the given N tokens divided by `normaliser`, the number of tokens of the *whole* batch: so the losses
(and gradients and stats) of micro-batches add up to the batch's, and every token counts the same, whichever completion
it is in.

- Clipped ratio: Schulman et al. 2017 (PPO, Proximal Policy Optimization, arXiv:1707.06347), equation 7; with
  advantages of a group as in Shao et al. 2024 (DeepSeekMath, arXiv:2402.03300), equation 3.
- Kullback–Leibler divergence to the reference policy: DeepSeekMath, equation 4, which is the estimator k3 of
  John Schulman's note "Approximating KL Divergence" (2020, joschu.net/blog/kl-approx.html): unbiased, never negative.

Shape: N completion tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor


def policy_loss(
    logprobs_N: Tensor,
    old_logprobs_N: Tensor,
    advantages_N: Tensor,
    *,
    clip: float,
    kl_weight: float,
    reference_logprobs_N: Tensor | None,
    normaliser: float,
) -> tuple[Tensor, dict[str, float]]:
    """The loss to minimise, −Σ min(ρ A, clamp(ρ, 1 − clip, 1 + clip) A) / normaliser + kl_weight · KL, where ρ is
    exp(logprobs − old_logprobs).

    Stats, which add up over micro-batches: `clip_share`, the share of tokens whose gradient the clip cuts off;
    `kl`, the mean of k3, if a reference is given. Gradient flows through `logprobs_N` only.
    """
    ratio_N = torch.exp(logprobs_N - old_logprobs_N)
    free_N = ratio_N * advantages_N
    clipped_N = ratio_N.clamp(1 - clip, 1 + clip) * advantages_N
    loss = -torch.minimum(free_N, clipped_N).sum() / normaliser
    stats = {"clip_share": float((clipped_N < free_N).sum()) / normaliser}
    if reference_logprobs_N is not None:
        difference_N = reference_logprobs_N - logprobs_N
        kl = (torch.exp(difference_N) - difference_N - 1).sum() / normaliser
        loss = loss + kl_weight * kl
        stats["kl"] = float(kl.detach())
    return loss, stats


def sft_loss(logprobs_N: Tensor, normaliser: float) -> Tensor:
    """Mean negative log-probability of the target tokens (cross-entropy, in nats)."""
    return -logprobs_N.sum() / normaliser
