"""What a pipeline is: a recipe with stages.

    name = "two-steps"                 # keys outside stages are for all of them
    mode = "program"

    [stage.easy]                       # any keys of a recipe, on top of those
    puzzles.level = "1"

    [stage.hard]
    from = "easy"                      # goes on from that stage's model
    puzzles.level = "2"

    [stage.mean]
    from = ["easy", "hard"]            # the mean of their weights; nothing is trained

The last stage's model is the pipeline's. Keys on the command line are for all stages (`--sft.examples 4`) or for one
(`--stage.hard.sft.examples 4`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sleuth.config import NANO_SIZES, RunConfig
from sleuth.errors import UserError, nearest, shortened
from sleuth.files import NO_FILE_NAME, is_file_name
from sleuth.recipes import STAGE, merged, parse_config, read_recipe, with_overrides
from sleuth.runs.directory import MODEL
from sleuth.runs.settings import digest

FROM = "from"


GIVEN = ("name", "kind", *NANO_SIZES)
"""Keys of the section `model` that a stage does not choose where it goes on from another."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One run of a pipeline, or a mean of models."""

    name: str
    sources: tuple[str, ...]
    """Stages that it goes on from; none begins with the model of the recipe."""
    config: RunConfig | None
    """None: the mean of what the sources made."""
    digest: str
    """Of its settings and of those of all it comes from."""

    def config_in(self, folder: Path) -> RunConfig:
        """The settings of its run, in a pipeline's folder."""
        assert self.config is not None
        if not self.sources:
            return self.config
        model = self.config.model.model_copy(update={"name": str(folder / self.sources[0] / MODEL)})
        return self.config.model_copy(update={"model": model})


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages, each after those that it comes from."""

    path: Path
    name: str
    stages: Mapping[str, Stage]

    @property
    def last(self) -> Stage:
        """The one whose model is the pipeline's."""
        return list(self.stages.values())[-1]

    def up_to(self, name: str | None) -> list[Stage]:
        """What has to be made for a stage (None: for all of them), in order. Raises `UserError` for one that there is
        not."""
        if name is None:
            return list(self.stages.values())
        if name not in self.stages:
            raise UserError(f"--stage {name}: {self.path} has no such stage; {nearest(name, list(self.stages))}")
        needed = {name}
        for stage in reversed(list(self.stages.values())):
            if stage.name in needed:
                needed.update(stage.sources)
        return [stage for stage in self.stages.values() if stage.name in needed]


def read_pipeline(path: Path, overrides: Mapping[str, str] | None = None) -> Pipeline:
    """Reads a recipe with stages and the settings of each. Raises `UserError`, naming file, stage, key and remedy."""
    data = read_recipe(path)
    tables, name = data.pop(STAGE, None), data["name"]
    if not isinstance(tables, Mapping) or not tables or not all(isinstance(one, Mapping) for one in tables.values()):
        raise UserError(f"{path}: stages are tables, as in [{STAGE}.first]; there are none")
    if not isinstance(name, str):
        raise UserError(f"{path}: name {shortened(str(name))} is no text; put it in quotes")
    if not is_file_name(name):
        raise UserError(f"{path}: name {shortened(name)!r}: {NO_FILE_NAME}")
    common, own = _split(overrides or {}, tables, path)
    stages: dict[str, Stage] = {}
    for stage, table in tables.items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,99}", stage) or stage == MODEL:
            raise UserError(
                f"{path}: stage {shortened(stage)!r} names a folder; use at most 100 small letters, digits and "
                f"hyphens, not {MODEL!r}"
            )
        where = f"{path}, stage {stage}"
        sources = _sources(table[FROM], stages, where) if FROM in table else ()
        before = [stages[source].digest for source in sources]
        keys = {key: value for key, value in table.items() if key != FROM}
        if isinstance(table.get(FROM), list):
            if keys or own.get(stage):
                raise UserError(f"{where}: a mean of models is not trained; give {_first(keys)} to a stage after it")
            stages[stage] = Stage(stage, sources, None, digest(None, before))
            continue
        settings = with_overrides(merged(data, {"name": f"{name}-{stage}"} | keys), common)
        if sources:
            if not isinstance(settings.get("model", {}), Mapping):
                raise UserError(f"{where}: model is a section of keys, as in model.dtype; and {FROM} says which model")
            _check_going_on(with_overrides(merged({}, keys), own.get(stage, {})), where)
            settings["model"] = {key: value for key, value in settings.get("model", {}).items() if key not in GIVEN}
        config = parse_config(with_overrides(settings, own.get(stage, {})), where)
        stages[stage] = Stage(stage, sources, config, digest(config, before))
    return Pipeline(path, name, stages)


def _sources(given: Any, stages: Mapping[str, Stage], where: str) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise UserError(f'{where}: {FROM} is the name of a stage, or a list of names for the mean, as in ["a", "b"]')
    for one in names:
        if one not in stages:
            known = nearest(one, list(stages)) if stages else "this is the first"
            raise UserError(f"{where}: {FROM} {one!r} names no stage above it; {known}")
    if isinstance(given, list) and len(set(names)) < 2:
        raise UserError(f"{where}: {FROM} lists {'one stage' if names else 'no stage'}; a mean is of two or more")
    return tuple(names)


def _check_going_on(own: Mapping[str, Any], where: str) -> None:
    """Raises `UserError` for keys of a stage that say what model it begins with, beside `from`."""
    for key in GIVEN:
        if isinstance(own.get("model"), Mapping) and key in own["model"]:
            raise UserError(f"{where}: model.{key} stands beside {FROM}, whose model it is; leave one of them out")


def _split(
    overrides: Mapping[str, str], stages: Mapping[str, Any], path: Path
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Overrides for all stages, and those for single ones (`stage.NAME.section.key`)."""
    common: dict[str, str] = {}
    own: dict[str, dict[str, str]] = {}
    for dotted, value in overrides.items():
        first, *rest = dotted.split(".", 2)
        if first != STAGE:
            common[dotted] = value
        elif len(rest) < 2 or rest[0] not in stages:
            raise UserError(f"--{dotted}: give --{STAGE}.NAME.KEY; stages of {path}: {', '.join(stages)}")
        else:
            own.setdefault(rest[0], {})[rest[1]] = value
    return common, own


def _first(keys: Mapping[str, Any]) -> str:
    return next(iter(keys), "its keys")
