"""Asking a policy a suite of puzzles, and grading what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sleuth.config import Mode
from sleuth.policy.base import Policy, Sampling
from sleuth.policy.baselines import guessing, solver
from sleuth.policy.conversations import Conversation, Progress, converse, grader
from sleuth.policy.prompts import ask, check_retries
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Score
from sleuth.runs.rows import EvaluationRow, evaluation_rows, graded_again


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
    return evaluation_rows(puzzles, mode, conversations(policy, puzzles, mode, sampling, samples, progress, retries))


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
    graders = [grader(puzzle, mode) for puzzle in puzzles]
    return converse(policy, requests, graders, samples, sampling, retries, progress)


def graded_by(
    grade: Callable[[Puzzle, str], Score], rows: Sequence[EvaluationRow], puzzles: Mapping[str, Puzzle]
) -> list[EvaluationRow]:
    """The completions about these puzzles, by their ids, as another grader grades them; other rows are left out."""
    return [
        graded_again(row, grade(puzzles[row.puzzle_id], row.completion)) for row in rows if row.puzzle_id in puzzles
    ]


GUESSES = 25
"""Guesses of every puzzle: enough that the baseline is known better than what it is compared with."""


def evaluate_baselines(puzzles: Sequence[Puzzle], seed: int) -> dict[str, list[EvaluationRow]]:
    """What guessing and the solver achieve on the suite; both answer directly, whatever the mode of the model."""
    sampling = Sampling(max_new_tokens=1)
    return {
        "guessing": evaluate(guessing(puzzles, seed), puzzles, "answer", sampling, GUESSES),
        "solver": evaluate(solver(puzzles), puzzles, "answer", sampling),
    }
