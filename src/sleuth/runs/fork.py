"""A new run that goes on from a checkpoint of another one, with other settings.

The new folder holds what the parent had come to by that step (metrics, evaluations of earlier stages, the checkpoint
itself) and `parent.json`, which says where it comes from and what was changed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.files import atomic_write, writing
from sleuth.recipes import parse_config, with_overrides
from sleuth.runs.directory import RunDirectory

PARENT = "parent.json"
COPIED = ("reference", "initial")
"""Folders of models that a run may need to go on."""
BOUND = ("model.name", "model.kind", "sft.", "weights.lora", "mode")
"""Keys, or beginnings of keys, that a checkpoint is bound to."""


def fork(parent: RunDirectory, step: str, path: Path, overrides: Mapping[str, str]) -> RunDirectory:
    """Makes the folder `path`; going on with it is a resume. `step`: `last`, `best` or a checkpoint's number, which
    counts the steps of the warm start, too.

    Raises `UserError` for a step that is not kept, a folder that holds something, and a key that cannot change.
    """
    for name in overrides:
        if name.startswith(BOUND):
            raise UserError(
                f"--{name}: a checkpoint is bound to it; train a new run with --model.name {parent.path / 'model'}"
            )
    config = parse_config(with_overrides(parent.config.model_dump(mode="json"), overrides), "sleuth fork")
    return branch(parent, step, path, config, overrides)


def branch(
    parent: RunDirectory, step: str, path: Path, config: RunConfig, changed: Mapping[str, object]
) -> RunDirectory:
    """`fork` with a whole configuration, which must agree with the parent's in all that a checkpoint is bound to;
    `changed` is what is told of the difference. Raises `UserError` as `fork` does."""
    source = _checkpoint(parent, step)
    number = int(source.name.removeprefix("step_"))
    run = RunDirectory.create(path, config)
    with writing(path):
        for name in ("metrics.jsonl", "timings.jsonl"):
            if (parent.path / name).exists():
                shutil.copyfile(parent.path / name, path / name)
        for name in COPIED:
            if (parent.path / name).is_dir():
                shutil.copytree(parent.path / name, path / name)
        if _same_suite(parent.config, config):
            for name in parent.evaluation_names():
                if name != "after-grpo":
                    for suffix in (".parquet", ".json"):
                        shutil.copyfile(parent.evaluations / f"{name}{suffix}", run.evaluations / f"{name}{suffix}")
        shutil.copytree(source, run.checkpoints / source.name)
    told = {"parent": parent.config.name, "folder": str(parent.path), "step": number, "changed": dict(changed)}
    atomic_write(path / PARENT, (json.dumps(told, indent=2) + "\n").encode())
    return run


def _same_suite(one: RunConfig, other: RunConfig) -> bool:
    """Whether evaluations of the one are what the other would make."""
    return _asked(one) == _asked(other)


def _asked(config: RunConfig) -> tuple[object, ...]:
    """What an evaluation hangs on, beside the model."""
    sampling = config.sampling
    return (
        *(config.puzzles, config.eval.count, config.eval.seed, config.grpo.retries),
        *(sampling.max_new_tokens, sampling.until, sampling.constrain),
    )


def _checkpoint(run: RunDirectory, step: str) -> Path:
    kept = sorted(run.checkpoints.glob("step_*"))
    numbers = [int(path.name.removeprefix("step_")) for path in kept]
    if not kept:
        raise UserError(f"{run.path} keeps no checkpoint; there is nothing to fork from")
    if step == "last":
        return kept[-1]
    if step == "best":
        wanted = run.best_step()
        if wanted is None:
            raise UserError(f"{run.path} names no best checkpoint; train with --checkpoint.best strict")
    elif step.isdigit():
        wanted = int(step)
    else:
        raise UserError(f"--step {step}: last, best, or one of {', '.join(map(str, numbers))}")
    if wanted not in numbers:
        raise UserError(f"--step {step}: step {wanted} is not kept; there are {', '.join(map(str, numbers))}")
    return kept[numbers.index(wanted)]
