"""The figures of a result: rates with intervals clustered by puzzle, and what must not be mixed with them.

Solved and the share of answers are of the puzzles themselves, by family and level, and never of twins. Completions
that could not be read and those that were cut off count as not solved, and are told apart. Faults of an interface are
no completions: they count nowhere, and a level with a puzzle that has none is not complete. Every figure has its n.

Pass@k, majority@k and best@k are those of `sleuth.evaluation.selection`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from sleuth.bench.prices import Price
from sleuth.bench.result import Row, Settings
from sleuth.bench.suites import TWINS, Item, Suite
from sleuth.bench.summary import Figure, Measured, Perfect, Spent, Summary, Twins
from sleuth.evaluation.selection import best_at, ks, majority_at, pass_at
from sleuth.evaluation.statistics import Interval, paired_difference, paired_p_value, share_interval
from sleuth.evaluation.summary import UNREAD, summarise
from sleuth.puzzles.score import ANSWERED, Outcome
from sleuth.runs.rows import EvaluationRow, columns

Values = dict[str, list[float]]


def figures(suite: Suite, settings: Settings, rows: Sequence[Row], price: Price | None = None) -> Summary:
    """All figures. Rows of puzzles that are not in the suite are an error of the caller's."""
    items = {item.puzzle.id: item for item in suite.items}
    base = [row for row in rows if items[row.puzzle_id].variant == "base"]
    puzzles = {name: item.puzzle for name, item in items.items()}
    cells = {cell: _of_cell(suite.base, base, cell) for cell in dict.fromkeys(item.cell for item in suite.base)}
    families = {
        family: _of_cell(suite.base, base, family)
        for family in dict.fromkeys(item.puzzle.family for item in suite.base)
    }
    answered = [row for row in base if row.outcome in ANSWERED]
    completed = [row for row in base if row.fault is None]
    said = (
        summarise([_as_evaluation(row, items, settings) for row in completed], mode=settings.mode).as_json()
        if completed
        else {"spans": {}, "legibility": {}}
    )
    return Summary(
        all=_figure(suite.base, base),
        families=families,
        levels=cells,
        perfect=_perfect(cells),
        twins={variant: twins for variant in TWINS if (twins := _twins(suite, rows, variant)) is not None},
        answered=_answered(completed),
        errors_of_answered=sum(not row.correct for row in answered),
        pass_at=_by_k(settings, lambda k: pass_at(base, k)),
        majority_at=_by_k(settings, lambda k: majority_at(base, k, puzzles)),
        best_at=_by_k(settings, lambda k: best_at(base, k, settings.mode)),
        outcomes=dict(sorted(Counter(row.outcome for row in base).items())),
        faults=dict(sorted(Counter(row.fault for row in rows if row.fault is not None).items())),
        spent=_spent(rows, price),
        soundness={name: Measured(**interval) for name, interval in said["spans"].items()},
        legibility={name: Interval(**interval) for name, interval in said["legibility"].items()},
    )


def paired(first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]) -> Twins | None:
    """Second less first on the puzzles that both have values for; None if there are none."""
    both = [puzzle for puzzle in first if puzzle in second]
    if not both:
        return None
    a, b = {puzzle: first[puzzle] for puzzle in both}, {puzzle: second[puzzle] for puzzle in both}
    return Twins(solved=paired_difference(a, b), p_value=paired_p_value(a, b))


def solved_by_puzzle(rows: Iterable[Row]) -> Values:
    """1 or 0 for every completion, by puzzle; faults left out."""
    values: Values = {}
    for row in rows:
        if row.fault is None:
            values.setdefault(row.puzzle_id, []).append(float(row.correct))
    return values


def _of_cell(items: Sequence[Item], rows: Sequence[Row], place: str) -> Figure:
    """Of the puzzles of a family, or of one of its levels."""
    some = [item for item in items if place in (item.cell, item.puzzle.family)]
    ids = {item.puzzle.id for item in some}
    return _figure(some, [row for row in rows if row.puzzle_id in ids])


def _figure(items: Sequence[Item], rows: Sequence[Row]) -> Figure:
    completed = [row for row in rows if row.fault is None]
    shares: Values = {}
    for row in completed:
        shares.setdefault(row.puzzle_id, []).append(row.reward)
    unread = [row for row in completed if row.outcome in UNREAD]
    truncated = sum(row.outcome is Outcome.TRUNCATED for row in unread)
    return Figure(
        puzzles=len(items),
        completions=len(completed),
        solved=share_interval(solved_by_puzzle(completed)) if completed else None,
        share=share_interval(shares) if completed else None,
        format_failures=len(unread) - truncated,
        truncated=truncated,
        faults=len(rows) - len(completed),
    )


def _perfect(cells: Mapping[str, Figure]) -> Perfect:
    bounds = {name: figure.solved.low for name, figure in cells.items() if figure.perfect and figure.solved is not None}
    return Perfect(levels=len(bounds), of=len(cells), lowest_bound=min(bounds.values(), default=None), at=bounds)


def _twins(suite: Suite, rows: Sequence[Row], variant: str) -> Twins | None:
    solved = solved_by_puzzle(rows)
    of = {
        item.of: solved[item.puzzle.id] for item in suite.items if item.variant == variant and item.puzzle.id in solved
    }
    return paired({puzzle: solved[puzzle] for puzzle in of if puzzle in solved}, of)


def _by_k(settings: Settings, figure: Callable[[int], Interval | None]) -> dict[int, Interval]:
    """A figure of several samples, by their number."""
    return {k: interval for k in ks(settings.samples) if (interval := figure(k)) is not None}


def _spent(rows: Sequence[Row], price: Price | None) -> Spent:
    prompt, new = sum(row.prompt_tokens for row in rows), sum(row.new_tokens for row in rows)
    completions, solved = sum(row.fault is None for row in rows), sum(row.correct for row in rows)
    counted = [row.reasoning_tokens for row in rows if row.reasoning_tokens is not None]
    usd = None if price is None else price.usd(prompt, new)
    return Spent(
        completions=completions,
        prompt_tokens=prompt,
        new_tokens=new,
        reasoning_tokens=sum(counted) if counted else None,
        seconds=math.fsum(row.seconds for row in rows),
        usd=usd,
        usd_each=usd / completions if usd is not None and completions else None,
        usd_solved=usd / solved if usd is not None and solved else None,
    )


def _answered(completed: Sequence[Row]) -> Interval | None:
    values: Values = {}
    for row in completed:
        values.setdefault(row.puzzle_id, []).append(float(row.outcome in ANSWERED))
    return share_interval(values) if values else None


def _as_evaluation(row: Row, items: Mapping[str, Item], settings: Settings) -> EvaluationRow:
    puzzle = items[row.puzzle_id].puzzle
    said = columns(puzzle, settings.mode, row.sample, row.completion, str(row.stop), row, row.spans)
    return EvaluationRow(**said, length_tokens=row.new_tokens)
