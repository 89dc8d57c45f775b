"""The figures of a result, as its file holds them. `sleuth.bench.figures` makes them of the rows."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from sleuth.bench.stored import MOST, Fraction, Stored, Total
from sleuth.evaluation.statistics import Interval
from sleuth.evaluation.summary import COUNTED_SPANS
from sleuth.policy.base import Fault
from sleuth.puzzles.score import Outcome

Twin = Literal["names", "words", "herrings"]
"""What a twin has otherwise than its puzzle."""


def _share(interval: Interval) -> Interval:
    return _within(interval, 0)


def _difference(interval: Interval) -> Interval:
    return _within(interval, -1)


def _within(interval: Interval, lowest: int) -> Interval:
    if not all(lowest <= end <= 1 for end in (interval.low, interval.mean, interval.high)):
        raise ValueError(f"an interval lies within {lowest} and 1")
    if not 1 <= interval.n <= MOST:
        raise ValueError("n is the number of puzzles, 1 or more")
    return interval


Share = Annotated[Interval, AfterValidator(_share)]
"""Within 0 and 1."""
Difference = Annotated[Interval, AfterValidator(_difference)]
"""Of shares: within -1 and 1."""


class Figure(Stored):
    """Of a level, a family or all."""

    puzzles: Total
    """That were to be asked. `solved.n`: those that have a completion."""
    completions: Total
    solved: Share | None
    """Every question right; None without completions."""
    share: Share | None
    """Questions answered right."""
    format_failures: Total
    """Completions that could not be read, and were not cut off."""
    truncated: Total
    """Completions that were cut off before anything could be read."""
    faults: Total
    """Asked without a completion."""

    @property
    def perfect(self) -> bool:
        """Whether every completion of every puzzle is solved."""
        return self.solved is not None and self.solved.mean == 1 and self.solved.n == self.puzzles and not self.faults

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.solved is None) != (self.share is None):
            raise ValueError("solved and share are both known, or neither is")
        return self


class Perfect(Stored):
    """ "100 % or not to be trusted": the levels without a single miss, and how sure that is of each."""

    levels: Total
    of: Total
    """All levels."""
    lowest_bound: Fraction | None
    """The lowest of the lower bounds of those levels; None where there is none."""
    at: dict[str, Fraction]
    """Level to its lower bound."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.levels != len(self.at) or self.lowest_bound != min(self.at.values(), default=None):
            raise ValueError("the number of levels and the lowest bound are those of `at`")
        return self


class Twins(Stored):
    """Twins less the puzzles that they were made of: negative where a model does worse on the twins."""

    solved: Difference
    p_value: Annotated[float, Field(ge=0, le=1)]


class Spent(Stored):
    """Tokens, seconds and dollars of everything that was asked, twins too."""

    completions: Total
    prompt_tokens: Total
    new_tokens: Total
    reasoning_tokens: Total | None = None
    """None where nothing counts them."""
    seconds: Annotated[float, Field(ge=0, le=MOST**2)]
    usd: Annotated[float, Field(ge=0)] | None
    """None without a price."""
    usd_each: Annotated[float, Field(ge=0)] | None
    """Of a completion."""
    usd_solved: Annotated[float, Field(ge=0)] | None
    """Of a puzzle solved; None where none is."""


class Measured(Stored):
    """A mean that may be a number of sentences, whose interval is not known from one puzzle."""

    mean: float
    low: float | None
    high: float | None
    n: Annotated[int, Field(ge=1, le=MOST)]

    @property
    def share(self) -> Interval | None:
        """As a share; None for what is none."""
        if self.low is None or self.high is None or not 0 <= self.low <= self.mean <= self.high <= 1:
            return None
        return Interval(self.mean, self.low, self.high, self.n)


class Summary(Stored):
    """All figures. Those of the puzzles leave twins out."""

    all: Figure
    families: dict[str, Figure]
    levels: dict[str, Figure]
    """`temporal-clue@1/2`: family and level."""
    perfect: Perfect
    twins: dict[Twin, Twins]
    answered: Share | None
    """Completions that answer rather than abstain."""
    errors_of_answered: Total
    pass_at: dict[int, Share]
    """By k, with more than one sample of a puzzle."""
    majority_at: dict[int, Share]
    best_at: dict[int, Share] = Field(default_factory=dict)
    """In modes `reason` and `program`."""
    outcomes: dict[Outcome, Total]
    faults: dict[Fault, Total]
    """Of twins, too."""
    spent: Spent
    soundness: dict[str, Measured] = Field(default_factory=dict)
    """By name in `sleuth.evaluation.summary.SPANS`."""
    legibility: dict[str, Share] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _shares(self) -> Self:
        for name, measured in self.soundness.items():
            if name not in COUNTED_SPANS and measured.share is None:
                raise ValueError(f"soundness.{name} is a share with its interval")
        return self
