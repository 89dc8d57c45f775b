"""Running a study, and its table.

Runs come seed by seed, all arms of one before the next, so that a study that is stopped compares what it has. A run
that is finished is not made again; one that was stopped goes on.

Two sources of chance are told apart: which puzzles are asked (the intervals of a run) and which seed it was. Arms are
compared seed by seed, and the interval of a difference is Student's t over the seeds: with three of them it is wide,
and says so.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import altair as alt
import vl_convert

from sleuth.evaluation.statistics import Interval, mean_interval
from sleuth.evaluation.summary import EvaluationSummary, summarise
from sleuth.files import atomic_write, writing
from sleuth.progress import say
from sleuth.runs.directory import RunDirectory
from sleuth.study.read import MEASURES, Study
from sleuth.training.run import finished, start, train

POWER_Z = 1.96 + 0.84
"""A difference is found in 80 % of studies if it is so many standard errors (two-sided, 5 %)."""


def detectable(puzzles: int, seeds: int, share: float = 0.5) -> float:
    """The least difference of two shares around `share` that such a study finds with a power of 80 %, from chance in
    the puzzles alone; chance between seeds comes on top."""
    return POWER_Z * math.sqrt(2 * share * (1 - share) / (puzzles * seeds))


def run(study: Study, folder: Path, results: Path) -> Path:
    """Makes the runs that are missing under `folder`/ARM-SEED, and writes the table and the plots; the table's path.

    Raises `UserError` for a model that can't be loaded or a full disk. Ctrl-C leaves a study that goes on.
    """
    count = next(iter(next(iter(study.arms.values())).values())).eval.count
    least = detectable(count, len(study.seeds))
    say(f"{study.name}: {study.question}")
    say(
        f"{len(study.arms)} arms, {len(study.seeds)} seeds, {count} puzzles each: a difference of {least:.1%} would be "
        "found four times in five, as far as puzzles go"
    )
    for seed in study.seeds:
        for arm, configs in study.arms.items():
            path = folder / f"{arm}-{seed}"
            found = RunDirectory.open(path) if (path / "config.json").exists() else start(configs[seed], path)
            if not finished(found):
                say(f"{study.name}: arm {arm}, seed {seed}")
                train(found)
    return write_results(study, folder, results, least)


def write_results(study: Study, folder: Path, results: Path, least: float) -> Path:
    """The table and the plots of the runs that are finished."""
    with writing(results):
        results.mkdir(parents=True, exist_ok=True)
    runs = {arm: [RunDirectory.open(folder / f"{arm}-{seed}") for seed in study.seeds] for arm in study.arms}
    last = {arm: [_last(one) for one in many] for arm, many in runs.items()}
    first = next(iter(study.arms))
    config = study.arms[first][study.seeds[0]]
    lines = [
        f"# {study.name}: {study.question}",
        "",
        f"{config.model.name} , mode {config.mode}, "
        + ", ".join(f"{s.family} level {s.level}" for s in config.puzzles.sources)
        + f"; {config.sft.examples} supervised examples, {config.grpo.steps} GRPO steps of "
        f"{config.grpo.puzzles_per_step} x {config.grpo.samples} completions. {len(study.seeds)} seeds an arm, "
        f"{config.eval.count} puzzles that training never sees, the same for all. Before any run: a difference of "
        f"{least:.1%} of puzzles would be found four times in five, as far as chance in the puzzles goes.",
        "",
        "| arm | " + " | ".join(MEASURES[measure] for measure in study.measures) + " |",
        "| --- |" + " --- |" * len(study.measures),
    ]
    for arm, summaries in last.items():
        cells = [_shown(measure, [value(one, measure) for one in summaries]) for measure in study.measures]
        lines.append(f"| {arm} ({_changed(study, arm)}) | " + " | ".join(cells) + " |")
    others = [arm for arm in study.arms if arm != first]
    if others and len(study.seeds) > 1:
        lines += [
            "",
            f"Differences from {first}, seed by seed, with 95 % intervals (Student's t over {len(study.seeds)} seeds):",
            "",
            "| arm | " + " | ".join(MEASURES[measure] for measure in study.measures) + " |",
            "| --- |" + " --- |" * len(study.measures),
        ]
        for arm in others:
            cells = []
            for measure in study.measures:
                pairs = zip(last[first], last[arm], strict=True)
                differences = [value(b, measure) - value(a, measure) for a, b in pairs]
                cells.append(_interval(measure, mean_interval({str(i): [d] for i, d in enumerate(differences)})))
            lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    for measure in ("strict", "length_tokens"):
        if measure in study.measures and any(one.read_metrics("eval") for many in runs.values() for one in many):
            name = f"{study.name}-{measure.replace('_', '-')}.svg"
            atomic_write(results / name, _curves(runs, measure).encode())
            lines += ["", f"![{MEASURES[measure]} over GRPO steps, mean over seeds]({name})"]
    path = results / f"{study.name}.md"
    atomic_write(path, ("\n".join(lines) + "\n").encode())
    return path


def value(summary: EvaluationSummary, measure: str) -> float:
    """A measure's mean; NaN where there is nothing to say of it."""
    if measure in ("strict", "share", "readable", "length_tokens"):
        return float(getattr(summary, measure).mean)
    found = summary.parts.get(measure) or summary.legibility.get(measure)
    return found.mean if found else math.nan


def _last(run: RunDirectory) -> EvaluationSummary:
    name = "after-grpo" if run.config.grpo.steps else "after-sft"
    return summarise(run.read_evaluation(name))


def _changed(study: Study, arm: str) -> str:
    return ", ".join(f"{key} {value}" for key, value in study.changed[arm].items())


def _number(measure: str, number: float, sign: bool = False) -> str:
    plus = "+" if sign else ""
    return f"{number:{plus}.1f}" if measure == "length_tokens" else f"{100 * number:{plus}.1f} %"


def _shown(measure: str, values: Sequence[float]) -> str:
    return f"{_number(measure, statistics.fmean(values))} ({', '.join(_number(measure, one) for one in values)})"


def _interval(measure: str, found: Interval) -> str:
    low, high = (_number(measure, end, sign=True) for end in (found.low, found.high))
    return f"{_number(measure, found.mean, sign=True)} [{low}, {high}]"


def _curves(runs: dict[str, list[RunDirectory]], measure: str) -> str:
    """Of the evaluations during training, the mean over the seeds of each arm, as SVG."""
    data = []
    for arm, many in runs.items():
        courses: dict[int, list[float]] = {}
        for one in many:
            for line in one.read_metrics("eval"):
                if measure in line.values:
                    courses.setdefault(line.step, []).append(line.values[measure])
        data += [{"step": step, "value": statistics.fmean(values), "arm": arm} for step, values in courses.items()]
    percent = measure != "length_tokens"
    y = alt.Y("value:Q", title=MEASURES[measure], axis=alt.Axis(format=".0%") if percent else alt.Axis())
    chart = alt.Chart(alt.Data(values=data)).mark_line(point=True)
    drawn = chart.encode(x=alt.X("step:Q", title="GRPO step"), y=y, color=alt.Color("arm:N", sort=list(runs)))
    svg: str = vl_convert.vegalite_to_svg(drawn.properties(width=480, height=240, background="white").to_dict())
    return svg
