"""Success by difficulty, of puzzles whose metadata say how hard they are (`sleuth.puzzles.explain.rated`).

Whether the steps of an explanation say how hard a puzzle is for a model is a question, not a premise: this is what to
answer it with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sleuth.evaluation.statistics import Interval, share_interval
from sleuth.puzzles.explain import DIFFICULTY
from sleuth.puzzles.puzzle import Puzzle
from sleuth.runs.rows import EvaluationRow

GROUPS = 3


@dataclass(frozen=True, slots=True)
class Third:
    """Puzzles of like difficulty, and how many were solved."""

    low: int
    """Fewest steps of one of them."""
    high: int
    """Most steps."""
    strict: Interval
    """Puzzles with every question right; `n` is their number."""


def steps_of(puzzle: Puzzle) -> int | None:
    """Steps of a puzzle's explanation, as its metadata have them; None where they don't."""
    found = puzzle.meta.get(DIFFICULTY)
    steps = found.get("steps") if isinstance(found, dict) else None
    return steps if isinstance(steps, int) else None


def by_difficulty(rows: Sequence[EvaluationRow], puzzles: Sequence[Puzzle]) -> list[Third]:
    """Thirds of the puzzles by the steps of their explanations, the easiest first.

    Puzzles of equally many steps stay together, so thirds may differ in size, and with few different numbers there are
    fewer of them. Puzzles without difficulty, or of which there is no row, are left out; so the list may be empty.
    """
    solved: dict[str, list[float]] = {}
    for row in rows:
        solved.setdefault(row.puzzle_id, []).append(float(row.correct))
    steps = {p.id: count for p in puzzles if p.id in solved and (count := steps_of(p)) is not None}
    ordered = sorted(steps.values())
    if not ordered:
        return []
    ends = dict.fromkeys(ordered[math.ceil(len(ordered) * part / GROUPS) - 1] for part in range(1, GROUPS + 1))
    thirds, low = [], ordered[0]
    for high in ends:
        inside = {name: solved[name] for name, count in steps.items() if low <= count <= high}
        counts = [steps[name] for name in inside]
        thirds.append(Third(min(counts), max(counts), share_interval(inside)))
        low = high + 1
    return thirds
