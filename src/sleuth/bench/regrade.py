"""Stored completions graded again, offline: what today's grader makes of a result, and whether it is what it says.

Grades may change with the grader, on purpose; `verify` is for results of others, whose grades, figures and suite must
follow from their completions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sleuth.bench.figures import figures
from sleuth.bench.result import Result, Row, Settings
from sleuth.bench.run import graded_row
from sleuth.bench.suites import CANARY, PLANS, Suite, load_suite
from sleuth.errors import UserError, counted, shortened


@dataclass(frozen=True, slots=True)
class Regraded:
    """A result graded again."""

    result: Result
    """With today's grades and figures."""
    changed: tuple[tuple[Row, Row], ...]
    """Rows whose grade is another, before and after."""

    @property
    def moves(self) -> dict[str, int]:
        """`wrong to correct`, and how many; also `partly to partly`, where other questions are right."""
        return dict(Counter(f"{before.outcome} to {after.outcome}" for before, after in self.changed).most_common())


def suite_of(result: Result, file: str | None) -> Suite:
    """The suite that a result is about; `file`: where that is, unless it is a frozen one.

    Raises `UserError` for another suite than that of the result, or a result with other rows than it asks.
    """
    known = result.suite
    if file is None and known.id not in PLANS:
        raise UserError(f"this result is about a file of puzzles, {known.id}; name it with --suite")
    if file is None:
        suite = load_suite(known.id, "full" if known.size == "full" else "small", levels=known.levels)
    else:
        suite = load_suite(file)
    if suite.hash != known.hash:
        raise UserError(f"the suite is not the one of this result: hash {suite.hash[:16]}, not {known.hash[:16]}")
    check_rows(suite, result.settings, result.rows)
    return suite


def check_rows(suite: Suite, settings: Settings, rows: Iterable[Row]) -> None:
    """Raises `UserError` for a row of what a suite does not ask, and for one that comes twice."""
    asked, seen = suite.keys(settings.samples), set[tuple[str, int]]()
    for row in rows:
        if row.key not in asked or row.key in seen:
            raise UserError(
                f"{shortened(row.puzzle_id, 200)}, sample {row.sample}: the suite does not ask this, or it comes twice"
            )
        seen.add(row.key)


def regrade(result: Result, suite: Suite, progress: Callable[[int], None] | None = None) -> Regraded:
    """Grades every completion again."""
    puzzles = {item.puzzle.id: item.puzzle for item in suite.items}
    rows, changed = [], []
    for row in result.rows:
        fresh = graded_row(puzzles[row.puzzle_id], result.settings.mode, row)
        rows.append(fresh)
        if fresh != row:
            changed.append((row, fresh))
        if progress is not None:
            progress(1)
    summary = figures(suite, result.settings, rows, result.price)
    return Regraded(result.model_copy(update={"rows": tuple(rows), "summary": summary}), tuple(changed))


def problems(result: Result, suite: Suite, again: Regraded) -> list[str]:
    """What is wrong with a result that was graded again; nothing if it is what it says."""
    found = [
        f"{before.puzzle_id}, sample {before.sample}: the grade is {after.outcome} ({after.reward:.3g}), "
        f"stored is {before.outcome} ({before.reward:.3g})"
        for before, after in again.changed
    ]
    facts = suite.facts
    found += [
        f"suite.{name}: the result says {shortened(str(said))!r}, and it is {str(getattr(facts, name))!r}"
        for name, said in result.suite
        if said != getattr(facts, name)
    ]
    if result.canary != CANARY:
        found.append("the canary is not that of this benchmark")
    stored = figures(suite, result.settings, result.rows, result.price)
    if _differ(stored.model_dump(), result.summary.model_dump()):
        found.append("the figures do not follow from the rows")
    left = len(suite.items) * result.settings.samples - sum(row.fault is None for row in result.rows)
    if left and result.complete:
        found.append(f"it calls itself complete, and {counted(left, 'completion is', 'completions are')} missing")
    return found


def _differ(first: object, second: object) -> bool:
    """Whether plain data differ, by more than the last digits of numbers."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() != second.keys() or any(_differ(first[key], second[key]) for key in first)
    if isinstance(first, float | int) and isinstance(second, float | int):
        return abs(first - second) > 1e-9 * max(1.0, abs(first))
    return first != second
