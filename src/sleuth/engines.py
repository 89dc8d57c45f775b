"""What an engine of others can take of a recipe. Nothing is dropped in silence: a key that TRL has no equivalent of is
refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from sleuth.config import RunConfig, WeightsConfig
from sleuth.errors import UserError

TRL_TAKES: dict[str, tuple[Any, ...]] = {
    "grpo.leave_one_out": (False,),
    "grpo.loss": ("clip", "gspo"),
    "grpo.normalise": ("batch", "completion", "constant"),
    "grpo.kl_in": ("loss",),
    "grpo.kl_estimator": ("k3",),
    "grpo.kl_end": (None,),
    "grpo.min_deviation": (0.0,),
    "grpo.refill": (0,),
    "grpo.learn_from": ("all",),
    "grpo.retries": (0,),
    "reward.fluency": (0.0,),
    "reward.spans": (0.0,),
    "sampling.until": ("end",),
    "sampling.token_budget": (0,),
    "sampling.give_up": (None,),
    "sampling.constrain": (False,),
    "puzzles.enter": (0.0,),
    "puzzles.choice": ("first", "random", "different"),
    "optimizer.kind": ("adamw",),
    "checkpoint.keep_every": (0,),
    "checkpoint.best": ("",),
    **{f"weights.{name}": (field.default,) for name, field in WeightsConfig.model_fields.items()},
}
"""Keys of which TRL's GRPO knows only some values."""


def check_trl(config: RunConfig) -> None:
    """Raises `UserError`, with the name of every key, for a recipe that TRL cannot run as Sleuth would, and for a batch
    that its processes cannot share."""
    grpo, engine = config.grpo, config.engine
    if refused := list(_refused(config)):
        raise UserError(f"TRL has no {', no '.join(refused)}; change or leave out these keys")
    if grpo.steps == 0:
        raise UserError("grpo.steps 0: TRL is for GRPO, and there is none; set it above 0")
    if grpo.deviation and not grpo.sample_deviation:
        raise UserError(
            "TRL divides by the standard deviation of a sample (samples - 1): set grpo.sample_deviation true, so that "
            "both engines do, or grpo.deviation false"
        )
    part, rest = divmod(grpo.puzzles_per_step * grpo.samples, engine.processes * grpo.updates_per_batch)
    if rest or (engine.batch_size and part % engine.batch_size):
        raise UserError(
            f"{grpo.puzzles_per_step} x {grpo.samples} completions do not divide into {grpo.updates_per_batch} updates "
            f"of {engine.processes} processes"
            + (f" in batches of {engine.batch_size}" if engine.batch_size else "")
            + "; change grpo.updates_per_batch, engine.processes or engine.batch_size"
        )


def batch_size(config: RunConfig) -> int:
    """Completions of one forward and backward pass of a process, for a recipe that `check_trl` passed."""
    if config.engine.batch_size:
        return config.engine.batch_size
    part = completions_of_process(config)
    return max(size for size in range(1, 9) if part % size == 0)


def completions_of_process(config: RunConfig) -> int:
    """What one process trains on in one update."""
    grpo = config.grpo
    return grpo.puzzles_per_step * grpo.samples // (config.engine.processes * grpo.updates_per_batch)


def _refused(config: RunConfig) -> Iterator[str]:
    """Keys, with their values, that TRL cannot take."""
    for key, values in TRL_TAKES.items():
        if (value := attrgetter(key)(config)) not in values:
            yield f"{key} {str(value).lower() if isinstance(value, bool) else value}"
    if config.grpo.correction and config.model.device == "cpu":
        yield f"grpo.correction {config.grpo.correction:g} without vLLM, hence not with model.device cpu"
