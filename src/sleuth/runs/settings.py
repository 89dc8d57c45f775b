"""Which settings make a difference to a run's results: comparing two configurations, and a digest of one.

A recipe may name a family without its version (`zebra`). A run pins it when it starts (`zebra@1`), so that a later
version does not change the run when it resumes. The runs of one study or pipeline pin the same versions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

from sleuth.config import RunConfig
from sleuth.model_names import local_folder
from sleuth.puzzles.registry import get_task
from sleuth.recipes import keys

INDIFFERENT = (
    *("model.device", "model.dtype", "model.threads", "sampling.rows", "optimizer.micro_batch_tokens"),
    *("checkpoint.", "mirror.", "name"),
)
"""Keys, or beginnings of keys, that a run's start fills in, or that make no difference to its results."""


def pinned(config: RunConfig, versions: Mapping[str, str] | None = None) -> RunConfig:
    """The configuration with the id of every family. A name without a version means what `versions` (name to id) says,
    and otherwise what the registry does. Raises `UserError` for a family that does not exist."""
    known = dict(versions or {})
    for source in config.puzzles.sources:
        if "@" not in source.family and source.family not in known:
            known[source.family] = get_task(source.family).id
    return _with_versions(config, known)


def versions_of(found: RunConfig, wanted: RunConfig) -> dict[str, str]:
    """What a run has pinned: each family that `wanted` names without a version, to its id in `found`."""
    pairs = zip(found.puzzles.sources, wanted.puzzles.sources, strict=False)
    return {theirs.family: ours.family for ours, theirs in pairs if ours.family.startswith(f"{theirs.family}@")}


def aligned(one: RunConfig, other: RunConfig) -> tuple[RunConfig, RunConfig]:
    """Both; what one of them leaves open, the version of a family or the time of its chat template, is the other's."""
    return _filled(one, other), _filled(other, one)


def _filled(config: RunConfig, by: RunConfig) -> RunConfig:
    time = config.model.template_time or by.model.template_time
    timed = config.model_copy(update={"model": config.model.model_copy(update={"template_time": time})})
    return _with_versions(timed, versions_of(by, config))


def _with_versions(config: RunConfig, versions: Mapping[str, str]) -> RunConfig:
    puzzles = config.puzzles
    mixture = tuple(one.model_copy(update={"family": versions.get(one.family, one.family)}) for one in puzzles.mixture)
    family = puzzles.family if mixture else versions.get(puzzles.family, puzzles.family)
    return config.model_copy(update={"puzzles": puzzles.model_copy(update={"family": family, "mixture": mixture})})


def located(config: RunConfig) -> RunConfig:
    """With the whole paths of a local model and of a file of completions, since a run may be resumed from another
    folder."""
    folder = local_folder(config.model.name) if config.model.kind == "pretrained" else None
    name = config.model.name if folder is None else str(folder.resolve())
    file = config.sft.file and str(Path(config.sft.file).expanduser().resolve())
    changed = {"model": config.model.model_copy(update={"name": name})}
    return config.model_copy(update={**changed, "sft": config.sft.model_copy(update={"file": file})})


def differences(one: RunConfig, other: RunConfig) -> dict[str, Any]:
    """The keys that set two runs apart, with the other's values as plain data. What one of them leaves open (`aligned`)
    agrees with whatever the other has, and a local model with its whole path."""
    one, other = map(located, aligned(one, other))
    return {name: _plain(name, other) for name in _names() if attrgetter(name)(one) != attrgetter(name)(other)}


def _plain(name: str, config: RunConfig) -> Any:
    """A key's value as plain data."""
    value = attrgetter(name)(config)
    return [one.model_dump(mode="json") for one in value] if name == "puzzles.mixture" else value


def change(found: RunConfig, wanted: RunConfig) -> str:
    """The first difference in words, or an empty text: what was found, and what is wanted."""
    if not (key := next(iter(differences(found, wanted)), "")):
        return ""
    if key == "puzzles.mixture":
        return f"another {key}"
    return f"{key} {attrgetter(key)(found)}, where it says {attrgetter(key)(wanted)} now"


def digest(config: RunConfig | None, sources: Iterable[str] = ()) -> str:
    """A hash of the settings that are not their defaults, and of the digests of what a run comes from; `config` None:
    of those alone. A key that a later version adds changes nothing."""
    told: dict[str, Any] = {}
    if config is not None:
        defaults = RunConfig()
        told = {n: _plain(n, config) for n in _names() if attrgetter(n)(config) != attrgetter(n)(defaults)}
    return hashlib.sha256(json.dumps([told, list(sources)], sort_keys=True).encode()).hexdigest()


def _names() -> Iterator[str]:
    return (name for name, *_ in keys() if not name.startswith(INDIFFERENT))
