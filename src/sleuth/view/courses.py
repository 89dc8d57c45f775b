"""Metrics of one run or several as courses over an axis of choice, drawn as charts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sleuth.config import RunConfig
from sleuth.errors import UserError, counted
from sleuth.report.axes import AXES, Spending, sums, thinned
from sleuth.runs.metrics import seconds_of
from sleuth.runs.settings import digest
from sleuth.view.run import Run

MOST_RUNS = 20
COLOURS = 7
"""Colours of series, `--series-1` …; the next ones are dashed otherwise."""
PERCENT = ("reward", "strict", "readable", "truncated", "groups_without_spread", "clipped")
PERCENT_IN = ("outcome/", "spans/sentences_true", "spans/sentences_derived", "spans/nothing_false", "spans/lines_right",
              "spans/answered", "spans/right_if_answered", "legibility/", "turns/", "source/")  # fmt: skip
TITLES = {
    "reward": "Questions answered right",
    "strict": "Puzzles solved",
    "length_tokens": "Length",
    "entropy_sampled": "Entropy",
    "kl": "Divergence from the start",
    "spans/sentences_derived": "Sentences derived",
    "spans/lines_right": "Lines right",
    "legibility/language": "Language",
    "legibility/repetition": "Legibility",
    "loss": "Loss",
}
"""Metric to its title: the curves that a report shows, in this order."""
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
    """(x, value) of a metric, by x; none where nothing is known of the axis. Raises `UserError` for an unknown
    axis or phase."""
    if axis not in AXES or phase not in run.metrics.phases:
        raise UserError(f"no axis {axis[:40]!r} or no phase {phase[:40]!r}")
    lines = run.metrics.phases[phase].all()
    values = [(step, line[metric]) for step, line in lines if math.isfinite(line.get(metric, math.nan))]
    place = float if axis == "step" else _spending(run).place(axis, "sft" if phase == "sft" else "grpo")
    return [(place(step), value) for step, value in values] if place else []


def _spending(run: Run) -> Spending:
    tokens, timings = run.metrics.phases["grpo"], run.timings.phases
    return Spending(
        run.config,
        sums([(step, line.get("tokens_sampled", 0.0)) for step, line in tokens.all()], tokens.stride),
        {
            name: sums([(step, seconds_of(line)) for step, line in log.all()], log.stride)
            for name, log in timings.items()
        },
    )


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
        key = run.name if config is None else digest(_without_seed(config))
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def _without_seed(config: RunConfig) -> RunConfig:
    """A study sets both seeds to the same number."""
    seed = 0 if config.puzzles.seed == config.seed else config.puzzles.seed
    puzzles = config.puzzles.model_copy(update={"seed": seed})
    return config.model_copy(update={"seed": 0, "puzzles": puzzles})


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


def as_json(drawn: Sequence[Course]) -> list[dict[str, Any]]:
    """Courses as plain data, thinned."""
    return [asdict(one) | {"points": thinned(one.points), "band": thinned(one.band)} for one in drawn]
