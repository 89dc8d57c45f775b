"""Finite-domain variables and boolean combinations of `variable = value`: the language below every family.

A *space* is a tuple of variables, a *world* one value for each of them, by the variable's index. Two compilers read
formulas, `cnf` (python-sat) and `cpsat` (OR-Tools); they share nothing but this module. Nothing here knows English.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

World = tuple[int, ...]
"""A value for every variable of a space, at the variable's index."""


@dataclass(frozen=True, slots=True)
class Variable:
    """An unknown with the domain 0 … size - 1."""

    name: str
    index: int
    """Its place in the space and in every world."""
    size: int


Space = tuple[Variable, ...]


def space(sizes: Iterable[tuple[str, int]]) -> Space:
    """Variables from (name, domain size) pairs, numbered in order."""
    return tuple(Variable(name, index, size) for index, (name, size) in enumerate(sizes))


@dataclass(frozen=True, slots=True)
class Is:
    """The atom `variable = value`."""

    variable: Variable
    value: int


@dataclass(frozen=True, slots=True)
class Not:
    part: Formula


@dataclass(frozen=True, slots=True)
class And:
    """True when all parts are; `And(())` is true."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True when some part is; `Or(())` is false."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Iff:
    """True when both parts have the same truth."""

    left: Formula
    right: Formula


@dataclass(frozen=True, slots=True)
class Count:
    """True when the number of true parts is within low … high."""

    parts: tuple[Formula, ...]
    low: int
    high: int


Formula = Is | Not | And | Or | Iff | Count

TRUE = And(())
FALSE = Or(())


def implies(premise: Formula, conclusion: Formula) -> Formula:
    """`premise → conclusion`."""
    return Or((Not(premise), conclusion))


def xor(left: Formula, right: Formula) -> Formula:
    """Exactly one of the two."""
    return Not(Iff(left, right))


def holds(formula: Formula, world: World) -> bool:
    """Whether a formula is true in a world."""
    # The commonest first, and no generators: all that is made and graded comes by here.
    if isinstance(formula, Is):
        return world[formula.variable.index] == formula.value
    if isinstance(formula, Not):
        return not holds(formula.part, world)
    if isinstance(formula, Or):
        for part in formula.parts:  # noqa: SIM110
            if holds(part, world):
                return True
        return False
    if isinstance(formula, And):
        for part in formula.parts:  # noqa: SIM110
            if not holds(part, world):
                return False
        return True
    if isinstance(formula, Iff):
        return holds(formula.left, world) == holds(formula.right, world)
    return formula.low <= sum([holds(part, world) for part in formula.parts]) <= formula.high


def worlds(variables: Space) -> Iterable[World]:
    """Every assignment of a space, in lexicographic order. For small spaces only."""
    import itertools

    return itertools.product(*(range(variable.size) for variable in variables))
