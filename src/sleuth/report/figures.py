"""The charts of a report with their words: what was logged, as courses over the steps and over what they had cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from sleuth.evaluation.statistics import Interval
from sleuth.evaluation.summary import SPANS, EvaluationSummary, turn_label
from sleuth.report import charts, text
from sleuth.report.axes import AXES, FORMATS, NOTHING, thinned, thinned_together
from sleuth.report.charts import Series
from sleuth.report.facts import OUTCOMES, POLICIES, Facts, within


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart over one axis."""

    axis: str
    """Of `AXES`: it is shown while this axis is chosen. Empty: always."""
    label: str
    """What it shows, for those who can't see it."""
    svg: Markup
    """Empty where nothing is known of the axis; then the label stands there."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its words."""

    name: str
    title: str
    caption: str
    legend: Sequence[tuple[str, str, str]]
    """Name, colour and kind (`line`, `dots`, `level`, `part`) of each series; empty for a single one."""
    drawings: Sequence[Drawing]


PART_CAPTIONS = {
    "lines_right": "The share of lines that mean the same as a clue that no earlier line said.",
    "sentences_derived": "The share of readable sentences that were derived; lucky and repeated ones do not count.",
    "sentences_true": "The share of readable sentences that are true.",
}


def figures_of(facts: Facts) -> list[Figure]:
    """Every chart with something to show, in the order of the page."""
    candidates = [
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
            "Puzzles solved",
            "The share of completions with every question right.",
            lambda summary: summary.strict,
        ),
        *(
            _curve(facts, name.replace("_", "-"), f"spans/{name}", SPANS[name], caption)
            for name, caption in PART_CAPTIONS.items()
        ),
        _turns_figure(facts),
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
            "entropy_sampled" if facts.course("grpo", "entropy_sampled") else "entropy",
            "Entropy",
            "How undecided the model is about its next token, in nats. At 0 it always writes the same text, and there "
            "is nothing left to learn.",
        ),
        _curve(
            facts,
            "kl",
            "kl",
            "Divergence from the start",
            "Kullback–Leibler divergence of the sampled completions, in nats per token, from the model before GRPO.",
            phase="grpo" if facts.course("grpo", "kl") else "eval",
        ),
        _curve(
            facts,
            "repetition",
            "legibility/repetition",
            "Legibility",
            "The share of four-word sequences that were not written before. It falls when a text goes in circles.",
        ),
        _mismatch_figure(facts),
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
    return [figure for figure in candidates if figure is not None]


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
                series.append(Series(within(POLICIES[baseline]), [(0, value)], colour, "level"))
    percent = metric in ("reward", "strict") or metric.startswith(("spans/", "legibility/"))
    show = text.percent if percent else "{:.3g}".format

    def label(axis: str, points: Sequence[tuple[float, float]]) -> str:
        (x, first), (end, last) = points[0], points[-1]
        return f"{title}: {show(first)} at {placed(axis, x)}, {show(last)} at {placed(axis, end)}"

    legend = [(one.name, one.colour, one.kind) for one in series] if len(series) > 1 else []
    return Figure(name, title, caption, legend, _drawings(facts, series, percent, label, phase))


def placed(axis: str, x: float) -> str:
    """A place on an axis in words: `step 12`, `0.4 hours`."""
    return f"step {x:.0f}" if axis == "step" else f"{x:.3g} hours" if axis == "hours" else f"{x:,.0f} {AXES[axis]}"


def _drawings(
    facts: Facts,
    series: Sequence[Series],
    percent: bool,
    label: Callable[[str, Sequence[tuple[float, float]]], str],
    phase: str = "grpo",
) -> list[Drawing]:
    """The series over every axis; `label` gets the axis and the points of the first one."""
    drawings = []
    for axis, title in AXES.items():
        place = facts.spending.place(axis, phase)
        if place is None:
            drawings.append(Drawing(axis, NOTHING[axis], Markup("")))
            continue
        moved = [
            one if one.kind == "level" else replace(one, points=[(place(int(step)), y) for step, y in one.points])
            for one in series
        ]
        drawn = [replace(one, points=[(x, y) for x, y in thinned(one.points)]) for one in moved]
        x_title = title if axis != "step" else "step of the warm start" if phase == "sft" else "GRPO step"
        svg = charts.curves(drawn, percent=percent, x_title=x_title, x_format=FORMATS[axis])
        drawings.append(Drawing(axis, label(axis, moved[0].points), Markup(svg)))
    return drawings


def _mismatch_figure(facts: Facts) -> Figure | None:
    """Sampler and trainer compute the same log-probabilities by different code: the difference, and its limit."""
    exact = facts.run.config.model.dtype == "float32"
    metric, which, limit = ("mismatch_max", "largest", 1e-4) if exact else ("mismatch", "mean", 0.02)
    course = facts.course("grpo", metric)
    if not course:
        return None
    highest_step, highest = max(course, key=lambda point: point[1])
    above = sum(value > limit for _, value in course)
    verdict = f"It stayed under the limit of {limit:g} in all {len(course)} steps."
    if above:
        verdict = (
            f"It exceeded the limit of {limit:g} in {above} of {len(course)} steps, most in step {highest_step} with "
            f"{highest:.2g}: the trainer does not see quite what the sampler sampled."
        )
    title = "Sampler against trainer"
    caption = (
        f"The {which} difference between the log-probabilities that sampler and trainer compute for the same tokens, "
        f"in nats. {verdict}"
    )
    series = [
        Series(f"{which} difference", course, "var(--first)"),
        Series("limit", [(0, limit)], "var(--quiet)", "level"),
    ]
    legend = [(one.name, one.colour, one.kind) for one in series]
    drawings = _drawings(facts, series, False, lambda *_: f"{title}. {verdict}")
    return Figure("mismatch", title, caption, legend, drawings)


def _turns_figure(facts: Facts) -> Figure | None:
    """What further turns add, where programs that give no answer are asked for again."""
    names = ["again", *(f"right_by_{most}" for most in range(1, 2 + facts.run.config.grpo.retries))]
    courses = {turn_label(name): course for name in names if (course := facts.course("grpo", f"turns/{name}"))}
    if not courses:
        return None
    colours = ("var(--quiet)", "var(--first)", "var(--second)", "var(--third)", "var(--odd)")
    series = [
        Series(label.lower(), course, colours[min(number, len(colours) - 1)])
        for number, (label, course) in enumerate(courses.items())
    ]
    legend = [(one.name, one.colour, one.kind) for one in series]
    label = "At the last step: " + ", ".join(f"{one.name} {text.percent(one.points[-1][1])}" for one in series)
    caption = "Conversations that needed a second turn, and conversations solved after at most so many turns."
    return Figure("turns", "Turns", caption, legend, _drawings(facts, series, True, lambda *_: label))


def _outcome_figure(facts: Facts) -> Figure | None:
    courses = {outcome: facts.course("grpo", f"outcome/{outcome}") for outcome in OUTCOMES}
    seen = {outcome: course for outcome, course in courses.items() if any(value > 0 for _, value in course)}
    if not seen:
        return None
    svg = charts.stack(
        thinned_together({str(outcome): course for outcome, course in seen.items()}),
        {str(outcome): OUTCOMES[outcome][1] for outcome in seen},
        percent=True,
        x_title="GRPO step",
    )
    label = "Shares of outcomes at the last step: " + ", ".join(
        f"{outcome} {text.percent(course[-1][1])}" for outcome, course in seen.items()
    )
    caption = "How the completions of each step ended. " + "; ".join(
        f"{outcome}: {OUTCOMES[outcome][0]}" for outcome in seen
    )
    legend = [(str(outcome), OUTCOMES[outcome][1], "part") for outcome in seen]
    return Figure("outcomes", "Outcomes", caption + ".", legend, [Drawing("", label, Markup(svg))])


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
    svg = charts.stack(thinned_together(parts), colours, percent=False, x_title=x_title)
    label = "Total seconds: " + ", ".join(f"{name} {sum(v for _, v in course):.0f}" for name, course in parts.items())
    legend = [(name, colours[name], "part") for name in parts]
    caption = "Seconds per step, by activity."
    return Figure("time", "Time per step", caption, legend, [Drawing("", label, Markup(svg))])
