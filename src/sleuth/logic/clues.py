"""Which clues leave exactly one world, and which of them can go.

"The clues leave one world" means: rules, clues and "some variable differs from the true world" can't hold together.
So a minimal clue set is a minimal unsatisfiable subset (MUS). Clues are gathered by counterexample, as long as the
solver finds another world, a clue that is false there is added, and then thinned by deletion with core refinement
(Belov, Lynce & Marques-Silva, "Towards efficient MUS extraction", 2012), least wanted clues first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from sleuth.logic.cnf import Cnf, WorldSolver
from sleuth.logic.formulas import And, Formula, Is, Not, World, holds


class HasFormula(Protocol):
    """A clue, to this module: something that has a formula."""

    @property
    def formula(self) -> Formula: ...


ClueT = TypeVar("ClueT", bound=HasFormula)


def is_world(variables_cnf: Cnf, world: World) -> Formula:
    """The formula that is true in one world only."""
    return And(tuple(Is(variable, world[variable.index]) for variable in variables_cnf.variables))


def find_minimal(
    rules: Cnf,
    world: World,
    candidates: Iterator[ClueT],
    unwanted: Callable[[ClueT], float],
) -> list[ClueT] | None:
    """Clues that with the rules leave only `world`, none of which can be dropped.

    `rules` are compiled once and not changed. `candidates` yields clues that are true in `world`; it is read only as
    far as needed, and None is returned if it ends too early. Clues with a high `unwanted` are dropped first. The
    result keeps the order of the candidates.
    """
    cnf = rules.copy()
    cnf.add(Not(is_world(cnf, world)))
    with WorldSolver(cnf) as solver:
        chosen: dict[int, ClueT] = {}
        counterexample = solver.solve()
        while counterexample is not None:
            clue = next((one for one in candidates if not holds(one.formula, counterexample)), None)
            if clue is None:
                return None
            chosen[solver.add_optional(clue.formula)] = clue
            counterexample = solver.solve(chosen)
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
