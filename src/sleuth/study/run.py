"""Running a study.

Runs come seed by seed, all arms of one before the next, so that a study that is stopped compares what it has. A run
that is finished is not made again; one that was stopped goes on. Arms of a seed that differ in nothing but GRPO and
reward have the same warm start, to the bit: it is made once, as a run of its own, and they go on from its end. An arm
may also go on from a checkpoint of another arm's run of the same seed. Runs of other studies with the same settings,
such as those of a plain arm that several studies begin with, need not be made again.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist

from sleuth.config import EngineConfig, GrpoConfig, RewardConfig, RunConfig
from sleuth.errors import UserError, counted
from sleuth.evaluation.statistics import CONFIDENCE
from sleuth.files import check_folder
from sleuth.progress import say
from sleuth.runs.directory import RunDirectory
from sleuth.runs.environment import current_environment
from sleuth.runs.settings import differences, pinned, versions_of
from sleuth.study.read import Study, warm_name
from sleuth.study.table import power_told, write_table
from sleuth.training.preflight import start, start_from
from sleuth.training.run import train_to_end

POWER = 0.8
"""Share of studies that find a difference of the size that they state."""


def detectable(puzzles: int, seeds: int, comparisons: int = 1, share: float = 0.5) -> float:
    """The least difference of two shares around `share` that such a study finds with a power of 80 % (two-sided, 5 %
    for all comparisons together, by Bonferroni), from chance in the puzzles alone; chance between seeds comes on top.
    """
    z = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (2 * comparisons)) + NormalDist().inv_cdf(POWER)
    return z * math.sqrt(2 * share * (1 - share) / (puzzles * seeds))


def run(
    study: Study, folder: Path, results: Path, only: Collection[int] = (), reuse: Sequence[Path] = ()
) -> Path | None:
    """Makes the runs that are missing under `folder`/ARM-SEED, of the seeds `only` if there are any, and writes the
    table and the plots of the seeds that have a finished run of every arm; the table's path, if there are any.
    `reuse`: folders of runs; a finished one there that goes on from no other stands for that of an arm with the same
    settings, unless other arms go on from that arm.

    Raises `UserError` for a seed that the study has not, folders that can't be made or read, a model that can't be
    loaded or a full disk. Ctrl-C leaves a study that goes on.
    """
    for seed in only:
        if seed not in study.seeds:
            raise UserError(f"--seed {seed}: {study.path} has {', '.join(map(str, study.seeds))}")
    check_folder(folder)
    check_folder(results)
    count = next(iter(next(iter(study.arms.values())).values())).eval.count
    comparisons = max(1, len(study.arms) - 1)
    least = detectable(count, len(study.seeds), comparisons)
    say(f"{study.name}: {study.question}")
    say(
        f"{counted(len(study.arms), 'arm')}, {counted(len(study.seeds), 'seed')}, {counted(count, 'puzzle')} each: "
        f"a difference of {least:.1%} would be detected with 80 % power, {power_told(study)}"
    )
    versions = _versions(study, folder)
    places = _places(study, folder, versions, [run for other in reuse for run in _anew(other)])
    for seed in only or study.seeds:
        configs = {arm: pinned(of_seed[seed], versions) for arm, of_seed in study.arms.items()}
        for arm, config in configs.items():
            path, shared = places[arm, seed], _sharing(configs, arm, study.origins)
            if path.parent != folder:
                say(f"{study.name}: arm {arm}, seed {seed}: {path} has the same settings{_made_by(path)}")
                continue
            begun: tuple[RunDirectory, str] | None = None
            if arm in study.origins:
                parent, step = study.origins[arm]
                begun = RunDirectory.open(places[parent, seed]), step
            elif len(shared) > 1 and not (path / "config.json").exists():
                say(f"{study.name}: warm start of arms {', '.join(shared)}, seed {seed}")
                begun = _made(warm_start(config), folder / f"{warm_name(shared[0])}-{seed}"), "last"
            say(f"{study.name}: arm {arm}, seed {seed}")
            _made(config, path, begun)
    complete = tuple(seed for seed in study.seeds if all(_finished(places[arm, seed]) for arm in study.arms))
    if len(complete) < len(study.seeds):
        say(f"{study.name}: {len(complete)} of {counted(len(study.seeds), 'seed')} have a finished run of every arm")
    if not complete:
        return None
    runs = {arm: [RunDirectory.open(places[arm, seed]) for seed in complete] for arm in study.arms}
    return write_table(study, runs, results, least)


def _anew(folder: Path) -> list[RunDirectory]:
    """The finished runs in a folder that go on from no other."""
    try:
        paths = sorted(path for path in folder.iterdir() if (path / "environment.json").exists())
    except OSError as error:
        raise UserError(f"--reuse {folder}: {error.strerror}; name a folder of runs, as of another study") from None
    found = [run for path in paths if _finished(path) and (run := RunDirectory.open(path)).parent() is None]
    if not found:
        raise UserError(
            f"--reuse {folder}: there is no finished run in it that goes on from no other; name a folder of runs, as "
            "of another study"
        )
    return found


def _made_by(path: Path) -> str:
    """In words, where other code made a run than would make it now."""
    then, now = RunDirectory.open(path).environment, current_environment()
    if (then.commit, then.changed) == (now.commit, False):
        return ""
    return f" (made by {'changed ' if then.changed else ''}code of commit {(then.commit or 'unknown')[:7]})"


def _places(
    study: Study, folder: Path, versions: Mapping[str, str], others: Sequence[RunDirectory]
) -> dict[tuple[str, int], Path]:
    """Where the run of each arm and seed is, or will be: among the others if it is not in the study's folder."""
    places: dict[tuple[str, int], Path] = {}
    # Checkpoints of these are needed, which a run of another study may not have kept.
    parents = {parent for parent, _ in study.origins.values()}
    for arm, of_seed in study.arms.items():
        for seed, config in of_seed.items():
            own = places[arm, seed] = folder / f"{arm}-{seed}"
            if arm not in study.origins and arm not in parents and not (own / "config.json").exists():
                wanted = pinned(config, versions)
                alike = (run.path for run in others if not differences(run.config, wanted))
                places[arm, seed] = next(alike, own)
    return places


def _finished(path: Path) -> bool:
    return (path / "config.json").exists() and RunDirectory.open(path).finished


def _versions(study: Study, folder: Path) -> dict[str, str]:
    """The versions of families that the study's runs so far have pinned, which the others take as well."""
    found: dict[str, str] = {}
    for arm, of_seed in study.arms.items():
        for seed, config in of_seed.items():
            path = folder / f"{arm}-{seed}"
            if (path / "config.json").exists():
                found |= versions_of(RunDirectory.open(path).config, config)
    return found


def _made(config: RunConfig, path: Path, origin: tuple[RunDirectory, str] | None = None) -> RunDirectory:
    """The run, trained to its end, from the start or from a step of another run. Raises `UserError` for one that is
    there with other settings."""

    def begin() -> RunDirectory:
        if origin is None:
            return start(config, path)
        parent, step = origin
        return start_from(parent, step, path, config, differences(parent.config, config))

    return train_to_end(config, path, begin)


def warm_start(config: RunConfig) -> RunConfig:
    """The warm start of a run, as a run of its own: what comes after it makes no difference to it."""
    plain = {"name": "warm", "grpo": GrpoConfig(steps=0), "reward": RewardConfig(), "engine": EngineConfig()}
    evaluation = config.eval.model_copy(update={"every": 0})
    checkpoint = config.checkpoint.model_copy(update={"best": ""})  # there will be no evaluations to compare
    return config.model_copy(update={**plain, "eval": evaluation, "checkpoint": checkpoint})


def _sharing(configs: Mapping[str, RunConfig], arm: str, origins: Collection[str]) -> list[str]:
    """The arms with this one's warm start, itself among them. Where GRPO has further turns, the warm start shows some,
    and it is not shared; nor is none at all, or that of an arm that goes on from another."""
    config = configs[arm]
    if arm in origins or not config.sft.examples or config.grpo.retries or not config.grpo.steps:
        return [arm]
    warm = warm_start(config)
    return [
        name
        for name, other in configs.items()
        if name not in origins and other.grpo.steps and not other.grpo.retries and warm_start(other) == warm
    ]
