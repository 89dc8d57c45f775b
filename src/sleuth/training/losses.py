"""Losses on the flat completion tokens of a batch or of a part of it.

Each is a sum over N tokens of a term times a weight, where the weights of the *whole* batch say how it is divided
(`token_weight`): so the losses and gradients of micro-batches add up to the batch's. With ρ the ratio of a token's
probability to what it was before the batch's first update, and A its advantage, the terms to be made large are:

- `clip`, min(ρ A, clamp(ρ) A): Schulman et al. 2017 (PPO, Proximal Policy Optimization, arXiv:1707.06347), equation 7;
  with advantages of a group as in Shao et al. 2024 (GRPO, DeepSeekMath, arXiv:2402.03300), equation 3. The two ends of
  the clip apart: Yu et al. 2025 (DAPO, arXiv:2503.14476), equation 8.
- `gspo`, the same with ρ the geometric mean over a completion: Zheng et al. 2025 (GSPO, Group Sequence Policy
  Optimization, arXiv:2507.18071), equations 5 and 7.
- `cispo`, sg(clamp(ρ)) A log π, sg being what no gradient flows through: Chen et al. 2025 (MiniMax-M1,
  arXiv:2506.13585), equation 4.
- `reinforce`, A log π: Williams 1992.

Kullback–Leibler divergence to the reference policy, from d = log π_reference − log π: k2 = d² / 2, k3 = eᵈ − d − 1
(DeepSeekMath, equation 4; John Schulman's note "Approximating KL Divergence", 2020, joschu.net/blog/kl-approx.html).
k1 = −d has a gradient of expectation zero, so as a loss it would do nothing and is offered in the reward alone.

Sampler and trainer do not compute quite the same probabilities; weighing each token by min(trainer's / sampler's, cap)
corrects for that: Yao et al. 2025, "Your efficient RL framework secretly brings you off-policy RL training".

Shape: N completion tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sleuth.config import GrpoConfig, KlEstimator, Normalise


def token_weight(
    how: Normalise, *, tokens: int, groups: int, completions: int, longest: int, of_group: int, of_completion: int
) -> float:
    """The weight of a token's term. tokens, groups, completions: those of the whole batch; longest: new tokens allowed;
    of_group, of_completion: tokens of those that it is in."""
    match how:
        case "batch":
            return 1 / tokens
        case "group":
            return 1 / (groups * of_group)
        case "completion":
            return 1 / (completions * of_completion)
        case "constant":
            return 1 / (completions * longest)


def policy_loss(
    logprobs_N: Tensor,
    old_logprobs_N: Tensor,
    advantages_N: Tensor,
    weights_N: Tensor,
    lengths: Sequence[int],
    config: GrpoConfig,
    *,
    tokens: int,
    sampled_logprobs_N: Tensor | None = None,
    reference_logprobs_N: Tensor | None = None,
    kl: float = 0.0,
    entropy_N: Tensor | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """The loss to minimise, and stats.

    lengths: tokens of each completion, in order. tokens: those of the whole batch. The sampler's log-probabilities are
    needed for `config.correction`, the reference's for a penalty of weight `kl`, entropies with gradient for
    `config.entropy`.

    Stats, which add up over micro-batches to means over the batch's tokens: `clip_share`, of tokens whose gradient the
    clip cuts off; `drift`, k3 from the policy that sampled to the one that is trained; `kl`, of the reference's.
    """
    log_ratio_N = logprobs_N - old_logprobs_N
    if config.loss == "gspo":
        log_ratio_N = torch.cat([part.mean().expand(len(part)) for part in torch.split(log_ratio_N, list(lengths))])
    ratio_N = log_ratio_N.exp()
    clipped_N = ratio_N.clamp(1 - config.clip, 1 + (config.clip if config.clip_high is None else config.clip_high))
    if config.loss in ("clip", "gspo"):
        terms_N = torch.minimum(ratio_N * advantages_N, clipped_N * advantages_N)
        cut_N = clipped_N * advantages_N < ratio_N * advantages_N
    else:
        terms_N = advantages_N * logprobs_N
        cut_N = torch.zeros_like(advantages_N)
        if config.loss == "cispo":
            terms_N = clipped_N.detach() * terms_N
            cut_N = clipped_N != ratio_N
    if config.correction > 0:
        assert sampled_logprobs_N is not None
        terms_N = terms_N * (old_logprobs_N - sampled_logprobs_N).exp().clamp(max=config.correction)
    drift_N = divergence(logprobs_N.detach() - old_logprobs_N, "k3")
    stats = {"clip_share": float(cut_N.sum()) / tokens, "drift": float(drift_N.sum()) / tokens}
    loss = -(terms_N * weights_N).sum()
    if reference_logprobs_N is not None:
        difference_N = reference_logprobs_N - logprobs_N
        kl_N = divergence(difference_N, config.kl_estimator)
        loss = loss + kl * (kl_N * weights_N).sum()
        stats["kl"] = float(kl_N.detach().sum()) / tokens
    if config.entropy > 0:
        assert entropy_N is not None
        loss = loss - config.entropy * (entropy_N * weights_N).sum()
    return loss, stats


def divergence(difference_N: Tensor, estimator: KlEstimator) -> Tensor:
    """An estimate, for each token, of the divergence from log π_reference − log π, where π drew the tokens."""
    match estimator:
        case "k1":
            return -difference_N
        case "k2":
            return difference_N.square() / 2
        case "k3":
            return difference_N.exp() - difference_N - 1


def sft_loss(logprobs_N: Tensor, normaliser: float) -> Tensor:
    """Mean negative log-probability of the target tokens (cross-entropy, in nats)."""
    return -logprobs_N.sum() / normaliser
