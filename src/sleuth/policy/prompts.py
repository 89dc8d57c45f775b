"""How a model is asked, and asked again: the instructions of a mode, added to a puzzle's text when it is asked, never
stored in it; and what is said to a completion that is known to be wrong."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

from sleuth.config import Mode
from sleuth.errors import UserError
from sleuth.grading.sandbox import check_sandbox
from sleuth.grading.thinking import without_thinking
from sleuth.policy.base import Request, Rollout, Turn
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_task
from sleuth.puzzles.score import ANSWERED, Outcome, Score


def ask(puzzle: Puzzle, mode: Mode) -> Request:
    """The request that asks a puzzle in a mode. Raises `UserError` for a mode that the puzzle does not have."""
    prompt = get_task(puzzle.family).ask(puzzle, mode)
    answered = functools.partial(_answered, prompt.answered) if prompt.answered else None
    return Request(puzzle.id, prompt.system, prompt.user, answered, mode=mode, grammar=prompt.grammar)


def _answered(answered: Callable[[str], bool], text: str) -> bool:
    """Whether a completion answers all outside of its thinking, as `grade` will read it: a draft ends nothing."""
    said = without_thinking(text)
    return said is not None and answered(said)


def check_mode(mode: Mode) -> None:
    """Raises `UserError` for a mode whose completions cannot be graded on this machine. To be called before a model is
    asked."""
    if mode == "python":
        check_sandbox()


def check_constrain(mode: Mode, constrain: bool) -> None:
    """Raises `UserError` where there is no grammar to hold completions to."""
    if constrain and mode not in ("program", "answer"):
        raise UserError(f"--constrain is for modes program and answer: mode {mode} has no grammar")


LONGEST_REASON = 200
"""Characters of what is said of a completion: it may quote a line of it."""


AGAIN = "Write the whole program again."
NOT_RIGHT, NOT_READ = "Not all of these answers are right.", "No answers could be read."
"""What is said of reasoning: never which answer is wrong, nor what would be right."""
THINK = "Think again."


def check_retries(mode: Mode, retries: int) -> None:
    """Raises `UserError` for modes in which completions are not asked again."""
    if retries < 0:
        raise UserError(f"--retries {retries}: 0 or more")
    if retries and mode not in ("program", "reason"):
        raise UserError(f"--retries is for modes program and reason: mode {mode} has nothing to go over again")


def settled(mode: Mode, score: Score) -> bool:
    """Whether a completion with this grade is not asked for again. Reasoning is, unless it solves the puzzle, which
    only the solution says; everything else only where it is known, without the solution, that it is no answer."""
    if score.outcome is Outcome.FAULT:
        return True
    return score.correct if mode == "reason" else score.outcome in ANSWERED


def ask_again(request: Request, sample: int, rollout: Rollout, score: Score) -> Request:
    """The request that goes on after a completion that is not `settled`.

    What is said of a program comes from the reader or the solver, from the program and the puzzle's page alone; nothing
    of the right answers is in it. Reasoning is told that it is not all right, one bit of the solution. Of a
    conversation that has only begun, `sample` is which of the request's completions goes on; so every turn draws by its
    own key.
    """
    if request.mode == "reason":
        said = f"{NOT_RIGHT if score.outcome in ANSWERED else NOT_READ} {THINK}"
    else:
        reason = score.detail[:LONGEST_REASON]
        said = f"{reason[:1].upper()}{reason[1:]}. {AGAIN}"
    key = request.key if request.turns else f"{request.key}, sample {sample}"
    turns = (*request.turns, Turn(rollout.text, said, rollout.tokens))
    return dataclasses.replace(request, key=f"{key}, again", turns=turns)
