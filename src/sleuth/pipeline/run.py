"""Running a pipeline: what is missing of its stages, each a run in a folder of its own.

A stage that is finished is not made again, one that was stopped goes on. `stages.json` tells from which settings each
was made, those of the stages before it included; where they have changed since, nothing is run at all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from sleuth.errors import UserError, counted
from sleuth.files import atomic_write, check_folder, free_disk_bytes, read_json, writing
from sleuth.pipeline.overview import write_overview
from sleuth.pipeline.read import Pipeline, Stage
from sleuth.progress import clock, say
from sleuth.report.page import write_report
from sleuth.runs.directory import MODEL, WEIGHTS, RunDirectory, step_of
from sleuth.runs.settings import change, pinned, versions_of
from sleuth.training.average import average
from sleuth.training.estimate import short_of_disk
from sleuth.training.memory import GB
from sleuth.training.preflight import Shape, cost_of, shape_of, start
from sleuth.training.run import train_to_end

RECORDS = "stages.json"
"""Stage to the digest of what it was made from."""
Records = dict[str, str]


def run(pipeline: Pipeline, folder: Path, until: str | None = None) -> Path:
    """Makes what is missing of a pipeline in a folder, up to a stage or to the end; the folder of the model it came to.

    Raises `UserError`, before anything is run, for a folder that holds something else, a stage that there is not,
    stages that were made from other settings, and what `start` raises for any of them. Ctrl-C leaves a pipeline that
    goes on.
    """
    stages = pipeline.up_to(until)
    check_folder(folder)
    records = _records(folder)
    for stage in stages:
        _check(stage, folder, records)
    versions = _versions(pipeline, folder)
    missing = [stage for stage in stages if not _finished(stage, folder)]
    for line in outlook(pipeline, missing, folder):
        say(line)
    for stage in stages:
        if stage in missing:
            records[stage.name] = stage.digest
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
            atomic_write(folder / RECORDS, (json.dumps(records, indent=2) + "\n").encode())
            say(f"{pipeline.name}: stage {stage.name}")
            _make(stage, folder, versions)
        write_overview(pipeline, folder)
    if stages[-1] is pipeline.last:
        _link(folder, stages[-1])
        return folder / MODEL
    return folder / stages[-1].name / MODEL


def outlook(pipeline: Pipeline, missing: Sequence[Stage], folder: Path) -> list[str]:
    """Lines for people, before the start: what each missing stage will take, about, and all of them together. Raises
    `UserError` for what would stop one of them later."""
    shapes: dict[str, Shape] = {}
    for stage in pipeline.stages.values():
        first = stage.sources[0] if stage.sources else None
        if first is None and any(_begins_with(other, stage, pipeline) for other in missing):
            assert stage.config is not None
            shapes[stage.name] = shape_of(stage.config)
        elif first in shapes:
            shapes[stage.name] = shapes[first]
    lines = [f"{pipeline.name}: {len(missing)} of {counted(len(pipeline.stages), 'stage')} to make"]
    total_s, disk, steps, examples = 0.0, 0, 0, 0
    for stage in missing:
        model, _ = shapes[stage.name]
        if stage.config is None:
            needed = 4 * sum(parameter.numel() for parameter in model.parameters())
            lines.append(f"  {stage.name}: the mean of {' and '.join(stage.sources)}, {needed / GB:.1f} GB")
        else:
            config, done = stage.config, _done(folder / stage.name)
            cost = cost_of(config, shapes[stage.name])
            whole, needed = config.sft.steps + config.grpo.steps, cost.disk_bytes
            left_s = cost.total_s * (1 - done / whole)
            lines.append(
                f"  {stage.name}: {counted(whole, 'step')}"
                + (f" ({counted(done, 'is', 'are')} made)" if done else "")
                + f", {counted(config.sft.examples, 'example')}, {config.grpo.steps} of the steps GRPO, "
                f"about {clock(left_s)}, {needed / GB:.1f} GB"
            )
            total_s, steps, examples = total_s + left_s, steps + whole - done, examples + config.sft.examples
        disk += needed
    if missing:
        lines.append(
            f"in all: {counted(steps, 'step')}, {counted(examples, 'example')}, about {clock(total_s)} "
            f"by the machine's rate now; disk: at most about {disk / GB:.1f} GB"
        )
        if (free := free_disk_bytes(folder)) < disk:
            lines.append(short_of_disk(free))
    return lines


def _begins_with(stage: Stage, root: Stage, pipeline: Pipeline) -> bool:
    """Whether a stage's architecture is the one that `root` begins with."""
    while stage.sources:
        stage = pipeline.stages[stage.sources[0]]
    return stage is root


def _versions(pipeline: Pipeline, folder: Path) -> dict[str, str]:
    """The versions of families that the stages so far have pinned, which the others take as well."""
    found: dict[str, str] = {}
    for stage in pipeline.stages.values():
        if stage.config is not None and (folder / stage.name / "config.json").exists():
            found |= versions_of(RunDirectory.open(folder / stage.name).config, stage.config)
    return found


def _make(stage: Stage, folder: Path, versions: Mapping[str, str]) -> None:
    path = folder / stage.name
    if stage.config is None:
        with writing(path):
            path.mkdir(exist_ok=True)
        average([str(folder / source / MODEL) for source in stage.sources], path / MODEL)
        return
    config = pinned(stage.config_in(folder), versions)
    write_report(train_to_end(config, path, lambda: start(config, path)))


def _finished(stage: Stage, folder: Path) -> bool:
    """The model is written last."""
    return (folder / stage.name / MODEL / WEIGHTS).exists()


def _done(path: Path) -> int:
    """Steps that a run need not make again."""
    return max(map(step_of, (path / "checkpoints").glob("step_*")), default=0)


def _records(folder: Path) -> Records:
    """What is known of the stages in a folder. Raises `UserError` for a folder that holds something else."""
    file = folder / RECORDS
    if not file.exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} holds something else than a pipeline; name another folder with --out")
        return {}
    found = read_json(file)
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise UserError(f"{file} should tell a digest for each stage; name another folder with --out")
    return found


def _check(stage: Stage, folder: Path, records: Mapping[str, str]) -> None:
    """Raises `UserError` for a stage that was made from other settings than the recipe's."""
    path = folder / stage.name
    remedy = f"remove the folder {path} to make it again, or name another folder with --out"
    if (path / "config.json").exists() and stage.config is not None:
        found, wanted = RunDirectory.open(path).config, stage.config_in(folder)
        if stage.sources:  # whose model it began with is told by the digest; the folder may have moved
            wanted = wanted.model_copy(update={"model": wanted.model.model_copy(update={"name": found.model.name})})
        if changed := change(found, wanted):
            raise UserError(f"{path} was made with {changed}; set it back, or {remedy}")
    elif not (path / MODEL).exists():
        return
    if stage.sources and records.get(stage.name) != stage.digest:
        before = " and ".join(stage.sources)
        raise UserError(f"{path} goes on from {before} as made with other settings; {remedy}")


def _link(folder: Path, last: Stage) -> None:
    """Puts the last stage's model where the pipeline's is looked for: a link, or a copy where there are no links."""
    target = folder / MODEL
    if target.is_symlink():
        target.unlink()
    with writing(target):
        if target.exists():
            shutil.rmtree(target)
        try:
            target.symlink_to(Path(last.name) / MODEL, target_is_directory=True)
        except OSError:
            shutil.copytree(folder / last.name / MODEL, target)
