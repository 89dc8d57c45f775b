"""Policies without a model, beside which models are judged: guessing, and the solver."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from sleuth.grading.program import solve_statements
from sleuth.grading.reading import read_puzzle
from sleuth.policy.base import Request
from sleuth.policy.scripted import ScriptedPolicy
from sleuth.puzzles.family import is_foreign
from sleuth.puzzles.generate import rng_of
from sleuth.puzzles.gym import LETTER, written
from sleuth.puzzles.puzzle import Puzzle


def guessing(puzzles: Iterable[Puzzle], seed: int = 0) -> ScriptedPolicy:
    """Answers every question with one of its choices, each as likely as the others; a task of another library, which
    has none, with the right answer to another puzzle of that task, or not at all where `puzzles` hold no other."""
    known = {puzzle.id: puzzle for puzzle in puzzles}
    answers: dict[str, dict[str, str]] = {}
    for puzzle in known.values():
        if is_foreign(puzzle.family) and LETTER in puzzle.answers:
            answers.setdefault(puzzle.family, {})[puzzle.id] = puzzle.answers[LETTER]

    def of_another(puzzle: Puzzle, rng: Random) -> str:
        others = [answer for key, answer in answers.get(puzzle.family, {}).items() if key != puzzle.id]
        return written(rng.choice(others)) if others else ""

    def guess(request: Request, sample: int) -> str:
        puzzle, rng = known[request.key], rng_of("guess", seed, request.key, sample)
        if is_foreign(puzzle.family):
            return of_another(puzzle, rng)
        return "\n".join(f"{q.letter}. {rng.choice(q.choices)}" for q in puzzle.questions)

    return ScriptedPolicy(guess)


def solver(puzzles: Iterable[Puzzle]) -> ScriptedPolicy:
    """Reads the puzzle's text, lets the solver answer; to a task of another library gives the stored answer, if any."""
    known = {puzzle.id: puzzle for puzzle in puzzles}

    def solve(request: Request, sample: int) -> str:
        puzzle = known[request.key]
        if is_foreign(puzzle.family):
            return written(puzzle.answers[LETTER]) if LETTER in puzzle.answers else ""
        reading = read_puzzle(puzzle)
        execution = solve_statements(reading, list(reading.page.clues))
        return "\n".join(f"{letter}. {answer}" for letter, answer in execution.answers.items())

    return ScriptedPolicy(solve)
