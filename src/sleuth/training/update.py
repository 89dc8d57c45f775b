"""The updates of a GRPO step: from a scored batch to new weights.

Shape: N completion tokens.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sleuth.config import RunConfig
from sleuth.policy.base import Rollout
from sleuth.training.batch import ScoredGroup, turns_by_prompt
from sleuth.training.checkpoint_guard import CheckpointGuard
from sleuth.training.likelihood import Likelihood
from sleuth.training.losses import policy_loss, token_weight
from sleuth.training.optimizer import MasterOptimizer
from sleuth.training.packing import Group, micro_batches

Ratios = dict[tuple[str, int], list[float]]
"""Key of a request and number of the sample to the importance ratio of each of its tokens, those of all turns in order:
its probability when it was trained on, before that update, over its probability as sampled. Samples that no update saw
have none, and neither have those of a policy that tells no log-probabilities."""


@dataclass(slots=True)
class Trained:
    """What the updates on one batch measured; tensors of the N tokens trained on, collected in parts."""

    losses: list[float] = field(default_factory=list)
    """One for each update, as are the next two."""
    grad_norms: list[float] = field(default_factory=list)
    stats: list[dict[str, float]] = field(default_factory=list)
    skipped: int = 0
    """Updates that were not made: no group with spread, or a gradient that is not finite."""
    not_finite: int = 0
    tokens: int = 0
    entropy_sum: float = 0.0
    mismatches: list[Tensor] = field(default_factory=list)
    """|log-probability as sampled − as trained| of each token."""
    ratios: Ratios = field(default_factory=dict)

    def metrics(self) -> dict[str, float]:
        """As they are logged."""
        result = {
            "loss": statistics.fmean(self.losses),
            "grad_norm": statistics.fmean(self.grad_norms),
            "updates_skipped": float(self.skipped),
            "not_finite": float(self.not_finite),
            "tokens_trained": float(self.tokens),
        }
        for name in {name: None for stats in self.stats for name in stats}:
            result[name] = statistics.fmean(stats.get(name, 0.0) for stats in self.stats)
        if self.tokens:
            result["entropy"] = self.entropy_sum / self.tokens
        if self.mismatches:
            mismatch_N = torch.cat(self.mismatches)
            result["mismatch"] = float(mismatch_N.mean())
            result["mismatch_max"] = float(mismatch_N.max())
        return result


def update(
    model: Likelihood,
    reference: Likelihood | None,
    optimizer: MasterOptimizer,
    groups: Sequence[ScoredGroup],
    config: RunConfig,
    learning_rate: float,
    kl: float,
    guard: CheckpointGuard,
) -> Trained:
    """Loss and step, once for each of `updates_per_batch` equal parts of the batch.

    A group without spread has no gradient but those of the KL penalty and the entropy bonus: without them it is left
    out of the computation, but not of what the loss is divided by, so leaving it out changes nothing. Where its place
    was filled it is left out of both.
    """
    grpo = config.grpo
    count = grpo.updates_per_batch
    kl = kl if grpo.kl_in == "loss" else 0.0
    if grpo.refill:
        groups = [group for group in groups if group.spread]
    parts = [groups[i * len(groups) // count : (i + 1) * len(groups) // count] for i in range(count)]
    plans = [_plan(part, config, optimizer.config.micro_batch_tokens) for part in parts]
    if count > 1:  # a later update must be compared with the policy as it was before the first
        for micro_batch in (micro_batch for plan in plans for micro_batch in plan):
            with torch.no_grad():
                micro_batch.old_logprobs, _ = model.of_groups(micro_batch.groups)

    trained = Trained()
    for part, plan in zip(parts, plans, strict=True):
        tokens = sum(group.tokens for group in part)
        loss_sum, stats_sum = 0.0, dict[str, float]()
        optimizer.forget_gradient()
        for micro_batch in plan:
            reference_logprobs_N = None
            if reference is not None and kl > 0:
                with torch.no_grad():
                    reference_logprobs_N, _ = reference.of_groups(micro_batch.groups)
            logprobs_N, entropy_N = model.of_groups(micro_batch.groups)
            old_logprobs_N = logprobs_N.detach() if count == 1 else micro_batch.old_logprobs
            assert old_logprobs_N is not None
            sampled_N = None
            if len(micro_batch.sampled_logprobs) == len(logprobs_N):
                sampled_N = torch.tensor(micro_batch.sampled_logprobs, device=logprobs_N.device)
                trained.mismatches.append((sampled_N - old_logprobs_N).abs())
                _deal(micro_batch, (logprobs_N.detach() - sampled_N).exp().tolist(), trained.ratios)
            loss, stats = policy_loss(
                logprobs_N,
                old_logprobs_N,
                torch.tensor(micro_batch.advantages, device=logprobs_N.device),
                torch.tensor(micro_batch.weights, device=logprobs_N.device),
                [len(completion) for group in micro_batch.groups for completion in group.completions],
                grpo,
                tokens=tokens,
                sampled_logprobs_N=sampled_N,
                reference_logprobs_N=reference_logprobs_N,
                kl=kl,
                entropy_N=entropy_N,
            )
            loss.backward()  # type: ignore[no-untyped-call]
            loss_sum += float(loss.detach())
            for name, value in stats.items():
                stats_sum[name] = stats_sum.get(name, 0.0) + value
            trained.tokens += len(logprobs_N)
            trained.entropy_sum += float(entropy_N.detach().sum())

        guard.changing()
        update = optimizer.step(learning_rate) if plan else None
        trained.losses.append(loss_sum)
        trained.stats.append(stats_sum)
        trained.grad_norms.append(update.grad_norm if update else 0.0)
        trained.skipped += update is None or update.skipped
        trained.not_finite += update is not None and update.skipped
    return trained


@dataclass(slots=True)
class _MicroBatch:
    """What one forward and backward pass sees; per completion token, in the order of `groups`."""

    groups: list[Group]
    advantages: list[float]
    weights: list[float]
    """Of the terms of the loss (`token_weight`)."""
    sampled_logprobs: list[float]
    """Empty or incomplete where the policy tells none."""
    samples: list[tuple[str, int]]
    """Of each completion, the conversation that it is a turn of: as `Ratios` name it."""
    old_logprobs: Tensor | None = None


def _deal(micro_batch: _MicroBatch, ratios: Sequence[float], to: Ratios) -> None:
    """Gives each sample its ratios."""
    rest = iter(ratios)
    completions = (completion for group in micro_batch.groups for completion in group.completions)
    for sample, completion in zip(micro_batch.samples, completions, strict=True):
        to.setdefault(sample, []).extend(itertools.islice(rest, len(completion)))


def _plan(part: Sequence[ScoredGroup], config: RunConfig, max_tokens: int) -> list[_MicroBatch]:
    """Micro-batches keep the order of groups and completions, so a completion's values are dealt out along with it.

    A conversation counts as one completion of all its turns' tokens, of which as many turns may have been the longest;
    a turn is computed, and has its ratio in `gspo`, behind its own prompt.
    """
    count = {
        "tokens": sum(group.tokens for group in part),
        "groups": len(part),
        "completions": sum(sum(group.trained) for group in part),
        "longest": config.sampling.max_new_tokens * (1 + config.grpo.retries),
    }
    always = config.grpo.kl > 0 or config.grpo.entropy > 0
    groups: list[Group] = []
    values: list[tuple[tuple[str, int], float, Rollout, Sequence[float]]] = []
    for scored in part:
        if not (scored.spread or (always and scored.tokens)):
            continue
        turns_G = []
        for one, advantages, trained in zip(scored.conversations, scored.token_advantages, scored.trained, strict=True):
            if trained:
                weight = token_weight(config.grpo.normalise, of_group=scored.tokens, of_completion=one.length, **count)
                rest, sample = iter(advantages), (scored.task.request.key, one.sample)
                turns_G.append(
                    [(sample, weight, turn, list(itertools.islice(rest, len(turn.tokens)))) for turn in one.rollouts]
                )
        for turns in turns_by_prompt(turns_G):
            first = turns[0][2]
            groups.append(Group(first.prompt_tokens, [turn.tokens for _, _, turn, _ in turns], first.grammar))
            values += turns
    plan = []
    dealt = iter(values)
    for some in micro_batches(groups, max_tokens):
        micro_batch = _MicroBatch(some, [], [], [], [])
        for _ in range(sum(len(group.completions) for group in some)):
            sample, weight, rollout, advantages = next(dealt)
            micro_batch.samples.append(sample)
            micro_batch.advantages += advantages
            micro_batch.weights += [weight] * len(rollout.tokens)
            micro_batch.sampled_logprobs += rollout.logprobs
        plan.append(micro_batch)
    return plan
