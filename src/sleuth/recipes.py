"""Recipes: files of keys, and keys on the command line, read as a configuration, each key with its documentation.

A recipe may extend another (`extends = "translate.toml"`, seen from its own file): tables are merged key by key, lists
of tables are replaced whole. A recipe with stages is a pipeline (`sleuth.pipeline`).
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from sleuth.config import RunConfig, Section, SourceConfig
from sleuth.errors import UserError, nearest, shortened
from sleuth.progress import say

EXTENDS, STAGE = "extends", "stage"
"""Keys of a file that are none of a configuration."""
RENAMED: dict[str, str] = {"reward.parts": "reward.spans"}
"""Old key to its name now; old ones are read for one version."""
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


SHOWN = 200
"""Characters of a path, or of a value, that messages quote."""
DEEPEST = 20
"""Tables and lists within one another; a recipe needs five."""
LIST = "list"
"""The type, as `keys` tells it, of what the command line takes as texts with commas between them."""
TABLE = "table"


@cache
def keys() -> tuple[tuple[str, str, Any, str], ...]:
    """Every key of a configuration as (dotted name, type, default, documentation)."""
    return tuple(_keys(RunConfig, ""))


def _keys(section: type[Section], prefix: str) -> Iterator[tuple[str, str, Any, str]]:
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _keys(field.annotation, f"{prefix}{name}.")
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


def load_recipe(path: Path, overrides: Mapping[str, Any] | None = None) -> RunConfig:
    """Reads a recipe and sets the overrides (`{"grpo.steps": "20"}`, or a value of the key's type) on top of it. A
    recipe that does not name itself is called as its file.

    Raises `UserError`, naming file, key and remedy, if the file can't be read, a key is unknown or a value is not of
    its type, and for a recipe with stages, which is several runs.
    """
    if has_stages(path):
        raise UserError(f"{path} has stages, each a run of its own; train it with sleuth train {path}")
    return parse_config(with_overrides(read_recipe(path), overrides or {}), str(path))


def has_stages(path: Path) -> bool:
    """Whether a recipe is a pipeline. Raises `UserError` as `read_recipe` does."""
    return any(STAGE in _read_file(file) for file in _chain(path))


def read_recipe(path: Path) -> dict[str, Any]:
    """The plain data of a recipe, on top of what it extends. Raises `UserError` for a file that can't be read, and for
    one that extends itself, however far around."""
    data: dict[str, Any] = {}
    for file in reversed(_chain(path)):
        own = current_names(_read_file(file), str(file), told=True)
        own.pop(EXTENDS, None)
        data = merged(data, {"name": file.stem} | own)
    return data


def _chain(path: Path) -> list[Path]:
    """The file, what it extends, what that extends, and so on."""
    chain = [path]
    while (parent := _read_file(chain[-1]).get(EXTENDS)) is not None:
        if not isinstance(parent, str):
            raise UserError(f'{chain[-1]}: {EXTENDS} names one other recipe, as in {EXTENDS} = "translate.toml"')
        file = chain[-1].parent / parent
        if not _is_file(file):
            raise UserError(
                f"{chain[-1]}: {EXTENDS} {shortened(parent, SHOWN)!r}, but there is no file "
                f"{shortened(str(file), SHOWN)}"
            )
        if any(file.samefile(other) for other in chain):
            raise UserError(f"{chain[-1]}: {EXTENDS} {parent!r}, which extends this recipe; leave one of the two out")
        chain.append(file)
    return chain


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _read_file(path: Path) -> dict[str, Any]:
    return read_toml(path, "recipe", "the shipped ones are in recipes/")


def read_toml(path: Path, what: str, shipped: str) -> dict[str, Any]:
    """A TOML file as plain data; `what` it is, and where others of its kind are, are said where there is none. Raises
    `UserError`, one line, whatever the file holds."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        if _nested(data, DEEPEST):
            raise RecursionError
    except FileNotFoundError:
        raise UserError(f"{shortened(str(path), SHOWN)}: no such {what}; {shipped}") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; name a {what}'s file (.toml)") from None
    except OSError as error:
        raise UserError(f"{shortened(str(path), SHOWN)}: cannot be read ({error.strerror})") from None
    except RecursionError:
        raise UserError(f"{path}: not a {what}: its tables or lists are nested too deep") from None
    except ValueError as error:  # no TOML, no UTF-8, a number of thousands of digits, a path that none can be
        raise UserError(f"{shortened(str(path), SHOWN)}: not a TOML file: {error}") from None
    return data


def _nested(data: Any, deep: int) -> bool:
    """Whether tables and lists stand in one another more than so many deep."""
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return deep < 0 or any(_nested(one, deep - 1) for one in inner)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The second on top of the first: tables key by key, anything else whole."""
    return {
        key: merged(below[key], above[key])
        if isinstance(below.get(key), Mapping) and isinstance(above.get(key), Mapping)
        else above.get(key, below.get(key))
        for key in {**below, **above}
    }


def current_names(data: Mapping[str, Any], source: str, told: bool) -> dict[str, Any]:
    """Plain data with old keys under the names they have now, in stages, too; `told`: a line says so. Raises
    `UserError` where both names are given."""
    data = merged({}, data)
    for old, new in RENAMED.items():
        section, _, last = old.rpartition(".")
        if isinstance(table := data.get(section), dict) and last in table:
            wanted = new.rpartition(".")[2]
            if wanted in table:
                raise UserError(f"{source}: {old} is the old name of {new}, which is given, too; leave {old} out")
            if told:
                say(f"{source}: {old} is called {new} now; the old name is read for one more version")
            data[section] = {wanted if key == last else key: value for key, value in table.items()}
    if isinstance(stages := data.get(STAGE), dict):
        data[STAGE] = {
            name: current_names(table, f"{source}, stage {name}", told) if isinstance(table, dict) else table
            for name, table in stages.items()
        }
    return data


def with_overrides(data: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of plain data with keys set: to a text as on the command line, or to a value of the key's type. Raises
    `UserError` for a key that there is not."""
    changed = copy.deepcopy(dict(data))
    for dotted, value in overrides.items():
        _set(changed, dotted, value)
    return changed


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


def _set(data: dict[str, Any], dotted: str, value: Any) -> None:
    types = {name: shown for name, shown, *_ in keys()}
    if dotted in RENAMED:
        say(f"--{dotted} is called --{RENAMED[dotted]} now; the old name is read for one more version")
        dotted = RENAMED[dotted]
    if dotted not in types:
        raise UserError(f"--{dotted}: {_unknown(dotted)}")
    *sections, last = dotted.split(".")
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise UserError(f"--{dotted}: {section} is {data!r} in the recipe, and not a section of keys")
    if not isinstance(value, str):
        data[last] = value
        return
    if types[dotted] == TABLE:
        try:
            data[last] = tomllib.loads("\n".join(value.split(",")))
        except (ValueError, RecursionError):
            raise UserError(
                f"--{dotted} {shortened(value)}: give it as name=value, more with commas; texts in quotes"
            ) from None
        return
    data[last] = [part.strip() for part in value.split(",")] if types[dotted] == LIST else value


def parse_config(data: Mapping[str, Any], source: str) -> RunConfig:
    """Plain data as a configuration; `source` names it in errors (`UserError`)."""
    data = current_names(data, source, told=False)
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        dotted = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UserError(f"{source}: {_unknown(dotted)}") from None
        if first["type"] == "value_error":  # in our own words; without a place, of keys that do not go together
            raise UserError(": ".join(filter(None, (source, dotted, str(first["ctx"]["error"]))))) from None
        raise UserError(f"{source}: {dotted}: {first['msg']} (got {shortened(repr(first['input']), SHOWN)})") from None
