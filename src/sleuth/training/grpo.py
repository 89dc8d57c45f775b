"""GRPO, Group Relative Policy Optimization (Shao et al. 2024, DeepSeekMath, arXiv:2402.03300): the loop.

A step: sample a group of completions for each puzzle, score them, compare each with its group, and make the better ones
likelier. Every draw is keyed by the run's seed, the step and the puzzle, so a step can be repeated to the bit.

Left out: files (the recorder writes them), and which puzzles there are (the caller's `tasks`).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sleuth.config import RunConfig
from sleuth.policy.base import Policy
from sleuth.training.batch import ScoredGroup, Task
from sleuth.training.checkpoint_guard import CheckpointGuard
from sleuth.training.credit import TokenEnds
from sleuth.training.likelihood import Likelihood
from sleuth.training.optimizer import MasterOptimizer, scheduled_rate
from sleuth.training.sampling import sample_batch
from sleuth.training.stopwatch import Stopwatch
from sleuth.training.update import Ratios, update


@dataclass(frozen=True, slots=True)
class Learner:
    """What is trained, and all that is computed with on the way."""

    model: Likelihood
    policy: Policy
    """Samples with the model's weights."""
    optimizer: MasterOptimizer
    reference: Likelihood | None = None
    """The model as it was before step 1; needed if `config.grpo.kl` or `config.reward.fluency` is above 0."""
    ends: TokenEnds | None = None
    """Places parts of completions; needed if `config.reward.spans` is above 0."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was made."""

    number: int
    """From 1."""
    groups: Sequence[ScoredGroup]
    metrics: dict[str, float]
    timings: dict[str, float]
    """Disjoint seconds."""
    ratios: Ratios = field(default_factory=dict)


class Recorder(Protocol):
    """What is done between steps, and knows of files."""

    def log(self, step: Step) -> None:
        """After every step."""
        ...

    def evaluate(self, step: int) -> None:
        """Every `config.eval.every` steps, before the first and after the last."""
        ...

    def save(self, step: int) -> None:
        """Every `config.checkpoint.every` steps, after the last, and on Ctrl-C between steps."""
        ...


def train_grpo(
    learner: Learner,
    tasks: Callable[[int], Iterable[Task]],
    config: RunConfig,
    recorder: Recorder,
    start_step: int = 0,
) -> None:
    """Trains for `config.grpo.steps` steps, which are numbered from 1; `start_step` have been made already.

    A step takes `tasks(step)`, the first `config.grpo.puzzles_per_step` of them and, where groups have nothing to
    teach, of the `config.grpo.refill` behind them.
    """
    grpo = config.grpo
    assert learner.reference is not None or not config.needs_reference
    assert learner.ends is not None or config.reward.spans == 0
    if start_step == 0 and config.eval.every:
        recorder.evaluate(0)
    with CheckpointGuard(start_step, grpo.steps, config.checkpoint.every, recorder.save) as guard:
        for step in range(start_step + 1, grpo.steps + 1):
            watch, kl = Stopwatch(), kl_weight(config, step)
            asked = iter(tasks(step))
            groups = sample_batch(learner.policy, asked, config, step, kl, learner.reference, learner.ends, watch)
            with watch("train_s"):
                rate = scheduled_rate(
                    step - 1, grpo.learning_rate, grpo.warmup_steps, grpo.steps, config.optimizer.schedule
                )
                trained = update(learner.model, learner.reference, learner.optimizer, groups, config, rate, kl, guard)
                metrics = sampling_metrics(groups) | trained.metrics() | {"learning_rate": rate}
            guard.changing()
            recorder.log(Step(step, groups, metrics, watch.seconds, trained.ratios))
            if config.eval.every and (step % config.eval.every == 0 or step == grpo.steps):
                recorder.evaluate(step)
            guard.finished(step)


def kl_weight(config: RunConfig, step: int) -> float:
    """The weight of the Kullback–Leibler penalty in a step, counted from 1."""
    grpo = config.grpo
    if grpo.kl_end is None or grpo.steps == 1:
        return grpo.kl
    return grpo.kl + (grpo.kl_end - grpo.kl) * (step - 1) / (grpo.steps - 1)


def sampling_metrics(groups: Sequence[ScoredGroup]) -> dict[str, float]:
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
