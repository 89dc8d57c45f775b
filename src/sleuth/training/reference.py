"""The model as it was before GRPO: what it makes of the completions that the trained one writes.

Shapes: N completion tokens; of one completion, T.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sleuth.policy.base import Rollout
from sleuth.policy.constraint import Constraint
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.losses import divergence
from sleuth.training.packing import Group, micro_batches, pack


def frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    """The model as it is now, as a reference policy."""
    reference: PreTrainedModel = copy.deepcopy(model)
    return reference.requires_grad_(False)


@torch.no_grad()
def reference_logprobs(
    reference: PreTrainedModel,
    rollouts_BG: Sequence[Sequence[Rollout]],
    temperature: float,
    max_tokens: int,
    constraint: Constraint | None = None,
) -> list[list[Tensor]]:
    """For every completion of every group the log-probabilities (T, float32, nats) of its tokens for the reference at
    the temperature. max_tokens: of one forward pass. constraint: needed where the completions were constrained."""
    batch = [
        Group(rollouts[0].prompt_tokens, [one.tokens for one in rollouts], rollouts[0].grammar)
        for rollouts in rollouts_BG
    ]
    parts = [
        completion_logprobs(reference, pack(part, reference.device, constraint), temperature)[0].cpu()
        for part in micro_batches(batch, max_tokens)
    ]
    lengths = [len(rollout.tokens) for rollouts in rollouts_BG for rollout in rollouts]
    flat = iter(torch.split(torch.cat(parts), lengths))
    return [[next(flat) for _ in rollouts] for rollouts in rollouts_BG]


def divergence_from(logprobs_BG: Sequence[Sequence[Tensor]], rollouts_BG: Sequence[Sequence[Rollout]]) -> float:
    """Nats a token (k3), from the policy that drew the completions to the reference, which finds `logprobs_BG` for
    them. To say anything they must have been drawn, not chosen greedily."""
    sampled_N = torch.tensor([logprob for rollout in chain(*rollouts_BG) for logprob in rollout.logprobs])
    return float(divergence(torch.cat(list(chain(*logprobs_BG))) - sampled_N, "k3").mean())


def fluency(logprobs_BG: Sequence[Sequence[Tensor]]) -> float:
    """The mean log-probability of completions for the reference, nats a token, each completion counting once."""
    return statistics.fmean(float(one.mean()) for one in chain(*logprobs_BG))
