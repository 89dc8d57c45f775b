"""Metrics of one run or several as courses over an axis of choice, drawn as charts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sleuth.errors import UserError, counted
from sleuth.runs.settings import digest
from sleuth.view.run import Run, spent

Axis = Literal["step", "tokens", "hours", "examples"]
AXES: dict[str, str] = {
    "step": "step",
    "tokens": "tokens sampled",
    "hours": "hours",
    "examples": "examples and completions",
}
"""Axis to its title. Tokens, hours and examples count from the beginning of the run."""
MOST_RUNS = 20
COLOURS = 7
"""Colours of series, `--series-1` …; the next ones are dashed otherwise."""
PERCENT = ("reward", "strict", "readable", "truncated", "groups_without_spread", "clipped")
PERCENT_IN = ("outcome/", "spans/sentences_true", "spans/sentences_derived", "spans/nothing_false", "spans/lines_right",
              "spans/answered", "spans/right_if_answered", "legibility/", "turns/", "source/")  # fmt: skip
EXPLAINED = {
    "reward": "Questions answered right: the share of a puzzle's questions, on average.",
    "strict": "Puzzles solved: the share of completions with every question right.",
    "readable": "Completions of which something could be read.",
    "spans/sentences_true": "The share of readable sentences that are true.",
    "spans/sentences_derived": "The share of readable sentences that follow from few clues and what was derived.",
    "spans/lines_right": "The share of lines that mean the same as a clue that no earlier line said.",
    "length_tokens": "Mean length of a completion, in tokens (pieces of words).",
    "entropy_sampled": "How undecided the model is about its next token, in nats. At 0 it always writes the same.",
    "entropy": "How undecided the model is about its next token where it is trained, in nats.",
    "kl": "Kullback–Leibler divergence from the model before GRPO, in nats per token.",
    "legibility/language": "The share of letters in the prompt's own scripts. It falls when the language switches.",
    "legibility/repetition": "The share of four-word sequences not written before. Low where a text goes in circles.",
    "mismatch": "Mean difference of log-probabilities between sampler and trainer, in nats.",
    "grad_norm": "Length of the gradient before it is clipped.",
    "loss": "The loss that is trained on, per token.",
    "learning_rate": "Step size of the optimizer.",
}
"""Metric to what it means, in the order in which they are shown; the others follow by name."""


@dataclass(frozen=True, slots=True)
class Course:
    """A named course, for one run or for the seeds of one setting."""

    name: str
    colour: str
    dash: int
    """Which pattern its line has, from 0."""
    points: list[tuple[float, float]]
    band: list[tuple[float, float, float]]
    """(x, lowest, highest) over the seeds; empty for one run."""
    runs: list[str]


def is_percent(metric: str) -> bool:
    """Whether values are shares."""
    return metric in PERCENT or metric.startswith(PERCENT_IN)


def metrics_of(run: Run) -> dict[str, list[str]]:
    """Phase to the metrics that were logged, those that are explained first."""
    found = {}
    for phase, log in run.metrics.phases.items():
        names = sorted({name for _, values in log.all() for name, value in values.items() if math.isfinite(value)})
        if names:
            found[phase] = [name for name in EXPLAINED if name in names] + [n for n in names if n not in EXPLAINED]
    return found


def course(run: Run, phase: str, metric: str, axis: str) -> list[tuple[float, float]]:
    """(x, value) of a metric, by x. Raises `UserError` for an axis or phase that there is not."""
    if axis not in AXES or phase not in run.metrics.phases:
        raise UserError(f"no axis {axis[:40]!r} or no phase {phase[:40]!r}")
    lines = run.metrics.phases[phase].all()
    values = [(step, line[metric]) for step, line in lines if math.isfinite(line.get(metric, math.nan))]
    if axis == "step":
        return [(float(step), value) for step, value in values]
    place = _places(run, axis, "sft" if phase == "sft" else "grpo")
    return [(place(step), value) for step, value in values]


def _places(run: Run, axis: str, phase: str) -> Any:
    """A function from the step of a phase to where the axis is then."""
    config = run.config
    if axis == "examples":
        if config is None:
            return float
        shown = 0 if phase == "sft" else config.sft.steps * config.sft.batch_size
        each = config.sft.batch_size if phase == "sft" else config.grpo.puzzles_per_step * config.grpo.samples
        return lambda step: float(shown + step * each)
    if axis == "tokens":
        log = run.metrics.phases["grpo"]
        known = _sums([(step, line.get("tokens_sampled", 0.0)) for step, line in log.all()], log.stride)
        return lambda step: 0.0 if phase == "sft" else _at(known, step)
    logs = run.timings.phases
    of = {name: _sums([(step, spent(line)) for step, line in logs[name].all()], logs[name].stride) for name in logs}
    before = of["sft"][-1][1] if phase != "sft" and of["sft"] else 0.0
    counted = ("sft",) if phase == "sft" else ("grpo", "eval")
    return lambda step: (before + sum(_at(of[name], step) for name in counted)) / 3600


def _sums(values: Sequence[tuple[int, float]], stride: int = 1) -> list[tuple[int, float]]:
    """Running sums by step; a line that stands for several counts as often."""
    total, sums = 0.0, list[tuple[int, float]]()
    for step, value in values:
        total += stride * (value if math.isfinite(value) else 0.0)
        sums.append((step, total))
    return sums


def _at(sums: Sequence[tuple[int, float]], step: int) -> float:
    """The newest sum up to a step."""
    low, high = 0, len(sums)
    while low < high:
        middle = (low + high) // 2
        if sums[middle][0] <= step:
            low = middle + 1
        else:
            high = middle
    return sums[low - 1][1] if low else 0.0


def courses(runs: Sequence[Run], phase: str, metric: str, axis: str, seeds: bool) -> list[Course]:
    """A course for each run or, with `seeds`, for runs that differ in nothing but their seed: their mean, and a band
    from the lowest to the highest. Runs without the metric are left out. Raises `UserError` for too many runs."""
    if len(runs) > MOST_RUNS:
        raise UserError(f"{len(runs)} runs in one chart; choose at most {MOST_RUNS}")
    drawn = []
    for number, group in enumerate(_groups(runs) if seeds else [[run] for run in runs]):
        each = [points for run in group if (points := course(run, phase, metric, axis))]
        if not each:
            continue
        mean, band = _over(each) if len(each) > 1 else (each[0], [])
        name = group[0].name if len(group) == 1 else f"{_common(group)} ({counted(len(group), 'seed')})"
        colour, dash = f"var(--series-{number % COLOURS + 1})", number // COLOURS
        drawn.append(Course(name, colour, dash, mean, band, [run.name for run in group]))
    return drawn


def _groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that differ in nothing but the seed, in the order in which the first of each comes."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        config = run.config
        key = run.name if config is None else digest(config.model_copy(update={"seed": 0}))
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def _common(group: Sequence[Run]) -> str:
    """What the names of runs begin with."""
    first, *others = (run.name for run in group)
    length = next((i for i, c in enumerate(first) if any(i >= len(o) or o[i] != c for o in others)), len(first))
    return first[:length].rstrip("-_./ ").removesuffix("seed").rstrip("-_./ ") or first


def _over(
    each: Sequence[Sequence[tuple[float, float]]],
) -> tuple[list[tuple[float, float]], list[tuple[float, float, float]]]:
    """Mean and range of several courses, each taken as it stands at every x that all have come to."""
    begin, end = max(points[0][0] for points in each), min(points[-1][0] for points in each)
    xs = sorted({x for points in each for x, _ in points if begin <= x <= end})
    rows = [[value for _, value in _stretched(points, xs)] for points in each]
    columns = list(zip(*rows, strict=True))
    mean = [(x, sum(column) / len(column)) for x, column in zip(xs, columns, strict=True)]
    return mean, [(x, min(column), max(column)) for x, column in zip(xs, columns, strict=True)]


def _stretched(points: Sequence[tuple[float, float]], xs: Sequence[float]) -> Iterator[tuple[float, float]]:
    """The course at other places, on straight lines between its points."""
    place = 0
    for x in xs:
        while place + 1 < len(points) and points[place + 1][0] <= x:
            place += 1
        (x0, y0), (x1, y1) = points[place], points[min(place + 1, len(points) - 1)]
        yield x, y0 if x1 <= x0 or x <= x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def thinned(points: Sequence[tuple[float, ...]], most: int = 400) -> list[tuple[float, ...]]:
    """At most about so many points, each the mean of its neighbours."""
    if len(points) <= most:
        return list(points)
    size = -(-len(points) // most)
    parts = [points[at : at + size] for at in range(0, len(points), size)]
    return [tuple(sum(column) / len(part) for column in zip(*part, strict=True)) for part in parts]


def as_json(drawn: Sequence[Course]) -> list[dict[str, Any]]:
    """Courses as plain data, thinned."""
    return [asdict(one) | {"points": thinned(one.points), "band": thinned(one.band)} for one in drawn]
