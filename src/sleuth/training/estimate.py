"""What a run will cost, and what is unusual in its recipe: said before the first step."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from sleuth.config import RunConfig
from sleuth.errors import counted
from sleuth.policy.machine import LARGE, SMALL, SMALL_COUNT, rounds_s
from sleuth.progress import clock
from sleuth.training.choice import sampled_to_choose
from sleuth.training.memory import GB, Lengths

TRAINING_SHARE, SAMPLING_SHARE = 0.6, 0.5
"""Of the rate of large products what training gets, of small ones what decoding gets, about
(benchmarks/efficiency.py)."""


NANO = 20_000_000
"""Models of so few parameters learn at higher rates."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run will take, about."""

    sampled_tokens: int
    """New tokens of a GRPO step."""
    step_s: float
    """Seconds of a GRPO step."""
    total_s: float
    """Seconds of the whole run, evaluations and the choice of fixed puzzles included."""
    disk_bytes: int
    """At most."""


def expected(config: RunConfig, parameters: int, lengths: Lengths, rate: float) -> Cost:
    """`config` is settled; parameters: the model's; lengths of a prompt and of a warm-start completion; rate:
    operations a second (`measured_rate`)."""
    sft, grpo, new = config.sft, config.grpo, config.sampling.max_new_tokens
    target = min(new, lengths.target) if sft.examples else new
    shown = min(sft.batch_size, sft.examples) * (lengths.prompt + target)
    sampled = grpo.puzzles_per_step * grpo.samples * target
    trained = grpo.puzzles_per_step * lengths.prompt + sampled
    sft_s = sft.steps * 6 * parameters * shown / (rate * TRAINING_SHARE)
    step_s = 6 * parameters * trained / (rate * TRAINING_SHARE) + 2 * parameters * sampled / (rate * SAMPLING_SHARE)
    evaluated = 3 * config.eval.count
    if config.eval.every:
        evaluated += (1 + grpo.steps // config.eval.every) * config.eval.every_count
    evaluated += sampled_to_choose(config.puzzles)
    answered_s = evaluated * 2 * parameters * (lengths.prompt + target) / (rate * SAMPLING_SHARE)
    return Cost(sampled, step_s, sft_s + grpo.steps * step_s + answered_s, _disk_bytes(config, parameters))


def estimate(config: RunConfig, parameters: int, lengths: Lengths, rate: float, free: int) -> list[str]:
    """Lines for people: tokens, updates, expected time and disk (`expected`); free: bytes of the disk."""
    cost, grpo = expected(config, parameters, lengths, rate), config.grpo
    lines = []
    if grpo.steps:
        most = grpo.puzzles_per_step * grpo.samples * config.sampling.max_new_tokens * (1 + grpo.retries)
        lines.append(
            f"a GRPO step: {grpo.puzzles_per_step} x {counted(grpo.samples, 'completion')}, about "
            f"{cost.sampled_tokens} new tokens (at most {most}), {counted(grpo.updates_per_batch, 'update')} a "
            f"batch, about {cost.step_s:.0f} s" + (" without second turns" if grpo.retries else "")
        )
    lines.append(
        f"expected time: about {clock(cost.total_s)}, by the machine's rate now; disk: at most about "
        f"{cost.disk_bytes / GB:.1f} GB"
    )
    if config.engine.kind == "trl":
        lines.append("these are times of Sleuth's own engine on this machine; TRL's are not estimated")
    if free < cost.disk_bytes:
        lines.append(short_of_disk(free))
    return lines + [f"unusual: {remark}" for remark in unusual(config, parameters)]


def short_of_disk(free: int) -> str:
    """What to do where a disk with so many bytes free may not be enough."""
    return (
        f"the disk has {free / GB:.1f} GB free: free some, or keep fewer checkpoints (checkpoint.keep, "
        "checkpoint.keep_every); a run that finds it full stops and can be resumed"
    )


def measured_rate(device: str, dtype: object) -> float:
    """Operations a second of products as large and as small as a model's, half and half."""
    operations = 2.0 * LARGE[0] * LARGE[1] * LARGE[2] + SMALL_COUNT * 2.0 * SMALL[0] * SMALL[1] * SMALL[2]
    return operations / statistics.median(rounds_s(device, dtype))  # type: ignore[arg-type]


def _disk_bytes(config: RunConfig, parameters: int) -> int:
    """At most, about."""
    whole = 4 * parameters
    kept = config.checkpoint.keep + 1 + bool(config.checkpoint.best)  # one more while it is written
    steps = config.grpo.steps + config.sft.steps
    if config.checkpoint.keep_every:
        kept += steps // config.checkpoint.keep_every
    return kept * 3 * whole + 2 * whole  # weights and two moments; the model at the end and before GRPO


def unusual(config: RunConfig, parameters: int) -> Iterator[str]:
    """What few recipes have, each with why that matters."""
    grpo, sampling = config.grpo, config.sampling
    if grpo.steps:
        usual = 1e-3 if parameters <= NANO else 1e-4
        if grpo.learning_rate > usual:
            yield (
                f"grpo.learning_rate {grpo.learning_rate:g} is high; most stay under 1e-4, large models under 1e-5, "
                "and models of a few million parameters under 1e-3"
            )
        if grpo.samples < 4:
            yield f"grpo.samples {grpo.samples}: the mean of so few says little about which is better"
        if grpo.kl > 0.1:
            yield f"grpo.kl {grpo.kl:g} holds the model where it is; 0.01 and 0.001 are common"
        if grpo.updates_per_batch > 8:
            yield f"grpo.updates_per_batch {grpo.updates_per_batch}: the last updates are far from what was sampled"
        if sampling.temperature != 1:
            yield f"sampling.temperature {sampling.temperature:g}: what is trained is the model at that temperature"
        if grpo.entropy > 0.01:
            yield f"grpo.entropy {grpo.entropy:g} may outweigh the reward; 0.001 is common"
        if config.reward.answers == 0 and config.reward.strict == 0:
            yield "the reward does not ask for right answers (reward.answers and reward.strict are 0)"
        if config.mode == "answer" and config.reward.spans:
            yield f"reward.spans {config.reward.spans:g}: mode answer has no lines or sentences, it earns nothing"
        if config.mode != "reason" and (weight := config.reward.nothing_false):
            yield f"reward.nothing_false {weight:g}: mode {config.mode} has no sentences, it earns nothing"
        if config.mode == "reason" and grpo.truncated == "keep" and sampling.max_new_tokens < 64:
            yield f"sampling.max_new_tokens {sampling.max_new_tokens} is short for mode reason"
    if config.sft.examples == 0 and config.model.name == "smollm2-135m":
        yield "no warm start (sft.examples 0): a model this small seldom finds the format by itself"
    for name, steps, warmup in (
        ("sft", config.sft.steps, config.sft.warmup_steps),
        ("grpo", grpo.steps, grpo.warmup_steps),
    ):
        if 0 < steps <= warmup:
            all_steps = counted(steps, "step")
            yield f"{name}.warmup_steps {warmup}: with {all_steps} the learning rate never reaches its peak"
    if config.eval.count < 50:
        yield f"eval.count {config.eval.count}: intervals will be wide"
