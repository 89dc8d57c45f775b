"""Asking a policy a suite of puzzles, and grading what it wrote."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sleuth.config import Mode
from sleuth.grading.original import grade_original
from sleuth.grading.worker import grade_safely
from sleuth.policy.base import Policy, Rollout, Sampling
from sleuth.policy.baselines import guessing, solver
from sleuth.policy.conversations import Conversation, converse
from sleuth.policy.prompts import ask, check_retries
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Score
from sleuth.runs.rows import EvaluationRow

Progress = Callable[[int], None] | None
"""Takes the number of completions that were just made."""


def evaluate(
    policy: Policy,
    puzzles: Sequence[Puzzle],
    mode: Mode,
    sampling: Sampling,
    samples: int = 1,
    progress: Progress = None,
    retries: int = 0,
) -> list[EvaluationRow]:
    """One row for each of `samples` completions of each puzzle, in order.

    A program that gives no answers is known to be wrong: in mode `program` it is asked for again, as a further turn of
    the conversation, at most `retries` times and as long as the model's context has room. The row is about the last
    one. What `progress` is called with adds up to (1 + retries) times the number of rows. Raises `UserError` for
    retries that cannot be.
    """
    return rows_about(puzzles, mode, conversations(policy, puzzles, mode, sampling, samples, progress, retries))


def conversations(
    policy: Policy,
    puzzles: Sequence[Puzzle],
    mode: Mode,
    sampling: Sampling,
    samples: int,
    progress: Progress,
    retries: int,
) -> list[list[Conversation]]:
    """What `evaluate` makes rows of: for each puzzle its conversations."""
    check_retries(mode, retries)
    requests = [ask(puzzle, mode) for puzzle in puzzles]
    graders = [functools.partial(graded, puzzle, mode) for puzzle in puzzles]
    return converse(policy, requests, graders, samples, sampling, retries, progress)


def rows_about(puzzles: Sequence[Puzzle], mode: Mode, asked: Sequence[Sequence[Conversation]]) -> list[EvaluationRow]:
    """A row for each conversation, in order."""
    return [
        EvaluationRow(**completion(puzzle, mode, one), length_tokens=one.length, turns=said_before(one))
        for puzzle, group in zip(puzzles, asked, strict=True)
        for one in group
    ]


def graded(puzzle: Puzzle, mode: Mode, rollout: Rollout) -> Score:
    """The grade of a rollout, whatever the completion does to the grader."""
    return grade_safely(puzzle, rollout.text, mode, rollout.stop.cut)


def completion(puzzle: Puzzle, mode: Mode, conversation: Conversation) -> dict[str, Any]:
    """What every row of a run says of a conversation: of its last completion, and what that came to."""
    rollout, score = conversation.rollout, conversation.score
    request = ask(puzzle, mode)
    return {
        "puzzle_id": puzzle.id,
        "sample": conversation.sample,
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


def said_before(conversation: Conversation) -> tuple[tuple[str, str], ...]:
    """(completion, what was said to it) of every turn but the last, as rows keep them."""
    return tuple((turn.completion, turn.said) for turn in conversation.request.turns)


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
