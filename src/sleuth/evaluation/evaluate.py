"""Asking a policy a suite of puzzles, and grading what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sleuth.config import Mode
from sleuth.grading.score import Score
from sleuth.grading.worker import grade_safely
from sleuth.policy.asking import ask
from sleuth.policy.base import Policy, Rollout, Sampling, StopReason
from sleuth.policy.baselines import guessing, solver
from sleuth.puzzles.puzzle import Puzzle
from sleuth.runs.rows import EvaluationRow


def evaluate(
    policy: Policy,
    puzzles: Sequence[Puzzle],
    mode: Mode,
    sampling: Sampling,
    samples: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[EvaluationRow]:
    """One row for each of `samples` completions of each puzzle, in order."""
    groups = policy.rollout([ask(puzzle, mode) for puzzle in puzzles], samples, sampling, progress)
    return [
        EvaluationRow(**completion(puzzle, mode, rollout, number), length_tokens=len(rollout.tokens))
        for puzzle, group in zip(puzzles, groups, strict=True)
        for number, rollout in enumerate(group)
    ]


def graded(puzzle: Puzzle, mode: Mode, rollout: Rollout) -> Score:
    """The grade of a rollout, whatever the completion does to the grader."""
    return grade_safely(puzzle, rollout.text, mode, rollout.stop is StopReason.LENGTH)


def completion(puzzle: Puzzle, mode: Mode, rollout: Rollout, sample: int, score: Score | None = None) -> dict[str, Any]:
    """What every row of a run says of a completion; it is graded unless `score` is its grade."""
    request = ask(puzzle, mode)
    score = score or graded(puzzle, mode, rollout)
    return {
        "puzzle_id": puzzle.id,
        "sample": sample,
        "system": request.system,
        "prompt": request.user,
        "completion": rollout.text,
        "stop": rollout.stop,
        "outcome": score.outcome,
        "reward": score.reward,
        "correct": score.correct,
        "answers": score.answers,
        "right": score.right,
        "gold": dict(puzzle.answers),
        "detail": score.detail,
        "parts": tuple((part.start, part.end, part.verdict) for part in score.parts),
    }


GUESSES = 25
"""Guesses of every puzzle: enough that the baseline is known better than what it is compared with."""


def evaluate_baselines(puzzles: Sequence[Puzzle], seed: int) -> dict[str, list[EvaluationRow]]:
    """What guessing and the solver achieve on the suite; both answer directly, whatever the mode of the model."""
    sampling = Sampling(max_new_tokens=1)
    return {
        "guessing": evaluate(guessing(puzzles, seed), puzzles, "answer", sampling, GUESSES),
        "solver": evaluate(solver(puzzles), puzzles, "answer", sampling),
    }
