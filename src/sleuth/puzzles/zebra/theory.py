"""The logic of a zebra puzzle: which value is in which house.

Houses stand in a row and are numbered from the left. There is one variable for each value: its house. Values are
numbered attribute by attribute, so value v belongs to attribute v // houses; the values of one attribute are in
different houses. `between` and the like count houses, never values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sleuth.logic.formulas import And, Formula, Is, Not, Or, implies, space
from sleuth.puzzles.connectives import MEANINGS
from sleuth.puzzles.family import RememberingTheory
from sleuth.puzzles.statements import Argument, Ref, Statement


@dataclass(frozen=True, slots=True)
class Shape:
    """A case without its names."""

    houses: int
    attributes: int

    @property
    def values(self) -> int:
        return self.houses * self.attributes


class ZebraTheory(RememberingTheory):
    """Variables, rules and meanings for one shape."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.space = space((f"house[{value}]", shape.houses) for value in range(shape.values))
        self.at = [[Is(variable, house) for house in range(shape.houses)] for variable in self.space]
        """`at[value][house]`: the atom "value is in house"."""

    def attribute(self, value: int) -> int:
        """The attribute that a value belongs to."""
        return value // self.shape.houses

    def members(self, attribute: int) -> range:
        """The values of an attribute."""
        return range(attribute * self.shape.houses, (attribute + 1) * self.shape.houses)

    def rule_groups(self) -> Mapping[str, Sequence[Formula]]:
        """In each house exactly one value of each attribute; in pairs, which the solver likes better than a count."""
        found: list[Formula] = []
        for attribute in range(self.shape.attributes):
            for house in range(self.shape.houses):
                here = [self.at[value][house] for value in self.members(attribute)]
                found.append(Or(tuple(here)))
                found += [Or((Not(one), Not(other))) for i, one in enumerate(here) for other in here[i + 1 :]]
        return {"houses": found}

    def _meaning(self, statement: Statement) -> Formula:
        match statement.kind, statement.args:
            case "at", (Ref(index=value), Ref(index=house)):
                return self.at[value][house]
            case "not_at", (Ref(index=value), Ref(index=house)):
                return Not(self.at[value][house])
            case "same", (first, second):
                return self._related(first, second, lambda a, b: a == b)
            case "apart", (first, second):
                return self._related(first, second, lambda a, b: a != b)
            case "next", (first, second):
                return self._related(first, second, lambda a, b: abs(a - b) == 1)
            case "left_of", (first, second):
                return self._related(first, second, lambda a, b: a + 1 == b)
            case "before", (first, second):
                return self._related(first, second, lambda a, b: a < b)
            case "gap", (Ref(index=houses), first, second):
                return self._related(first, second, lambda a, b: abs(a - b) == houses + 1)
            case "between", (middle, first, second):
                # Two neighbours of one house that are two apart are the two sides of it.
                return And(
                    (
                        self._related(middle, first, lambda a, b: abs(a - b) == 1),
                        self._related(middle, second, lambda a, b: abs(a - b) == 1),
                        self._related(first, second, lambda a, b: abs(a - b) == 2),
                    )
                )
            case kind, (Statement() as first, Statement() as second):
                return MEANINGS[kind](self.formula(first), self.formula(second))
            case "what", (_, Ref("house") as owner, value):
                return self.formula(Statement("at", (value, owner)))
            case "what", (_, owner, value):
                return self.formula(Statement("same", (owner, value)))
        raise AssertionError(statement)

    def _related(self, first: Argument, second: Argument, fits: Callable[[int, int], bool]) -> Formula:
        """Wherever the first value is, the second is in a house that fits. Each has exactly one house, so this is
        also true the other way round."""
        assert isinstance(first, Ref) and isinstance(second, Ref)
        houses = range(self.shape.houses)
        return And(
            tuple(
                implies(here, Or(tuple(self.at[second.index][there] for there in houses if fits(house, there))))
                for house, here in enumerate(self.at[first.index])
            )
        )
