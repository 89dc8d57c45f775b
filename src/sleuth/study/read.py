"""What a study is: a TOML file.

    name = "kl"
    question = "Does omitting the KL penalty hurt?"
    recipe = "../nano.toml"            # seen from the file
    seeds = [0, 1, 2]
    measures = ["strict", "length_tokens"]

    [set]                              # for all arms
    "grpo.steps" = 60

    [arms.none]                        # the first arm is what the others are compared with
    "grpo.kl" = 0.0

    [arms."0.001"]
    "grpo.kl" = 0.001

    [arms.lower]                       # goes on from a checkpoint of that arm's run: best, last or a step
    from = "0.001"
    step = "best"
    "grpo.learning_rate" = 1e-4

A seed sets `seed` and `puzzles.seed` of a run; the suite of its evaluation (`eval.seed`) stays the recipe's, so that
all runs answer the same puzzles.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from sleuth.config import RunConfig
from sleuth.datasets.make import Slot
from sleuth.errors import UserError, nearest, shortened
from sleuth.recipes import load_recipe, read_toml
from sleuth.runs.fork import bound
from sleuth.training.curriculum import suite_slots

MEASURES = {
    "strict": "puzzles solved",
    "share": "answers right",
    "readable": "readable",
    "right_by_1": "solved at once",
    "right_by_2": "solved by the second turn",
    "length_tokens": "length, tokens",
    "length_better": "length with advantage above 0, tokens",
    "length_worse": "length with advantage below 0, tokens",
    "language": "legibility: language",
    "compression": "legibility: compression",
    "repetition": "legibility: repetition",
    "fluency": "legibility: fluency (log-probability for the start model), nats a token",
    "kl": "divergence from the start model, nats a token",
    "sentences_true": "true sentences",
    "sentences_derived": "derived sentences",
    "sentences_unread": "unreadable sentences in a completion",
    "nothing_false": "without a false sentence",
}
"""What is compared of the last evaluations, and how it is called. Lengths by advantage are means over all GRPO steps;
fluency and divergence are of the last evaluation during GRPO."""
FROM, STEP = "from", "step"
"""Keys of an arm that are none of a recipe."""
OWN = ("name", "seed", "puzzles.seed")
"""Keys of a recipe that a study sets for each run."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")
    question: str
    recipe: str
    seeds: tuple[StrictInt, ...] = Field(min_length=1)
    measures: tuple[str, ...] = Field(("strict", "length_tokens"), min_length=1)
    set: dict[str, Any] = {}
    arms: dict[str, dict[str, Any]] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Study:
    """A study whose recipes are all sound."""

    path: Path
    name: str
    question: str
    seeds: tuple[int, ...]
    measures: tuple[str, ...]
    arms: Mapping[str, Mapping[int, RunConfig]]
    """Arm to seed to the run."""
    changed: Mapping[str, Mapping[str, Any]]
    """Arm to the keys that set it apart."""
    common: Mapping[str, Any]
    """The keys that are set for all arms."""
    origins: Mapping[str, tuple[str, str]]
    """Arm to the arm whose run it goes on from, and at which step; only those that go on from one."""


def read_study(path: Path) -> Study:
    """Reads a study and every recipe that it makes. Raises `UserError`, naming file, key and remedy."""
    try:
        file = _File.model_validate(read_toml(path, "study", "the shipped ones are in recipes/studies/"))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise UserError(f"{path}: unknown key {key!r}; {nearest(key, list(_File.model_fields))}") from None
        raise UserError(f"{path}: {key}: {first['msg']}") from None
    for measure in file.measures:
        if measure not in MEASURES:
            raise UserError(f"{path}: unknown measure {measure!r}; {nearest(measure, list(MEASURES))}")
    for measure, times in Counter(file.measures).items():
        if times > 1:
            raise UserError(f"{path}: measures has {measure!r} {times} times; name each once")
    for seed, times in Counter(file.seeds).items():
        if times > 1:
            raise UserError(f"{path}: seeds has {seed} {times} times; the same run again would count as another")
    for where, told in (("set", file.set), *((f"arm {arm}", told) for arm, told in file.arms.items())):
        for key in OWN:
            if key in told:
                raise UserError(f"{path}, {where}: the study itself sets {key} of every run; leave it out")
    _check_folders(path, file.arms)
    arms: dict[str, dict[int, RunConfig]] = {}
    changed: dict[str, dict[str, Any]] = {}
    origins: dict[str, tuple[str, str]] = {}
    for arm, told in file.arms.items():
        changed[arm] = {key: value for key, value in told.items() if key not in (FROM, STEP)}
        arms[arm] = {}
        try:
            if FROM in told or STEP in told:
                origins[arm] = _origin(told, arms)
            for seed in file.seeds:
                own = {**file.set, **changed[arm], "seed": seed, "puzzles.seed": seed}
                named = {"name": f"{file.name}-{arm}-{seed}"}
                arms[arm][seed] = load_recipe(path.parent / file.recipe, own | named)
            if arm in origins:
                _check_going_on(*origins[arm], arms, arms[arm])
            if len({tuple(_asked(of_seed[file.seeds[0]])) for of_seed in arms.values()}) > 1:
                raise UserError(
                    "is asked other puzzles than the arms above it: eval.count, eval.seed and sources must be one"
                )
        except UserError as error:
            raise UserError(f"{path}, arm {arm}: {error}") from None
    return Study(path, file.name, file.question, file.seeds, file.measures, arms, changed, file.set, origins)


def _asked(config: RunConfig) -> list[Slot]:
    """The puzzles of a run's last evaluation."""
    return suite_slots(config.puzzles, "test", config.eval.seed, config.eval.count)


def _check_folders(path: Path, arms: Collection[str]) -> None:
    """Raises `UserError` for names of arms that name no folders, or the same: two that differ in case alone are one
    folder on some disks."""
    taken: dict[str, str] = {}
    for arm in arms:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", arm):
            raise UserError(
                f"{path}: arm {shortened(arm)!r} names folders; use at most 100 letters, digits, points and hyphens"
            )
    for arm in arms:
        for folder, holds in ((arm, f"of arm {arm}"), (warm_name(arm), f"of the warm start that arm {arm} may share")):
            if (other := taken.setdefault(folder.lower(), holds)) != holds:
                raise UserError(f"{path}: the folder {holds} would be that {other}; give one arm another name")


def warm_name(arm: str) -> str:
    """The warm start that an arm shares with others, named as if it were an arm: by the first of them."""
    return f"warm-{arm}"


def _origin(told: Mapping[str, Any], before: Mapping[str, Any]) -> tuple[str, str]:
    """What an arm goes on from. Raises `UserError` for no arm above it."""
    parent, step = told.get(FROM), told.get(STEP, "last")
    if parent not in list(before)[:-1]:
        raise UserError(f"{FROM} {parent!r} names no arm above it; {STEP} says where its run is left")
    return str(parent), str(step)


def _check_going_on(
    parent: str, step: str, arms: Mapping[str, Mapping[int, RunConfig]], own: Mapping[int, RunConfig]
) -> None:
    """Raises `UserError` for settings that a checkpoint of the parent does not allow, or a step it will not keep: that
    would only be found when the parent's run has ended."""
    for seed, config in own.items():
        before = arms[parent][seed]
        if key := bound(before, config):
            raise UserError(f"{key} is not that of arm {parent}, whose checkpoint it goes on from; leave it out")
        if step == "best" and not before.checkpoint.best:
            raise UserError(f"arm {parent} names no best checkpoint; set its checkpoint.best")
        if step not in ("best", "last") and step not in (kept := [*map(str, _kept(before))]):
            raise UserError(f"{STEP} {step!r}: of arm {parent} there will be best, last, {', '.join(kept)}")


def _kept(config: RunConfig) -> list[int]:
    """Steps, warm start and GRPO together, whose checkpoints a run keeps to its end, whichever is the best."""
    warm, last, kept = config.sft.steps, config.sft.steps + config.grpo.steps, config.checkpoint
    phases = ((0, warm), (warm, last))  # each counts its own steps, and saves after its last one
    made = [step for begun, end in phases for step in sorted({*range(begun + kept.every, end, kept.every), end})]
    made = [step for step in dict.fromkeys(made) if step > 0]
    return [step for step in made if step in made[-kept.keep :] or (kept.keep_every and step % kept.keep_every == 0)]
