"""The application that the verbs register with, and the options that several of them share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

from cyclopts import App, ArgumentCollection, Parameter, Token

from sleuth.config import Until
from sleuth.errors import UserError

if TYPE_CHECKING:
    from sleuth.policy.base import Sampling

OUTPUTS = ("--out", "--board", "--charts", "--export", "--html", "--markdown", "--results")
"""Options that name what a verb writes, whichever verb."""


def check_paths(_: App, verb: Sequence[str], arguments: ArgumentCollection) -> None:
    """Raises `UserError` for an empty path, which would be the current folder, and for an output that is one of the
    files that are read. For every verb, before it runs."""
    given = [(argument, token.value) for argument in arguments for token in argument.tokens]
    for argument, value in given:
        hint = argument.resolved_hint
        if not value and Path in (hint, *get_args(hint)):
            raise UserError(f"{argument.name}: an empty path; name a file or folder, . for the current folder")
    outputs = [(argument.name, value) for argument, value in given if argument.name in OUTPUTS]
    for name, output in outputs:
        for argument, value in given:
            if argument.name not in OUTPUTS and _same_file(output, value):
                raise UserError(f"{name} {output} is what sleuth {' '.join(verb)} reads; name another file")


def _same_file(one: str, other: str) -> bool:
    try:
        return Path(one).is_file() and Path(one).samefile(other)
    except (OSError, ValueError):  # the other argument is no path
        return False


app = App(
    name="sleuth",
    help="Puzzles with one proved answer, and small language models that learn to solve them.",
    help_format="markdown",
    version_flags=["--version"],
    config=check_paths,
)


def whole_number(_: object, tokens: Sequence[Token]) -> int:
    """Reads an integer; cyclopts itself would round 1.5."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise UserError(f"{tokens[0].keyword or ''} {tokens[0].value}: give a whole number".strip()) from None


def refuse_unread(verb: Callable[..., object], given: Mapping[str, object], names: Sequence[str], why: str) -> None:
    """Raises `UserError` for the first of some options that differs from its default, where nothing would read it.
    `given`: the verb's arguments by name. An option given at its default is accepted, since it changes nothing."""
    known = inspect.signature(verb).parameters
    for name in names:
        if given[name] != known[name].default:
            raise UserError(f"--{name.replace('_', '-')} {why}; leave it out")


Whole = Annotated[int, Parameter(converter=whole_number)]
"""An integer on the command line."""

RECIPE = Parameter(help="Recipe (.toml); see recipes/.")
KeyValue = Annotated[str, Parameter(allow_leading_hyphen=True, help="Any key of the recipe: `--section.key value`.")]
"""What is said of a recipe's file, and a word of those that change its keys, on the command line."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingOptions:
    """How completions are sampled: the options that the verbs which ask a model share."""

    temperature: float = 0.0
    """0 is greedy."""
    top_k: Whole = 0
    """Sample only from so many of the likeliest tokens; 0: from all."""
    top_p: float = 1.0
    """Sample only from the likeliest tokens that together have this probability."""
    max_new_tokens: Whole = 256
    """Longest completion."""
    until: Until = "end"
    """What ends a completion: the model's `end` token only, or also complete `answers`."""
    constrain: bool = False
    """Sample only what a grammar of the puzzle's own names can read (modes `program` and `answer`)."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1`; `auto` uses a GPU if there is one."""

    def sampling(self, seed: int) -> Sampling:
        """Raises `UserError` for settings that cannot be sampled with."""
        from sleuth.policy.base import Sampling

        return Sampling(
            self.max_new_tokens,
            self.temperature,
            (seed,),
            self.top_k,
            self.top_p,
            self.until,
            constrain=self.constrain,
        )


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSamplingOptions(SamplingOptions):
    """The same for verbs that need different completions of a puzzle."""

    temperature: float = 1.0
    """0 is greedy."""


GREEDY = SamplingOptions()
RANDOM = RandomSamplingOptions()
