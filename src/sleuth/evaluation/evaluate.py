"""Asking a policy a suite of puzzles, and grading what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sleuth.config import Mode
from sleuth.grading.original import grade_original
from sleuth.grading.score import ANSWERED, Score
from sleuth.grading.worker import grade_safely
from sleuth.policy.asking import ask, ask_again, check_retries
from sleuth.policy.base import Policy, Request, Rollout, Sampling
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
    retries: int = 0,
) -> list[EvaluationRow]:
    """One row for each of `samples` completions of each puzzle, in order.

    A program that gives no answers is known to be wrong: in mode `program` it is asked for again, as a further turn of
    the conversation, at most `retries` times. The row is about the last one. What `progress` is called with adds up to
    (1 + retries) times the number of rows. Raises `UserError` for retries that cannot be.
    """
    check_retries(mode, retries)
    requests = [ask(puzzle, mode) for puzzle in puzzles]
    groups = policy.rollout(requests, samples, sampling, progress)
    attempts = [
        _Attempt(puzzle, mode, number, request, rollout)
        for puzzle, request, group in zip(puzzles, requests, groups, strict=True)
        for number, rollout in enumerate(group)
    ]
    for _ in range(retries):
        failed = [attempt for attempt in attempts if attempt.score.outcome not in ANSWERED]
        if progress is not None:
            progress(len(attempts) - len(failed))
        groups = policy.rollout([attempt.next_request() for attempt in failed], 1, sampling, progress)
        for attempt, group in zip(failed, groups, strict=True):
            for rollout in group:
                attempt.retry(rollout)
    return [attempt.row() for attempt in attempts]


class _Attempt:
    """One completion of a puzzle, and those that took its place."""

    def __init__(self, puzzle: Puzzle, mode: Mode, sample: int, request: Request, rollout: Rollout) -> None:
        self._puzzle, self._mode, self._sample = puzzle, mode, sample
        self._request, self._rollout, self._tokens = request, rollout, len(rollout.tokens)
        self.score = graded(puzzle, mode, rollout)

    def next_request(self) -> Request:
        return ask_again(self._request, self._sample, self._rollout.text, self.score)

    def retry(self, rollout: Rollout) -> None:
        self._request, self._rollout = self.next_request(), rollout
        self._tokens += len(rollout.tokens)
        self.score = graded(self._puzzle, self._mode, rollout)

    def row(self) -> EvaluationRow:
        said = completion(self._puzzle, self._mode, self._rollout, self._sample, self.score)
        return EvaluationRow(**said, length_tokens=self._tokens, turns=self._request.turns)


def graded(puzzle: Puzzle, mode: Mode, rollout: Rollout) -> Score:
    """The grade of a rollout, whatever the completion does to the grader."""
    return grade_safely(puzzle, rollout.text, mode, rollout.stop.cut)


def completion(puzzle: Puzzle, mode: Mode, rollout: Rollout, sample: int, score: Score) -> dict[str, Any]:
    """What every row of a run says of a completion; `score` is its grade."""
    request = ask(puzzle, mode)
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


def as_in_2025(rows: Sequence[EvaluationRow], puzzles: Sequence[Puzzle]) -> list[EvaluationRow]:
    """Completions about pages in the format of 2025, graded again as the grader of 2025 did (`grade_original`), so that
    its figures can be compared; those about other pages are left out. For modes `answer` and `reason`."""
    pages = {puzzle.id: puzzle for puzzle in puzzles if puzzle.meta.get("style") == "original"}
    found = []
    for row in rows:
        if row.puzzle_id in pages:
            score = grade_original(pages[row.puzzle_id], row.completion)
            found.append(
                replace(
                    row,
                    outcome=score.outcome,
                    reward=score.reward,
                    correct=score.correct,
                    answers=score.answers,
                    right=score.right,
                    detail=score.detail,
                )
            )
    return found


GUESSES = 25
"""Guesses of every puzzle: enough that the baseline is known better than what it is compared with."""


def evaluate_baselines(puzzles: Sequence[Puzzle], seed: int) -> dict[str, list[EvaluationRow]]:
    """What guessing and the solver achieve on the suite; both answer directly, whatever the mode of the model."""
    sampling = Sampling(max_new_tokens=1)
    return {
        "guessing": evaluate(guessing(puzzles, seed), puzzles, "answer", sampling, GUESSES),
        "solver": evaluate(solver(puzzles), puzzles, "answer", sampling),
    }
