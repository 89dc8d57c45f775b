"""Policies without a model, beside which models are judged: guessing, and the solver."""

from __future__ import annotations

from collections.abc import Iterable

from sleuth.grading.program import solve_statements
from sleuth.grading.reading import read_puzzle
from sleuth.policy.base import Request
from sleuth.policy.scripted import ScriptedPolicy
from sleuth.puzzles.generate import rng_of
from sleuth.puzzles.puzzle import Puzzle


def guessing(puzzles: Iterable[Puzzle], seed: int = 0) -> ScriptedPolicy:
    """Answers every question with one of its choices, each as likely as the others."""
    known = {puzzle.id: puzzle for puzzle in puzzles}

    def guess(request: Request, sample: int) -> str:
        rng = rng_of("guess", seed, request.key, sample)
        return "\n".join(f"{q.letter}. {rng.choice(q.choices)}" for q in known[request.key].questions)

    return ScriptedPolicy(guess)


def solver(puzzles: Iterable[Puzzle]) -> ScriptedPolicy:
    """Reads the puzzle's text, lets the solver answer."""
    known = {puzzle.id: puzzle for puzzle in puzzles}

    def solve(request: Request, sample: int) -> str:
        reading = read_puzzle(known[request.key])
        execution = solve_statements(reading, list(reading.page.clues))
        return "\n".join(f"{letter}. {answer}" for letter, answer in execution.answers.items())

    return ScriptedPolicy(solve)
