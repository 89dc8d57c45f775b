"""How a model is asked, and asked again: the instructions of a mode, added to a puzzle's text when it is asked, never
stored in it; and what is said to a completion that is known to be wrong."""

from __future__ import annotations

import dataclasses
import functools

from sleuth.config import Mode
from sleuth.errors import UserError
from sleuth.grading.answers import answers_all
from sleuth.grading.score import Score
from sleuth.policy.base import Request, Rollout, Turn
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


LONGEST_REASON = 200
"""Characters of what is said of a completion: it may quote a line of it."""


AGAIN = "Write the whole program again."


def check_retries(mode: Mode, retries: int) -> None:
    """Raises `UserError` where completions cannot be asked again: only of a program is it known that it is wrong."""
    if retries < 0:
        raise UserError(f"--retries {retries}: 0 or more")
    if retries and mode != "program":
        raise UserError(f"--retries is for mode program: in mode {mode} nobody knows which completions are wrong")


def ask_again(request: Request, sample: int, rollout: Rollout, score: Score) -> Request:
    """The request that goes on after a program that gives no answers, with what the reader or the solver said of it.

    That comes from the program and the puzzle's page alone; nothing of the right answers is in it. Of a conversation
    that has only begun, `sample` is which of the request's completions goes on; so every turn draws by its own key.
    """
    reason = score.detail[:LONGEST_REASON]
    said = f"{reason[:1].upper()}{reason[1:]}. {AGAIN}"
    key = request.key if request.turns else f"{request.key}, sample {sample}"
    turns = (*request.turns, Turn(rollout.text, said, rollout.tokens))
    return dataclasses.replace(request, key=f"{key}, again", turns=turns)
