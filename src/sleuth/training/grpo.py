"""GRPO, Group Relative Policy Optimization (Shao et al. 2024, DeepSeekMath, arXiv:2402.03300): the loop.

A step: sample a group of completions for each puzzle, score them, compare each with its group
(`sleuth.training.batch`), and make the better ones likelier. Every draw is keyed by the run's seed, the step and the
puzzle, so a step can be repeated to the bit.

Left out: files (the caller's hooks write them), and which puzzles there are (the caller's `tasks`).

Shape: N completion tokens.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sleuth.config import RunConfig
from sleuth.policy.base import Policy, Rollout
from sleuth.policy.constraint import Constraint
from sleuth.training.batch import ScoredGroup, Task, TokenEnds, sample_batch, turns_by_prompt
from sleuth.training.checkpoint_guard import CheckpointGuard
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.losses import policy_loss, token_weight
from sleuth.training.optimizer import MasterOptimizer, scheduled_rate
from sleuth.training.packing import Group, micro_batches, pack

OnStep = Callable[[int, dict[str, float], dict[str, float], Sequence[ScoredGroup]], None]


def train_grpo(
    model: PreTrainedModel,
    policy: Policy,
    optimizer: MasterOptimizer,
    tasks: Callable[[int], Iterable[Task]],
    config: RunConfig,
    *,
    on_step: OnStep,
    evaluate: Callable[[int], None],
    save: Callable[[int], None],
    reference: PreTrainedModel | None = None,
    ends: TokenEnds | None = None,
    constraint: Constraint | None = None,
    start_step: int = 0,
) -> None:
    """Trains `model`, whose weights `policy` samples with, for `config.grpo.steps` steps.

    Steps are numbered from 1; `start_step` have been made already. A step takes `tasks(step)`, the first
    `config.grpo.puzzles_per_step` of them and, where groups have nothing to teach, of the `config.grpo.refill` behind
    them; then come `on_step(step, metrics, timings, groups)`; every `config.eval.every` steps, before the first and
    after the last, `evaluate(step)`; every `config.checkpoint.every` steps, after the last, and on Ctrl-C between
    steps, `save(step)`. `reference` is the model as it was before step 1, needed if `config.grpo.kl` or
    `config.reward.fluency` is above 0; `ends` places parts of completions, needed if `config.reward.spans` is;
    `constraint` knows what grammars allow of the policy's tokens, needed if `config.sampling.constrain` is on.
    """
    grpo = config.grpo
    assert reference is not None or not config.needs_reference
    assert ends is not None or config.reward.spans == 0
    assert (constraint is not None) == config.sampling.constrain
    if start_step == 0 and config.eval.every:
        evaluate(0)
    with CheckpointGuard(start_step, grpo.steps, config.checkpoint.every, save) as guard:
        for step in range(start_step + 1, grpo.steps + 1):
            kl = kl_weight(config, step)
            groups, timings = sample_batch(policy, iter(tasks(step)), config, step, kl, reference, ends, constraint)

            sampled_s = time.perf_counter()
            rate = scheduled_rate(
                step - 1, grpo.learning_rate, grpo.warmup_steps, grpo.steps, config.optimizer.schedule
            )
            trained = _train(model, reference, optimizer, groups, config, rate, kl, guard, constraint)

            metrics = _sampling_metrics(groups) | trained.metrics() | {"learning_rate": rate}
            timings["train_s"] = time.perf_counter() - sampled_s
            guard.changing()
            on_step(step, metrics, timings, groups)
            if config.eval.every and (step % config.eval.every == 0 or step == grpo.steps):
                evaluate(step)
            guard.finished(step)


def kl_weight(config: RunConfig, step: int) -> float:
    """The weight of the Kullback–Leibler penalty in a step, counted from 1."""
    grpo = config.grpo
    if grpo.kl_end is None or grpo.steps == 1:
        return grpo.kl
    return grpo.kl + (grpo.kl_end - grpo.kl) * (step - 1) / (grpo.steps - 1)


@dataclass(slots=True)
class _Trained:
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

    def metrics(self) -> dict[str, float]:
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


def _train(
    model: PreTrainedModel,
    reference: PreTrainedModel | None,
    optimizer: MasterOptimizer,
    groups: Sequence[ScoredGroup],
    config: RunConfig,
    learning_rate: float,
    kl: float,
    guard: CheckpointGuard,
    constraint: Constraint | None,
) -> _Trained:
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
                micro_batch.old_logprobs, _ = _logprobs(model, micro_batch, config, constraint)

    trained = _Trained()
    for part, plan in zip(parts, plans, strict=True):
        tokens = sum(group.tokens for group in part)
        loss_sum, stats_sum = 0.0, dict[str, float]()
        optimizer.forget_gradient()
        for micro_batch in plan:
            reference_logprobs_N = None
            if reference is not None and kl > 0:
                with torch.no_grad():
                    reference_logprobs_N, _ = _logprobs(reference, micro_batch, config, constraint)
            logprobs_N, entropy_N = _logprobs(model, micro_batch, config, constraint)
            old_logprobs_N = logprobs_N.detach() if count == 1 else micro_batch.old_logprobs
            assert old_logprobs_N is not None
            sampled_N = None
            if len(micro_batch.sampled_logprobs) == len(logprobs_N):
                sampled_N = torch.tensor(micro_batch.sampled_logprobs, device=logprobs_N.device)
                trained.mismatches.append((sampled_N - old_logprobs_N).abs())
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
    old_logprobs: Tensor | None = None


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
    values: list[tuple[float, Rollout, Sequence[float]]] = []
    for scored in part:
        if not (scored.spread or (always and scored.tokens)):
            continue
        turns_G = []
        for one, advantages, trained in zip(scored.conversations, scored.token_advantages, scored.trained, strict=True):
            if trained:
                weight = token_weight(config.grpo.normalise, of_group=scored.tokens, of_completion=one.length, **count)
                rest = iter(advantages)
                turns_G.append(
                    [(weight, turn, list(itertools.islice(rest, len(turn.tokens)))) for turn in one.rollouts]
                )
        for turns in turns_by_prompt(turns_G):
            first = turns[0][1]
            groups.append(Group(first.prompt_tokens, [turn.tokens for _, turn, _ in turns], first.grammar))
            values += turns
    plan = []
    dealt = iter(values)
    for some in micro_batches(groups, max_tokens):
        micro_batch = _MicroBatch(some, [], [], [])
        for _ in range(sum(len(group.completions) for group in some)):
            weight, rollout, advantages = next(dealt)
            micro_batch.advantages += advantages
            micro_batch.weights += [weight] * len(rollout.tokens)
            micro_batch.sampled_logprobs += rollout.logprobs
        plan.append(micro_batch)
    return plan


def _logprobs(
    model: PreTrainedModel, micro_batch: _MicroBatch, config: RunConfig, constraint: Constraint | None
) -> tuple[Tensor, Tensor]:
    packed = pack(micro_batch.groups, model.device, constraint)
    return completion_logprobs(
        model,
        packed,
        config.sampling.temperature,
        config.optimizer.activation_checkpointing and torch.is_grad_enabled(),
    )


def _sampling_metrics(groups: Sequence[ScoredGroup]) -> dict[str, float]:
    """What only the loop knows of a batch; rewards, outcomes and lengths are in its rollouts. Lengths are of whole
    conversations, and `truncated` is the share of all turns."""
    rewards = [reward for group in groups for reward in group.rewards]
    conversations = [one for group in groups for one in group.conversations]
    found = [one for group in groups for one in group.components]
    logprobs = [logprob for one in conversations for rollout in one.rollouts for logprob in rollout.logprobs]
    metrics = {
        "earned": statistics.fmean(rewards),
        "reward_std": statistics.pstdev(rewards),
        "truncated": statistics.fmean(rollout.stop.cut for one in conversations for rollout in one.rollouts),
        "groups_without_spread": statistics.fmean(not group.spread for group in groups),
        "groups": float(len(groups)),
        "tokens_sampled": float(sum(one.length for one in conversations)),
    }
    if logprobs:
        metrics["entropy_sampled"] = -statistics.fmean(logprobs)
    for name, sign in (("length_better", 1), ("length_worse", -1)):
        lengths = [
            one.length
            for group in groups
            for one, advantage in zip(group.conversations, group.advantages, strict=True)
            if sign * advantage > 0
        ]
        if lengths:
            metrics[name] = statistics.fmean(lengths)
    return metrics | {f"reward/{name}": statistics.fmean(one[name] for one in found) for name in found[0]}
