"""How a model is asked: the instructions of a mode, added to a puzzle's text when it is asked, never stored in it."""

from __future__ import annotations

import functools

from sleuth.config import Mode
from sleuth.grading.answers import answers_all
from sleuth.policy.base import Request
from sleuth.puzzles.puzzle import Puzzle

INSTRUCTIONS: dict[Mode, str] = {
    "answer": "Answer each question on a line of its own: letter, full stop, answer. Write nothing else.",
    "reason": "Think step by step. Then answer each question on a line of its own: letter, full stop, answer.",
    "program": "Write each clue as a formal statement, one a line. Write nothing else.",
}
"""Short on purpose: on a small machine the prompt's tokens are what training pays for, and the warm start teaches the
format."""


def ask(puzzle: Puzzle, mode: Mode) -> Request:
    """The request that asks a puzzle in a mode."""
    answered = None if mode == "program" else functools.partial(answers_all, questions=puzzle.questions)
    return Request(key=puzzle.id, system=INSTRUCTIONS[mode], user=puzzle.prompt, answered=answered)
