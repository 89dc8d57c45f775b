"""Formulas, and the quick tests of truth, against plain-Python truth tables, over all worlds of small cases."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from sleuth.logic.formulas import World, holds, worlds
from sleuth.puzzles.kit import Case, DeclaredFamily, KitTheory
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.statements import Argument, Statement
from tests.puzzles.families import truth

STATEMENTS = 120
"""Of every kind; all there are of most."""


@dataclass(frozen=True)
class Table:
    truth: Callable[[Statement, Mapping[str, Any]], bool]
    note: Callable[[KitTheory, World], Mapping[str, Any]]
    lawful: Callable[[Mapping[str, Any]], bool]
    """Whether the rules, as the page tells them, allow it."""
    cases: tuple[tuple[int, ...], ...]
    """Sizes by sort."""


def _seats(theory: KitTheory, world: World) -> Mapping[str, Any]:
    return {"seat": {guest: seat + 1 for guest, seat in enumerate(world)}}


def _roles(theory: KitTheory, world: World) -> Mapping[str, Any]:
    return {"role": {who: ("knight", "knave")[role] for who, role in enumerate(world)}}


def _row(theory: KitTheory, world: World) -> Mapping[str, Any]:
    places, length = range(theory.size["house"]), theory.size["value"] // theory.size["attribute"]
    row = [{entry for entry, place in enumerate(world) if place == here} for here in places]
    lists = [set(range(first, first + length)) for first in range(0, theory.size["value"], length)]
    return {"row": row, "lists": lists}


def _events(theory: KitTheory, world: World) -> Mapping[str, Any]:
    half = len(world) // 2
    return {"time": dict(enumerate(world[:half])), "room": dict(enumerate(world[half:]))}


def _children(theory: KitTheory, world: World) -> Mapping[str, Any]:
    young = theory.size["young"]
    adults = [("middle", i) for i in range(theory.size["middle"])]
    children: dict[object, set[object]] = {
        one: set() for one in [("old", i) for i in range(theory.size["old"])] + adults
    }
    for number, parent in enumerate(world[:young]):
        children[adults[parent]].add(("young", number))
    for adult, elder in zip(adults, world[young:], strict=True):
        children["old", elder].add(adult)
    return {"children": children}


TABLES = {
    "round-table": Table(
        truth.table_truth, _seats, lambda note: len(set(note["seat"].values())) == len(note["seat"]), ((4, 4), (5, 5))
    ),
    "knights-and-knaves": Table(truth.island_truth, _roles, lambda note: True, ((3, 2), (4, 2))),
    "timetable": Table(
        truth.timetable_truth,
        _events,
        lambda note: len({(note["time"][what], note["room"][what]) for what in note["time"]}) == len(note["time"]),
        ((3, 3, 2), (4, 3, 2)),
    ),
    "kinship": Table(truth.kinship_truth, _children, lambda note: True, ((2, 3, 3), (3, 3, 3))),
}
TABLES["zebra@2"] = Table(
    truth.row_truth,
    _row,
    lambda note: all(len(entries & one) == 1 for entries in note["row"] for one in note["lists"]),
    ((3, 2, 6), (4, 1, 4)),
)
every_table = pytest.mark.parametrize("name", TABLES)


def _family(name: str) -> DeclaredFamily:
    family = get_family(name)
    assert isinstance(family, DeclaredFamily)
    return family


def _theory(family: DeclaredFamily, shape: tuple[int, ...]) -> KitTheory:
    return family.theory(Case(tuple(tuple(map(str, range(size))) for size in shape)))


def _statements(family: DeclaredFamily, theory: KitTheory, kind: str, rng: Random) -> list[Statement]:
    """Some statements of a kind: all, or a sample of them."""
    options: list[list[Argument]] = []
    for slot in theory.kinds[kind].slots:
        if slot in family.groups:
            options.append([rng.choice(_statements(family, theory, k, rng)) for k in family.groups[slot] for _ in "ab"])
        else:
            options.append(list(theory.entities[slot]))
    found = [args for args in itertools.product(*options) if len(set(args)) == len(args)]
    return [Statement(kind, args) for args in rng.sample(found, min(STATEMENTS, len(found)))]


@every_table
def test_every_statement_means_what_its_english_says(name: str) -> None:
    family, table = _family(name), TABLES[name]
    for shape in table.cases:
        theory = _theory(family, shape)
        assert all(_statements(family, theory, kind, Random(0)) for kind in family.declaration.kinds)
        notes = [(world, theory.view(world), table.note(theory, world)) for world in worlds(theory.space)]
        lawful = [one for one in notes if table.lawful(one[2])]
        lawful = Random(name).sample(lawful, min(60, len(lawful)))
        for kind in family.declaration.kinds:
            for statement in _statements(family, theory, kind, Random(kind)):
                formula = theory.formula(statement)
                for world, view, note in lawful:
                    said = table.truth(statement, note)
                    assert holds(formula, world) == said, (statement, note)
                    assert theory.true(kind, statement.args, view) == said, (statement, note)


@every_table
def test_rules_allow_what_the_page_says(name: str) -> None:
    family, table = _family(name), TABLES[name]
    theory = _theory(family, table.cases[0])
    rules = theory.rules()
    for world in worlds(theory.space):
        assert all(holds(rule, world) for rule in rules) == table.lawful(table.note(theory, world)), world
