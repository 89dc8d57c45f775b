"""The logic of a declared family: variables, rules, and formulas made from plain functions.

A function of a world's values becomes a formula by *tracing*: it is run with nothing known; where it reads a value, it
is run again for each value that this could be. What comes out is a decision tree over the variables that it reads, and
so a formula. A function that reads k values of domains of size d is run about d^k times, once for a statement and
shape; what reads more than a few values is better told as a formula.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from sleuth.logic.formulas import FALSE, TRUE, And, Formula, Is, Not, Or, Variable, World, holds, implies, space
from sleuth.puzzles.family import RememberingTheory
from sleuth.puzzles.kit.declaration import Fits, Number, Rule, Sizes, Sort, Unknown
from sleuth.puzzles.kit.kinds import StatementKind
from sleuth.puzzles.statements import Argument, Ref, Statement


class View(SimpleNamespace):
    """A world as functions see it: `w.seat[person]` is a seat's number, `w.size["seat"]` how many there are."""

    world: World
    size: Sizes


class _UnreadError(Exception):
    def __init__(self, variable: Variable) -> None:
        self.variable = variable


class _Values(Sequence[int]):
    """The values of an unknown as far as they are known."""

    def __init__(self, variables: Sequence[Variable], known: Mapping[int, int]) -> None:
        self._variables, self._known = variables, known

    def __getitem__(self, entity: Any) -> Any:
        variable = self._variables[entity]
        if variable.index not in self._known:
            raise _UnreadError(variable)
        return self._known[variable.index]

    def __len__(self) -> int:
        return len(self._variables)


def trace(fits: Callable[[], bool], known: dict[int, int]) -> Formula:
    """The formula of a function that looks for values in `known`, and raises `_UnreadError` where it needs another."""

    def node() -> Formula | bool:
        try:
            return bool(fits())
        except _UnreadError as needed:
            variable = needed.variable
        options = []
        for value in range(variable.size):
            known[variable.index] = value
            options.append(node())
        del known[variable.index]
        return _branch(variable, options)

    found = node()
    return (TRUE if found else FALSE) if isinstance(found, bool) else found


def _branch(variable: Variable, options: list[Formula | bool]) -> Formula | bool:
    """What holds where each value of a variable leaves one of these."""
    if all(isinstance(option, bool) for option in options):
        good = [value for value, option in enumerate(options) if option]
        if len(good) in (0, len(options)):
            return bool(good)
        if len(good) == 1:
            return Is(variable, good[0])
        if len(good) == len(options) - 1:
            return Not(Is(variable, options.index(False)))
        return Or(tuple(Is(variable, value) for value in good))
    if all(option == options[0] for option in options):
        return options[0]
    parts: list[Formula] = []
    for value, option in enumerate(options):
        if option is False:
            parts.append(Not(Is(variable, value)))
        elif not isinstance(option, bool):
            parts.append(implies(Is(variable, value), option))
    return And(tuple(parts))


class KitTheory(RememberingTheory):
    """Variables, rules and meanings for one shape."""

    def __init__(
        self,
        sizes: Sizes,
        unknowns: Sequence[Unknown],
        rules: Sequence[Rule],
        kinds: Mapping[str, StatementKind],
        sorts: Sequence[Sort | Number],
    ) -> None:
        super().__init__()
        self.size, self.kinds, self.unknowns, self._rules = sizes, kinds, unknowns, rules
        self.entities = {sort.name: sort.entities(sizes) for sort in sorts}
        """All that can fill a slot, by its sort."""
        self._lengths = {
            sort.name: sizes[sort.name] // sizes[sort.lists.name] if sort.lists else sizes[sort.name]
            for sort in sorts
            if isinstance(sort, Sort)
        }
        self.space = space(
            (f"{unknown.name}[{entity}]", sizes[unknown.values.name])
            for unknown in unknowns
            for entity in range(sizes[unknown.of.name])
        )
        self.owners = [(unknown, entity) for unknown in unknowns for entity in range(sizes[unknown.of.name])]
        """The unknown and the entity of each variable."""
        self._spans: dict[str, tuple[int, int]] = {}
        first = 0
        for unknown in unknowns:
            self._spans[unknown.name] = first, first + sizes[unknown.of.name]
            first += sizes[unknown.of.name]
            variables = self.space[slice(*self._spans[unknown.name])]
            setattr(self, unknown.name, [[Is(one, value) for value in range(one.size)] for one in variables])
        self.quick_tests = {
            name: kind.fits
            for name, kind in kinds.items()
            if kind.fits is not None and all(slot in self.entities for slot in kind.slots)
        }
        """Quick tests of the kinds whose arguments are entities."""

    def length(self, sort: str) -> int:
        """Entities in a list of a sort: all of them where it has no lists."""
        return self._lengths[sort]

    def list_of(self, ref: Ref) -> int:
        """The number of the list that an entity is in."""
        return ref.index // self._lengths[ref.sort]

    def view(self, world: World) -> View:
        """A world for functions."""
        return View(world=world, size=self.size, **{name: world[a:b] for name, (a, b) in self._spans.items()})

    def _traced(self, fits: Fits, numbers: Sequence[int]) -> Formula:
        known: dict[int, int] = {}
        values = {name: _Values(self.space[a:b], known) for name, (a, b) in self._spans.items()}
        view = View(size=self.size, **values)
        return trace(lambda: fits(view, *numbers), known)

    def tuples(self, slots: Sequence[str]) -> Iterator[tuple[Ref, ...]]:
        """All entities that can fill slots, in order; no entity twice."""
        for refs in itertools.product(*(self.entities[slot] for slot in slots)):
            if len(set(refs)) == len(refs):
                yield refs

    def rule_groups(self) -> Mapping[str, Sequence[Formula]]:
        groups: dict[str, list[Formula]] = {}
        for unknown in self.unknowns:
            if unknown.one_each:
                groups[unknown.values.label.lower()] = self._one_each(unknown)
        for rule in self._rules:
            found = groups.setdefault(rule.name, [])
            if rule.formulas is not None:
                found += rule.formulas(self)
            elif (fits := rule.fits) is not None:
                for refs in self.tuples([sort.name for sort in rule.slots]):
                    numbers = [ref.index for ref in refs]
                    found.append(self._traced(fits, numbers))
        return groups

    def _one_each(self, unknown: Unknown) -> list[Formula]:
        """No two of a list share a value, and as far as there are enough of them, each value is somebody's."""
        found: list[Formula] = []
        every: list[list[Is]] = getattr(self, unknown.name)
        length = self.length(unknown.of.name)
        for first in range(0, len(every), length):
            atoms = every[first : first + length]
            for here in zip(*atoms, strict=True):
                if len(here) == len(atoms[0]):
                    found.append(Or(here))
                found += [Or((Not(one), Not(other))) for one, other in itertools.combinations(here, 2)]
        return found

    def obeys(self, view: View) -> bool:
        """Whether a world obeys the rules (`one_each` aside)."""
        for rule in self._rules:
            if rule.formulas is not None:
                if not all(holds(formula, view.world) for formula in rule.formulas(self)):
                    return False
            elif rule.fits is not None:
                for refs in self.tuples([sort.name for sort in rule.slots]):
                    if not rule.fits(view, *(ref.index for ref in refs)):
                        return False
        return True

    def _meaning(self, statement: Statement) -> Formula:
        kind = self.kinds[statement.kind]
        if kind.fits is not None and kind.formula is None:
            return self._traced(kind.fits, [arg.index for arg in statement.args if isinstance(arg, Ref)])
        parts: list[Any] = [
            self.formula(arg) if isinstance(arg, Statement) else arg.index for arg in statement.args if arg is not None
        ]
        if kind.connective is not None:
            return kind.connective.formula(*parts)
        assert kind.formula is not None, "a kind has a meaning"
        return kind.formula(self, *parts)

    def true(self, kind: str, args: Sequence[Argument], view: View) -> bool:
        """Whether a statement holds in a world: as `holds` of its formula, which is not made where a function tells."""
        if (fits := self.quick_tests.get(kind)) is not None:
            return fits(view, *[arg.index for arg in args])  # type: ignore[union-attr]
        spec = self.kinds[kind]
        if spec.fits is None and spec.connective is None:
            return holds(self.formula(Statement(kind, tuple(args))), view.world)
        numbers = [
            self.true(arg.kind, arg.args, view) if isinstance(arg, Statement) else arg.index  # type: ignore[union-attr]
            for arg in args
        ]
        if spec.fits is not None:
            return spec.fits(view, *numbers)
        assert spec.connective is not None
        return spec.connective.truth(*numbers)
