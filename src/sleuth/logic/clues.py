"""Which clues leave exactly one world, and which of them can go.

"The clues leave one world" means: rules, clues and "some variable differs from the true world" can't hold together.
So a minimal clue set is a minimal unsatisfiable subset (MUS). Clues are gathered by counterexample, as long as the
solver finds another world, a clue that is false there is added, and then thinned by deletion with core refinement
(Belov, Lynce & Marques-Silva, "Towards efficient MUS extraction", 2012), least wanted clues first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sleuth.logic.cnf import Cnf, WorldSolver
from sleuth.logic.formulas import And, Formula, Is, Not, World

ClueT = TypeVar("ClueT")


def is_world(variables_cnf: Cnf, world: World) -> Formula:
    """The formula that is true in one world only."""
    return And(tuple(Is(variable, world[variable.index]) for variable in variables_cnf.variables))


def find_minimal(
    rules: Cnf,
    world: World,
    tell: Callable[[World], tuple[ClueT, Formula]],
    unwanted: Callable[[ClueT], float],
) -> list[ClueT]:
    """Clues that with the rules leave only `world`, none of which can be dropped.

    `rules` are compiled once and not changed. `tell` gives, for another world, a clue that is true in `world` and false
    in that one, with its formula. Clues with a high `unwanted` are dropped first. The result is in the order told.
    """
    cnf = rules.copy()
    cnf.add(Not(is_world(cnf, world)))
    with WorldSolver(cnf) as solver:
        chosen: dict[int, ClueT] = {}
        while (counterexample := solver.solve(chosen)) is not None:
            clue, formula = tell(counterexample)
            chosen[solver.add_optional(formula)] = clue
        needed = set(solver.core())
        for selector in sorted(chosen, key=lambda s: (-unwanted(chosen[s]), s)):
            if selector in needed and not solver.satisfiable(sorted(needed - {selector})):
                needed = set(solver.core())
        return [clue for selector, clue in chosen.items() if selector in needed]


def droppable(rules: Cnf, formulas: list[Formula], world: World) -> list[int]:
    """Indices of the formulas that can be dropped, each on its own, without a second world appearing."""
    cnf = rules.copy()
    cnf.add(Not(is_world(cnf, world)))
    with WorldSolver(cnf) as solver:
        selectors = [solver.add_optional(formula) for formula in formulas]
        return [
            index for index, selector in enumerate(selectors) if not solver.satisfiable(set(selectors) - {selector})
        ]
