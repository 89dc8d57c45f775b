"""The one function that grades, in training, evaluation and every export."""

from __future__ import annotations

from sleuth.config import Mode
from sleuth.grading.answers import read_answers
from sleuth.grading.program import run_program
from sleuth.grading.score import Outcome, Score
from sleuth.puzzles.puzzle import Puzzle


def grade(puzzle: Puzzle, completion: str, mode: Mode = "answer", truncated: bool = False) -> Score:
    """Grades a completion: share of questions right, whether all are, and how it ended.

    `truncated` says that the completion hit the token limit: what can't be read is then `truncated` rather than
    `unreadable`. Never raises on a completion, whatever it holds.
    """
    if mode == "program":
        execution = run_program(puzzle, completion)
        if execution.outcome is not None:
            cut = truncated and execution.outcome is Outcome.UNREADABLE
            return _failed(puzzle, Outcome.TRUNCATED if cut else execution.outcome, execution.detail)
        return _scored(puzzle, dict(execution.answers))
    answers = read_answers(completion, puzzle.questions)
    if answers is None:
        return _failed(puzzle, Outcome.TRUNCATED if truncated else Outcome.UNREADABLE, "no answer block")
    return _scored(puzzle, answers)


def _failed(puzzle: Puzzle, outcome: Outcome, detail: str) -> Score:
    letters = puzzle.answers
    return Score(outcome, 0.0, False, dict.fromkeys(letters), dict.fromkeys(letters, False), detail)


def _scored(puzzle: Puzzle, answers: dict[str, str | None]) -> Score:
    right = {letter: answers.get(letter) == gold for letter, gold in puzzle.answers.items()}
    share = sum(right.values()) / len(right)
    outcome = Outcome.CORRECT if all(right.values()) else Outcome.PARTLY if any(right.values()) else Outcome.WRONG
    return Score(outcome, share, outcome is Outcome.CORRECT, answers, right)
