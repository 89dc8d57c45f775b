"""Formulas to OR-Tools' CP-SAT: the independent auditor. Shares no code with `cnf`.

Every formula becomes one literal that is *equivalent* to it, and cardinalities become linear constraints: deliberately
another way than the CNF compiler goes, so that one mistake can't hide in both.

OR-Tools takes longer to load than all the rest of the puzzle half, so it is loaded by the first model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sleuth.logic.formulas import And, Count, Formula, Iff, Is, Not, Or, Space, World

if TYPE_CHECKING:
    from ortools.sat.python import cp_model


class CpModel:
    """A CP-SAT model of a space and of demanded formulas."""

    def __init__(self, variables: Space, formulas: Iterable[Formula] = ()) -> None:
        from ortools.sat.python import cp_model

        self.model = cp_model.CpModel()
        self.atoms: list[list[cp_model.IntVar]] = []
        for variable in variables:
            values = [self.model.new_bool_var(f"{variable.name}={value}") for value in range(variable.size)]
            self.model.add_exactly_one(values)
            self.atoms.append(values)
        self._known: dict[Formula, cp_model.LiteralT] = {}
        for formula in formulas:
            self.add(formula)

    def add(self, formula: Formula) -> None:
        """Demands a formula."""
        match formula:
            case And(parts):
                for part in parts:
                    self.add(part)
            case Or(parts):
                self.model.add_bool_or([self.literal(part) for part in parts])
            case _:
                self.model.add_bool_and([self.literal(formula)])

    def literal(self, formula: Formula) -> cp_model.LiteralT:
        """A literal that is true exactly when the formula is."""
        if isinstance(formula, Is):
            return self.atoms[formula.variable.index][formula.value]
        if isinstance(formula, Not):
            return self.literal(formula.part).Not()
        known = self._known.get(formula)
        if known is not None:
            return known
        truth = self.model.new_bool_var("")
        match formula:
            case And(parts):
                literals = [self.literal(part) for part in parts]
                self.model.add_bool_and(literals).only_enforce_if(truth)
                self.model.add_bool_or([one.Not() for one in literals]).only_enforce_if(truth.Not())
            case Or(parts):
                literals = [self.literal(part) for part in parts]
                self.model.add_bool_or(literals).only_enforce_if(truth)
                self.model.add_bool_and([one.Not() for one in literals]).only_enforce_if(truth.Not())
            case Iff(left, right):
                a, b = self.literal(left), self.literal(right)
                self.model.add(a == b).only_enforce_if(truth)
                self.model.add(a != b).only_enforce_if(truth.Not())
            case Count(parts, low, high):
                total = sum((self.literal(part) for part in parts), start=0)
                self.model.add_linear_constraint(total, low, high).only_enforce_if(truth)
                below, above = self.model.new_bool_var(""), self.model.new_bool_var("")
                self.model.add(total <= low - 1).only_enforce_if(below)
                self.model.add(total >= high + 1).only_enforce_if(above)
                self.model.add_bool_or([truth, below, above])
        self._known[formula] = truth
        return truth

    def forbid(self, world: World) -> None:
        """Rules one world out."""
        self.model.add_bool_or([values[world[i]].Not() for i, values in enumerate(self.atoms)])

    def solve(self, seconds: float | None = None) -> World | None:
        """A world of the model, or None if there is none. Raises `TimeoutError` after `seconds` without a verdict."""
        from ortools.sat.python import cp_model

        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        if seconds is not None:
            solver.parameters.max_time_in_seconds = seconds
        status = solver.solve(self.model)
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return tuple(
                next(value for value, literal in enumerate(values) if solver.boolean_value(literal))
                for values in self.atoms
            )
        if status == cp_model.INFEASIBLE:
            return None
        raise TimeoutError(f"CP-SAT came to no verdict: {solver.status_name(status)}")

    def worlds(self, limit: int, seconds: float | None = None) -> list[World]:
        """Up to `limit` different worlds; fewer mean that there are no more."""
        found: list[World] = []
        while len(found) < limit and (world := self.solve(seconds)) is not None:
            found.append(world)
            self.forbid(world)
        return found
