"""Policies without a model, beside which models are judged: guessing, and the solver."""

from __future__ import annotations

from collections.abc import Iterable

from sleuth.errors import UserError
from sleuth.policy.base import Request
from sleuth.policy.scripted import ScriptedPolicy
from sleuth.puzzles.generate import rng_of
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_task


def guessing(puzzles: Iterable[Puzzle], seed: int = 0) -> ScriptedPolicy:
    """Answers as the puzzle's task guesses: each question with one of its choices, each as likely as the others; where
    there are none, with the right answer to another of these puzzles. Raises `UserError` as `check_choices`."""
    known = {puzzle.id: puzzle for puzzle in puzzles}
    check_choices(known.values())
    of_task: dict[str, list[Puzzle]] = {}
    for puzzle in known.values():
        of_task.setdefault(puzzle.family, []).append(puzzle)

    def guess(request: Request, sample: int) -> str:
        puzzle, rng = known[request.key], rng_of("guess", seed, request.key, sample)
        others = [other for other in of_task[puzzle.family] if other is not puzzle]
        return get_task(puzzle.family).guess(puzzle, rng, others)

    return ScriptedPolicy(guess)


def check_choices(puzzles: Iterable[Puzzle]) -> None:
    """Raises `UserError` for a question of a family that has no choices: nothing could be guessed, or be right."""
    for puzzle in puzzles:
        if get_task(puzzle.family).family is None:
            continue
        for question in puzzle.questions:
            if not question.choices:
                raise UserError(f"{puzzle.id}: question {question.letter} has no choices; the puzzle is damaged")


def solver(puzzles: Iterable[Puzzle]) -> ScriptedPolicy:
    """Answers as the puzzle's task solves: reads the text and lets the solver answer, or gives the stored answer."""
    known = {puzzle.id: puzzle for puzzle in puzzles}

    def solve(request: Request, sample: int) -> str:
        puzzle = known[request.key]
        return get_task(puzzle.family).solve(puzzle)

    return ScriptedPolicy(solve)
