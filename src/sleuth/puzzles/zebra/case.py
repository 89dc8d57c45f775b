"""The case of a zebra puzzle: what the houses are called here, and names for every value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sleuth.errors import UserError
from sleuth.puzzles.drawing import check_names
from sleuth.puzzles.statements import Ref
from sleuth.puzzles.zebra.theory import Shape

MOST_HOUSES = 9
"""So that a house's number is one digit."""


@dataclass(frozen=True)
class Case:
    """Houses and attributes by name. Names of values are distinct (whatever their capitals) and hold none of
    `,()|:;`."""

    place: str
    """What a house is called: a key of `words.PLACES`."""
    attributes: tuple[str, ...]
    """Keys of `words.ATTRIBUTES`."""
    values: tuple[tuple[str, ...], ...]
    """Names by attribute, as many for each as there are houses."""
    title: str = ""
    story: str = ""
    shown: tuple[tuple[str, ...], ...] = ()
    """Values as answers give them, where that is another name: two attributes may have the same."""

    def __post_init__(self) -> None:
        if not self.attributes or len(self.attributes) != len(self.values):
            raise UserError("a case needs at least one attribute, and values for each")
        if not 2 <= self.shape.houses <= MOST_HOUSES:
            raise UserError(f"a case needs 2 to {MOST_HOUSES} houses, not {self.shape.houses}")
        for attribute, names in zip(self.attributes, self.values, strict=True):
            if len(names) != self.shape.houses:
                raise UserError(f"{attribute}: {len(names)} values for {self.shape.houses} houses")
        check_names(self.attributes)
        check_names(name for names in self.values for name in names)

    @cached_property
    def shape(self) -> Shape:
        """The case without its names."""
        return Shape(len(self.values[0]), len(self.attributes))

    def name(self, ref: Ref) -> str:
        """A value's name, a house's number."""
        match ref.sort:
            case "value":
                attribute, number = divmod(ref.index, self.shape.houses)
                return self.values[attribute][number]
            case "house":
                return str(ref.index + 1)
        raise AssertionError(ref)

    def answer(self, ref: Ref) -> str:
        """As `name`, but as answers give it."""
        if ref.sort == "value" and self.shown:
            attribute, number = divmod(ref.index, self.shape.houses)
            return self.shown[attribute][number]
        return self.name(ref)
