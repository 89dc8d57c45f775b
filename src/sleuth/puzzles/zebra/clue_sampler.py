"""Sampling statements that are true in a world: the clues that a zebra puzzle may give."""

from __future__ import annotations

import itertools
from random import Random

from sleuth.logic.formulas import Formula, World, holds
from sleuth.puzzles.drawing import first_that_fits, weighted
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.zebra.sampler import LEVELS
from sleuth.puzzles.zebra.theory import ZebraTheory
from sleuth.puzzles.zebra.wording import GROUPED_KINDS


class ClueSampler:
    """Draws statements that are true in a world and false in another one.

    A draw speaks of a given value, whose house differs in the other world, is true by construction, and gives None
    where the kind has nothing to say of the value.
    """

    def __init__(self, theory: ZebraTheory, world: World, level: str, rng: Random) -> None:
        self.theory, self.world, self.rng = theory, world, rng
        self.houses, self.values = theory.shape.houses, theory.shape.values
        self.living: list[list[int]] = [[] for _ in range(self.houses)]
        """By house: the values there."""
        for value, house in enumerate(world):
            self.living[house].append(value)
        weights = LEVELS[level].kinds
        self.kinds, self.weights = list(weights), list(itertools.accumulate(weights.values()))

    def tell(self, other: World) -> tuple[Statement, Formula]:
        """A statement, with its formula, that is true in the world and false in `other`: a plain fact where no draw
        rules anything out."""
        differing = [value for value, house in enumerate(self.world) if house != other[value]]

        def draw() -> Statement | None:
            value = self._pick(differing)
            return self._draw(weighted(self.kinds, self.weights, self.rng), value)

        if (found := first_that_fits(draw, self.theory.formula, lambda formula: not holds(formula, other))) is not None:
            return found
        fact = self._at(self._pick(differing))
        return fact, self.theory.formula(fact)

    def _pick(self, options: list[int]) -> int:
        """Any of them; several times faster than `choice`."""
        return options[int(self.rng.random() * len(options))]

    def _draw(self, kind: str, value: int) -> Statement | None:
        match kind:
            case "at":
                return self._at(value)
            case "not_at":
                return Statement("not_at", (Ref("value", value), self._elsewhere(value)))
            case "same":
                return self._pair("same", value, self._beyond(value, self.world[value]))
            case "apart":
                return self._pair("apart", value, self._stranger(value))
            case "between":
                return self._between(value)
            case "gap":
                return self._gap(value)
            case "either":
                return self._facts(kind, value, True, False)
            case "iff" | "if":
                truth = self.rng.random() < 0.5
                return self._facts(kind, value, truth, truth or (kind == "if" and self.rng.random() < 0.5))
            case "next":
                return self._relation(kind, value, 1)
            case "left_of":
                return self._relation(kind, value, 1, ordered=True)
            case "before":
                return self._relation(kind, value, 1 + int(self.rng.random() * (self.houses - 1)), ordered=True)
        raise AssertionError(kind)

    def _at(self, value: int) -> Statement:
        return Statement("at", (Ref("value", value), Ref("house", self.world[value])))

    def _elsewhere(self, value: int) -> Ref:
        """A house that the value is not in."""
        house = int(self.rng.random() * (self.houses - 1))
        return Ref("house", house + (house >= self.world[value]))

    def _beyond(self, value: int, house: int) -> int | None:
        """A value in the house, of another attribute than this value."""
        attribute = self.theory.attribute(value)
        others = [other for other in self.living[house] if self.theory.attribute(other) != attribute]
        return self._pick(others) if others else None

    def _stranger(self, value: int) -> int | None:
        """A value of another attribute in another house."""
        return self._beyond(value, self._elsewhere(value).index)

    def _pair(self, kind: str, first: int, second: int | None) -> Statement | None:
        """A statement about two values that says the same of them in both orders."""
        if second is None:
            return None
        if self.rng.random() < 0.5:
            first, second = second, first
        return Statement(kind, (Ref("value", first), Ref("value", second)))

    def _away(self, value: int, distance: int) -> int | None:
        """A value in a house so far to the left or right."""
        sides = [h for h in (self.world[value] - distance, self.world[value] + distance) if 0 <= h < self.houses]
        return self._pick(self.living[self._pick(sides)]) if sides else None

    def _relation(self, kind: str, value: int, distance: int, ordered: bool = False) -> Statement | None:
        other = self._away(value, distance)
        if other is None or not ordered:
            return self._pair(kind, value, other)
        left, right = sorted((value, other), key=lambda one: self.world[one])
        return Statement(kind, (Ref("value", left), Ref("value", right)))

    def _gap(self, value: int) -> Statement | None:
        distance = 2 + int(self.rng.random() * (self.houses - 2))
        pair = self._pair("gap", value, self._away(value, distance))
        return pair and Statement("gap", (Ref("number", distance - 1), *pair.args))

    def _between(self, value: int) -> Statement | None:
        """The value in the middle, or at the left or right of it."""
        middle = self.world[value] + self._pick([-1, 0, 1])
        if not 0 < middle < self.houses - 1:
            return None
        trio = [
            value if house == self.world[value] else self._pick(self.living[house])
            for house in (middle, middle - 1, middle + 1)
        ]
        if self.rng.random() < 0.5:
            trio[1:] = trio[:0:-1]
        return Statement("between", tuple(Ref("value", one) for one in trio))

    def _facts(self, kind: str, value: int, first: bool, second: bool) -> Statement | None:
        """A statement about two simple statements, true or false as asked; one of them is about the value."""
        about = int(self.rng.random() * (self.values - 1))
        facts = [self._fact(value, first), self._fact(about + (about >= value), second)]
        if kind != "if" and self.rng.random() < 0.5:
            facts.reverse()
        left, right = facts
        return None if left is None or right is None or left == right else Statement(kind, (left, right))

    def _fact(self, value: int, truth: bool) -> Statement | None:
        kind = GROUPED_KINDS["fact"][int(self.rng.random() * len(GROUPED_KINDS["fact"]))]
        if truth:
            return self._draw(kind, value)
        match kind:
            case "at":
                return Statement("at", (Ref("value", value), self._elsewhere(value)))
            case "same":
                return self._pair("same", value, self._stranger(value))
        others = [v for v, house in enumerate(self.world) if v != value and abs(house - self.world[value]) != 1]
        return self._pair("next", value, self._pick(others))
