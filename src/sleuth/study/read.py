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

A seed sets `seed` and `puzzles.seed` of a run; the suite of its evaluation (`eval.seed`) stays the recipe's, so that
all runs answer the same puzzles.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sleuth.config import RunConfig
from sleuth.errors import UserError, nearest
from sleuth.recipes import load_recipe

MEASURES = {
    "strict": "puzzles solved",
    "share": "answers right",
    "readable": "readable",
    "length_tokens": "length, tokens",
    "language": "legibility: language",
    "compression": "legibility: compression",
    "repetition": "legibility: repetition",
    "sentences_true": "true sentences",
    "sentences_derived": "derived sentences",
}
"""What is compared of the last evaluations, and how it is called."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    question: str
    recipe: str
    seeds: tuple[int, ...] = Field(min_length=1)
    measures: tuple[str, ...] = ("strict", "length_tokens")
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


def read_study(path: Path) -> Study:
    """Reads a study and every recipe that it makes. Raises `UserError`, naming file, key and remedy."""
    try:
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        raise UserError(f"{path}: no such study; the shipped ones are in recipes/studies/") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a TOML file: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise UserError(f"{path}: unknown key {key!r}; {nearest(key, list(_File.model_fields))}") from None
        raise UserError(f"{path}: {key}: {first['msg']}") from None
    for measure in file.measures:
        if measure not in MEASURES:
            raise UserError(f"{path}: unknown measure {measure!r}; {nearest(measure, list(MEASURES))}")
    for arm in file.arms:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", arm):
            raise UserError(f"{path}: arm {arm!r} names folders; use letters, digits, points and hyphens")
    arms: dict[str, dict[int, RunConfig]] = {}
    for arm, keys in file.arms.items():
        arms[arm] = {}
        for seed in file.seeds:
            own = {**file.set, **keys, "seed": seed, "puzzles.seed": seed, "name": f"{file.name}-{arm}-{seed}"}
            try:
                arms[arm][seed] = load_recipe(path.parent / file.recipe, {k: _text(value) for k, value in own.items()})
            except UserError as error:
                raise UserError(f"{path}, arm {arm}: {error}") from None
    return Study(path, file.name, file.question, file.seeds, file.measures, arms, file.arms, file.set)


def _text(value: Any) -> str:
    """As the command line would have it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
