"""What grading says of one completion."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sleuth.puzzles.puzzle import Puzzle


class Outcome(StrEnum):
    """How a completion ended. Never folded into a bare reward of 0."""

    CORRECT = "correct"
    """Every question right."""
    PARTLY = "partly"
    """Some questions right."""
    WRONG = "wrong"
    """Answers could be read, none is right."""
    UNREADABLE = "unreadable"
    """No answer block, or (mode `program`) a line that is no statement."""
    CONTRADICTORY = "contradictory"
    """Mode `program`: no world obeys the program."""
    AMBIGUOUS = "ambiguous"
    """Mode `program`: several worlds obey the program, or the one that does leaves a question without a single
    answer."""
    UNDECIDED = "undecided"
    """A bound was met: on a program's size, on the solver's work, or on the time and memory of grading."""
    TRUNCATED = "truncated"
    """The token limit was reached before anything could be read."""
    FAULT = "fault"
    """There is no completion, since the interface to the model failed. No figure of a model counts it."""


ANSWERED = frozenset({Outcome.CORRECT, Outcome.PARTLY, Outcome.WRONG})
"""Outcomes of completions that answer. All others abstain: of programs it is known, without knowing the solution, that
they are none (`undecided`: not known to be one)."""

_VALUES = {"right": 1.0, "wrong": 0.0, "derived": 1.0, "lucky": 0.0, "empty": 0.0, "false": 0.0}
"""What repeats something, or cannot be read, has no value."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span of a completion that is judged by itself: a line of a program, a sentence of reasoning."""

    start: int
    """Its first character in the completion."""
    end: int
    """One past its last."""
    verdict: str
    """Of a line: `right` where it says what a clue says and no line before it said, else `wrong`. Of a sentence: a
    `sleuth.grading.soundness.Verdict`."""

    @property
    def value(self) -> float | None:
        """How good it is, 0 … 1; None where it is neither good nor bad."""
        return _VALUES.get(self.verdict)


@dataclass(frozen=True, slots=True)
class Score:
    """The grade of one completion."""

    outcome: Outcome
    reward: float
    """Share of questions answered right, 0 … 1."""
    correct: bool
    """All of them right."""
    answers: dict[str, str | None]
    """Letter to the answer as read: a choice, or None where none could be read."""
    right: dict[str, bool]
    """Letter to whether it is right."""
    detail: str = ""
    """For people: what was wrong, e.g. the first unreadable line."""
    spans: tuple[Span, ...] = ()
    """Lines in mode `program`, sentences in mode `reason`."""

    @classmethod
    def of(cls, answers: dict[str, str | None], right: dict[str, bool], spans: tuple[Span, ...] = ()) -> Score:
        """The grade of answers that could be read."""
        share = sum(right.values()) / len(right)
        outcome = Outcome.CORRECT if all(right.values()) else Outcome.PARTLY if share else Outcome.WRONG
        return cls(outcome, share, outcome is Outcome.CORRECT, answers, right, spans=spans)


def failed(puzzle: Puzzle, outcome: Outcome, detail: str, spans: tuple[Span, ...] = ()) -> Score:
    """The grade of a completion that answers nothing."""
    letters = list(puzzle.answers) or [question.letter for question in puzzle.questions]
    return Score(outcome, 0.0, False, dict.fromkeys(letters), dict.fromkeys(letters, False), detail, spans)
