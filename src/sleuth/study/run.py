"""Running a study.

Runs come seed by seed, all arms of one before the next, so that a study that is stopped compares what it has. A run
that is finished is not made again; one that was stopped goes on. Arms of a seed that differ in nothing but GRPO and
reward have the same warm start, to the bit: it is made once, as a run of its own, and they go on from its end.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path

from sleuth.config import EngineConfig, GrpoConfig, RewardConfig, RunConfig
from sleuth.errors import UserError
from sleuth.files import check_folder
from sleuth.progress import say
from sleuth.runs.directory import RunDirectory
from sleuth.runs.settings import pinned, versions_of
from sleuth.study.read import Study
from sleuth.study.table import write_table
from sleuth.training.preflight import start, start_from
from sleuth.training.run import train_to_end

POWER_Z = 1.96 + 0.84
"""A difference is found in 80 % of studies if it is so many standard errors (two-sided, 5 %)."""


def detectable(puzzles: int, seeds: int, share: float = 0.5) -> float:
    """The least difference of two shares around `share` that such a study finds with a power of 80 %, from chance in
    the puzzles alone; chance between seeds comes on top."""
    return POWER_Z * math.sqrt(2 * share * (1 - share) / (puzzles * seeds))


def run(study: Study, folder: Path, results: Path, only: Collection[int] = ()) -> Path | None:
    """Makes the runs that are missing under `folder`/ARM-SEED, of the seeds `only` if there are any, and writes the
    table and the plots once all are there; the table's path.

    Raises `UserError` for a seed that the study has not, folders that can't be made, a model that can't be loaded or a
    full disk. Ctrl-C leaves a study that goes on.
    """
    for seed in only:
        if seed not in study.seeds:
            raise UserError(f"--seed {seed}: {study.path} has {', '.join(map(str, study.seeds))}")
    check_folder(folder)
    check_folder(results)
    count = next(iter(next(iter(study.arms.values())).values())).eval.count
    least = detectable(count, len(study.seeds))
    say(f"{study.name}: {study.question}")
    say(
        f"{len(study.arms)} arms, {len(study.seeds)} seeds, {count} puzzles each: a difference of {least:.1%} would be "
        "detected with 80 % power, counting only chance in the puzzles"
    )
    versions = _versions(study, folder)
    for seed in only or study.seeds:
        configs = {arm: pinned(of_seed[seed], versions) for arm, of_seed in study.arms.items()}
        for arm, config in configs.items():
            path, shared = folder / f"{arm}-{seed}", _sharing(configs, arm)
            warm = None
            if len(shared) > 1 and not (path / "config.json").exists():
                say(f"{study.name}: warm start of arms {', '.join(shared)}, seed {seed}")
                warm = _made(warm_start(config), folder / f"warm-{shared[0]}-{seed}")
            say(f"{study.name}: arm {arm}, seed {seed}")
            _made(config, path, warm)
    paths = {arm: [folder / f"{arm}-{seed}" for seed in study.seeds] for arm in study.arms}
    every = [path for of_arm in paths.values() for path in of_arm]
    done = sum((path / "config.json").exists() and RunDirectory.open(path).finished for path in every)
    if done < len(every):
        say(f"{study.name}: {done} of {len(every)} runs are finished; the last one writes the table")
        return None
    runs = {arm: [RunDirectory.open(path) for path in of_arm] for arm, of_arm in paths.items()}
    return write_table(study, runs, results, least)


def _versions(study: Study, folder: Path) -> dict[str, str]:
    """The versions of families that the study's runs so far have pinned, which the others take as well."""
    found: dict[str, str] = {}
    for arm, of_seed in study.arms.items():
        for seed, config in of_seed.items():
            path = folder / f"{arm}-{seed}"
            if (path / "config.json").exists():
                found |= versions_of(RunDirectory.open(path).config, config)
    return found


def _made(config: RunConfig, path: Path, warm: RunDirectory | None = None) -> RunDirectory:
    """The run, trained to its end. Raises `UserError` for one that is there with other settings."""

    def begin() -> RunDirectory:
        if warm is None:
            return start(config, path)
        return start_from(warm, "last", path, config, config.model_dump(include={"grpo", "reward"}))

    return train_to_end(config, path, begin)


def warm_start(config: RunConfig) -> RunConfig:
    """The warm start of a run, as a run of its own: what comes after it makes no difference to it."""
    plain = {"name": "warm", "grpo": GrpoConfig(steps=0), "reward": RewardConfig(), "engine": EngineConfig()}
    return config.model_copy(update={**plain, "eval": config.eval.model_copy(update={"every": 0})})


def _sharing(configs: Mapping[str, RunConfig], arm: str) -> list[str]:
    """The arms with this one's warm start, itself among them. Where GRPO has further turns, the warm start shows some,
    and it is not shared; nor is none at all."""
    config = configs[arm]
    if not config.sft.examples or config.grpo.retries or not config.grpo.steps:
        return [arm]
    warm = warm_start(config)
    return [
        name
        for name, other in configs.items()
        if other.grpo.steps and not other.grpo.retries and warm_start(other) == warm
    ]
