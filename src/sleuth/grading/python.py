"""Mode `python`: the completion is a Python program, which may call OR-Tools; what it prints is the answer.

For evaluation only. The last block of Python in the completion is the program, or the last that names no language where
none is of Python; without any, all of it is. It runs in `sleuth.grading.sandbox`, never in our process, and what it
prints is graded as in mode `answer`. A program that fails is `unreadable`, one that meets a limit `undecided`, with the
reason as detail.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable

from sleuth.grading.sandbox import Ran, run_program
from sleuth.grading.thinking import ENDLESS, without_thinking
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_task
from sleuth.puzzles.score import Outcome, Score, failed

_FENCE = re.compile(
    r"^[ \t]*(`{3,}+|~{3,}+)[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_LANGUAGES = frozenset({"python", "python3", "py"})


def program_of(completion: str) -> str:
    """The program in a completion; empty where there is none."""
    blocks = [(language.lower(), code) for _, language, code in _FENCE.findall(completion)]
    for languages in (_LANGUAGES, {""}):
        if codes := [code for language, code in blocks if language in languages]:
            return textwrap.dedent(codes[-1]).strip()  # a block within a list is indented as a whole
    return completion.strip()


def grade_python(
    puzzle: Puzzle, completion: str, truncated: bool, strict_format: bool, grade: Callable[..., Score]
) -> Score:
    """Runs the program of a completion, and grades by `grade` (or `grade_safely`) what it prints.

    Raises `UserError` where programs cannot be run safely, and for a task that is not asked for programs.
    """
    program = program_to_run(puzzle, completion, truncated, strict_format)
    if isinstance(program, Score):
        return program
    return grade_run(puzzle, run_program(program), truncated, strict_format, grade)


def program_to_run(puzzle: Puzzle, completion: str, truncated: bool, strict_format: bool = False) -> str | Score:
    """The program of a completion, or the score of one without. Raises `UserError` for a task without the mode."""
    get_task(puzzle.family).check_mode("python")
    said = completion if strict_format else without_thinking(completion)
    if said is None:
        return failed(puzzle, Outcome.TRUNCATED, ENDLESS)
    return program_of(said) or failed(puzzle, _unread(truncated), "no program")


def grade_run(puzzle: Puzzle, ran: Ran, truncated: bool, strict_format: bool, grade: Callable[..., Score]) -> Score:
    """Grades what a program printed."""
    if ran.problem:
        return failed(puzzle, Outcome.UNDECIDED if ran.bound else _unread(truncated), ran.problem)
    return grade(puzzle, ran.output, "answer", False, strict_format)


def _unread(truncated: bool) -> Outcome:
    return Outcome.TRUNCATED if truncated else Outcome.UNREADABLE
