"""Writes `report.html` from a run directory.

What a model wrote is foreign text: the template escapes everything, and the page forbids every script by its content
security policy. A run that is not finished gives a report of what there is.
"""

from __future__ import annotations

import itertools
import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined, Template

from sleuth.config import RunConfig
from sleuth.errors import counted
from sleuth.evaluation.summary import COUNTED_SPANS, SPANS, EvaluationSummary, compare, turn_label
from sleuth.files import atomic_write, check_output
from sleuth.report import text
from sleuth.report.axes import AXES, MOST_POINTS
from sleuth.report.facts import OUTCOMES, POLICIES, STAGES, Facts, read_facts, within
from sleuth.report.figures import figures_of
from sleuth.report.samples import PUZZLES_SHOWN, before_and_after, shown_puzzle, suite, training_samples
from sleuth.runs.directory import RunDirectory
from sleuth.training.alarms import alarms

MODES = {
    "answer": "It answers directly, without writing down any reasoning.",
    "reason": "It reasons in writing, then answers.",
    "program": "It writes the clues as formal statements, and a solver works out the answers.",
}


def write_report(run: RunDirectory) -> Path:
    """Writes the report of a run and returns its path. Raises `UserError` if a file of the run can't be read, or the
    report not be written."""
    check_output(run.report)
    atomic_write(run.report, render(run).encode("utf-8", errors="replace"))
    return run.report


@cache
def template(name: str) -> Template:
    """A template of this folder, which escapes all that is put into it."""
    templates = Templates(
        loader=PackageLoader("sleuth", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "percent": text.percent,
        "percent_range": text.percent_range,
        "visible": text.visible,
        "duration": text.duration,
    }
    return templates.get_template(name)


def render(run: RunDirectory) -> str:
    """The report as HTML."""
    facts = read_facts(run)
    return template("page.html").render(
        config=run.config,
        mode=MODES[run.config.mode],
        unfinished=_unfinished(facts),
        alarms=[
            alarm
            for phase in ("sft", "grpo")
            for alarm in alarms([line for line in facts.metrics if line.phase == phase], run.config)
        ],
        parent=run.parent(),
        headlines=_headlines(facts),
        latest=facts.summaries[facts.stages[-1]] if facts.stages else None,
        stage=within(STAGES[facts.stages[-1]]) if facts.stages else "",
        suite_size=max((summary.strict.n for summary in facts.summaries.values()), default=0),
        policies=[_policy_row(facts, name) for name in facts.summaries],
        headings=["Puzzles solved completely", "Questions answered right", "Readable", "Length"],
        spans=_spans(facts),
        differences=_differences(facts),
        overview=_overview(facts),
        measures=MEASURES.values(),
        axes=AXES,
        figures=figures_of(facts),
        thinned=MOST_POINTS if facts.thinned else 0,
        outcomes=OUTCOMES,
        puzzles=[shown_puzzle(row) for row in suite(facts)[:PUZZLES_SHOWN]],
        twice=before_and_after(facts),
        training=training_samples(facts),
        seconds={phase: facts.seconds(phase) for phase in ("sft", "grpo", "eval")},
        recipe=recipe(run.config),
        environment=run.environment,
    )


def recipe(config: RunConfig) -> str:
    """The configuration as a recipe (TOML) that `load_recipe` reads back."""
    # A JSON string or number is a TOML one too, and the keys are plain words. TOML has no null: None is left out, being
    # the default wherever it is allowed.
    data = config.model_dump(mode="json", exclude_none=True)
    lines = _entries({key: value for key, value in data.items() if not isinstance(value, dict)})
    for section, content in data.items():
        if isinstance(content, dict):
            tables = {key: value for key, value in content.items() if _is_tables(value)}
            lines += ["", f"[{section}]", *_entries({key: content[key] for key in content if key not in tables})]
            for key, each in tables.items():
                for table in each:
                    lines += ["", f"[[{section}.{key}]]", *_entries(table)]
    return "\n".join(lines) + "\n"


def _entries(data: dict[str, Any]) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in data.items()]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    # JSON spells control characters as TOML does, but for DEL, and characters beyond the first plane otherwise.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _unfinished(facts: Facts) -> list[str]:
    """What is still to come, in words; nothing for a finished run."""
    config = facts.run.config
    missing = []
    batches = config.sft.steps
    if (done := facts.steps_done("sft")) < batches:
        missing.append(f"the warm start has done {done} of {counted(batches, 'step')}")
    if (done := facts.steps_done("grpo")) < config.grpo.steps:
        missing.append(f"GRPO has done {done} of {counted(config.grpo.steps, 'step')}")
    if not facts.stages:
        missing.append("there is no evaluation yet")
    elif config.grpo.steps and "after-grpo" not in facts.stages:
        missing.append("the final evaluation is missing")
    return missing


def _spans(facts: Facts) -> dict[str, Any]:
    """The table of spans and turns: one column for each figure that a stage has."""
    summaries = [facts.summaries[name] for name in facts.stages]
    labels = {name: label for name, label in SPANS.items() if any(name in summary.spans for summary in summaries)}
    labels |= {name: turn_label(name) for summary in summaries for name in summary.turns}

    def cell(summary: EvaluationSummary, name: str) -> tuple[str, str]:
        interval = (summary.spans | summary.turns).get(name)
        if interval is None:
            return "–", ""
        if name in COUNTED_SPANS:
            return f"{interval.mean:.1f}", text.number_range(interval)
        return text.percent(interval.mean), text.percent_range(interval)

    rows = [
        {"name": STAGES[stage], "cells": [cell(facts.summaries[stage], name) for name in labels]}
        for stage in facts.stages
        if labels
    ]
    return {"names": list(labels.values()), "rows": rows}


def _headlines(facts: Facts) -> list[dict[str, str]]:
    """The three figures to remember: label, value, and what to compare it with."""
    latest = facts.summaries[facts.stages[-1]] if facts.stages else None
    before = facts.summaries.get("before") if facts.stages[-1:] != ["before"] else None
    guessing = facts.summaries.get("guessing")
    cards = []
    for label, measure in (("puzzles solved", "strict"), ("questions answered right", "share")):
        compared = [
            f"{name} {text.percent(getattr(other, measure).mean)}"
            for name, other in (("before training", before), ("guessing", guessing))
            if other is not None
        ]
        value = text.percent(getattr(latest, measure).mean) if latest else "–"
        cards.append({"label": label, "value": value, "note": " · ".join(compared) if latest else "not measured yet"})
    seconds = facts.seconds()
    environment = facts.run.environment
    where = f"on {counted(environment.cores, 'processor core')}"
    if facts.run.config.model.device != "cpu":
        where = f"on {facts.run.config.model.device}"
    cards.append(
        {
            "label": "total time, training and evaluation",
            "value": text.duration(seconds) if seconds else "–",
            "note": where if seconds else "not measured yet",
        }
    )
    return cards


def _policy_row(facts: Facts, name: str) -> dict[str, Any]:
    summary = facts.summaries[name]
    cells = [
        (text.percent(interval.mean), text.percent_range(interval))
        for interval in (summary.strict, summary.share, summary.readable)
    ]
    cells.append((f"{summary.length_tokens.mean:.1f}", text.number_range(summary.length_tokens)))
    if name in ("guessing", "solver"):
        cells[2:] = [("–", "")] * 2  # they write nothing
    return {"name": POLICIES.get(name, name), "cells": cells, "stage": name in STAGES}


def _differences(facts: Facts) -> list[dict[str, Any]]:
    """Each stage against the one before it, and the last against the first."""
    stages = facts.stages
    pairs = list(itertools.pairwise(stages))
    if len(stages) > 2:
        pairs.append((stages[0], stages[-1]))
    rows = []
    for first, second in pairs:
        name = f"{STAGES[second]} against {within(STAGES[first])}"
        if {row.puzzle_id for row in facts.evaluations[first]} != {row.puzzle_id for row in facts.evaluations[second]}:
            rows.append({"name": name, "cells": [("–", "not the same puzzles")] * 4})
            continue
        difference = compare(facts.evaluations[first], facts.evaluations[second])
        cells = [
            (text.points(interval.mean), text.points_range(interval))
            for interval in (difference.strict, difference.share, difference.readable)
        ]
        length = difference.length_tokens
        cells.append((text.signed(length.mean), text.number_range(length, sign=True)))
        rows.append({"name": name, "cells": cells})
    return rows


MEASURES = {
    "strict": ("puzzles solved", "var(--first)"),
    "share": ("questions answered right", "var(--second)"),
}
"""What the overview shows of each policy: words and colour."""


def _overview(facts: Facts) -> list[tuple[str, list[dict[str, Any]]]]:
    """Policies with their shares and intervals, in per cent, for bars that the template draws."""
    return [
        (
            POLICIES.get(name, name),
            [
                {
                    "colour": colour,
                    "mean": f"{100 * interval.mean:.2f}",
                    "low": f"{100 * interval.low:.2f}",
                    "width": f"{100 * (interval.high - interval.low):.2f}",
                    "label": f"{measure}: {text.percent(interval.mean)}, interval {text.percent_range(interval)}",
                }
                for attribute, (measure, colour) in MEASURES.items()
                for interval in (getattr(summary, attribute),)
            ],
        )
        for name, summary in facts.summaries.items()
    ]
