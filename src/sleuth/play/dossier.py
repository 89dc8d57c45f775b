"""All that the browser's page needs to play a case without a server: plain data for JSON.

    id, name, intro     the puzzle, a short name of it, the paragraphs before its clues
    clues, about        sentences; for each the labels of the notebook that it speaks of
    questions           letter, text, choices and the right one
    tables              the notebook: title, rows, columns, variables, and whether a value belongs to one row only
    logic               clauses over atoms (a variable's first atom + value) and selectors: what a prover needs to say
                        whether a mark follows from clues, rules and other marks
    world               the value of each variable
    board, solved       pictures (SVG) with their text alternatives, without and with the solution
    attempts            what models wrote about the case, cut at the judge's marks

The steps of the explanation take longest, so they are apart (`steps_of`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from sleuth.logic.citations import Fact, Premises, Step
from sleuth.logic.cnf import Cnf, WorldSolver
from sleuth.logic.formulas import Not
from sleuth.play.pages import case_name, introduction, spoken_of
from sleuth.puzzles.explain import explain, tell
from sleuth.puzzles.family import Theory
from sleuth.puzzles.notebook import Table
from sleuth.puzzles.picture import NAMESPACE
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.solve import solve_text

Data = dict[str, Any]


def dossier(puzzle: Puzzle, attempts: Sequence[Data] = ()) -> Data:
    """The case as data. Raises `UserError` for a puzzle without clues and rules, or with several worlds."""
    family = get_family(puzzle.family)
    page = family.page_of(puzzle)
    theory = family.theory(page.case)
    solution = solve_text(puzzle.prompt)
    tables = family.notebook(page.case)
    return {
        "id": puzzle.id,
        "name": case_name(puzzle),
        "intro": introduction(family.clue_lines(puzzle.prompt), puzzle.prompt),
        "clues": list(page.clue_texts),
        "about": spoken_of(tables, page.clue_texts),
        "questions": [
            {
                "letter": question.letter,
                "text": question.text,
                "choices": list(question.choices),
                "answer": solution.answers[question.letter],
            }
            for question in puzzle.questions
        ],
        "tables": [_table(theory, table) for table in tables],
        "logic": _logic(theory, Premises.of(theory.grouped_cnf, [theory.formula(clue) for clue in page.clues])),
        "world": list(solution.world),
        "board": picture_data(family.board_svg(page.case, None)),
        "solved": picture_data(family.board_svg(page.case, solution.world)),
        "attempts": list(attempts),
    }


def steps_of(puzzle: Puzzle) -> list[Data]:
    """The explanation of a case, to its whole world: for each step its facts ((variable, value, whether it is so)), the
    clues, rules and facts that it needs, and its words."""
    explanation = explain(puzzle)
    told = tell(explanation, "full", str(puzzle.meta.get("style", "plain")))
    return [_step(step, text, explanation.rules) for step, text in zip(explanation.steps, told, strict=True)]


def _step(step: Step, text: str, rules: Sequence[str]) -> Data:
    return {
        "facts": [_fact(fact) for fact in step.facts],
        "clues": list(step.clues),
        "rules": [rules[rule] for rule in step.rules],
        "known": [_fact(fact) for fact in step.known],
        "text": text,
    }


def _fact(fact: Fact) -> list[int]:
    return [fact.variable, fact.value, int(fact.true)]


def picture_data(svg: str) -> Data:
    root = ElementTree.fromstring(svg)
    told = [element.text or "" for name in ("title", "desc") for element in root.iter(f"{NAMESPACE}{name}")]
    return {"svg": svg, "text": ". ".join(told)}


def _table(theory: Theory, table: Table) -> Data:
    return {
        "title": table.title,
        "rows": list(table.rows),
        "columns": list(table.columns),
        "variables": list(table.variables),
        "once": _once(theory, table),
    }


def _once(theory: Theory, table: Table) -> bool:
    """Whether by the rules no two rows have the same value, so that a tick also crosses out its column."""
    if len(table.rows) < 2:
        return False
    cnf = theory.cnf
    with WorldSolver(cnf.copy()) as solver:
        return not any(
            solver.satisfiable([cnf.base[one] + value, cnf.base[other] + value])
            for one, other in itertools.combinations(table.variables, 2)
            for value in range(len(table.columns))
        )


def _logic(theory: Theory, premises: Premises) -> Data:
    cnf: Cnf = premises.cnf
    denials = []
    for formula in premises.formulas:
        denials.append(cnf.new_literal())
        cnf.add(Not(formula), denials[-1])
    return {
        "top": cnf.top,
        "base": list(cnf.base),
        "sizes": [variable.size for variable in cnf.variables],
        "rules": list(premises.rules),
        "clues": list(premises.clues),
        "denials": denials,
        "clauses": cnf.clauses,
    }
