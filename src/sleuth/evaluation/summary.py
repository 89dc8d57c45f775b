"""An evaluation in a few figures, each with its interval; and two evaluations compared puzzle by puzzle."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from sleuth.config import Mode
from sleuth.evaluation.statistics import (
    Interval,
    mean_interval,
    paired_difference,
    paired_mean_difference,
    share_interval,
)
from sleuth.grading.legibility import legibility
from sleuth.grading.soundness import soundness
from sleuth.puzzles.score import ANSWERED, Outcome
from sleuth.runs.rows import EvaluationRow, RolloutRow

SPANS = {
    "lines_right": "Lines of the program that say what a clue says",
    "answered": "Programs that answer: one world obeys them",
    "right_if_answered": "Programs that are solved, of those that answer",
    "sentences_true": "Sentences that are true",
    "sentences_derived": "Sentences that follow from few clues and what was derived before",
    "nothing_false": "Completions without a false sentence",
    "sentences_read": "Sentences that can be read, in a completion",
    "sentences_unread": "Sentences that cannot be read, in a completion",
}
"""What is said of spans (`sleuth.puzzles.score.Span`)."""
_COUNTED = {"sentences_read": 2, "sentences_unread": 2}
COUNTED_SPANS = frozenset(_COUNTED)
"""Those that are numbers; the others are shares."""
NUMBERS = {"length_tokens": 1, "length_better": 1, "length_worse": 1, "kl": 4, "fluency": 3, **_COUNTED}
"""Figures that are no shares, with their decimals."""
UNREAD = frozenset({Outcome.UNREADABLE, Outcome.TRUNCATED})
"""Outcomes that mean that nothing could be read."""


def turn_label(name: str) -> str:
    """What a figure of `EvaluationSummary.turns` is, in words."""
    return "Asked again" if name == "again" else f"Solved by turn {name.removeprefix('right_by_')}"


AnyRow = TypeVar("AnyRow", EvaluationRow, RolloutRow, EvaluationRow | RolloutRow)
Rows = Sequence[EvaluationRow] | Sequence[RolloutRow] | Sequence[EvaluationRow | RolloutRow]


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """What a policy achieved on a suite. Puzzles count once, however often they were sampled."""

    share: Interval
    """Questions answered right: the mean of the rewards."""
    strict: Interval
    """Puzzles solved: every question right."""
    readable: Interval
    """Completions of which something could be read."""
    length_tokens: Interval
    outcomes: dict[Outcome, float]
    """Share of completions, of every outcome, in the order of `Outcome`."""
    completions: int
    spans: dict[str, Interval]
    """What the spans of completions are worth, by name in `SPANS`; only what there is something to say of."""
    legibility: dict[str, Interval]
    """Language, compression and repetition of the completions, as `sleuth.grading.legibility` measures them."""
    turns: dict[str, Interval]
    """Where completions may be asked for again: `again`, those that were, and for n = 1, 2, … `right_by_n`, those that
    were solved after at most n turns."""

    def as_metrics(self) -> dict[str, float]:
        """The means under the names of metrics.jsonl."""
        means = {
            "reward": self.share.mean,
            "strict": self.strict.mean,
            "readable": self.readable.mean,
            "length_tokens": self.length_tokens.mean,
        }
        means |= {f"spans/{name}": interval.mean for name, interval in self.spans.items()}
        means |= {f"legibility/{name}": interval.mean for name, interval in self.legibility.items()}
        means |= {f"turns/{name}": interval.mean for name, interval in self.turns.items()}
        return means | {f"outcome/{outcome}": share for outcome, share in self.outcomes.items()}

    def as_json(self) -> dict[str, Any]:
        """Plain data; null where an interval is not known."""
        data = asdict(self)
        for name in ("share", "strict", "readable", "length_tokens"):
            data[name] = _plain(data[name])
        for group in ("spans", "legibility", "turns"):
            data[group] = {name: _plain(interval) for name, interval in data[group].items()}
        if not self.turns:
            del data["turns"]
        return data | {"outcomes": {str(outcome): share for outcome, share in self.outcomes.items()}}


@dataclass(frozen=True, slots=True)
class EvaluationDifference:
    """Second policy minus first, on the same puzzles."""

    share: Interval
    strict: Interval
    readable: Interval
    length_tokens: Interval


@dataclass(frozen=True, slots=True)
class Answering:
    """How often a policy answers rather than abstains, and how far its answers can be trusted."""

    answered: Interval
    """Completions that answer."""
    right: Interval | None
    """Those that are solved, of those that answer; None if none answers."""
    errors: int
    """Completions that answer and are not solved."""


def answering(rows: Rows) -> Answering:
    """What is known of programs that answer, and how many do. Raises `ValueError` without completions."""
    rows = completed(rows)
    answered = [row for row in rows if row.outcome in ANSWERED]
    return Answering(
        answered=share_interval(_by_puzzle(rows, lambda row: float(row.outcome in ANSWERED))),
        right=share_interval(_by_puzzle(answered, _strict)) if answered else None,
        errors=sum(not row.correct for row in answered),
    )


def summarise(rows: Rows, retries: int = 0, mode: Mode = "answer") -> EvaluationSummary:
    """The figures of an evaluation, or of the rollouts of a step; retries: how often a completion was asked for again
    at most; mode: how it was asked, since figures of lines belong to `program` and of sentences to `reason`. Rows
    without a completion (`Outcome.FAULT`) are left out. Raises `ValueError` if no row is left."""
    rows = completed(rows)
    if not rows:
        raise ValueError("no completions, so nothing to summarise")
    counts = Counter(row.outcome for row in rows)
    return EvaluationSummary(
        share=share_interval(_by_puzzle(rows, _share)),
        strict=share_interval(_by_puzzle(rows, _strict)),
        readable=share_interval(_by_puzzle(rows, _readable)),
        length_tokens=mean_interval(_by_puzzle(rows, _length)),
        outcomes={outcome: counts[outcome] / len(rows) for outcome in Outcome if outcome is not Outcome.FAULT},
        completions=len(rows),
        spans={} if mode == "answer" else _spans(rows, mode),
        legibility=_legibility(rows),
        turns=_turns(rows, retries) if retries else {},
    )


def completed(rows: Sequence[AnyRow]) -> list[AnyRow]:
    """The rows that have a completion: a fault of an interface says nothing of what a model can do."""
    return [row for row in rows if row.outcome is not Outcome.FAULT]


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


def difference_told(measure: str, found: Interval) -> str:
    """A difference and its interval, with their signs: of shares in percentage points."""
    if math.isnan(found.mean):
        return "–"
    scale, decimals, unit = (1, NUMBERS[measure], "") if measure in NUMBERS else (100, 1, " points")
    mean, low, high = (
        f"{round(scale * value, decimals) + 0.0:+.{decimals}f}"  # no minus before a zero
        for value in (found.mean, found.low, found.high)
    )
    return f"{mean}{unit}" if math.isnan(found.low) else f"{mean}{unit} [{low}, {high}]"


def shared_rows(first: Sequence[AnyRow], second: Sequence[AnyRow]) -> tuple[list[AnyRow], list[AnyRow], int]:
    """The completions of each of two evaluations that are about puzzles which both asked; and of how many puzzles the
    two are in all."""
    one, other = ({row.puzzle_id for row in rows} for rows in (first, second))
    both = one & other
    return (
        [row for row in first if row.puzzle_id in both],
        [row for row in second if row.puzzle_id in both],
        len(one | other),
    )


def _plain(interval: dict[str, float]) -> dict[str, float | None]:
    return {key: None if math.isnan(value) else value for key, value in interval.items()}


def _spans(rows: Rows, mode: Mode) -> dict[str, Interval]:
    """Of sentences and lines, the completions that have any; of programs that answer, all."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in SPANS}

    def note(name: str, row: EvaluationRow | RolloutRow, value: float) -> None:
        found[name].setdefault(row.puzzle_id, []).append(value)

    programs = mode == "program"
    for row in rows:
        verdicts = [verdict for _, _, verdict in row.spans]
        if not verdicts:
            continue
        if programs:
            note("lines_right", row, verdicts.count("right") / len(verdicts))
            continue
        figures = soundness(verdicts)
        note("sentences_unread", row, figures.unread)
        note("sentences_read", row, figures.read)
        if figures.true is not None and figures.derived is not None:
            note("sentences_true", row, figures.true)
            note("sentences_derived", row, figures.derived)
            note("nothing_false", row, figures.first_false is None)
    intervals = {
        name: (mean_interval if name in COUNTED_SPANS else share_interval)(values)
        for name, values in found.items()
        if values
    }
    if programs:
        figures_of_answers = answering(rows)
        intervals["answered"] = figures_of_answers.answered
        if figures_of_answers.right is not None:
            intervals["right_if_answered"] = figures_of_answers.right
    return intervals


def _legibility(rows: Rows) -> dict[str, Interval]:
    values: dict[str, dict[str, list[float]]] = {name: {} for name in ("language", "compression", "repetition")}
    for row in rows:
        measured = legibility(row.completion, row.prompt)
        for name, found in values.items():
            found.setdefault(row.puzzle_id, []).append(getattr(measured, name))
    return {name: share_interval(found) for name, found in values.items()}


def _turns(rows: Rows, retries: int) -> dict[str, Interval]:
    figures = {"again": share_interval(_by_puzzle(rows, lambda row: float(bool(row.turns))))}
    for most in range(1, 2 + retries):

        def right(row: EvaluationRow | RolloutRow, most: int = most) -> float:
            return float(row.correct and len(row.turns) < most)

        figures[f"right_by_{most}"] = share_interval(_by_puzzle(rows, right))
    return figures


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
