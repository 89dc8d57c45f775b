"""What grading says of one completion."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


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
    """Mode `program`: several worlds obey the program."""
    UNDECIDED = "undecided"
    """Mode `program`: the solver's time ran out, or the program is over the size limit."""
    TRUNCATED = "truncated"
    """The token limit was reached before anything could be read."""


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
    components: dict[str, float] = field(default_factory=dict)
    """Parts of the reward, each on its own."""
