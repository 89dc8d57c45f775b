"""The one function that grades, in training, evaluation and every export (`sleuth.grading.worker` runs it apart)."""

from __future__ import annotations

from sleuth.config import Mode
from sleuth.errors import UserError
from sleuth.grading.answers import read_answers
from sleuth.grading.gym import grade_task
from sleuth.grading.program import run_program
from sleuth.grading.score import Outcome, Part, Score
from sleuth.grading.spans import line_spans, sentence_spans
from sleuth.grading.strict_format import read_strictly
from sleuth.grading.thinking import ENDLESS, without_thinking
from sleuth.puzzles.family import is_foreign
from sleuth.puzzles.puzzle import Puzzle


def grade(
    puzzle: Puzzle, completion: str, mode: Mode = "answer", truncated: bool = False, strict_format: bool = False
) -> Score:
    """Grades a completion: share of questions right, whether all are, how it ended, and what its parts are worth.

    Thinking is taken off first (`sleuth.grading.thinking`); where it does not end the completion is `truncated`.
    `truncated` says that the completion hit the token limit: what can't be read is then `truncated` rather than
    `unreadable`. `strict_format` reads answer blocks and nothing else (`sleuth.grading.strict_format`). Never raises on
    a completion, whatever it holds; raises `UserError` for a puzzle without answers. Of a task of another library, that
    one's scorer says how much is right (`sleuth.grading.gym`, with what is raised there).
    """
    said = completion if strict_format else without_thinking(completion)
    if is_foreign(puzzle.family):
        return grade_task(puzzle, said, mode, truncated, strict_format)
    if not puzzle.answers:
        raise UserError(f"{puzzle.id} has no stored answers to grade by")
    if said is None:
        return failed(puzzle, Outcome.TRUNCATED, ENDLESS)
    completion = said
    if mode == "program":
        execution = run_program(puzzle, completion)
        # Lines of what was too much to run are not judged one by one, which would be more.
        parts = () if execution.outcome is Outcome.UNDECIDED else line_spans(puzzle, completion)
        if execution.outcome is not None:
            cut = truncated and execution.outcome is Outcome.UNREADABLE
            return failed(puzzle, Outcome.TRUNCATED if cut else execution.outcome, execution.detail, parts)
        return _scored(puzzle, dict(execution.answers), parts)
    parts = sentence_spans(puzzle, completion) if mode == "reason" else ()
    read = read_strictly if strict_format else read_answers
    answers = read(completion, puzzle.questions)
    if answers is None:
        outcome = Outcome.TRUNCATED if truncated else Outcome.UNREADABLE
        return failed(puzzle, outcome, "no answer block", parts)
    return _scored(puzzle, answers, parts)


def failed(puzzle: Puzzle, outcome: Outcome, detail: str, parts: tuple[Part, ...] = ()) -> Score:
    """The grade of a completion that answers nothing."""
    letters = list(puzzle.answers) or [question.letter for question in puzzle.questions]
    return Score(outcome, 0.0, False, dict.fromkeys(letters), dict.fromkeys(letters, False), detail, parts)


def _scored(puzzle: Puzzle, answers: dict[str, str | None], parts: tuple[Part, ...]) -> Score:
    return Score.of(answers, {letter: answers.get(letter) == gold for letter, gold in puzzle.answers.items()}, parts)
