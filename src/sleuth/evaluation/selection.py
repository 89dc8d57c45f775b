"""What several completions of a puzzle come to, when one answer has to be given.

- pass@k: at least one of k completions solves it, estimated without bias from all [1]. No choice is made.
- majority@k: the vote of the first k completions is right, question by question, an earlier answer before a later one
  where votes are equal [2].
- best@k: the soundest of the first k completions solves it.

The soundest is chosen without the right answers. Completions that answer go before those that do not. Then counts, in
mode `reason`, the share of sentences that are true and then the share that is derived, as the judge finds them from the
puzzle's page (`sleuth.grading.soundness`); in mode `program` the share of lines that say what a clue says. Of equally
sound ones it is the first.

[1] Chen et al. 2021, arXiv:2107.03374. [2] Wang et al. 2022, arXiv:2203.11171.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from sleuth.config import Mode
from sleuth.evaluation.statistics import Interval, share_interval
from sleuth.grading.soundness import soundness
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import ANSWERED, Outcome

JUDGED: tuple[Mode, ...] = ("reason", "program")
"""Modes whose completions have spans to be sound."""


class Sampled(Protocol):
    """A graded completion."""

    @property
    def puzzle_id(self) -> str: ...

    @property
    def sample(self) -> int: ...

    @property
    def outcome(self) -> Outcome: ...

    @property
    def correct(self) -> bool: ...

    @property
    def answers(self) -> dict[str, str | None]: ...

    @property
    def spans(self) -> tuple[tuple[int, int, str], ...]: ...


AnySampled = TypeVar("AnySampled", bound=Sampled)


def ks(samples: int) -> list[int]:
    """1, 2, 4, … and the number of samples; none where there is only one."""
    return sorted({*(2**power for power in range(samples.bit_length())), samples}) if samples > 1 else []


def pass_at(rows: Sequence[Sampled], k: int) -> Interval | None:
    """Pass@k, of puzzles with at least k completions; None without any."""
    values = {}
    for puzzle, some in _by_puzzle(rows).items():
        if len(some) >= k:
            wrong = sum(not row.correct for row in some)
            values[puzzle] = [1 - math.comb(wrong, k) / math.comb(len(some), k)]
    return share_interval(values) if values else None


def majority_at(rows: Sequence[Sampled], k: int, puzzles: Mapping[str, Puzzle]) -> Interval | None:
    """Majority@k, of puzzles with at least k completions whose questions have choices; None without any."""
    values = {
        puzzle: [float(majority([row.answers for row in some[:k]]) == puzzles[puzzle].answers)]
        for puzzle, some in _by_puzzle(rows).items()
        if len(some) >= k and all(question.choices for question in puzzles[puzzle].questions)
    }
    return share_interval(values) if values else None


def best_at(rows: Sequence[Sampled], k: int, mode: Mode) -> Interval | None:
    """Best@k, of puzzles with at least k completions; None without any, and in modes without a judge."""
    values = {
        puzzle: [float(soundest(some[:k], mode).correct)]
        for puzzle, some in _by_puzzle(rows).items()
        if len(some) >= k and mode in JUDGED
    }
    return share_interval(values) if values else None


def majority(votes: Sequence[Mapping[str, str | None]]) -> dict[str, str]:
    """The most frequent answer to each question, the earliest of several; without questions that nobody answered."""
    counts: dict[str, Counter[str]] = {}
    for vote in votes:
        for letter, answer in vote.items():
            if answer is not None:
                counts.setdefault(letter, Counter())[answer] += 1
    return {letter: count.most_common(1)[0][0] for letter, count in counts.items()}  # equal ones come in their order


def soundest(rows: Sequence[AnySampled], mode: Mode) -> AnySampled:
    """The soundest of completions of one puzzle, the first of several."""

    def worth(row: AnySampled) -> tuple[float, ...]:
        verdicts = [verdict for _, _, verdict in row.spans]
        answers = float(row.outcome in ANSWERED)
        if mode == "program":
            return answers, verdicts.count("right") / max(1, len(verdicts))
        figures = soundness(verdicts)
        return answers, figures.true or 0.0, figures.derived or 0.0

    return max(rows, key=worth)


def _by_puzzle(rows: Sequence[AnySampled]) -> dict[str, list[AnySampled]]:
    """The completions of each puzzle, in order; faults of an interface are none."""
    found: dict[str, list[AnySampled]] = {}
    for row in sorted(rows, key=lambda row: row.sample):
        if row.outcome is not Outcome.FAULT:
            found.setdefault(row.puzzle_id, []).append(row)
    return found
