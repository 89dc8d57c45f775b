"""The model as it was before GRPO: what it makes of the completions that the trained one writes."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sleuth.policy.base import Rollout
from sleuth.training.losses import divergence


def frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    """The model as it is now, as a reference policy."""
    reference: PreTrainedModel = copy.deepcopy(model)
    return reference.requires_grad_(False)


def divergence_from(logprobs_BG: Sequence[Sequence[Tensor]], rollouts_BG: Sequence[Sequence[Rollout]]) -> float:
    """Nats a token (k3), from the policy that drew the completions to the reference, which finds `logprobs_BG` for
    them. To say anything they must have been drawn, not chosen greedily."""
    sampled_N = torch.tensor([logprob for rollout in chain(*rollouts_BG) for logprob in rollout.logprobs])
    return float(divergence(torch.cat(list(chain(*logprobs_BG))) - sampled_N, "k3").mean())


def fluency(logprobs_BG: Sequence[Sequence[Tensor]]) -> float:
    """The mean log-probability of completions for the reference, nats a token, each completion counting once."""
    return statistics.fmean(float(one.mean()) for one in chain(*logprobs_BG))
