"""The leaderboard as one HTML page, which needs no network.

What a model wrote, and its name, is foreign text: the template escapes everything, and the page forbids every script by
its content security policy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

from sleuth.bench.result import Result
from sleuth.bench.tables import label, remarks, sheets
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome
from sleuth.report import text
from sleuth.report.charts import Cell, Point, cells, scatter
from sleuth.report.facts import OUTCOMES

EXAMPLES = 2
"""Misses that are shown of each result."""
MOST_LEVELS = 60
"""Levels that are drawn; of a suite with more there is the table alone."""
LEVEL_COLOURS = ("--first", "--second", "--third", "--fair", "--bad", "--grey")
"""Of the results whose levels are drawn, and no more; all of them are in the table."""
LONGEST = 4000
"""Characters of a text that are shown."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its words."""

    title: str
    caption: str
    svg: str


def render(results: Sequence[Result], puzzles: Mapping[str, Puzzle]) -> str:
    """The page. `puzzles`: those of the suite, by id, for examples; without them there are none."""
    return _template().render(
        title=results[0].suite.title,
        remarks=remarks(results),
        sheets=sheets(results),
        charts=charts(results),
        endings=[_ending(result) for result in results],
        examples=[example for result in results for example in _examples(result, puzzles)],
    )


@cache
def _template() -> Template:
    templates = Environment(
        loader=ChoiceLoader([PackageLoader("sleuth", "bench"), PackageLoader("sleuth", "report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["visible"] = text.visible
    return templates.get_template("board.html")


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that none beats: no other costs at most as much and solves more, or costs less and solves as much;
    cheapest first. A point is (cost, solved)."""
    found: list[tuple[float, float]] = []
    for cost, solved in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not found or solved > found[-1][1]:
            found.append((cost, solved))
    return found


def charts(results: Sequence[Result]) -> list[Chart]:
    """Solved by level, against cost, against answers right, and against length."""
    some = [result for result in results if result.summary.all.solved is not None]
    if not some:
        return []
    costs = [(result, result.summary.spent.usd_each) for result in some if result.summary.spent.usd_each is not None]
    shares = [(result, result.summary.all.share.mean) for result in some if result.summary.all.share is not None]
    lengths = [(result, result.summary.spent.new_tokens / max(1, result.summary.spent.completions)) for result in some]
    made = []
    if 0 < len({cell for result in some for cell in result.summary.levels}) <= MOST_LEVELS:
        made.append(_by_level(some))
    if costs:
        line = pareto([(cost, _solved(result)) for result, cost in costs])
        caption = "Dashed: the models that no other beats in both (Pareto). Solid: the efforts of one model."
        drawn = scatter(_points(costs), "dollars each", line, efforts(costs))
        made.append(Chart("Puzzles solved against cost", caption, drawn))
    caption = "A model far to the right of its height answers parts of puzzles, and misses the whole."
    made.append(Chart("Puzzles solved against answers right", caption, scatter(_points(shares), "answers right")))
    caption = "Tokens of a completion, mean; the baselines have none."
    made.append(Chart("Puzzles solved against length", caption, scatter(_points(lengths), "tokens")))
    return made


def _by_level(results: Sequence[Result]) -> Chart:
    ranked = sorted(results, key=_solved, reverse=True)
    shown = ranked[: len(LEVEL_COLOURS)]
    found = []
    for result in shown:
        for cell, figure in result.summary.levels.items():
            family, _, level = text.visible(cell).rpartition("/")
            if (solved := figure.solved) is not None:
                found.append(Cell(family, level, text.visible(label(result)), solved.mean, solved.low, solved.high))
    colours = {
        text.visible(label(result)): f"var({colour})" for result, colour in zip(shown, LEVEL_COLOURS, strict=False)
    }
    left_out = f" Of {len(ranked)} results the {len(shown)} that solve most." if len(shown) < len(ranked) else ""
    caption = f"Each level of each family, with 95 % intervals.{left_out}"
    return Chart("Puzzles solved by level", caption, cells(found, colours))


def efforts(costs: Sequence[tuple[Result, float]]) -> list[list[tuple[float, float]]]:
    """(Cost, solved) of the rows of one model that differ in effort or in tokens of thinking, cheapest first."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for result, cost in costs:
        settings = result.settings.model_dump(mode="json", exclude={"effort", "thinking_tokens", "max_new_tokens"})
        lines.setdefault(json.dumps([result.model.name, settings]), []).append((cost, _solved(result)))
    return [sorted(line) for line in lines.values() if len(line) > 1]


def _points(values: Sequence[tuple[Result, float]]) -> list[Point]:
    return [
        Point(text.visible(label(result)), value, solved.mean, solved.low, solved.high)
        for result, value in values
        if (solved := result.summary.all.solved) is not None
    ]


def _solved(result: Result) -> float:
    solved = result.summary.all.solved
    assert solved is not None  # results without are left out
    return solved.mean


def _ending(result: Result) -> dict[str, Any]:
    counts = {outcome: result.summary.outcomes.get(outcome, 0) for outcome in OUTCOMES}
    every = max(1, sum(counts.values()))
    return {
        "name": label(result),
        "parts": [(OUTCOMES[outcome][1], f"{100 * count / every:.2f}") for outcome, count in counts.items() if count],
        "said": ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count) or "none",
    }


def _examples(result: Result, puzzles: Mapping[str, Puzzle]) -> list[dict[str, str]]:
    """The first misses of different outcomes."""
    found: dict[Outcome, dict[str, str]] = {}
    for row in result.rows:
        if row.correct or row.fault is not None or row.outcome in found or row.puzzle_id not in puzzles:
            continue
        puzzle = puzzles[row.puzzle_id]
        found[row.outcome] = {
            "model": label(result),
            "outcome": str(row.outcome),
            "puzzle": row.puzzle_id,
            "prompt": _cut(puzzle.prompt),
            "completion": _cut(row.completion),
            "detail": row.detail,
            "right": ", ".join(f"{letter}. {answer}" for letter, answer in puzzle.answers.items()),
        }
        if len(found) == EXAMPLES:
            break
    return list(found.values())


def _cut(said: str) -> str:
    return said if len(said) <= LONGEST else f"{said[:LONGEST]} …"
