"""The offline report of several runs: one file with the views of `sleuth view`, for those who do not have the folders.

Curves over one another with seeds as bands, recipes by what differs, evaluations with intervals and paired differences,
and a bounded sample of completions. Names and completions are foreign text: the template escapes everything, and the
page forbids every script. What is left out is said on the page.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from sleuth.errors import UserError, counted
from sleuth.files import atomic_write, check_output
from sleuth.report import text
from sleuth.report.axes import AXES, MOST_POINTS, NOTHING
from sleuth.report.facts import OUTCOMES, POLICIES, STAGES, within
from sleuth.report.figures import Drawing, Figure, placed
from sleuth.report.page import template
from sleuth.report.samples import shown_completion, shown_puzzle
from sleuth.runs.directory import RunDirectory
from sleuth.runs.rows import EvaluationRow
from sleuth.view import comparing
from sleuth.view.courses import EXPLAINED, MOST_RUNS, TITLES, Course, courses, is_percent, metrics_of
from sleuth.view.drawing import chart
from sleuth.view.run import Run

PHASES = {
    "grpo": ("GRPO, training batch", "Means over the completions of each step. Runs that differ only in their seed are "
             "one line, their mean, with a band from the lowest to the highest."),
    "eval": ("Held-out puzzles", "Evaluations during the training, on puzzles that it never sees."),
    "sft": ("Warm start", "Supervised fine-tuning (SFT), before GRPO."),
}  # fmt: skip
HEADINGS = ["Puzzles solved", "Questions right", "Readable", "Length"]
MOST_PAIRS = 15
"""Differences of all pairs of runs up to here; above it each run against the first."""
PUZZLES_SHOWN = 4
DIVIDED_SHOWN = 4
"""Further puzzles that some runs solve and others do not."""


def write_offline(folders: Sequence[Path], out: Path) -> int:
    """Writes the report of several runs and gives its size in bytes.

    Raises `UserError` for a folder that is no run, one that is named twice, too many of them, or a place that cannot be
    written to.
    """
    check_output(out, ".html")
    page = render_offline(read_runs(folders)).encode("utf-8", errors="replace")
    atomic_write(out, page)
    return len(page)


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """The runs, named by their folders below the one that they have in common."""
    paths = [folder.resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        raise UserError("a run is named twice; name each once")
    if len(paths) > MOST_RUNS:
        raise UserError(f"{len(paths)} runs in one report; name at most {MOST_RUNS}")
    for folder in folders:
        RunDirectory.open(folder)  # says what is wrong with one
    above = Path(os.path.commonpath([path.parent for path in paths]))
    runs = [Run(path.relative_to(above).as_posix(), path) for path in paths]
    for run in runs:
        run.refresh()
    return runs


def render_offline(runs: Sequence[Run]) -> str:
    """The report as HTML."""
    summaries = [run.summary() for run in runs]
    tasks = {summary["task"] for summary in summaries}
    paired, pairs_said = _paired(runs)
    puzzles, sampled = _sample(runs)
    return template("several.html").render(
        runs=[_line(summary) for summary in summaries],
        task=tasks.pop() if len(tasks) == 1 else "",
        notices=_notices(runs, summaries),
        differences=comparing.differences(runs),
        axes=AXES,
        phases=[phase for name in PHASES if (phase := _phase(runs, name))["figures"]],
        evaluations=[
            {"name": f"{run.name}: {one['label']}", "cells": _cells(one["figures"])}
            for run in runs
            for one in comparing.evaluations(run)
        ],
        headings=HEADINGS,
        paired=paired,
        pairs_said=pairs_said,
        puzzles=puzzles,
        sampled=sampled,
        outcomes=OUTCOMES,
    )


def _line(summary: dict[str, Any]) -> dict[str, Any]:
    solved, before = summary["solved"], summary["before"]
    return {
        "name": summary["run"],
        "task": f"{summary['task']}, mode {summary['mode']}",
        "state": summary["state"],
        "seed": summary["seed"],
        "steps": f"{summary['step']} / {summary['steps']}",
        "solved": _share(solved) if solved else ("–", ""),
        "before": text.percent(before["mean"]) if before else "–",
        "seconds": summary["seconds"],
    }


def _notices(runs: Sequence[Run], summaries: Sequence[dict[str, Any]]) -> list[str]:
    said = []
    for run, summary in zip(runs, summaries, strict=True):
        if summary["state"] != "finished":
            said.append(f"{run.name} is not finished. The report shows what exists so far.")
        if count := summary["alarms"]:
            said.append(f"{run.name} raised {counted(count, 'alarm')}; see its own report.")
        if (stride := max(log.stride for log in run.metrics.phases.values())) > 1:
            said.append(f"The log of {run.name} is long: every {stride}th line is shown.")
    if any(len(log.all()) > MOST_POINTS for run in runs for log in run.metrics.phases.values()):
        said.append(f"Of curves over more than {MOST_POINTS} steps, each point is the mean of its neighbours.")
    return said


def _phase(runs: Sequence[Run], phase: str) -> dict[str, Any]:
    """The curves of a phase that some run has, one figure for each metric."""
    title, about = PHASES[phase]
    figures = [_figure(runs, phase, metric) for metric in metrics_shown(runs, phase)]
    return {"id": phase, "title": title, "about": about, "figures": figures}


def metrics_shown(runs: Sequence[Run], phase: str) -> list[str]:
    """What is drawn of a phase: of the metrics with a title those that some run logged; the loss of the warm start
    alone."""
    logged = {metric for run in runs for metric in metrics_of(run).get(phase, [])}
    return [metric for metric in TITLES if metric in logged and (metric == "loss") == (phase == "sft")]


def _figure(runs: Sequence[Run], phase: str, metric: str) -> Figure:
    drawings, legend = [], list[tuple[str, str, str]]()
    for axis in AXES:
        drawn = courses(runs, phase, metric, axis, True)
        legend = legend or [(one.name, one.colour, f"dash-{one.dash % 3}") for one in drawn]
        if drawn:
            drawings.append(Drawing(axis, _label(drawn, metric, axis), Markup(chart(drawn, metric, axis))))
        else:
            drawings.append(Drawing(axis, NOTHING[axis], Markup("")))
    return Figure(f"{phase}-{metric.replace('/', '-')}", TITLES[metric], EXPLAINED[metric], legend, drawings)


def _label(drawn: Sequence[Course], metric: str, axis: str) -> str:
    written = text.percent if is_percent(metric) else "{:.4g}".format
    ends = [
        f"{one.name}: {written(one.points[0][1])} at {placed(axis, one.points[0][0])}, "
        f"{written(one.points[-1][1])} at {placed(axis, one.points[-1][0])}."
        for one in drawn
    ]
    return f"{TITLES[metric]}. {' '.join(ends)}"


def _cells(figures: dict[str, dict[str, float]]) -> list[tuple[str, str]]:
    """Shares and length with their intervals."""
    cells = [_share(figures[key]) if key in figures else ("–", "") for key in ("strict", "share", "readable")]
    length = figures.get("length_tokens")
    cells.append((f"{length['mean']:.1f}", _ends(length, 1)) if length else ("–", ""))
    return cells


def _share(figure: dict[str, float]) -> tuple[str, str]:
    return text.percent(figure["mean"]), _ends(figure, 100)


def _ends(figure: dict[str, float], scale: float) -> str:
    if "low" not in figure or "high" not in figure:
        return ""
    return f"{scale * figure['low']:.1f} – {scale * figure['high']:.1f}"


def _paired(runs: Sequence[Run]) -> tuple[list[dict[str, Any]], str]:
    """Differences within runs, the last stage against the first, and between runs, by the latest stage of each; and
    what is to be said of them."""
    latest = {run.name: stages[-1] for run in runs if (stages := _stages(run))}
    pairs = [(run, _stages(run)[0], run, latest[run.name]) for run in runs if len(_stages(run)) > 1]
    asked = [run for run in runs if run.name in latest]
    between = list(itertools.combinations(asked, 2))
    said = ""
    if len(between) > MOST_PAIRS:
        between = [(asked[0], other) for other in asked[1:]]
        said = "Of so many runs each is compared with the first alone."
    pairs += [(one, latest[one.name], other, latest[other.name]) for one, other in between]
    rows = []
    for first, stage, second, other_stage in pairs:
        one = within(STAGES[stage]) if first is second else f"{first.name}, {within(STAGES[stage])}"
        name = f"{second.name}, {within(STAGES[other_stage])}, against {one}"
        found = comparing.difference(first, stage, second, other_stage)
        if not found["shared"]:
            rows.append({"name": name, "cells": [("–", "no puzzle in common")] * len(HEADINGS)})
            continue
        if found["shared"] < found["all"]:
            name += f" ({found['shared']} puzzles that both asked, of {found['all']})"
        rows.append({"name": name, "cells": [_difference(found["figures"][key], key) for key in comparing.FIGURES]})
    return rows, said


def _difference(figure: dict[str, float], key: str) -> tuple[str, str]:
    scale = 1 if key == "length_tokens" else 100
    mean, low, high = (scale * figure[end] for end in ("mean", "low", "high"))
    return text.signed(mean), "" if math.isnan(low) else f"{text.signed(low)} … {text.signed(high)}"


def _stages(run: Run) -> list[str]:
    """The evaluated stages of the model, in order."""
    found = run.evaluations()
    return [stage for stage in STAGES if stage in found]


def _sample(runs: Sequence[Run]) -> tuple[list[dict[str, Any]], str]:
    """Completions of the same puzzles by the latest stage of each run, and how many of how many they are: the first
    puzzles that all were asked, and the first others that some solve and some do not."""
    latest = [(run, stages[-1]) for run in runs if (stages := _stages(run))]
    rows = [_first_of_each(run, stage) for run, stage in latest]
    shared = [puzzle for puzzle in rows[0] if all(puzzle in own for own in rows)] if len(rows) > 1 else []
    divided = [puzzle for puzzle in shared if len({own[puzzle].correct for own in rows}) > 1]
    chosen = shared[:PUZZLES_SHOWN]
    more = [puzzle for puzzle in divided if puzzle not in chosen][:DIVIDED_SHOWN]
    items = [
        {
            "puzzle": shown_puzzle(rows[0][puzzle]),
            "divided": puzzle in divided,
            "completions": [
                shown_completion(own[puzzle], f"{run.name}, {within(POLICIES[stage])}")
                for (run, stage), own in zip(latest, rows, strict=True)
            ],
        }
        for puzzle in chosen + more
    ]
    stored = sum(len(own) for own in rows)
    sampled = (
        f"A sample: {len(items) * len(rows)} of the {stored:,} completions of these evaluations, and none of the "
        f"training batches. They are of the first {len(chosen)} puzzles that all runs were asked"
        + (f" and the first {len(more)} others that some solve and some do not" if more else "")
        + ". All are in the run directories; sleuth view shows them."
    )
    return items, sampled


def _first_of_each(run: Run, stage: str) -> dict[str, EvaluationRow]:
    first: dict[str, EvaluationRow] = {}
    for row in run.directory.read_evaluation(stage):
        first.setdefault(row.puzzle_id, row)
    return first
