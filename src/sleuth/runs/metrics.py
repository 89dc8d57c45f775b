"""The lines of a run's logs as they are read: checked here, once, for every reader. And the names of metrics: what an
earlier version called otherwise is read under its name of now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sleuth.files import parse_json

Phase = Literal["sft", "grpo", "eval"]
PHASES: tuple[Phase, ...] = get_args(Phase)
RENAMED = {"parts/": "spans/"}
"""Old beginning of a name to that of now; old ones are read for one version."""
MOST_STEPS = 10**9
"""A step beyond is none."""
LARGEST = 1e100
"""A value beyond is read as one that is not finite: sums of it would be."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of metrics or timings."""

    phase: Phase
    step: int
    values: dict[str, float]
    """NaN where a value was not finite."""


def parse_line(text: str | bytes) -> Line:
    """Reads a line. Raises `ValueError` for what is none: another phase, a step that is no number, a value that is
    neither a number nor null."""
    record: Any = parse_json(text.encode() if isinstance(text, str) else text)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    phase, step = record.pop("phase", None), record.pop("step", None)
    if phase not in PHASES or type(step) is not int or not 0 <= step <= MOST_STEPS:
        raise ValueError("no phase, or no step")
    return Line(phase, step, {metric_name(name): _number(value) for name, value in record.items()})


def _number(value: object) -> float:
    if value is None:
        return math.nan
    if type(value) not in (int, float):
        raise ValueError("a value that is no number")
    return float(value) if -LARGEST <= value <= LARGEST else math.nan  # type: ignore[operator, arg-type]


def seconds_of(values: Mapping[str, float]) -> float:
    """The seconds of a line of timings; what is not finite counts nothing."""
    return sum(value for name, value in values.items() if name.endswith("_s") and math.isfinite(value))


def metric_name(name: str) -> str:
    """A metric's name of now. A minus before it, as `checkpoint.best` may have, stays."""
    bare = name.removeprefix("-")
    for old, new in RENAMED.items():
        if bare.startswith(old):
            return name[: len(name) - len(bare)] + new + bare.removeprefix(old)
    return name
