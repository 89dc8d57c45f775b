"""Grading as the grader of 2025 did, so that published figures can be compared. For nothing else: it has faults.

For each letter it took the last `LETTER. words` anywhere in the completion, where words are letters, spaces, full
stops, colons and hyphens, and compared them with the answer regardless of case. So answers with digits (times) are
never right, guesses can be listed, and what follows on the line may spoil or save an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sleuth.errors import UserError
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome, Score
from sleuth.puzzles.temporal_clue.original.page import STYLE

LONGEST_TEXT = 200_000
"""Characters at the end of a completion that are looked at."""


def pages_of_2025(puzzles: Iterable[Puzzle]) -> dict[str, Puzzle]:
    """The puzzles whose pages are in the format of 2025, by their ids."""
    return {puzzle.id: puzzle for puzzle in puzzles if puzzle.meta.get("style") == STYLE}


def grade_original(puzzle: Puzzle, completion: str) -> Score:
    """The share of questions that the grader of 2025 held for right. Never raises on a completion; raises `UserError`
    for a puzzle without answers."""
    if not puzzle.answers:
        raise UserError(f"{puzzle.id} has no stored answers to grade by")
    given = {letter: _last(letter, completion[-LONGEST_TEXT:]) for letter in puzzle.answers}
    right = {letter: given[letter] == answer.lower() for letter, answer in puzzle.answers.items()}
    if all(answer is None for answer in given.values()):
        return Score(Outcome.UNREADABLE, 0.0, False, given, right)
    return Score.of(given, right)


def _last(letter: str, completion: str) -> str | None:
    found = re.findall(rf"{re.escape(letter)}\. ([A-Za-z .:-]+)", completion)
    return found[-1].strip().lower() if found else None
