"""Sampling zebra cases: sizes and statement kinds by level, names, and who lives where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from sleuth.logic.formulas import World
from sleuth.puzzles.zebra.case import Case
from sleuth.puzzles.zebra.themes import THEMES, Theme
from sleuth.puzzles.zebra.theory import Shape

SMALL_KINDS = {"at": 1.0, "same": 3.0, "not_at": 2.0, "apart": 2.0, "next": 2.0, "left_of": 2.0, "before": 2.0}
MEDIUM_KINDS = {**SMALL_KINDS, "not_at": 1.0, "apart": 1.0, "between": 2.0, "gap": 2.0, "either": 2.0}
ALL_KINDS = {**MEDIUM_KINDS, "next": 3.0, "left_of": 3.0, "iff": 1.5, "if": 1.5}


@dataclass(frozen=True, slots=True)
class Level:
    shape: Shape
    kinds: Mapping[str, float]
    """Statement kinds with their weights."""
    questions: tuple[int, int]
    """Fewest and most."""


LEVELS = {
    "1": Level(Shape(3, 3), SMALL_KINDS, (3, 3)),
    "2": Level(Shape(4, 4), MEDIUM_KINDS, (4, 6)),
    "3": Level(Shape(5, 5), ALL_KINDS, (4, 6)),
    "4": Level(Shape(6, 6), ALL_KINDS, (4, 6)),
    "5": Level(Shape(7, 6), ALL_KINDS, (4, 6)),
}


def sample_case(level: str, rng: Random) -> Case:
    """Names for a new case."""
    return _name(rng.choice(THEMES), LEVELS[level].shape, rng)


def rename(case: Case, rng: Random) -> Case:
    """The same case with another theme's names."""
    return _name(rng.choice([theme for theme in THEMES if theme.place != case.place]), case.shape, rng)


def sample_world(shape: Shape, rng: Random) -> World:
    """For each attribute, its values in any order along the row."""
    return tuple(house for _ in range(shape.attributes) for house in rng.sample(range(shape.houses), shape.houses))


def _name(theme: Theme, shape: Shape, rng: Random) -> Case:
    others = [label for label in theme.values if label != "Name"]
    labels = ("Name", *rng.sample(others, shape.attributes - 1))
    return Case(
        place=theme.place,
        attributes=labels,
        values=tuple(tuple(rng.sample(theme.values[label], shape.houses)) for label in labels),
        title=theme.title,
        story=theme.story,
    )
