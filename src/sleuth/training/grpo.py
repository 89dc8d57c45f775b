"""GRPO, Group Relative Policy Optimization (Shao et al. 2024, DeepSeekMath, arXiv:2402.03300): the loop.

A step: sample a group of completions for each puzzle, score them, compare each with its group, and make the better ones
likelier. Every draw is keyed by the run's seed, the step and the puzzle, so a step can be repeated to the bit.

Left out: files (the caller's hooks write them), and which puzzles there are (the caller's `tasks`).

Shapes: B groups, G completions each, N completion tokens.
"""

from __future__ import annotations

import itertools
import statistics
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sleuth.config import RunConfig
from sleuth.grading.score import Score
from sleuth.policy.base import Policy, Request, Rollout, Sampling
from sleuth.policy.constraint import Constraint
from sleuth.training.advantages import group_advantages, part_advantages
from sleuth.training.boundary import StepBoundary
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.losses import divergence, policy_loss, token_weight
from sleuth.training.optimizer import MasterAdamW, scheduled_rate
from sleuth.training.packing import Group, micro_batches, pack
from sleuth.training.reference import reference_logprobs
from sleuth.training.reward import components, earned


@dataclass(frozen=True, slots=True)
class Task:
    """A puzzle as the loop sees it: what is asked, and how a completion is graded."""

    request: Request
    score: Callable[[Rollout], Score]


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """One puzzle's completions in one step."""

    task: Task
    rollouts: Sequence[Rollout]
    scores: Sequence[Score]
    components: Sequence[dict[str, float]]
    """What each completion's reward is made of."""
    rewards: Sequence[float]
    """What each earned."""
    advantages: Sequence[float]
    """Of the whole completions."""
    token_advantages: Sequence[Sequence[float]]
    """Of their tokens: what the loss takes."""
    trained: Sequence[bool]
    """Whether each is trained on."""

    @property
    def spread(self) -> bool:
        """Whether any token is better or worse than others; if not, the group has nothing to teach."""
        return any(any(advantages) for advantages in itertools.compress(self.token_advantages, self.trained))

    @property
    def tokens(self) -> int:
        """Completion tokens that are trained on."""
        return sum(len(rollout.tokens) for rollout in itertools.compress(self.rollouts, self.trained))


TokenEnds = Callable[[Rollout], Sequence[int]]
"""A rollout to the length of its text after each of its tokens, in characters."""
OnStep = Callable[[int, dict[str, float], dict[str, float], Sequence[ScoredGroup]], None]


def train_grpo(
    model: PreTrainedModel,
    policy: Policy,
    optimizer: MasterAdamW,
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
    `config.reward.fluency` is above 0; `ends` places parts of completions, needed if `config.reward.parts` is;
    `constraint` knows what grammars allow of the policy's tokens, needed if `config.sampling.constrain` is on.
    """
    grpo = config.grpo
    assert reference is not None or not needs_reference(config)
    assert ends is not None or config.reward.parts == 0
    assert (constraint is not None) == config.sampling.constrain
    if start_step == 0 and config.eval.every:
        evaluate(0)
    with StepBoundary(start_step, grpo.steps, config.checkpoint.every, save) as boundary:
        for step in range(start_step + 1, grpo.steps + 1):
            groups, timings = _sample(policy, iter(tasks(step)), config, step, reference, ends, constraint)

            sampled_s = time.perf_counter()
            rate = scheduled_rate(
                step - 1, grpo.learning_rate, grpo.warmup_steps, grpo.steps, config.optimizer.schedule
            )
            kl = kl_weight(config, step)
            trained = _train(model, reference, optimizer, groups, config, rate, kl, boundary, constraint)

            metrics = _sampling_metrics(groups) | trained.metrics() | {"learning_rate": rate}
            timings["train_s"] = time.perf_counter() - sampled_s
            boundary.changing()
            on_step(step, metrics, timings, groups)
            if config.eval.every and (step % config.eval.every == 0 or step == grpo.steps):
                evaluate(step)
            boundary.finished(step)


def needs_reference(config: RunConfig) -> bool:
    """Whether training itself, and not only what is measured beside it, needs the model as it was before GRPO."""
    return config.grpo.kl > 0 or config.reward.fluency > 0


def kl_weight(config: RunConfig, step: int) -> float:
    """The weight of the Kullback–Leibler penalty in a step, counted from 1."""
    grpo = config.grpo
    if grpo.kl_end is None or grpo.steps == 1:
        return grpo.kl
    return grpo.kl + (grpo.kl_end - grpo.kl) * (step - 1) / (grpo.steps - 1)


def _sample(
    policy: Policy,
    tasks: Iterator[Task],
    config: RunConfig,
    step: int,
    reference: PreTrainedModel | None,
    ends: TokenEnds | None,
    constraint: Constraint | None,
) -> tuple[list[ScoredGroup], dict[str, float]]:
    """Sample, score, advantage; and again for puzzles in the place of those that have nothing to teach."""
    grpo, drawn = config.grpo, config.sampling
    groups: list[ScoredGroup] = []
    timings = {"sample_s": 0.0, "score_s": 0.0}
    wanted, left, tokens = grpo.puzzles_per_step, grpo.refill, 0
    while wanted > 0:
        started_s = time.perf_counter()
        some = list(itertools.islice(tasks, wanted))
        sampling = Sampling(
            drawn.max_new_tokens,
            drawn.temperature,
            (config.seed, step),
            until=drawn.until,
            token_budget=drawn.token_budget and max(1, drawn.token_budget - tokens),
            give_up=drawn.give_up,
            constrain=drawn.constrain,
        )
        every_BG = policy.rollout([task.request for task in some], grpo.samples, sampling)
        sampled_s = time.perf_counter()
        begun = [(task, rollouts) for task, rollouts in zip(some, every_BG, strict=True) if rollouts]
        groups += _scored(begun, config, kl_weight(config, step), reference, ends, constraint)
        timings["sample_s"] += sampled_s - started_s
        timings["score_s"] += time.perf_counter() - sampled_s
        tokens = sum(len(rollout.tokens) for group in groups for rollout in group.rollouts)
        spent = 0 < drawn.token_budget <= tokens
        wanted = 0 if spent else min(left, grpo.puzzles_per_step - sum(group.spread for group in groups))
        left -= wanted
    return groups, timings


def _scored(
    begun: Sequence[tuple[Task, Sequence[Rollout]]],
    config: RunConfig,
    kl: float,
    reference: PreTrainedModel | None,
    ends: TokenEnds | None,
    constraint: Constraint | None,
) -> list[ScoredGroup]:
    """Rewards and advantages of sampled groups."""
    grpo, drawn = config.grpo, config.sampling
    in_reward = kl if grpo.kl_in == "reward" else 0.0
    every_BGT = None
    if reference is not None and (in_reward > 0 or config.reward.fluency > 0):
        rollouts_BG = [rollouts for _, rollouts in begun]
        every_BGT = reference_logprobs(
            reference, rollouts_BG, drawn.temperature, config.optimizer.micro_batch_tokens, constraint
        )
    groups = []
    for number, (task, rollouts) in enumerate(begun):
        scores = [task.score(rollout) for rollout in rollouts]
        found_G, rewards_G = [], []
        for sample, (rollout, score) in enumerate(zip(rollouts, scores, strict=True)):
            reference_T = None if every_BGT is None else every_BGT[number][sample]
            fluency = None if reference_T is None else float(reference_T.mean())
            found = components(rollout, score, task.request.user, config.reward, drawn.max_new_tokens, fluency)
            reward = earned(found, config.reward)
            if reference_T is not None and in_reward > 0:
                found["kl"] = float(divergence(reference_T - torch.tensor(rollout.logprobs), grpo.kl_estimator).sum())
                reward -= in_reward * found["kl"]
            found_G.append(found)
            rewards_G.append(reward)
        whole = group_advantages(torch.tensor([rewards_G]), grpo.deviation, grpo.leave_one_out)[0].tolist()
        by_token = _token_advantages(rollouts, scores, whole, config, ends)
        if grpo.min_deviation > 0 and statistics.pstdev(rewards_G) <= grpo.min_deviation:
            whole, by_token = [0.0] * len(whole), [[0.0] * len(one) for one in by_token]
        trained = [grpo.truncated == "keep" or not rollout.stop.cut for rollout in rollouts]
        groups.append(ScoredGroup(task, rollouts, scores, found_G, rewards_G, whole, by_token, trained))
    return groups


def _token_advantages(
    rollouts: Sequence[Rollout],
    scores: Sequence[Score],
    advantages: Sequence[float],
    config: RunConfig,
    ends: TokenEnds | None,
) -> list[list[float]]:
    """Those of whole completions on all their tokens, and those of parts on all tokens that write some of them."""
    weights = config.reward
    by_token = [[one] * len(rollout.tokens) for rollout, one in zip(rollouts, advantages, strict=True)]
    if weights.parts > 0:
        assert ends is not None
        parts_GK = [[(part, part.value) for part in score.parts if part.value is not None] for score in scores]
        values_GK = [[value for _, value in parts_K] for parts_K in parts_GK]
        advantages_GK = part_advantages(values_GK, config.grpo.deviation)
        for rollout, advantages_T, parts_K, own_K in zip(rollouts, by_token, parts_GK, advantages_GK, strict=True):
            if not any(own_K):
                continue
            ends_T = ends(rollout)
            for (part, _), advantage in zip(parts_K, own_K, strict=True):
                last = bisect_left(ends_T, part.end)
                for t in range(bisect_right(ends_T, part.start), min(last + 1, len(ends_T))):
                    advantages_T[t] += weights.parts * advantage
    return by_token


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
    optimizer: MasterAdamW,
    groups: Sequence[ScoredGroup],
    config: RunConfig,
    learning_rate: float,
    kl: float,
    boundary: StepBoundary,
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

        boundary.changing()
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
    """Micro-batches keep the order of groups and completions, so a completion's values are dealt out along with it."""
    count = {
        "tokens": sum(group.tokens for group in part),
        "groups": len(part),
        "completions": sum(sum(group.trained) for group in part),
        "longest": config.sampling.max_new_tokens,
    }
    always = config.grpo.kl > 0 or config.grpo.entropy > 0
    scored = [group for group in part if group.spread or (always and group.tokens)]
    kept = [list(itertools.compress(zip(g.rollouts, g.token_advantages, strict=True), g.trained)) for g in scored]
    groups = [
        Group(pairs[0][0].prompt_tokens, [rollout.tokens for rollout, _ in pairs], pairs[0][0].grammar)
        for pairs in kept
    ]
    values = iter([(g.tokens, *pair) for g, pairs in zip(scored, kept, strict=True) for pair in pairs])
    plan = []
    for some in micro_batches(groups, max_tokens):
        micro_batch = _MicroBatch(some, [], [], [])
        for _ in range(sum(len(group.completions) for group in some)):
            of_group, rollout, advantages = next(values)
            length = len(rollout.tokens)
            weight = token_weight(config.grpo.normalise, of_group=of_group, of_completion=length, **count)
            micro_batch.advantages += advantages
            micro_batch.weights += [weight] * length
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
    """What only the loop knows of a batch; rewards, outcomes and lengths are in its rollouts."""
    rewards = [reward for group in groups for reward in group.rewards]
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    found = [one for group in groups for one in group.components]
    metrics = {
        "earned": statistics.fmean(rewards),
        "reward_std": statistics.pstdev(rewards),
        "truncated": statistics.fmean(rollout.stop.cut for rollout in rollouts),
        "groups_without_spread": statistics.fmean(not group.spread for group in groups),
        "groups": float(len(groups)),
        "tokens_sampled": float(sum(len(rollout.tokens) for rollout in rollouts)),
    }
    for name, sign in (("length_better", 1), ("length_worse", -1)):
        lengths = [
            len(rollout.tokens)
            for group in groups
            for rollout, advantage in zip(group.rollouts, group.advantages, strict=True)
            if sign * advantage > 0
        ]
        if lengths:
            metrics[name] = statistics.fmean(lengths)
    return metrics | {f"reward/{name}": statistics.fmean(one[name] for one in found) for name in found[0]}
