"""Facts, the steps that lead to them, and what a step cites: a minimal unsatisfiable subset (MUS) of its premises.

`sleuth.logic.steps` makes chains of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pysat.solvers import Solver

from sleuth.logic.cnf import Cnf
from sleuth.logic.formulas import And, Count, Formula, Iff, Is, Not, Or, Space, Variable

FACT_COST, RULE_COST, CLUE_COST = 1, 60, 100
"""What citing a fact, a group of rules, a clue costs: no number of facts that people can hold outweighs a clue."""


class Fact(NamedTuple):
    """What is known of one variable: that it has a value, or that it does not."""

    variable: int
    value: int
    true: bool

    def formula(self, space: Space) -> Formula:
        atom = Is(space[self.variable], self.value)
        return atom if self.true else Not(atom)

    def denied(self) -> Fact:
        return Fact(self.variable, self.value, not self.true)


@dataclass(frozen=True, slots=True)
class Supposition:
    """A value that is assumed, and the steps from it to a contradiction."""

    fact: Fact
    steps: tuple[Step, ...]
    """They may also use what the step around them cites. The last gives no facts: it is the contradiction."""

    @property
    def depth(self) -> int:
        return 1 + max((step.suppose.depth for step in self.steps if step.suppose), default=0)


@dataclass(frozen=True, slots=True)
class Step:
    """New facts, and all that is needed for them: without any one of these they would not follow."""

    facts: tuple[Fact, ...]
    clues: tuple[int, ...]
    """Indices of the clues, in order."""
    rules: tuple[int, ...]
    """Indices of the groups of rules, in order. That a variable has one value goes without saying."""
    known: tuple[Fact, ...]
    """Facts of earlier steps."""
    suppose: Supposition | None = None
    """How the clues, rules and known facts lead there, where that takes more than a few clues."""

    @property
    def cost(self) -> int:
        return CLUE_COST * len(self.clues) + RULE_COST * len(self.rules) + FACT_COST * len(self.known)


@dataclass(frozen=True, slots=True)
class Premises:
    """Groups of rules and clues behind selectors, over the atoms of a space."""

    cnf: Cnf
    rules: tuple[int, ...]
    """The selector of each group."""
    clues: tuple[int, ...]
    formulas: tuple[Formula, ...]
    """Of the clues."""

    @classmethod
    def of(cls, ruled: tuple[Cnf, tuple[int, ...]], clues: Sequence[Formula]) -> Premises:
        """From rules that are compiled in groups (not changed) and the clues."""
        cnf = ruled[0].copy()
        selectors = []
        for clue in clues:
            selectors.append(cnf.new_literal())
            cnf.add(clue, selectors[-1])
        return cls(cnf, ruled[1], tuple(selectors), tuple(clues))

    def literal(self, fact: Fact) -> int:
        atom = self.cnf.base[fact.variable] + fact.value
        return atom if fact.true else -atom


def compile_groups(space: Space, groups: Iterable[Sequence[Formula]]) -> tuple[Cnf, tuple[int, ...]]:
    """Rules, each group behind a selector of its own, and the selectors."""
    cnf = Cnf(space)
    selectors = []
    for group in groups:
        selectors.append(cnf.new_literal())
        for rule in group:
            cnf.add(rule, selectors[-1])
    return cnf, tuple(selectors)


def _moved(formula: Formula, home: dict[int, Variable], space: list[Variable]) -> Formula:
    """The formula over variables of its own, which are added to `space` as they are met."""
    match formula:
        case Is(variable, value):
            if variable.index not in home:
                home[variable.index] = Variable(variable.name, len(space), variable.size)
                space.append(home[variable.index])
            return Is(home[variable.index], value)
        case Not(part):
            return Not(_moved(part, home, space))
        case And(parts):
            return And(tuple(_moved(part, home, space) for part in parts))
        case Or(parts):
            return Or(tuple(_moved(part, home, space) for part in parts))
        case Iff(left, right):
            return Iff(_moved(left, home, space), _moved(right, home, space))
        case Count(parts, low, high):
            return Count(tuple(_moved(part, home, space) for part in parts), low, high)


class _Alone:
    """One clue without rules: a small solver over the variables that it speaks of."""

    def __init__(self, formula: Formula, base: Sequence[int]) -> None:
        """`base` gives the first atom of each variable of the whole space."""
        home: dict[int, Variable] = {}
        space: list[Variable] = []
        moved = _moved(formula, home, space)
        cnf = Cnf(tuple(space))
        cnf.add(moved)
        self._atoms = [base[index] + value for index, variable in home.items() for value in range(variable.size)]
        """The atom of the whole space behind each own one."""
        self._scope = sum(1 << (atom - 1) for atom in self._atoms)
        self._worlds: list[int] = []
        self._solver = Solver(name="minisat22", bootstrap_with=cnf.clauses)

    def close(self) -> None:
        self._solver.delete()

    def impossible(self, domain: int) -> int | None:
        """As `Chain.impossible`."""
        outside = ~domain
        open_ = domain & self._scope
        some = False
        for world in self._worlds:
            if not world & outside:
                some = True
                open_ &= ~world
        if some and not open_:
            return 0
        gone = [-own for own, atom in enumerate(self._atoms, start=1) if not domain >> (atom - 1) & 1]
        if not some and not self._solver.solve(assumptions=gone):
            return None
        found = 0
        for own, atom in enumerate(self._atoms, start=1):
            bit = 1 << (atom - 1)
            if not open_ & bit:
                continue
            if self._solver.solve(assumptions=[*gone, own]):
                model = self._solver.get_model()
                world = sum(1 << (at - 1) for at, literal in zip(self._atoms, model, strict=False) if literal > 0)
                self._worlds.append(world)
                open_ &= ~world
            else:
                found |= bit
        return found


@dataclass(frozen=True, slots=True)
class Citation:
    """Premises that are unsatisfiable together with a denied fact, none of which can go."""

    clues: tuple[int, ...]
    rules: tuple[int, ...]
    known: tuple[Fact, ...]


class Citer:
    """Finds what a fact needs."""

    def __init__(self, premises: Premises) -> None:
        self.premises = premises
        self._solver = Solver(name="minisat22", bootstrap_with=premises.cnf.clauses)

        self._alone: dict[int, _Alone] = {}

    def close(self) -> None:
        self._solver.delete()
        for one in self._alone.values():
            one.close()

    def alone(self, clue: int) -> _Alone:
        """A clue's own solver."""
        if clue not in self._alone:
            self._alone[clue] = _Alone(self.premises.formulas[clue], self.premises.cnf.base)
        return self._alone[clue]

    def follows(self, fact: Fact, citation: Citation) -> bool:
        """Whether a citation gives a fact."""
        return not self._solver.solve(assumptions=[*self._literals(citation), -self.premises.literal(fact)])

    def _literals(self, citation: Citation) -> Iterator[int]:
        yield from (self.premises.rules[i] for i in citation.rules)
        yield from (self.premises.clues[i] for i in citation.clues)
        yield from map(self.premises.literal, citation.known)

    def cite(self, fact: Fact | None, rules: Sequence[int], clues: Sequence[int], known: Sequence[Fact]) -> Citation:
        """A minimal subset of premises that gives the fact (None: a contradiction); the dearest are dropped first,
        then the facts found last. The premises must give it."""
        literal = self.premises.literal
        goal = [] if fact is None else [-literal(fact)]
        ranked = [self.premises.clues[i] for i in clues] + [self.premises.rules[i] for i in rules]
        ranked += [literal(one) for one in reversed(known)]
        # Earlier facts are assumed first, so that the solver's own core tends to be made of them.
        needed = self._core(ranked[::-1], goal)
        for candidate in ranked:
            if candidate in needed:
                rest = [one for one in reversed(ranked) if one in needed and one != candidate]
                if not self._solver.solve(assumptions=[*rest, *goal]):
                    needed &= set(self._solver.get_core() or ())
                    needed.discard(candidate)
        return Citation(
            tuple(i for i in clues if self.premises.clues[i] in needed),
            tuple(i for i in rules if self.premises.rules[i] in needed),
            tuple(one for one in known if literal(one) in needed),
        )

    def _core(self, assumptions: list[int], goal: list[int]) -> set[int]:
        found = self._solver.solve(assumptions=[*assumptions, *goal])
        assert not found, "the premises do not give the fact"
        return set(self._solver.get_core() or ())
