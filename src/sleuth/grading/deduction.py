"""Puzzles with clues and rules as tasks: every family of ours keeps the contract through this."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from sleuth.config import Mode, Telling
from sleuth.errors import UserError
from sleuth.grading.answers import answers_all, answers_grammar, read_answers
from sleuth.grading.choices import read_text
from sleuth.grading.program import run_program, solve_statements
from sleuth.grading.reading import read_puzzle
from sleuth.grading.spans import line_spans, sentence_spans
from sleuth.grading.strict_format import read_strictly
from sleuth.puzzles.family import Family
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_of
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome, Score, Span, failed
from sleuth.puzzles.solve import solve_text
from sleuth.puzzles.task import Key, Made, Prompt, Task
from sleuth.puzzles.zebra.zebralogic.answer_grid import example, is_grid, read_grid, write_answers

INSTRUCTIONS: Mapping[Mode, str] = {
    "answer": "Answer each question on a line of its own: letter, full stop, answer. Write nothing else.",
    "reason": "Think step by step. Then answer each question on a line of its own: letter, full stop, answer.",
    "program": "Write each clue as a formal statement, one a line. Write nothing else.",
    "python": "Write a Python program that prints the answer to each question on a line of its own: letter, full stop, "
    "answer. It may import ortools. Write nothing else.",
}
"""The warm start teaches the rest of the format."""
GRID_INSTRUCTIONS: Mapping[Mode, str] = {
    "answer": "Answer with one JSON object, and write nothing else: {}",
    "reason": "Think step by step. Then answer with one JSON object: {}",
    "program": INSTRUCTIONS["program"],
    "python": "Write a Python program that prints one JSON object: {}\nIt may import ortools. Write nothing else.",
}
"""For puzzles that ask for a grid; with what it looks like."""


class Deduction(Task):
    """A family as a task."""

    def __init__(self, family: Family[Any, Any]) -> None:
        self._family = family

    @property
    def name(self) -> str:
        return self._family.name

    @property
    def version(self) -> int:
        return self._family.version

    @property
    def levels(self) -> Mapping[str, str]:
        return self._family.levels

    @property
    def styles(self) -> tuple[str, ...]:
        return self._family.styles

    @property
    def pooled(self) -> bool:
        return self._family.pooled

    @property
    def modes(self) -> tuple[Mode, ...]:
        return ("answer", "reason", "program", "python")

    @property
    def grammar_modes(self) -> tuple[Mode, ...]:
        return ("answer", "program")  # reasoning is free

    @property
    def gold_modes(self) -> tuple[Mode, ...]:
        return ("answer", "reason", "program")

    @property
    def family(self) -> Family[Any, Any]:
        return self._family

    def make(self, key: Key) -> Made:
        return make_puzzle(self.id, key.level, key.split, key.seed, key.index, key.style, key.attempt, key.names)

    def ask(self, puzzle: Puzzle, mode: Mode) -> Prompt:
        if is_grid(puzzle):
            written = functools.partial(grammar, puzzle, mode) if mode == "program" else None
            return Prompt(GRID_INSTRUCTIONS[mode].format(example(puzzle.questions)), puzzle.prompt, None, written)
        answered = None if mode in ("program", "python") else functools.partial(answers_all, questions=puzzle.questions)
        written = functools.partial(grammar, puzzle, mode) if mode in self.grammar_modes else None
        return Prompt(INSTRUCTIONS[mode], puzzle.prompt, answered, written)

    def grade(self, puzzle: Puzzle, completion: str, mode: Mode, truncated: bool, strict_format: bool = False) -> Score:
        if not puzzle.answers:
            raise UserError(f"{puzzle.id} has no stored answers to grade by")
        if mode == "program":
            execution = run_program(puzzle, completion)
            # Lines of what was too much to run are not judged one by one, which would be more.
            spans = () if execution.outcome is Outcome.UNDECIDED else line_spans(puzzle, completion)
            if execution.outcome is not None:
                cut = truncated and execution.outcome is Outcome.UNREADABLE
                return failed(puzzle, Outcome.TRUNCATED if cut else execution.outcome, execution.detail, spans)
            return _scored(puzzle, dict(execution.answers), spans)
        spans = sentence_spans(puzzle, completion) if mode == "reason" else ()
        if is_grid(puzzle):
            answers = read_grid(completion, puzzle.questions, read_text)
        else:
            answers = (read_strictly if strict_format else read_answers)(completion, puzzle.questions)
        if answers is None:
            outcome = Outcome.TRUNCATED if truncated else Outcome.UNREADABLE
            return failed(puzzle, outcome, "no answer grid" if is_grid(puzzle) else "no answer block", spans)
        return _scored(puzzle, answers, spans)

    def isolated(self, mode: Mode) -> bool:
        return mode != "answer"  # elsewhere a solver takes part

    def gold(self, puzzle: Puzzle, mode: Mode, telling: Telling = "short") -> str:
        return gold_of(puzzle, mode, telling)

    def guess(self, puzzle: Puzzle, rng: Random, others: Sequence[Puzzle]) -> str:
        return write_answers(puzzle, {question.letter: rng.choice(question.choices) for question in puzzle.questions})

    def solve(self, puzzle: Puzzle) -> str:
        reading = read_puzzle(puzzle)
        execution = solve_statements(reading, list(reading.page.clues))
        return write_answers(puzzle, {letter: answer for letter, answer in execution.answers.items() if answer})

    def show(self, puzzle: Puzzle, solution: bool) -> str:
        page = self._family.page_of(puzzle)
        parts = [f"{puzzle.id}", "", puzzle.prompt, "", self._family.board(page.case, None)]
        if solution:
            answers = [f"{letter}. {answer}" for letter, answer in puzzle.answers.items()]
            parts += ["", "Solution", *answers, "", solve_text(puzzle.prompt).board()]
        return "\n".join(parts)


def grammar(puzzle: Puzzle, mode: Mode) -> str:
    """The regular expression (`Prompt.grammar`) of programs about the puzzle's case, or of its answer blocks."""
    assert mode in ("program", "answer"), "reasoning is free"
    if mode == "program":
        return read_puzzle(puzzle).language.grammar()
    return answers_grammar(puzzle.questions)


def _scored(puzzle: Puzzle, answers: dict[str, str | None], spans: tuple[Span, ...]) -> Score:
    return Score.of(answers, {letter: answers.get(letter) == gold for letter, gold in puzzle.answers.items()}, spans)
