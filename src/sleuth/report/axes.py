"""What curves are drawn over: the steps of a phase, or what the run had spent by then (tokens, hours, examples)."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sleuth.config import RunConfig

AXES: dict[str, str] = {
    "step": "step",
    "tokens": "tokens sampled",
    "hours": "hours",
    "examples": "examples and completions",
}
"""Axis to its title. Tokens, hours and examples count from the beginning of the run."""
FORMATS: dict[str, str] = {"step": "d", "tokens": "~s", "hours": "~g", "examples": "~s"}
"""How the numbers of an axis are written (d3-format). Hours have no prefixes: 10m would be read as ten minutes."""
NOTHING = {"tokens": "No tokens were sampled here.", "hours": "No times were logged here."}
"""What stands in place of a curve over an axis of which nothing is known."""
MOST_POINTS = 400
"""Points of a curve; longer ones are thinned."""

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Spending:
    """What a run had spent by each step."""

    config: RunConfig | None
    tokens: Points
    """(GRPO step, tokens sampled up to it)."""
    seconds: Mapping[str, Points]
    """Phase to (step, seconds of the phase up to it)."""

    def place(self, axis: str, phase: str) -> Callable[[int], float] | None:
        """From a step of a phase to where it stands on the axis; None where nothing is known of it: a warm start
        samples no tokens, and logs may lack a part."""
        if axis == "step":
            return float
        if axis == "examples":
            return self._examples(phase)
        if axis == "tokens":
            return None if phase == "sft" or not self.tokens else lambda step: at(self.tokens, step)
        warm = self.seconds.get("sft", ())
        before = warm[-1][1] if phase != "sft" and warm else 0.0
        counted = [self.seconds.get(name, ()) for name in (("sft",) if phase == "sft" else ("grpo", "eval"))]
        if not any(counted):
            return None
        return lambda step: (before + sum(at(spent, step) for spent in counted)) / 3600

    def _examples(self, phase: str) -> Callable[[int], float]:
        config = self.config
        if config is None:
            return float
        shown = 0 if phase == "sft" else config.sft.steps * config.sft.batch_size
        each = config.sft.batch_size if phase == "sft" else config.grpo.puzzles_per_step * config.grpo.samples
        return lambda step: float(shown + step * each)


def sums(values: Points, stride: int = 1) -> list[tuple[int, float]]:
    """Running sums by step; a line that stands for several counts as often. What is not finite counts nothing."""
    total, found = 0.0, list[tuple[int, float]]()
    for step, value in values:
        total += stride * (value if math.isfinite(value) else 0.0)
        found.append((step, total))
    return found


def at(running: Points, step: int) -> float:
    """The newest sum up to a step."""
    count = bisect.bisect_right(running, step, key=lambda point: point[0])
    return running[count - 1][1] if count else 0.0


def thinned(points: Sequence[tuple[float, ...]], most: int = MOST_POINTS) -> list[tuple[float, ...]]:
    """At most so many points, each the mean of its neighbours."""
    if len(points) <= most:
        return list(points)
    size = -(-len(points) // most)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [tuple(sum(column) / len(group) for column in zip(*group, strict=True)) for group in groups]


def thinned_together(parts: Mapping[str, Points], most: int = MOST_POINTS) -> dict[str, list[tuple[float, float]]]:
    """Parts of a whole at no more than so many steps: means over neighbouring steps, the same for every part. Where a
    step lacks a part, the part counts nothing."""
    steps = sorted({step for points in parts.values() for step, _ in points})
    if len(steps) <= most:
        return {name: list(points) for name, points in parts.items()}
    size = -(-len(steps) // most)
    groups = [steps[start : start + size] for start in range(0, len(steps), size)]
    found = {}
    for name, points in parts.items():
        values = dict(points)
        found[name] = [
            (sum(group) / len(group), sum(values.get(step, 0.0) for step in group) / len(group)) for group in groups
        ]
    return found
