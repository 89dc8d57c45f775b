"""Mode `program`: the completion is a list of formal statements; the solver adds the family's rules and answers.

Every line must be a statement (blank lines and code fences aside). The text is parsed, never executed; its length, its
lines, their length and nesting, the clauses and the solver's work are bounded, and `sleuth.grading.worker` adds bounds
on time and memory. Exactly one world must obey the program, as one obeys the clues: to accept any program that settles
the questions would reward leaving clues out (docs/LOG.md, 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sleuth.grading.reading import Reading, read_puzzle
from sleuth.logic.clues import is_world
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Not
from sleuth.puzzles.formal import FormalError, FormalLanguage
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome
from sleuth.puzzles.statements import Statement

MOST_CHARS = 200_000
"""Of a program, blank lines within it included."""
MOST_LINES = 400
"""Statements of a program."""
MOST_CLAUSES = 100_000
"""Clauses that the statements of a program may compile to; clue sets of level 5 need up to 6,000."""
CONFLICTS = 20_000
"""Solver conflicts per decision: a bound on work, the same on every machine."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What a program came to."""

    outcome: Outcome | None
    """None: it answers every question."""
    answers: dict[str, str]
    detail: str = ""


def program_lines(text: str) -> Iterator[tuple[int, int, int]]:
    """The lines that are to be statements, blank ones and code fences aside: (number from 1, start, end with the line
    break)."""
    start = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        end = start + len(line)
        if line.strip() and not line.strip().startswith("```"):
            yield number, start, end
        start = end


class SizeError(ValueError):
    """A program that is over a bound; the message names it."""


def read_program(language: FormalLanguage, text: str) -> list[Statement]:
    """The statements of a program. Raises `FormalError` naming the line, and `SizeError`."""
    if len(text.strip()) > MOST_CHARS:  # thinking that was taken off is blank
        raise SizeError(f"longer than {MOST_CHARS} characters")
    statements: list[Statement] = []
    for number, start, end in program_lines(text):
        if len(statements) >= MOST_LINES:
            raise SizeError(f"line {number}: more than {MOST_LINES} statements")
        try:
            statements.append(language.read(text[start:end].strip()))
        except FormalError as error:
            raise FormalError(f"line {number}: {error}") from None
    if not statements:
        raise FormalError("no statement")
    return statements


def run_program(puzzle: Puzzle, text: str) -> Execution:
    """Runs a program against a puzzle."""
    reading = read_puzzle(puzzle)
    try:
        statements = read_program(reading.language, text)
    except FormalError as error:
        return Execution(Outcome.UNREADABLE, {}, str(error))
    except SizeError as error:
        return Execution(Outcome.UNDECIDED, {}, str(error))
    return solve_statements(reading, statements)


def solve_statements(reading: Reading, statements: list[Statement]) -> Execution:
    """The answers in the one world that statements and rules leave."""
    family, page = reading.family, reading.page
    theory = family.theory(page.case)
    cnf = theory.cnf.copy()
    most = len(cnf.clauses) + MOST_CLAUSES
    for statement in dict.fromkeys(statements):
        cnf.add(theory.formula(statement))
        if len(cnf.clauses) > most:
            return Execution(Outcome.UNDECIDED, {}, f"the statements need more than {MOST_CLAUSES} clauses")
    with WorldSolver(cnf) as solver:
        try:
            world = solver.solve(conflicts=CONFLICTS)
            if world is None:
                return Execution(Outcome.CONTRADICTORY, {}, "no world obeys the statements")
            solver.add(Not(is_world(cnf, world)))
            if solver.solve(conflicts=CONFLICTS) is not None:
                return Execution(Outcome.AMBIGUOUS, {}, "several worlds obey the statements")
        except TimeoutError as error:
            return Execution(Outcome.UNDECIDED, {}, str(error))
    answers: dict[str, str] = {}
    for letter, question in zip(page.letters, page.questions, strict=True):
        choice = family.true_choice(page.case, theory, world, question)
        if choice is None:
            return Execution(Outcome.AMBIGUOUS, {}, f"question {letter} has no single answer in the program's world")
        answers[letter] = family.answer_text(page.case, choice)
    return Execution(None, answers)
