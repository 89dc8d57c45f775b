"""Formulas against plain-Python truth functions, over all worlds of small cases."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from sleuth.logic.formulas import World, holds, worlds
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.zebra.theory import Shape, ZebraTheory
from tests.puzzles.zebra.truth import TRUTH, Where, obeys_rules, simple_statements, truth


def _where(world: World) -> Where:
    return {Ref("value", value): house + 1 for value, house in enumerate(world)}


def _lawful(houses: int, attributes: int) -> list[World]:
    rows = list(itertools.permutations(range(houses)))
    return [tuple(itertools.chain(*chosen)) for chosen in itertools.product(rows, repeat=attributes)]


def _compare(theory: ZebraTheory, statements: list[Statement], every: list[World]) -> None:
    known = [(world, _where(world)) for world in every]
    for statement in statements:
        formula = theory.formula(statement)
        for world, where in known:
            assert holds(formula, world) == truth(statement, where), (statement, where)


def test_every_kind_has_a_truth_function() -> None:
    assert set(TRUTH) == {*get_family("zebra").kinds, "what"}


def test_rules_hold_exactly_in_lawful_worlds() -> None:
    theory = ZebraTheory(Shape(3, 2))
    rules = theory.rules()
    lawful = [world for world in worlds(theory.space) if all(holds(rule, world) for rule in rules)]
    assert lawful == [world for world in worlds(theory.space) if obeys_rules(_where(world), 3)]
    assert sorted(lawful) == sorted(_lawful(3, 2))


def test_every_simple_statement_in_all_lawful_worlds() -> None:
    _compare(ZebraTheory(Shape(3, 2)), list(simple_statements(3, 2)), _lawful(3, 2))


@pytest.mark.parametrize(("houses", "attributes", "statements"), [(3, 3, 400), (4, 2, 150)])
def test_a_sample_in_all_lawful_worlds_of_larger_cases(houses: int, attributes: int, statements: int) -> None:
    chosen = Random(houses).sample(list(simple_statements(houses, attributes)), statements)
    assert {"gap", "between", "before"} <= {statement.kind for statement in chosen}
    _compare(ZebraTheory(Shape(houses, attributes)), chosen, _lawful(houses, attributes))


def test_a_sample_in_all_worlds_with_or_without_rules() -> None:
    theory = ZebraTheory(Shape(3, 2))
    _compare(theory, Random(2).sample(list(simple_statements(3, 2)), 100), list(worlds(theory.space)))


@pytest.mark.parametrize("kind", ["either", "iff", "if"])
def test_nested_kinds_in_a_sample(kind: str) -> None:
    facts = [s for s in simple_statements(3, 3) if s.kind in get_family("zebra").groups["fact"]]
    statements = [Statement(kind, pair) for pair in Random(kind).sample(list(itertools.product(facts, facts)), 150)]
    _compare(ZebraTheory(Shape(3, 3)), statements, _lawful(3, 3))
