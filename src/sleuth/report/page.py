"""Writes `report.html` from a run directory.

What a model wrote is foreign text: the template escapes everything, and the page forbids every script by its content
security policy. A run that is not finished gives a report of what there is.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined
from markupsafe import Markup

from sleuth.config import RunConfig
from sleuth.evaluation.statistics import Interval
from sleuth.evaluation.summary import EvaluationSummary, compare, summarise
from sleuth.grading.score import Outcome
from sleuth.report import charts, text
from sleuth.report.charts import Series
from sleuth.runs.directory import Line, RunDirectory
from sleuth.runs.files import atomic_write
from sleuth.runs.rows import EvaluationRow, RolloutRow

STAGES = {"before": "Before training", "after-sft": "After warm start", "after-grpo": "After GRPO"}
"""Evaluations of the model that is trained, in the order of a run."""

POLICIES = {"guessing": "Guessing", **STAGES, "solver": "Solver"}
"""All evaluations that have a name of their own, in the order of the tables."""

MODES = {
    "answer": "It answers directly, without writing down any reasoning.",
    "reason": "It reasons in writing, then answers.",
    "program": "It writes the clues as formal statements, and a solver works out the answers from them.",
}

OUTCOMES = {
    Outcome.CORRECT: ("every question right", "var(--good)", "✓"),
    Outcome.PARTLY: ("some questions right", "var(--fair)", "◐"),
    Outcome.WRONG: ("no question right", "var(--bad)", "✗"),
    Outcome.CONTRADICTORY: ("the statements contradict each other", "var(--odd)", "✗"),
    Outcome.AMBIGUOUS: ("the statements leave several answers", "var(--odd-2)", "✗"),
    Outcome.UNDECIDED: ("the solver ran out of time", "var(--odd-3)", "✗"),
    Outcome.UNREADABLE: ("no answer could be read", "var(--grey)", "?"),
    Outcome.TRUNCATED: ("cut off at the length limit", "var(--grey-2)", "…"),
}
"""Meaning, colour and sign of each outcome, in the order in which they are stacked."""

STOPS = {"end": "ended by itself", "length": "stopped at the length limit"}

PUZZLES_SHOWN = 3
COMPLETIONS_SHOWN = 6
FAILURES_SHOWN = 2
COMPLETION_LIMIT = 1500
PROMPT_LIMIT = 6000


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its words."""

    name: str
    title: str
    caption: str
    label: str
    """What it shows, for those who can't see it."""
    legend: Sequence[tuple[str, str, str]]
    """Name, colour and kind (`line`, `dots`, `level`, `part`) of each series; empty for a single one."""
    svg: Markup


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report is made of, read once."""

    run: RunDirectory
    metrics: list[Line]
    timings: list[Line]
    evaluations: dict[str, list[EvaluationRow]]
    """By name, in the order of the tables; empty ones are left out."""
    summaries: dict[str, EvaluationSummary]

    def course(self, phase: str, name: str) -> list[tuple[int, float]]:
        """(step, value) of a metric."""
        return [(line.step, line.values[name]) for line in self.metrics if line.phase == phase and name in line.values]

    def steps_done(self, phase: str) -> int:
        return max((line.step for line in self.metrics if line.phase == phase), default=0)

    @property
    def stages(self) -> list[str]:
        """The evaluated stages of the model, in order."""
        return [name for name in STAGES if name in self.summaries]


def write_report(run: RunDirectory) -> Path:
    """Writes the report of a run and returns its path. Raises `UserError` if a file of the run can't be read."""
    atomic_write(run.report, render(run).encode("utf-8", errors="replace"))
    return run.report


def render(run: RunDirectory) -> str:
    """The report as HTML."""
    facts = _read(run)
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
    template = templates.get_template("page.html")
    return template.render(
        config=run.config,
        mode=MODES[run.config.mode],
        unfinished=_unfinished(facts),
        headlines=_headlines(facts),
        latest=facts.summaries[facts.stages[-1]] if facts.stages else None,
        stage=_within(STAGES[facts.stages[-1]]) if facts.stages else "",
        suite_size=max((summary.strict.n for summary in facts.summaries.values()), default=0),
        policies=[_policy_row(facts, name) for name in facts.summaries],
        differences=_differences(facts),
        overview=_overview(facts),
        measures=MEASURES.values(),
        figures=_figures(facts),
        outcomes=OUTCOMES,
        puzzles=[_puzzle(row) for row in _suite(facts)[:PUZZLES_SHOWN]],
        twice=_before_and_after(facts),
        training=_training_samples(facts),
        seconds={phase: _seconds(facts, phase) for phase in ("sft", "grpo", "eval")},
        recipe=recipe(run.config),
        environment=run.environment,
    )


def recipe(config: RunConfig) -> str:
    """The configuration as a recipe (TOML) that `load_recipe` reads back."""
    # A JSON string or number is a TOML one too, and the keys are plain words.
    data = config.model_dump(mode="json")
    lines = [f"{key} = {json.dumps(value)}" for key, value in data.items() if not isinstance(value, dict)]
    for section, content in data.items():
        if isinstance(content, dict):
            lines += ["", f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in content.items())]
    return "\n".join(lines) + "\n"


def _within(name: str) -> str:
    """The name of a policy within a sentence."""
    return name[0].lower() + name[1:]


def _read(run: RunDirectory) -> Facts:
    found = run.evaluation_names()
    ordered = [name for name in POLICIES if name in found] + [name for name in found if name not in POLICIES]
    evaluations = {name: rows for name in ordered if (rows := run.read_evaluation(name))}
    summaries = {name: summarise(rows) for name, rows in evaluations.items()}
    return Facts(run, run.read_metrics(), run.read_timings(), evaluations, summaries)


def _unfinished(facts: Facts) -> list[str]:
    """What is still to come, in words; nothing for a finished run."""
    config = facts.run.config
    missing = []
    batches = -(-config.sft.examples // config.sft.batch_size)
    if (done := facts.steps_done("sft")) < batches:
        missing.append(f"the warm start has done {done} of {batches} steps")
    if (done := facts.steps_done("grpo")) < config.grpo.steps:
        missing.append(f"GRPO has done {done} of {config.grpo.steps} steps")
    if not facts.stages:
        missing.append("no evaluation is there yet")
    elif config.grpo.steps and "after-grpo" not in facts.stages:
        missing.append("the final evaluation is not there yet")
    return missing


def _seconds(facts: Facts, phase: str | None = None) -> float:
    return sum(
        value
        for line in facts.timings
        if phase in (None, line.phase)
        for name, value in line.values.items()
        if name.endswith("_s")
    )


def _headlines(facts: Facts) -> list[dict[str, str]]:
    """The three figures to remember: label, value, and what it is to be compared with."""
    latest = facts.summaries[facts.stages[-1]] if facts.stages else None
    before = facts.summaries.get("before") if facts.stages[-1:] != ["before"] else None
    guessing = facts.summaries.get("guessing")
    cards = []
    for label, measure in (("puzzles solved completely", "strict"), ("questions answered right", "share")):
        compared = [
            f"{name} {text.percent(getattr(other, measure).mean)}"
            for name, other in (("before training", before), ("guessing", guessing))
            if other is not None
        ]
        value = text.percent(getattr(latest, measure).mean) if latest else "–"
        cards.append({"label": label, "value": value, "note": " · ".join(compared) if latest else "not measured yet"})
    seconds = _seconds(facts)
    environment = facts.run.environment
    where = f"on {environment.cores} processor core{'s' if environment.cores != 1 else ''}"
    if facts.run.config.model.device != "cpu":
        where = f"on {facts.run.config.model.device}"
    cards.append(
        {
            "label": "time in all, training and evaluation",
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
        name = f"{STAGES[second]}, against {_within(STAGES[first])}"
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
    "strict": ("puzzles solved completely", "var(--first)"),
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


def _figures(facts: Facts) -> list[Figure]:
    figures = [
        _curve(
            facts,
            "reward",
            "reward",
            "Questions answered right",
            "The reward: the share of a puzzle's questions that a completion answers right, on average.",
            lambda summary: summary.share,
        ),
        _curve(
            facts,
            "strict",
            "strict",
            "Puzzles solved completely",
            "Completions with every question right.",
            lambda summary: summary.strict,
        ),
        _outcome_figure(facts),
        _curve(
            facts,
            "length",
            "length_tokens",
            "Length",
            "Mean length of a completion in tokens (pieces of words). A sudden fall or rise is a warning.",
            lambda summary: summary.length_tokens,
        ),
        _curve(
            facts,
            "entropy",
            "entropy",
            "Entropy",
            "How undecided the model is about its next token, in nats. At 0 it always writes the same, and there is "
            "nothing left to learn from.",
        ),
        _curve(
            facts,
            "mismatch",
            "mismatch",
            "Sampler against trainer",
            "Mean difference of the log-probabilities that sampling and training compute for the same tokens, in "
            "nats. It should stay near 0.",
        ),
        _curve(
            facts,
            "sft-loss",
            "loss",
            "Loss of the warm start",
            "How surprised the model is by the right completions that it is shown, in nats per token.",
            phase="sft",
        ),
        _time_figure(facts),
    ]
    return [figure for figure in figures if figure is not None]


def _curve(
    facts: Facts,
    name: str,
    metric: str,
    title: str,
    caption: str,
    level: Callable[[EvaluationSummary], Interval] | None = None,
    phase: str = "grpo",
) -> Figure | None:
    """A metric over the steps of a phase; with `level`, held-out puzzles and baselines beside it."""
    course = facts.course(phase, metric)
    if not course:
        return None
    series = [Series("training batch", course, "var(--first)")]
    if level is not None:
        if held_out := facts.course("eval", metric):
            series.append(Series("held-out puzzles", held_out, "var(--second)", "dots"))
        for baseline, colour in (("before", "var(--quiet)"), ("guessing", "var(--third)")):
            # Guessing writes nothing, so it has no length.
            if baseline in facts.summaries and not (baseline == "guessing" and metric == "length_tokens"):
                value = level(facts.summaries[baseline]).mean
                series.append(Series(_within(POLICIES[baseline]), [(0, value)], colour, "level"))
    percent = metric in ("reward", "strict")
    show = text.percent if percent else "{:.3g}".format
    label = f"{title}: {show(course[0][1])} at step {course[0][0]}, {show(course[-1][1])} at step {course[-1][0]}"
    x_title = "step of the warm start" if phase == "sft" else "GRPO step"
    legend = [(one.name, one.colour, one.kind) for one in series] if len(series) > 1 else []
    svg = charts.curves(series, percent=percent, x_title=x_title)
    return Figure(name, title, caption, label, legend, Markup(svg))


def _outcome_figure(facts: Facts) -> Figure | None:
    courses = {outcome: facts.course("grpo", f"outcome/{outcome}") for outcome in OUTCOMES}
    seen = {outcome: course for outcome, course in courses.items() if any(value > 0 for _, value in course)}
    if not seen:
        return None
    svg = charts.stack(
        {str(outcome): course for outcome, course in seen.items()},
        {str(outcome): OUTCOMES[outcome][1] for outcome in seen},
        percent=True,
        x_title="GRPO step",
    )
    label = "Shares of outcomes at the last step: " + ", ".join(
        f"{outcome} {text.percent(course[-1][1])}" for outcome, course in seen.items()
    )
    caption = "How the completions of each step ended: " + "; ".join(
        f"{outcome}: {OUTCOMES[outcome][0]}" for outcome in seen
    )
    legend = [(str(outcome), OUTCOMES[outcome][1], "part") for outcome in seen]
    return Figure("outcomes", "Outcomes", caption + ".", label, legend, Markup(svg))


def _time_figure(facts: Facts) -> Figure | None:
    phase = "grpo" if any(line.phase == "grpo" for line in facts.timings) else "sft"
    parts: dict[str, list[tuple[int, float]]] = {}
    for line in facts.timings:
        for name, value in line.values.items():
            if line.phase == phase and name.endswith("_s"):
                parts.setdefault(name.removesuffix("_s").replace("_", " "), []).append((line.step, value))
    if not parts:
        return None
    parts = dict(sorted(parts.items(), key=lambda item: -sum(value for _, value in item[1])))
    palette = ("var(--first)", "var(--second)", "var(--third)", "var(--odd)", "var(--odd-2)", "var(--grey)")
    colours = {name: palette[min(i, len(palette) - 1)] for i, name in enumerate(parts)}
    x_title = "GRPO step" if phase == "grpo" else "step of the warm start"
    svg = charts.stack(parts, colours, percent=False, x_title=x_title)
    label = "Seconds in all: " + ", ".join(f"{name} {sum(v for _, v in course):.0f}" for name, course in parts.items())
    legend = [(name, colours[name], "part") for name in parts]
    return Figure("time", "Time per step", "Seconds, by what they were spent on.", label, legend, Markup(svg))


def _suite(facts: Facts) -> list[EvaluationRow]:
    """The first completion of each held-out puzzle, by the latest stage."""
    return _one_per_puzzle(facts.evaluations[facts.stages[-1]]) if facts.stages else []


def _one_per_puzzle(rows: Sequence[EvaluationRow]) -> list[EvaluationRow]:
    first: dict[str, EvaluationRow] = {}
    for row in rows:
        first.setdefault(row.puzzle_id, row)
    return list(first.values())


def _puzzle(row: EvaluationRow | RolloutRow) -> dict[str, Any]:
    prompt, cut = text.clip(row.prompt.strip("\n"), PROMPT_LIMIT)
    return {
        "id": row.puzzle_id,
        "prompt": prompt,
        "cut": cut,
        "system": text.clip(row.system.strip("\n"), PROMPT_LIMIT)[0],
        "answers": [(text.visible(letter), text.visible(answer)) for letter, answer in row.gold.items()],
    }


def _completion(row: EvaluationRow | RolloutRow, where: str) -> dict[str, Any]:
    """A completion with its marks; `where` heads it and says who wrote it."""
    shown, cut = text.clip(row.completion.strip("\n"), COMPLETION_LIMIT)
    questions = []
    for letter, gold in row.gold.items():
        read = row.answers.get(letter)
        questions.append(
            {
                "letter": text.visible(letter),
                "right": row.right.get(letter, False),
                "read": None if read is None else text.clip(read, 80)[0],
                "gold": text.visible(gold),
            }
        )
    meaning, colour, sign = OUTCOMES[row.outcome]
    return {
        "where": where,
        "text": shown,
        "cut": cut,
        "outcome": str(row.outcome),
        "meaning": meaning,
        "colour": colour,
        "sign": sign,
        "reward": text.percent(row.reward),
        "tokens": row.length_tokens,
        "stop": STOPS.get(row.stop, row.stop),
        "questions": questions,
        "detail": text.clip(row.detail, 300)[0],
    }


def _before_and_after(facts: Facts) -> list[dict[str, Any]]:
    """The first puzzles of the suite, unpicked, and the first that the model still gets wrong, by each stage."""
    latest = _suite(facts)
    chosen = latest[:COMPLETIONS_SHOWN]
    failures = [row for row in latest[COMPLETIONS_SHOWN:] if not row.correct][:FAILURES_SHOWN]
    # One stage says nothing of a change, but is worth showing; of three, the warm start is left out.
    stages = list(dict.fromkeys(facts.stages[:1] + facts.stages[-1:]))
    by_stage = {name: {row.puzzle_id: row for row in _one_per_puzzle(facts.evaluations[name])} for name in stages}
    return [
        {
            "puzzle": _puzzle(row),
            "failure": row in failures,
            "completions": [
                _completion(by_stage[name][row.puzzle_id], STAGES[name])
                for name in stages
                if row.puzzle_id in by_stage[name]
            ],
        }
        for row in chosen + failures
    ]


def _training_samples(facts: Facts) -> list[dict[str, Any]]:
    """Completions of the first and the last stored GRPO step, each of another puzzle as far as there are."""
    steps = [step for phase, step in facts.run.rollout_steps() if phase == "grpo"]
    columns = []
    for step in dict.fromkeys(steps[:1] + steps[-1:]):
        # By sample first: one completion of every puzzle before a second one of any.
        rows = sorted(facts.run.read_rollouts("grpo", step), key=lambda row: row.sample)[:COMPLETIONS_SHOWN]
        completions = [_completion(row, f"Step {step}") | {"puzzle": _puzzle(row)} for row in rows]
        columns.append({"step": step, "completions": completions})
    return columns
