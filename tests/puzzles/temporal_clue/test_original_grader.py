"""The grader of 2025 with its faults."""

from __future__ import annotations

import pytest

from sleuth.puzzles.score import Outcome
from sleuth.puzzles.temporal_clue.original.grader import grade_original
from tests.grading.test_answers import GOLD, PUZZLE


@pytest.mark.parametrize(
    ("completion", "right"),
    [
        (GOLD, "AB"),  # a right time is wrong: digits do not match
        ("A. mr. ash\nB. COSTUME ROOM", "AB"),
        ("A. Mr. Ash\nA. Dr. Rowan\nB. Hall, B. Costume Room", "B"),  # the last anywhere, so guesses may be listed
        ("A. Mr. Ash.", ""),  # a full stop is part of the answer
        ("**A.** Mr. Ash", ""),
        ("I rule out plan A. Mr. Ash\nstays", "A"),
    ],
)
def test_by_hand(completion: str, right: str) -> None:
    score = grade_original(PUZZLE, completion)
    assert {letter for letter, value in score.right.items() if value} == set(right)
    assert score.reward == pytest.approx(len(right) / 3)


def test_nothing_to_read() -> None:
    assert grade_original(PUZZLE, "").outcome is Outcome.UNREADABLE
    assert grade_original(PUZZLE, "A. " * 10**6 + "(" * 10**6).reward == 0
