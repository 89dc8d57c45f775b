"""A first explainer: what follows from one clue and the facts so far, found with the solver; the rest in one last step.

A *fact* is the value of one variable. Every fact of a step is entailed by the rules, the facts before it and the clue
that the step cites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Is, World
from sleuth.puzzles.family import Family
from sleuth.puzzles.statements import Statement


@dataclass(frozen=True, slots=True)
class Step:
    """Facts and what they come from."""

    clue: int | None
    """Index of the clue; None in the last step, where all clues are needed together."""
    facts: tuple[int, ...]
    """Indices of the variables whose values are now known."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """How the clues lead to the world."""

    world: World
    steps: tuple[Step, ...]


def explain(family: Family[Any, Any], case: Any, clues: Sequence[Statement]) -> Explanation:
    """Steps from the clues to the whole world. Raises `ValueError` if the clues do not leave exactly one world."""
    theory = family.theory(case)
    cnf = theory.cnf.copy()
    with WorldSolver(cnf) as solver:
        selectors = [solver.add_optional(theory.formula(clue)) for clue in clues]
        world = solver.solve(selectors)
        if world is None:
            raise ValueError("no world obeys the clues")
        atoms = [cnf.atom(Is(variable, world[variable.index])) for variable in theory.space]
        if any(solver.satisfiable([*selectors, -atom]) for atom in atoms):
            raise ValueError("several worlds obey the clues")
        unknown = [variable.index for variable in theory.space if variable.size > 1]
        known: list[int] = []
        steps: list[Step] = []
        stuck = False
        while unknown and not stuck:
            stuck = True
            for number, selector in enumerate(selectors):
                facts = tuple(i for i in unknown if not solver.satisfiable([*known, selector, -atoms[i]]))
                if facts:
                    stuck = False
                    steps.append(Step(number, facts))
                    known += [atoms[i] for i in facts]
                    unknown = [i for i in unknown if i not in facts]
        if unknown:
            steps.append(Step(None, tuple(unknown)))
        return Explanation(world, tuple(steps))
