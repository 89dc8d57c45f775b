"""A new run that goes on from a checkpoint of another one, with other settings.

The new folder holds what the parent had come to by that step (metrics, evaluations of earlier stages, the checkpoint
itself) and `parent.json`, which says where it comes from and what was changed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path

from sleuth.config import NANO_SIZES, RunConfig, SftConfig
from sleuth.errors import UserError
from sleuth.files import atomic_write
from sleuth.recipes import parse_config, with_overrides
from sleuth.runs.directory import CHOSEN, EXAMPLES, INITIAL, PARENT, REFERENCE, RunDirectory, step_of
from sleuth.runs.settings import aligned

COPIED = (REFERENCE, INITIAL)
"""Folders of models that a run may need to go on."""
BOUND = frozenset(
    {
        *("mode", "weights.lora_rank", "weights.lora_alpha"),
        *(f"sft.{name}" for name in SftConfig.model_fields),
        *(f"model.{name}" for name in ("name", "kind", "template", "template_kwargs", "template_time", *NANO_SIZES)),
    }
)
"""Keys that a checkpoint is bound to."""
EARLY = ("guessing", "solver", "before")
"""Evaluations of what no training has changed."""


def forked(parent: RunDirectory, overrides: Mapping[str, str]) -> RunConfig:
    """The parent's configuration with keys set anew. Raises `UserError` for a key that cannot change."""
    for name in overrides:
        if name in BOUND:
            raise UserError(
                f"--{name}: a checkpoint is bound to it; train a new run with --model.name {parent.path / 'model'}"
            )
    return parse_config(with_overrides(parent.config.model_dump(mode="json"), overrides), "sleuth fork")


def bound(parent: RunConfig, config: RunConfig) -> str:
    """The first key that a checkpoint of the one is bound to and that the other has otherwise, or an empty text."""
    return next((key for key in sorted(BOUND) if attrgetter(key)(parent) != attrgetter(key)(config)), "")


def origin(parent: RunDirectory, step: str, config: RunConfig) -> Path:
    """The parent's checkpoint that a run with `config` is to go on from. `step`: `last`, `best` or a number, which
    counts the steps of the warm start, too.

    Raises `UserError` for a step that is not kept or is behind the run's end, and settings that need what the parent
    has not.
    """
    if parent.config.engine.kind == "trl":
        raise UserError(
            f"{parent.path} was trained on TRL, whose checkpoints are not Sleuth's; train a new run with --model.name "
            f"{parent.path / 'model'}"
        )
    source = _checkpoint(parent, step)
    number, warm, grpo = step_of(source), config.sft.steps, config.grpo.steps
    if number > warm + grpo:
        raise UserError(
            f"--step {step} is step {number}, of {warm + grpo} in all; set --grpo.steps to {number - warm} or more"
        )
    if number > warm and config.engine.kind == "trl":
        raise UserError(
            f"--step {step}: TRL cannot go on within GRPO; take a step up to {warm}, or --engine.kind sleuth"
        )
    if number > warm and (config.needs_reference or config.eval.reference) and not (parent.path / REFERENCE).is_dir():
        raise UserError(
            f"{parent.path} did not keep the model as it was before GRPO (eval.reference false), which grpo.kl, "
            "reward.fluency and eval.reference need; leave them out"
        )
    return source


def branch(
    parent: RunDirectory, source: Path, path: Path, config: RunConfig, changed: Mapping[str, object]
) -> RunDirectory:
    """Makes the folder `path`, to go on from the checkpoint `source`, which is a resume. `config` must agree with the
    parent's in all that a checkpoint is bound to; `changed` is what is told of the difference. Raises `UserError` for a
    folder that holds something."""
    number = step_of(source)
    same = EARLY if number < config.sft.steps else (*EARLY, "after-sft")
    names = set(parent.evaluation_names()) & set(same if _same_suite(parent.config, config) else ())

    def fill(run: RunDirectory) -> None:
        for name in ("metrics.jsonl", "timings.jsonl", EXAMPLES):
            if (parent.path / name).exists():
                shutil.copyfile(parent.path / name, path / name)
        if (parent.path / CHOSEN).exists() and parent.config.puzzles == config.puzzles:
            shutil.copyfile(parent.path / CHOSEN, path / CHOSEN)
        for name in COPIED:
            if (parent.path / name).is_dir():
                shutil.copytree(parent.path / name, path / name)
        for name in names:
            for suffix in (".parquet", ".json"):
                shutil.copyfile(parent.evaluations / f"{name}{suffix}", run.evaluations / f"{name}{suffix}")
        shutil.copytree(source, run.checkpoints / source.name)
        told = {"parent": parent.config.name, "folder": str(parent.path), "step": number, "changed": dict(changed)}
        atomic_write(path / PARENT, (json.dumps(told, indent=2) + "\n").encode())

    return RunDirectory.create(path, config, fill)


def _same_suite(one: RunConfig, other: RunConfig) -> bool:
    """Whether evaluations of the one are what the other would make."""
    one, other = aligned(one, other)
    return _asked(one) == _asked(other)


def _asked(config: RunConfig) -> tuple[object, ...]:
    """What an evaluation depends on, beside the model."""
    sampling = config.sampling
    return (
        *(config.puzzles, config.eval.count, config.eval.seed, config.grpo.retries),
        *(sampling.max_new_tokens, sampling.until, sampling.constrain),
    )


def _checkpoint(run: RunDirectory, step: str) -> Path:
    kept = sorted(run.checkpoints.glob("step_*"))
    numbers = [step_of(path) for path in kept]
    if not kept:
        raise UserError(f"{run.path} keeps no checkpoint; there is nothing to fork from")
    if step == "last":
        return kept[-1]
    if step == "best":
        wanted = run.best_step()
        if wanted is None:
            best = run.config.checkpoint.best
            why = f"has no evaluation with {best!r}" if best else "names no best checkpoint"
            raise UserError(f"{run.path} {why}; train with --checkpoint.best strict")
    elif step.isdecimal():
        wanted = int(step)
    else:
        raise UserError(f"--step {step}: last, best, or one of {', '.join(map(str, numbers))}")
    if wanted not in numbers:
        raise UserError(f"--step {step}: step {wanted} is not kept; there are {', '.join(map(str, numbers))}")
    return kept[numbers.index(wanted)]
