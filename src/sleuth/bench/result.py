"""The result file: what a model wrote in a suite, how it was asked, and the figures. Its schema is these classes.

A result holds every completion, so that its figures can be made again (`sleuth.bench.figures`) and its grades checked.
It holds no prompt, which the suite gives, and no key of an interface.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from sleuth.bench.prices import DatedPrice
from sleuth.bench.stored import Count, Fraction, Seconds, Stored, first_fault
from sleuth.bench.summary import Summary
from sleuth.config import Effort, Mode, Until
from sleuth.errors import UserError
from sleuth.files import atomic_write, read_text
from sleuth.policy.base import Fault, StopReason
from sleuth.puzzles.score import Outcome

FORMAT = "sleuth-bench-result@1"


class SuiteFacts(Stored):
    """Which suite it was."""

    id: str
    """`sleuth-bench@1`, or the name of a file."""
    size: str
    """`small` or `full`; empty for a file."""
    hash: str
    """SHA-256 of the suite."""
    items: Count
    """What is asked: puzzles and twins."""
    levels: tuple[str, ...] = ()
    """Of a frozen suite, those that were asked; none: all."""

    @property
    def title(self) -> str:
        """Its name for people, with the part that was asked."""
        part = f", {'level' if len(self.levels) == 1 else 'levels'} {' and '.join(self.levels)} alone"
        return f"{self.id} {self.size}".strip() + (part if self.levels else "")

    def as_json(self) -> dict[str, Any]:
        """As plain data; without `levels` where all are asked, so that what was begun before there were any is gone
        on with."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Training(Stored):
    """What is known of how the model was trained, from the run that it is in."""

    sources: tuple[str, ...]
    """`temporal-clue@1/2`: family and level of what it was trained on."""
    seconds: Seconds
    """Of all its steps, evaluations and checkpoints, on the machine that trained it."""


class ModelFacts(Stored):
    """Who answered."""

    name: str
    """As it was asked for."""
    kind: Literal["baseline", "engine", "interface", "person"]
    """`baseline`: no model (`guessing`, `solver`); `engine`: a model that Sleuth's own engine ran; `interface`: one
    that was asked over an interface, through Inspect; `person`: somebody who played (`sleuth play --suite`)."""
    quantisation: str = ""
    """What rounding the weights went through, such as `Q4_1`."""
    training: Training | None = None
    """None where nothing is known of it."""


class Settings(Stored):
    """How it was asked."""

    mode: Mode
    samples: Annotated[Count, Field(ge=1)]
    """Completions of every puzzle."""
    seed: int
    temperature: float
    top_k: Count
    top_p: float
    max_new_tokens: Count
    until: Until
    constrain: bool
    effort: Effort | None = None
    """Of reasoning, as the interface was asked for; None: its default."""
    thinking_tokens: Count | None = None
    """Most tokens of reasoning, as the interface was asked for; None: its default."""


def make_settings(**given: Any) -> Settings:
    """Settings of the command line. Raises `UserError` for the first that cannot be."""
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Input should be ")
        raise UserError(f"--{str(first['loc'][0]).replace('_', '-')} {first['input']}: give a number {said}") from None


class Row(Stored):
    """One completion, or a fault in its place."""

    puzzle_id: str
    sample: Count
    completion: str
    stop: StopReason
    """Why it ended."""
    fault: Fault | None = None
    outcome: Outcome
    reward: Fraction
    """Share of questions answered right."""
    correct: bool
    """All of them right."""
    answers: dict[str, str | None]
    right: dict[str, bool]
    detail: str = ""
    spans: tuple[tuple[int, int, str], ...] = ()
    """(start, end, verdict) of lines and sentences."""
    prompt_tokens: Count
    new_tokens: Count
    """All that were written, reasoning included."""
    reasoning_tokens: Count | None = None
    """Of them, those of reasoning that is not part of the completion, where an interface counts them."""
    seconds: Seconds
    """Its share of the time that its batch took; over an interface, the time of its request."""

    @property
    def key(self) -> tuple[str, int]:
        """What names it within a result."""
        return self.puzzle_id, self.sample

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, given: Any) -> Any:
        """Reads the column's old name for one version."""
        if isinstance(given, dict) and "parts" in given:
            given = {("spans" if name == "parts" else name): value for name, value in given.items()}
        return given

    @model_validator(mode="after")
    def _fault_or_completion(self) -> Self:
        if (self.fault is None) == (self.outcome is Outcome.FAULT):
            raise ValueError("the outcome is `fault` where there is a fault, and only there")
        return self


class Result(Stored):
    """One model's result."""

    format: Literal["sleuth-bench-result@1"] = FORMAT  # type: ignore[assignment]
    canary: str
    suite: SuiteFacts
    model: ModelFacts
    settings: Settings
    price: DatedPrice | None = None
    sleuth: str
    """Version that wrote it."""
    date: date
    complete: bool
    """Whether all was asked."""
    stopped: str = ""
    """Why not, for people."""
    summary: Summary
    """The figures, which follow from the rest."""
    rows: tuple[Row, ...]


def write_result(path: Path, result: Result) -> None:
    """Writes a result, all or nothing."""
    atomic_write(path, (result.model_dump_json(indent=1) + "\n").encode())


def read_result(path: Path) -> Result:
    """Raises `UserError`, in one line, for a file that is missing or no result."""
    try:
        return Result.model_validate_json(read_text(path))
    except ValidationError as error:
        raise UserError(f"{path}: not a result of sleuth bench ({first_fault(error)})") from None
