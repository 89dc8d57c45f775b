"""An evaluation in a few figures, each with its interval; and two evaluations compared puzzle by puzzle."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sleuth.evaluation.statistics import (
    Interval,
    mean_interval,
    paired_difference,
    paired_mean_difference,
    share_interval,
)
from sleuth.grading.score import Outcome
from sleuth.runs.rows import EvaluationRow, RolloutRow

UNREAD = frozenset({Outcome.UNREADABLE, Outcome.TRUNCATED})
"""Outcomes that mean that nothing could be read."""

Rows = Sequence[EvaluationRow] | Sequence[RolloutRow]


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """What a policy achieved on a suite. Puzzles count once, however often they were sampled."""

    share: Interval
    """Questions answered right: the mean of the rewards."""
    strict: Interval
    """Puzzles with every question right."""
    readable: Interval
    """Completions of which something could be read."""
    length_tokens: Interval
    outcomes: dict[Outcome, float]
    """Share of completions, of every outcome, in the order of `Outcome`."""
    completions: int

    def as_metrics(self) -> dict[str, float]:
        """The means under the names of metrics.jsonl."""
        means = {
            "reward": self.share.mean,
            "strict": self.strict.mean,
            "readable": self.readable.mean,
            "length_tokens": self.length_tokens.mean,
        }
        return means | {f"outcome/{outcome}": share for outcome, share in self.outcomes.items()}

    def as_json(self) -> dict[str, Any]:
        """Plain data; null where an interval is not known."""
        data = asdict(self)
        for name in ("share", "strict", "readable", "length_tokens"):
            data[name] = {key: None if math.isnan(value) else value for key, value in data[name].items()}
        return data | {"outcomes": {str(outcome): share for outcome, share in self.outcomes.items()}}


@dataclass(frozen=True, slots=True)
class EvaluationDifference:
    """Second policy minus first, on the same puzzles."""

    share: Interval
    strict: Interval
    readable: Interval
    length_tokens: Interval


def summarise(rows: Rows) -> EvaluationSummary:
    """The figures of an evaluation, or of the rollouts of a step. Raises `ValueError` without rows."""
    if not rows:
        raise ValueError("no completions, so nothing to summarise")
    counts = Counter(row.outcome for row in rows)
    return EvaluationSummary(
        share=share_interval(_by_puzzle(rows, _share)),
        strict=share_interval(_by_puzzle(rows, _strict)),
        readable=share_interval(_by_puzzle(rows, _readable)),
        length_tokens=mean_interval(_by_puzzle(rows, _length)),
        outcomes={outcome: counts[outcome] / len(rows) for outcome in Outcome},
        completions=len(rows),
    )


def compare(first: Rows, second: Rows) -> EvaluationDifference:
    """Second minus first. Raises `ValueError` if they are not about the same puzzles."""

    def both(value: Callable[[EvaluationRow | RolloutRow], float]) -> tuple[dict[str, list[float]], ...]:
        return _by_puzzle(first, value), _by_puzzle(second, value)

    return EvaluationDifference(
        share=paired_difference(*both(_share)),
        strict=paired_difference(*both(_strict)),
        readable=paired_difference(*both(_readable)),
        length_tokens=paired_mean_difference(*both(_length)),
    )


def _by_puzzle(rows: Rows, value: Callable[[EvaluationRow | RolloutRow], float]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for row in rows:
        values.setdefault(row.puzzle_id, []).append(value(row))
    return values


def _share(row: EvaluationRow | RolloutRow) -> float:
    return row.reward


def _strict(row: EvaluationRow | RolloutRow) -> float:
    return float(row.correct)


def _readable(row: EvaluationRow | RolloutRow) -> float:
    return float(row.outcome not in UNREAD)


def _length(row: EvaluationRow | RolloutRow) -> float:
    return float(row.length_tokens)
