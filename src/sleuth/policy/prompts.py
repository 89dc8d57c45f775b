"""How a model is asked, and asked again: the instructions of a mode, added to a puzzle's text when it is asked, never
stored in it; and what is said to a completion that is known to be wrong."""

from __future__ import annotations

import dataclasses
import functools

from sleuth.config import Mode
from sleuth.errors import UserError
from sleuth.grading.answers import answers_all, answers_grammar
from sleuth.grading.gym import check_mode
from sleuth.grading.reading import read_puzzle
from sleuth.grading.score import Score
from sleuth.policy.base import Request, Rollout, Turn
from sleuth.puzzles.family import is_foreign
from sleuth.puzzles.puzzle import Puzzle

INSTRUCTIONS: dict[Mode, str] = {
    "answer": "Answer each question on a line of its own: letter, full stop, answer. Write nothing else.",
    "reason": "Think step by step. Then answer each question on a line of its own: letter, full stop, answer.",
    "program": "Write each clue as a formal statement, one a line. Write nothing else.",
}
"""Short on purpose: on a small machine the prompt's tokens are what training pays for, and the warm start teaches the
format."""
FOREIGN_INSTRUCTIONS: dict[Mode, str] = {
    "answer": 'Write "A." and the answer. Write nothing else.',
    "reason": 'Think step by step. Then begin a line with "A." and write the answer there. Write nothing after it.',
}
"""For tasks of another library, whose text does not name the one question."""


def ask(puzzle: Puzzle, mode: Mode) -> Request:
    """The request that asks a puzzle in a mode. Raises `UserError` for a mode that the puzzle does not have."""
    if is_foreign(puzzle.family):
        check_mode(puzzle.family, mode)
        # An answer may go on for lines, so that it is complete cannot be said.
        return Request(key=puzzle.id, system=FOREIGN_INSTRUCTIONS[mode], user=puzzle.prompt)
    answered = None if mode == "program" else functools.partial(answers_all, questions=puzzle.questions)
    written = None if mode == "reason" else functools.partial(grammar, puzzle, mode)
    return Request(key=puzzle.id, system=INSTRUCTIONS[mode], user=puzzle.prompt, answered=answered, grammar=written)


def grammar(puzzle: Puzzle, mode: Mode) -> str:
    """The regular expression (`Request.grammar`) of programs about the puzzle's case, or of its answer blocks."""
    assert mode != "reason", "reasoning is free"
    if mode == "program":
        return read_puzzle(puzzle).language.grammar()
    return answers_grammar(puzzle.questions)


def check_constrain(mode: Mode, constrain: bool) -> None:
    """Raises `UserError` where there is no grammar to hold completions to."""
    if constrain and mode == "reason":
        raise UserError("--constrain is for modes program and answer: reasoning has no grammar")


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
