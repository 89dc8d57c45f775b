"""The table and the plots of a study.

Two sources of chance are told apart: which puzzles are asked (the intervals of a run) and which seed it was. Arms are
compared seed by seed, and the interval of a difference is Student's t over the seeds, with all arms telling how large
chance is. With one seed there is nothing to say of seeds: intervals are over puzzles, and the table calls itself a
probe. Where several arms are compared with the first, the intervals of one measure's differences hold for all of them
together (Bonferroni's correction).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import vl_convert

from sleuth.evaluation.statistics import Interval, differences_over_seeds
from sleuth.evaluation.summary import NUMBERS, EvaluationSummary, compare, difference_told, summarise
from sleuth.files import atomic_write, writing
from sleuth.report.charts import layer, quantity
from sleuth.runs.directory import RunDirectory
from sleuth.runs.metrics import seconds_of
from sleuth.study.read import MEASURES, Study

COMPARED = ("strict", "share", "length_tokens")
"""Measures that can be compared puzzle by puzzle."""
OF_STEPS = ("length_better", "length_worse")
"""Measures of the GRPO steps, of which the mean is compared."""
OF_LAST = ("kl", "fluency")
"""Measures that only evaluations during GRPO make, of which the last is compared."""
MOST_CURVES = 10
"""Arms that colours tell apart. Of more only the ends are drawn."""
Runs = Mapping[str, Sequence[RunDirectory]]
"""Arm to its finished runs, in the order of the seeds."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of a run at one of its evaluations."""

    summary: EvaluationSummary
    logged: Mapping[str, float]
    """Of its steps up to there: `OF_STEPS`, `OF_LAST`."""


def write_table(study: Study, runs: Runs, results: Path, least: float) -> Path:
    """Writes the table and the plots, of the seeds that have a run of every arm; the table's path. `least` is the
    difference that could be found with all seeds of the study."""
    with writing(results):
        results.mkdir(parents=True, exist_ok=True)
    first = next(iter(study.arms))
    of_first = runs[first]
    head = _row("", [*(MEASURES[measure] for measure in study.measures), "minutes of training"])
    several = len(of_first) > 1
    lines = [*_heading(study, runs, least), "", head, _rule(head)]
    guessing = [_seen(one, "guessing") for one in of_first]
    lines.append(_row("guessing", [*_cells(study, guessing, ("strict", "share")), "–"]))
    if not of_first[0].config.sft.examples:
        lines.append(_row("before GRPO", [*_cells(study, [_seen(one, "before") for one in of_first]), "–"]))
    for arms, many in _warm_starts(runs):
        seen = [_seen(one, "after-sft") for one in many]
        lines.append(_row(f"warm start of {', '.join(arms)}", [*_cells(study, seen), _minutes(many, ("sft",))]))
    last = {arm: [_seen(one, _end(one)) for one in many] for arm, many in runs.items()}
    for arm, seen in last.items():
        minutes = _minutes(runs[arm], ("sft", "grpo"))
        changed = f" ({told})" if (told := _arm(study, arm)) else ""
        lines.append(_row(f"{arm}{changed}", [*_cells(study, seen), minutes]))
    others = [arm for arm in study.arms if arm != first]
    if others and several:
        head = _row("", [MEASURES[measure] for measure in study.measures])
        chance = f"with 95 % intervals (Student's t over {len(of_first)} seeds{_together(len(others))})"
        lines += ["", f"Differences from {first}, seed by seed, {chance}:", "", head, _rule(head)]
        found = {}
        for measure in study.measures:
            values = np.array([[_value(one, measure) for one in seen] for seen in last.values()])
            found[measure] = differences_over_seeds(values)
        for i, arm in enumerate(others):
            lines.append(_row(arm, [difference_told(measure, found[measure][i]) for measure in study.measures]))
    elif others:
        head = _row("", [MEASURES[measure] for measure in COMPARED])
        lines += ["", f"Differences from {first}, puzzle by puzzle, with 95 % intervals:", "", head, _rule(head)]
        base = runs[first][0].read_evaluation(_end(runs[first][0]))
        for arm in others:
            difference = compare(base, runs[arm][0].read_evaluation(_end(runs[arm][0])))
            lines.append(_row(arm, [difference_told(measure, getattr(difference, measure)) for measure in COMPARED]))
    for measure in ("strict", "length_tokens"):
        if measure in study.measures and any(one.read_metrics("eval") for many in runs.values() for one in many):
            if len(runs) > MOST_CURVES:
                ends = "from the lowest seed to the highest" if several else "with 95 % intervals"
                drawn, shown = _ends(last, measure), f"at the end, {ends}"
            else:
                over = ", mean over seeds" if several else ""
                drawn, shown = _curves(runs, measure), f"over GRPO steps{over}"
            name = f"{study.name}-{measure.replace('_', '-')}.svg"
            atomic_write(results / name, drawn.encode())
            lines += ["", f"![{MEASURES[measure]} {shown}]({name})"]
    path = results / f"{study.name}.md"
    atomic_write(path, ("\n".join(lines) + "\n").encode())
    return path


def _heading(study: Study, of_arms: Runs, least: float) -> list[str]:
    runs, planned = next(iter(of_arms.values())), len(study.seeds)
    config = runs[0].config
    processors = dict.fromkeys(run.environment.processor for many in of_arms.values() for run in many)
    reused = {
        arm: [run.config.name for run in many if run.config.name != study.arms[arm][run.config.seed].name]
        for arm, many in of_arms.items()
    }
    taken = "; ".join(f"arm {arm} is {', '.join(names)}" for arm, names in reused.items() if names)
    model = study.arms[next(iter(study.arms))][study.seeds[0]].model  # as the study names it, not where it was found
    seeds = f"{planned} seeds and " if planned > len(runs) else ""
    named = (
        f"a nano model (a Llama trained from scratch: {model.layers} layers, hidden size {model.hidden})"
        if model.kind == "nano"
        else model.name
    )
    asked = ", ".join(f"{source.family} level {source.level}" for source in config.puzzles.sources)
    return [
        f"# {study.name}: {study.question}",
        "",
        f"Model: {named}. Mode {config.mode}, {asked}. Unless an arm changes it, training uses {config.sft.examples} "
        f"supervised examples and {config.grpo.steps} steps of GRPO (Group Relative Policy Optimization) with "
        f"{config.grpo.puzzles_per_step} x {config.grpo.samples} completions. {_seeds(len(runs), planned)}. All runs "
        f"answer the same {config.eval.count} puzzles, which training never sees, with greedy decoding. We stated "
        f"before the runs that a difference of {least:.1%} of puzzles would be detected with {seeds}80 % power, "
        f"{power_told(study)}. {_cell(len(runs))} {' and '.join(processors)}, threads per run: {config.model.threads}; "
        "minutes are wall-clock time and include whatever else the machine did.",
        "",
        f"Made by `sleuth study {study.path.name}`. Keys set for all arms: {_told(study.common) or 'none'}."
        f"{f' Runs of other studies: {taken}.' if taken else ''}",
    ]


def power_told(study: Study) -> str:
    """What the power that is stated counts, and what it does not."""
    others = len(study.arms) - 1
    several = f"for {others} comparisons together, " if others > 1 else ""
    return f"{several}counting only chance in the puzzles, as if every seed had others"


def _together(comparisons: int) -> str:
    """Of intervals that hold for several comparisons at once."""
    if comparisons == 1:
        return ""
    return f", whose scatter is taken to be the same in all arms; all {comparisons} intervals of a column hold together"


def _seeds(count: int, planned: int) -> str:
    of = f", of {planned} planned" if planned > count else ""
    return f"{count} seeds per arm{of}" if count > 1 else f"One seed per arm{of} (a probe, not a finding)"


def _cell(count: int) -> str:
    if count > 1:
        return "A cell is the mean over the seeds; each seed's value is in brackets."
    return "Brackets hold 95 % intervals over puzzles."


def _warm_starts(runs: Runs) -> list[tuple[list[str], Sequence[RunDirectory]]]:
    """The arms that came from the same warm starts, and the runs of the first of them."""
    found: dict[tuple[bytes, ...], list[str]] = {}
    for arm, many in runs.items():
        if all(one.config.grpo.steps and one.config.sft.examples for one in many):
            shown = tuple((one.evaluations / "after-sft.parquet").read_bytes() for one in many)
            found.setdefault(shown, []).append(arm)
    return [(arms, runs[arms[0]]) for arms in found.values()]


def _row(first: str, cells: Sequence[str]) -> str:
    return f"| {first} | " + " | ".join(cells) + " |"


def _rule(head: str) -> str:
    return "|" + " --- |" * (head.count("|") - 1)


def _cells(study: Study, seen: Sequence[_Seen], only: Sequence[str] = ()) -> list[str]:
    return [_cell_of(measure, seen) if not only or measure in only else "–" for measure in study.measures]


def _cell_of(measure: str, seen: Sequence[_Seen]) -> str:
    if len(seen) > 1:
        values = [_value(one, measure) for one in seen]
        return "–" if all(map(math.isnan, values)) else _shown(measure, values)
    found = _measured(seen[0].summary, measure)
    if found:
        return _interval(measure, found)
    alone = _value(seen[0], measure)
    return "–" if math.isnan(alone) else _number(measure, alone)


def _minutes(runs: Sequence[RunDirectory], phases: Sequence[str]) -> str:
    spent = [sum(seconds_of(line.values) for line in one.read_timings() if line.phase in phases) / 60 for one in runs]
    each = f" ({', '.join(f'{one:.1f}' for one in spent)})" if len(spent) > 1 else ""
    return f"{statistics.fmean(spent):.1f}{each}"


def _value(seen: _Seen, measure: str) -> float:
    """A measure's mean; NaN where there is nothing to say of it."""
    found = _measured(seen.summary, measure)
    return found.mean if found else seen.logged.get(measure, math.nan)


def _measured(summary: EvaluationSummary, measure: str) -> Interval | None:
    if measure in ("strict", "share", "readable", "length_tokens"):
        interval: Interval = getattr(summary, measure)
        return interval
    if measure.startswith("right_by_") and not summary.turns:  # nothing was asked again
        return summary.strict
    return summary.spans.get(measure) or summary.legibility.get(measure) or summary.turns.get(measure)


def _seen(run: RunDirectory, name: str) -> _Seen:
    config, logged = run.config, dict[str, float]()
    if name == "after-grpo":
        for measure in OF_STEPS:
            values = [line.values[measure] for line in run.read_metrics("grpo") if measure in line.values]
            logged |= {measure: statistics.fmean(values)} if values else {}
        last = run.read_metrics("eval")[-1].values if run.read_metrics("eval") else {}
        logged |= {measure: last[measure] for measure in OF_LAST if measure in last}
    return _Seen(summarise(run.read_evaluation(name), config.grpo.retries, config.mode), logged)


def _end(run: RunDirectory) -> str:
    return "after-grpo" if run.config.grpo.steps else "after-sft"


def _arm(study: Study, arm: str) -> str:
    """What sets an arm apart."""
    parent, step = study.origins.get(arm, ("", ""))
    begun = [f"goes on from {parent}, {f'step {step}' if step.isdigit() else step}"] if parent else []
    return ", ".join([*begun, *([_told(keys)] if (keys := study.changed[arm]) else [])])


def _told(keys: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_text(value)}" for key, value in keys.items())


def _text(value: Any) -> str:
    """A value as a table shows it; tables in a list with a plus between them."""
    if isinstance(value, list):
        tables = any(isinstance(one, Mapping) for one in value)
        return " + ".join(f"({_told(one)})" for one in value) if tables else " ".join(map(str, value))
    return str(value)


def _number(measure: str, number: float) -> str:
    if math.isnan(number):
        return "–"
    return f"{number:.{NUMBERS[measure]}f}" if measure in NUMBERS else f"{100 * number:.1f} %"


def _shown(measure: str, values: Sequence[float]) -> str:
    return f"{_number(measure, statistics.fmean(values))} ({', '.join(_number(measure, one) for one in values)})"


def _interval(measure: str, found: Interval) -> str:
    if math.isnan(found.mean):
        return "–"
    return f"{_number(measure, found.mean)} [{_number(measure, found.low)}, {_number(measure, found.high)}]"


def _ends(last: Mapping[str, Sequence[_Seen]], measure: str) -> str:
    """Of the last evaluations: a dot for the mean of each arm, on a line from the lowest seed to the highest or, of one
    seed, over its interval; as SVG."""
    data = []
    for arm, seen in last.items():
        values = [_value(one, measure) for one in seen]
        found = _measured(seen[0].summary, measure) if len(seen) == 1 else None
        low, high = (found.low, found.high) if found else (min(values), max(values))
        data.append({"arm": arm, "value": statistics.fmean(values), "low": low, "high": high})
    shares = {"axis": {"format": ".0%"}} if measure != "length_tokens" else {}
    rows = {"y": {"field": "arm", "type": "nominal", "sort": list(last), "title": None}}
    x = quantity("value", title=MEASURES[measure], **shares)
    ranges = rows | {"x": quantity("low", title=MEASURES[measure], **shares), "x2": {"field": "high"}}
    layers = [layer(data, {"type": "rule"}, ranges), layer(data, {"type": "point", "filled": True}, rows | {"x": x})]
    size = {"width": 480, "height": {"step": 18}, "background": "white"}
    svg: str = vl_convert.vegalite_to_svg({"layer": layers} | size)
    return svg


def _curves(runs: Runs, measure: str) -> str:
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
    shares = {"axis": {"format": ".0%"}} if percent else {}
    encoding = {
        "x": quantity("step", title="GRPO step", axis={"format": "d", "tickMinStep": 1}),
        "y": quantity("value", title=MEASURES[measure], **shares),
        "color": {"field": "arm", "type": "nominal", "sort": list(runs)},
    }
    size = {"width": 480, "height": 240, "background": "white"}
    svg: str = vl_convert.vegalite_to_svg(layer(data, {"type": "line", "point": True}, encoding) | size)
    return svg
