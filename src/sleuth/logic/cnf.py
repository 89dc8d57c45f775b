"""Formulas to conjunctive normal form (CNF), and an incremental SAT solver that answers in worlds.

Each atom is one SAT variable; a variable of the space takes exactly one of its values. Other formulas are compiled by
their polarity (Plaisted & Greenbaum, 1986): an auxiliary literal *implies* the part it stands for, and since parts
occur only positively after negations are pushed inwards, that is enough. A formula may stand behind a *selector*, a
literal that switches it on as an assumption (Eén & Sörensson, "Temporal induction by incremental SAT solving", 2003).
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

from pysat.solvers import Glucose4

from sleuth.logic.formulas import And, Count, Formula, Iff, Is, Not, Or, Space, World

Clause = list[int]
REMEMBERED = 10_000
"""Formulas whose clauses are kept."""
PAIRWISE_LIMIT = 5
"""Up to this domain size "at most one value" is written out in pairs; above it, as a ladder of auxiliary literals."""


class Cnf:
    """Clauses over the atoms of a space, growing as formulas are added."""

    def __init__(self, variables: Space) -> None:
        self.variables = variables
        self.base: list[int] = []
        """`base[variable.index] + value` is the SAT variable of an atom."""
        top = 1
        for variable in variables:
            self.base.append(top)
            top += variable.size
        self.atoms = self.top = top - 1
        """SAT variables that are atoms, and all so far."""
        self.clauses: list[Clause] = []
        self._names: dict[tuple[Formula, bool], int] = {}
        self._named = False
        """Whether a name was asked for since this was set to False."""
        self._compiled: dict[int, tuple[Formula, list[Clause]]] | None = None
        """By a formula's identity, it and its clauses."""
        for variable in variables:
            first = self.base[variable.index]
            self._exactly_one(range(first, first + variable.size))

    def copy(self) -> Cnf:
        """An independent copy that can grow on its own."""
        twin = object.__new__(Cnf)
        twin.variables, twin.base, twin.atoms, twin.top = self.variables, self.base, self.atoms, self.top
        twin.clauses = list(self.clauses)
        twin._names, twin._named = dict(self._names), False
        twin._compiled = self._compiled
        return twin

    def remember(self) -> None:
        """Keeps, for all copies, the clauses of formulas that are added behind a guard. For formulas that are kept and
        come again."""
        self._compiled = {}

    def atom(self, formula: Is) -> int:
        return self.base[formula.variable.index] + formula.value

    def new_literal(self) -> int:
        self.top += 1
        return self.top

    def add(self, formula: Formula, guard: int | None = None) -> None:
        """Demands the formula, or, behind a guard literal, demands it where the guard is true."""
        if guard is None or self._compiled is None:
            self._demand(formula, True, [] if guard is None else [-guard])
            return
        known = self._compiled.get(id(formula))
        if known is not None:
            self.clauses += [[-guard, *clause] for clause in known[1]]
            return
        first, top, self._named = len(self.clauses), self.top, False
        self._demand(formula, True, [-guard])
        if self.top == top and not self._named:  # the same clauses in every copy
            if len(self._compiled) >= REMEMBERED:
                self._compiled.clear()
            self._compiled[id(formula)] = formula, [clause[1:] for clause in self.clauses[first:]]

    def _exactly_one(self, literals: Sequence[int]) -> None:
        self.clauses.append(list(literals))
        if len(literals) <= PAIRWISE_LIMIT:
            for i, first in enumerate(literals):
                for second in literals[i + 1 :]:
                    self.clauses.append([-first, -second])
            return
        seen = literals[0]
        for literal in literals[1:-1]:
            ladder = self.new_literal()
            self.clauses += [[-seen, ladder], [-literal, ladder], [-seen, -literal]]
            seen = ladder
        self.clauses.append([-seen, -literals[-1]])

    def _demand(self, formula: Formula, truth: bool, context: Clause) -> None:
        """Adds clauses for `context or (formula is truth)`."""
        match formula:
            case Is():
                literal = self.atom(formula)
                self.clauses.append([*context, literal if truth else -literal])
            case Not(part):
                self._demand(part, not truth, context)
            case And(parts) | Or(parts):
                if isinstance(formula, And) == truth:
                    for part in parts:
                        self._demand(part, truth, context)
                else:
                    self._demand_some([(part, truth) for part in parts], context)
            case Iff(left, right):
                self._demand_some([(left, False), (right, truth)], context)
                self._demand_some([(left, True), (right, not truth)], context)
            case Count(parts, low, high):
                if truth:
                    self._demand_at_least([(part, True) for part in parts], low, context)
                    self._demand_at_least([(part, False) for part in parts], len(parts) - high, context)
                else:
                    fewer, more = Count(parts, 0, low - 1), Count(parts, high + 1, len(parts))
                    options: list[tuple[Formula, bool]] = []
                    if low > 0:
                        options.append((fewer, True))
                    if high < len(parts):
                        options.append((more, True))
                    self._demand_some(options, context)

    def _demand_some(self, parts: list[tuple[Formula, bool]], context: Clause) -> None:
        """`context or some part`. Nested disjunctions melt into the clause; a lone other part is demanded in place."""
        clause = list(context)
        rest: list[tuple[Formula, bool]] = []
        stack = list(reversed(parts))
        while stack:
            formula, truth = stack.pop()
            while isinstance(formula, Not):
                formula, truth = formula.part, not truth
            if isinstance(formula, Is):
                literal = self.atom(formula)
                clause.append(literal if truth else -literal)
            elif isinstance(formula, (And, Or)) and isinstance(formula, Or) == truth:
                stack += [(part, truth) for part in reversed(formula.parts)]
            else:
                rest.append((formula, truth))
        if len(rest) == 1:
            self._demand(*rest[0], clause)
        else:
            self.clauses.append(clause + [self._name(formula, truth) for formula, truth in rest])

    def _name(self, formula: Formula, truth: bool) -> int:
        """A literal that implies `formula is truth`."""
        self._named = True
        key = (formula, truth)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self.new_literal()
            self._demand(formula, truth, [-name])
        return name

    def _demand_at_least(self, parts: list[tuple[Formula, bool]], bound: int, context: Clause) -> None:
        """`context or at least bound of the parts`, by a table of "at least j among the first i" (Sinz, 2005)."""
        if bound <= 0:
            return
        if bound > len(parts):
            self.clauses.append(list(context))
            return
        if bound == 1:
            self._demand_some(parts, context)
            return
        literals = [self._literal(formula, truth) for formula, truth in parts]
        table: dict[tuple[int, int], int | None] = {}

        def cell(i: int, j: int) -> int | None:
            """Implies that at least j of the first i literals are true; None is true by itself."""
            if j <= 0:
                return None
            if (i, j) not in table:
                table[i, j] = name = self.new_literal()
                if j > i:
                    self.clauses.append([-name])
                else:
                    without, within = cell(i - 1, j), cell(i - 1, j - 1)
                    assert without is not None
                    self.clauses.append([-name, without, literals[i - 1]])
                    if within is not None:
                        self.clauses.append([-name, without, within])
            return table[i, j]

        top = cell(len(parts), bound)
        assert top is not None
        self.clauses.append([*context, top])

    def _literal(self, formula: Formula, truth: bool) -> int:
        while isinstance(formula, Not):
            formula, truth = formula.part, not truth
        if isinstance(formula, Is):
            return self.atom(formula) if truth else -self.atom(formula)
        return self._name(formula, truth)


class WorldSolver:
    """An incremental SAT solver over a space. Use as a context manager, or call `close`."""

    def __init__(self, cnf: Cnf) -> None:
        self.cnf = cnf
        self._solver = Glucose4(bootstrap_with=cnf.clauses)
        self._added = len(cnf.clauses)

    def __enter__(self) -> WorldSolver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._solver.delete()

    def add(self, formula: Formula) -> None:
        """Demands a formula for good."""
        self.cnf.add(formula)
        self._flush()

    def add_optional(self, formula: Formula) -> int:
        """Adds a formula behind a new selector literal and returns that, to be used as an assumption."""
        selector = self.cnf.new_literal()
        self.cnf.add(formula, selector)
        self._flush()
        return selector

    def _flush(self) -> None:
        for clause in self.cnf.clauses[self._added :]:
            self._solver.add_clause(clause)
        self._added = len(self.cnf.clauses)

    def solve(self, assumptions: Iterable[int] = (), conflicts: int | None = None) -> World | None:
        """A world that obeys everything demanded and assumed, or None if there is none.

        With `conflicts`, gives up after so many and raises `TimeoutError`: a bound on work that does not depend on
        how fast the machine is.
        """
        if conflicts is None:
            found = self._solver.solve(assumptions=list(assumptions))
        else:
            self._solver.conf_budget(conflicts)
            found = self._solver.solve_limited(assumptions=list(assumptions))
            if found is None:
                raise TimeoutError(f"no decision within {conflicts} conflicts")
        return self.world() if found else None

    def satisfiable(self, assumptions: Iterable[int] = ()) -> bool:
        """As `solve`, without reading the world."""
        return bool(self._solver.solve(assumptions=list(assumptions)))

    def world(self) -> World:
        """The world of the last successful `solve`."""
        # Atoms are the lowest SAT variables, variable by variable, and of each variable exactly one is true.
        atoms = self._solver.get_model()[: self.cnf.atoms]
        return tuple(map(operator.sub, [literal for literal in atoms if literal > 0], self.cnf.base))

    def core(self) -> list[int]:
        """The assumptions that the last failed `solve` needed."""
        return self._solver.get_core() or []
