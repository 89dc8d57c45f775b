"""How likely a model finds completions: one object for the model that is trained, one for the reference.

Shapes: N completion tokens of a batch; of one completion, T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sleuth.config import RunConfig
from sleuth.policy.base import Rollout
from sleuth.policy.constraint import Constraint
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.packing import Group, micro_batches, pack


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A model as a distribution over completions, as they are sampled: at a temperature, and under a constraint."""

    model: PreTrainedModel
    temperature: float
    micro_batch_tokens: int
    """Of one forward pass, in `of_rollouts`."""
    activation_checkpointing: bool = False
    """Whether a backward pass computes each layer again instead of finding its activations in memory."""
    constraint: Constraint | None = None
    """What grammars allow of the policy's tokens; needed where completions were constrained."""

    @classmethod
    def of(cls, model: PreTrainedModel, config: RunConfig, constraint: Constraint | None = None) -> Likelihood:
        """As a run samples and trains."""
        assert (constraint is not None) == config.sampling.constrain
        trained = config.optimizer
        return cls(
            model,
            config.sampling.temperature,
            trained.micro_batch_tokens,
            trained.activation_checkpointing,
            constraint,
        )

    def of_groups(self, groups: Sequence[Group]) -> tuple[Tensor, Tensor]:
        """Natural log-probabilities of the N completion tokens, and the entropies of the distributions that they were
        drawn from (nats), with gradient unless torch was told to compute none."""
        packed = pack(groups, self.model.device, self.constraint)
        checkpointing = self.activation_checkpointing and torch.is_grad_enabled()
        return completion_logprobs(self.model, packed, self.temperature, checkpointing)

    @torch.no_grad()
    def of_rollouts(self, rollouts_BG: Sequence[Sequence[Rollout]]) -> list[list[Tensor]]:
        """For every completion of every group the log-probabilities (T, float32, nats) of its tokens."""
        batch = [
            Group(rollouts[0].prompt_tokens, [one.tokens for one in rollouts], rollouts[0].grammar)
            for rollouts in rollouts_BG
        ]
        parts = [self.of_groups(part)[0].cpu() for part in micro_batches(batch, self.micro_batch_tokens)]
        lengths = [len(rollout.tokens) for rollouts in rollouts_BG for rollout in rollouts]
        flat = iter(torch.split(torch.cat(parts), lengths))
        return [[next(flat) for _ in rollouts] for rollouts in rollouts_BG]
