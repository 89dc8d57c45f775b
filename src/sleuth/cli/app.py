"""The application that the verbs register with, and the options that several of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cyclopts import App, Parameter

from sleuth.config import Until

if TYPE_CHECKING:
    from sleuth.policy.base import Sampling

app = App(
    name="sleuth",
    help="Puzzles with one proved answer, and small language models that learn to solve them.",
    help_format="markdown",
    version_flags=["--version"],
)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingOptions:
    """How completions are sampled: the options that the verbs which ask a model share."""

    temperature: float = 0.0
    """0 is greedy."""
    top_k: int = 0
    """Sample only from so many of the likeliest tokens; 0: from all."""
    top_p: float = 1.0
    """Sample only from the likeliest tokens that together have this probability."""
    max_new_tokens: int = 256
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
