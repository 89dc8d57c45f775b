"""What follows from clues, rules and what is known, by enumeration for small cases and by solvers for others."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from sleuth.logic.assignments import Assignments
from sleuth.logic.citations import Citer, Fact, Premises, Step
from sleuth.logic.cnf import Cnf, WorldSolver
from sleuth.logic.formulas import Formula, Not
from sleuth.logic.rounds import Known, bits
from sleuth.logic.steps import Chain, further_steps

MOST_ENUMERATED = 3
"""Sets of premises up to this size are tried one by one, so that the fewest are cited."""


def _facts(domains: Sequence[int], full: Sequence[int], order: Sequence[int]) -> list[Fact]:
    """What domains say, variables in this order."""
    found: list[Fact] = []
    for index in order:
        domain = domains[index]
        if domain != full[index]:
            if domain.bit_count() == 1:
                found.append(Fact(index, domain.bit_length() - 1, True))
            else:
                found += [Fact(index, value, False) for value in bits(full[index] & ~domain)]
    return found


def _ordered(order: Sequence[int], count: int) -> list[int]:
    """All variables, those of `order` first."""
    return list(dict.fromkeys([*order, *range(count)]))


class Enumerating:
    """For small cases: over all assignments at once."""

    def __init__(
        self, assignments: Assignments, rules: int, clues: Sequence[int], premises: Callable[[], Premises]
    ) -> None:
        """`rules` and `clues` as sets of assignments; `premises` are made where the explainer is needed."""
        self._assignments, self._rules, self._clues, self._premises = assignments, rules, clues, premises
        self._full = [(1 << variable.size) - 1 for variable in assignments.space]
        self.domains = list(self._full)
        self._within = assignments.everything
        """The assignments within the domains."""

    def _base(self, rules: bool, clues: tuple[int, ...]) -> int:
        found = self._rules if rules else self._assignments.everything
        for clue in clues:
            found &= self._clues[clue]
        return found

    def consequences(self, rules: bool, clues: tuple[int, ...]) -> list[Known]:
        where = self._base(rules, clues) & self._within
        left: list[Known] = []
        for index, atoms in enumerate(self._assignments.atoms):
            domain = self.domains[index]
            if domain & (domain - 1):
                here = sum(1 << value for value in bits(domain) if where & atoms[value])
                if here != domain:
                    left.append((index, here))
        return left

    def narrow(self, found: Sequence[Known]) -> None:
        for index, domain in found:
            self.domains[index] = domain
            self._within &= self._assignments.of_domain(index, domain)

    def cite(self, rules: bool, clues: tuple[int, ...], found: Known, order: Sequence[int]) -> tuple[Known, ...]:
        outside = self._base(rules, clues) & ~self._assignments.of_domain(*found)
        premises = self._needed(outside, order)
        assert premises is not None, "the premises do not give what was found"
        return premises

    def refute(self, rules: bool, clues: tuple[int, ...], order: Sequence[int]) -> tuple[Known, ...] | None:
        return self._needed(self._base(rules, clues), order)

    @contextmanager
    def supposing(self, known: Known) -> Iterator[Enumerating]:
        supposing = copy.copy(self)
        supposing.domains = list(self.domains)
        supposing.narrow([known])
        yield supposing

    def cite_formula(self, formula: Formula, order: Sequence[int]) -> tuple[Known, ...] | None:
        return self._needed(self._rules & ~self._assignments.where(formula), order)

    def follows(self, formula: Formula) -> bool:
        return not self._rules & self._within & ~self._assignments.where(formula)

    def implied(self, clue: int) -> bool:
        return not self._rules & self._within & ~self._clues[clue]

    def _needed(self, outside: int, order: Sequence[int]) -> tuple[Known, ...] | None:
        """The fewest domains that have none of the assignments `outside`."""
        if outside & self._within:
            return None
        told = [
            ((index, self.domains[index]), self._assignments.of_domain(index, self.domains[index]))
            for index in _ordered(order, len(self.domains))
            if self.domains[index] != self._full[index]
        ]
        for size in range(MOST_ENUMERATED + 1):
            for chosen in itertools.combinations(told, size):
                rest = outside
                for _, where in chosen:
                    rest &= where
                if not rest:
                    return tuple(known for known, _ in chosen)
        needed = list(told)
        for one in reversed(told):
            rest = outside
            for other in needed:
                if other is not one:
                    rest &= other[1]
            if not rest:
                needed.remove(one)
        return tuple(known for known, _ in needed)

    def further_steps(self) -> tuple[Step, ...]:
        premises = self._premises()
        citer = Citer(premises)
        known = _facts(self.domains, self._full, range(len(self.domains)))
        chain = Chain(citer, tuple(range(len(premises.rules))), tuple(range(len(premises.clues))), given=known)
        try:
            return further_steps(chain)
        finally:
            chain.close()
            citer.close()


class Solving:
    """For all cases: by solvers that learn from question to question. Call `close` behind it."""

    def __init__(self, premises: Premises, rules: Cnf) -> None:
        """`rules`: the rules alone, not behind selectors (not changed)."""
        self._citer = Citer(premises)
        self._all_rules = tuple(range(len(premises.rules)))
        self._chain = Chain(self._citer, self._all_rules, tuple(range(len(premises.clues))))
        self._base = premises.cnf.base
        self._full = [(1 << variable.size) - 1 for variable in premises.cnf.variables]
        self.domains = list(self._full)
        self._solver = WorldSolver(rules.copy())
        self._denied: dict[Formula, int] = {}
        """Formula to the selector of its denial."""
        self._clues = premises.formulas

    def close(self) -> None:
        """Frees the solvers."""
        self._chain.close()
        self._citer.close()
        self._solver.close()

    def consequences(self, rules: bool, clues: tuple[int, ...]) -> list[Known]:
        if not rules and len(clues) == 1:
            gone = self._citer.alone(clues[0]).impossible(self._chain.domain)
        else:
            gone = self._chain.impossible(self._all_rules if rules else (), clues)
        assert gone is not None, "the puzzle has a world"
        left: list[Known] = []
        for index, domain in enumerate(self.domains):
            here = domain & ~(gone >> (self._base[index] - 1))
            if here != domain:
                left.append((index, here))
        return left

    def narrow(self, found: Sequence[Known]) -> None:
        gone = 0
        for index, domain in found:
            gone |= (self.domains[index] & ~domain) << (self._base[index] - 1)
            self.domains[index] = domain
        if gone & self._chain.domain:
            self._chain.exclude(gone & self._chain.domain, (), ())

    def cite(self, rules: bool, clues: tuple[int, ...], found: Known, order: Sequence[int]) -> tuple[Known, ...]:
        index, domain = found
        known = _facts(self.domains, self._full, _ordered(order, len(self.domains)))
        if domain.bit_count() == 1:
            facts = [Fact(index, domain.bit_length() - 1, True)]
        else:
            facts = [Fact(index, value, False) for value in bits(self.domains[index] & ~domain)]
        cited = [self._citer.cite(fact, self._all_rules if rules else (), clues, known) for fact in facts]
        return self._of(fact for one in cited for fact in one.known)

    def refute(self, rules: bool, clues: tuple[int, ...], order: Sequence[int]) -> tuple[Known, ...] | None:
        taken = self._all_rules if rules else ()
        if self._chain.impossible(taken, clues, scope=0) is not None:
            return None
        known = _facts(self.domains, self._full, _ordered(order, len(self.domains)))
        return self._of(self._citer.cite(None, taken, clues, known).known)

    def _of(self, facts: Iterable[Fact]) -> tuple[Known, ...]:
        """What is known of the variables of facts."""
        return tuple(dict.fromkeys((fact.variable, self.domains[fact.variable]) for fact in facts))

    @contextmanager
    def supposing(self, known: Known) -> Iterator[Solving]:
        supposing = copy.copy(self)
        supposing.domains = list(self.domains)
        given = _facts(self.domains, self._full, range(len(self.domains)))
        chain = supposing._chain = Chain(self._citer, self._all_rules, self._chain.clues, given=given)
        try:
            supposing.narrow([known])
            yield supposing
        finally:
            chain.close()

    def cite_formula(self, formula: Formula, order: Sequence[int]) -> tuple[Known, ...] | None:
        if not self.follows(formula):
            return None
        needed = [index for index in _ordered(order, len(self.domains)) if self.domains[index] != self._full[index]]
        for one in reversed(list(needed)):
            rest = [index for index in needed if index != one]
            if not self._solver.satisfiable([self._denial(formula), *self._literals(rest)]):
                needed = rest
        return tuple((index, self.domains[index]) for index in needed)

    def follows(self, formula: Formula) -> bool:
        return not self._solver.satisfiable([self._denial(formula), *self._literals(range(len(self.domains)))])

    def implied(self, clue: int) -> bool:
        return self.follows(self._clues[clue])

    def further_steps(self) -> tuple[Step, ...]:
        return further_steps(self._chain)

    def _denial(self, formula: Formula) -> int:
        if formula not in self._denied:
            self._denied[formula] = self._solver.add_optional(Not(formula))
        return self._denied[formula]

    def _literals(self, variables: Sequence[int]) -> list[int]:
        facts = _facts(self.domains, self._full, variables)
        return [(1 if fact.true else -1) * (self._base[fact.variable] + fact.value) for fact in facts]
