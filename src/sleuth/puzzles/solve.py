"""A puzzle's text, answered by the solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sleuth.errors import UserError
from sleuth.logic.clues import is_world
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Not, World
from sleuth.puzzles.family import Family, PageText
from sleuth.puzzles.registry import families, family_names


@dataclass(frozen=True, slots=True)
class Solution:
    """The one world of a puzzle, and what it answers."""

    family: Family[Any, Any]
    page: PageText
    world: World
    answers: dict[str, str]
    """Question letter to answer."""

    def board(self) -> str:
        """The solved board as text."""
        return self.family.board(self.page.case, self.world)


def recognise(text: str) -> Family[Any, Any]:
    """The family whose page a text is, of several versions the newest. Raises `UserError` if it is none's."""
    for family in families():
        if family.recognises(text):
            return family
    raise UserError(
        f"this is no puzzle page of a known family ({', '.join(family_names())}); see docs/reference/notation.md"
    )


def solve_text(text: str) -> Solution:
    """Solves a puzzle's page. Raises `UserError` where it can't be read, has no solution or has several."""
    family = recognise(text)
    page = family.read_page(text)
    theory = family.theory(page.case)
    cnf = theory.cnf.copy()
    for clue in page.clues:
        cnf.add(theory.formula(clue))
    with WorldSolver(cnf) as solver:
        world = solver.solve()
        if world is None:
            raise UserError("the clues contradict each other: no world obeys them all")
        solver.add(Not(is_world(cnf, world)))
        if solver.solve() is not None:
            raise UserError("the clues leave more than one world, so there is no single answer")
    answers: dict[str, str] = {}
    for letter, question in zip(page.letters, page.questions, strict=True):
        choice = family.true_choice(page.case, theory, world, question)
        if choice is None:
            raise UserError(f"question {letter} has no single answer in the one world there is")
        answers[letter] = family.answer_text(page.case, choice)
    return Solution(family, page, world, answers)
