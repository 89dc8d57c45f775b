"""Recipes: files of keys, and keys on the command line, read as a configuration, each key with its documentation."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from sleuth.config import RunConfig, Section, SourceConfig
from sleuth.errors import UserError, nearest

NOT_IN_TRAINING = (
    "is for sleuth eval and ask, not for training: a token that it leaves out has no probability for the sampler but "
    "one for the trainer, which would bias the ratio of GRPO"
)
TWO_RATES = "is two keys: sft.learning_rate for the warm start, grpo.learning_rate for what comes after it"
REFUSED = {
    "sampling.top_k": NOT_IN_TRAINING,
    "sampling.top_p": NOT_IN_TRAINING,
    "optimizer.learning_rate": TWO_RATES,
    "learning_rate": TWO_RATES,
}
"""Keys that could be expected, and why there are none."""


LIST = "list"
"""The type, as `keys` tells it, of what the command line takes as texts with commas between them."""
TABLE = "table"


def keys(section: type[Section] = RunConfig, prefix: str = "") -> Iterator[tuple[str, str, Any, str]]:
    """Every key of a configuration as (dotted name, type, default, documentation)."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from keys(field.annotation, f"{prefix}{name}.")
        elif get_args(field.annotation) == (SourceConfig, ...):
            yield f"{prefix}{name}", "list of tables", (), " ".join((field.description or "").split())
        else:
            shown = getattr(field.annotation, "__name__", str(field.annotation))
            if get_origin(field.annotation) is tuple:
                shown = LIST
            elif get_origin(field.annotation) is dict:
                shown = TABLE
            elif get_origin(field.annotation) is Literal:
                shown = " | ".join(str(value) for value in get_args(field.annotation))
            elif get_origin(field.annotation) is UnionType:
                shown = str(field.annotation)
            yield (
                f"{prefix}{name}",
                shown,
                field.get_default(call_default_factory=True),
                " ".join((field.description or "").split()),
            )


def load_recipe(path: Path, overrides: Mapping[str, str] | None = None) -> RunConfig:
    """Reads a recipe and sets the overrides (`{"grpo.steps": "20"}`) on top of it.

    Raises `UserError`, naming file, key and remedy, if the file can't be read, a key is unknown or a value is not of
    its type.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such recipe; the shipped ones are in recipes/") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; name a recipe file (.toml)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a TOML file: {error}") from None
    return parse_config(with_overrides(data, overrides or {}), str(path))


def with_overrides(data: dict[str, Any], overrides: Mapping[str, str]) -> dict[str, Any]:
    """Plain data with keys set from the command line. Raises `UserError` for a key that there is not."""
    for dotted, value in overrides.items():
        _set(data, dotted, value)
    return data


def parse_overrides(tokens: Sequence[str]) -> dict[str, str]:
    """`["--grpo.steps", "20", "--mode=answer"]` as `{"grpo.steps": "20", "mode": "answer"}`."""
    found: dict[str, str] = {}
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        if not token.startswith("--"):
            raise UserError(f"{token!r}: keys are given as --section.key value")
        name, equals, value = token[2:].partition("=")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise UserError(f"--{name}: a value is missing")
            value = rest.pop(0)
        found[name] = value
    return found


def _unknown(dotted: str) -> str:
    """What is wrong with a key that there is not."""
    if dotted in REFUSED:
        return f"{dotted} {REFUSED[dotted]}"
    return f"unknown key {dotted!r}; {nearest(dotted, [name for name, *_ in keys()])}"


def _set(data: dict[str, Any], dotted: str, value: str) -> None:
    types = {name: shown for name, shown, *_ in keys()}
    if dotted not in types:
        raise UserError(f"--{dotted}: {_unknown(dotted)}")
    *sections, last = dotted.split(".")
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise UserError(f"--{dotted}: {section} is {data!r} in the recipe, and not a section of keys")
    if types[dotted] == TABLE:
        try:
            data[last] = tomllib.loads("\n".join(value.split(",")))
        except tomllib.TOMLDecodeError:
            raise UserError(f"--{dotted} {value}: give it as name=value, more with commas; texts in quotes") from None
        return
    data[last] = [part.strip() for part in value.split(",")] if types[dotted] == LIST else value


def _values(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested tables."""
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _values(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def parse_config(data: Mapping[str, Any], source: str) -> RunConfig:
    """Plain data as a configuration; `source` names it in errors (`UserError`)."""
    types = {name: shown for name, shown, *_ in keys()}
    for dotted, value in _values(data):
        if isinstance(value, bool) and types.get(dotted, "bool") != "bool":
            raise UserError(f"{source}: {dotted}: {str(value).lower()} is neither a number nor a text; set a value")
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        dotted = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UserError(f"{source}: {_unknown(dotted)}") from None
        if not first["loc"] and first["type"] == "value_error":  # of keys that do not go together
            raise UserError(f"{source}: {first['ctx']['error']}") from None
        raise UserError(f"{source}: {dotted}: {first['msg']} (got {first['input']!r})") from None
