"""Minimal clue sets: they leave one world, and no clue can go. Judged by brute force."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.logic.clues import droppable, find_minimal, is_world
from sleuth.logic.cnf import Cnf
from sleuth.logic.formulas import Formula, Iff, Is, Not, Or, Space, World, holds, space, worlds
from tests.logic.random_formulas import formula_lists, spaces, true_worlds


def made_true(formulas: list[Formula], world: World) -> list[Formula]:
    return [formula if holds(formula, world) else Not(formula) for formula in formulas]


def compiled(variables: Space, rules: list[Formula]) -> Cnf:
    cnf = Cnf(variables)
    for rule in rules:
        cnf.add(rule)
    return cnf


def clue_sampler(
    variables: Space, clues: list[Formula], world: World, rng: Random
) -> Callable[[World], tuple[Formula, Formula]]:
    """Tells a random clue that rules a world out, or where there is none a fact."""

    def tell(other: World) -> tuple[Formula, Formula]:
        fitting = [clue for clue in clues if not holds(clue, other)]
        fitting += [Is(v, world[v.index]) for v in variables if other[v.index] != world[v.index]]
        told = rng.choice(fitting)
        return told, told

    return tell


@st.composite
def theories(draw: st.DrawFn) -> tuple[Space, list[Formula], list[Formula], World]:
    """Variables, rules, clues, and a world in which all of them are true."""
    variables = draw(spaces())
    world = draw(st.sampled_from(list(worlds(variables))))
    rules = made_true(draw(formula_lists(variables, most=2)), world)
    return variables, rules, made_true(draw(formula_lists(variables, most=6)), world), world


@settings(max_examples=80, deadline=None)
@given(theories(), st.integers(0, 10**6))
def test_minimal_clues_leave_one_world_and_none_can_go(
    theory: tuple[Space, list[Formula], list[Formula], World], seed: int
) -> None:
    variables, rules, clues, world = theory
    rng = Random(seed)
    cnf = compiled(variables, rules)
    before = [list(clause) for clause in cnf.clauses]
    found = find_minimal(cnf, world, clue_sampler(variables, clues, world, rng), lambda clue: rng.random())
    assert cnf.clauses == before, "the compiled rules are not changed"
    assert true_worlds(variables, [*rules, *found]) == {world}
    for index in range(len(found)):
        assert len(true_worlds(variables, [*rules, *found[:index], *found[index + 1 :]])) > 1
    assert droppable(cnf, found, world) == []


@settings(max_examples=80, deadline=None)
@given(theories())
def test_droppable_names_exactly_the_clues_that_can_go(
    theory: tuple[Space, list[Formula], list[Formula], World],
) -> None:
    variables, rules, clues, world = theory
    facts: list[Formula] = [Is(v, world[v.index]) for v in variables]
    given_clues = [*clues, *facts]
    expected = [
        index
        for index in range(len(given_clues))
        if true_worlds(variables, [*rules, *given_clues[:index], *given_clues[index + 1 :]]) == {world}
    ]
    assert droppable(compiled(variables, rules), given_clues, world) == expected


@pytest.mark.parametrize("seed", range(12))
def test_clues_that_only_deletion_can_thin(seed: int) -> None:
    """With many overlapping clues the solver's core alone is seldom minimal."""
    rng = Random(seed)
    variables = space((f"v{i}", 4) for i in range(5))
    atoms = [Is(v, value) for v in variables for value in range(v.size)]
    world = tuple(rng.randrange(4) for _ in variables)
    drawn: list[Formula] = [Iff(*rng.sample(atoms, 2)) for _ in range(150)]
    drawn += [Or(tuple(rng.sample(atoms, 3))) for _ in range(150)]
    found = find_minimal(
        Cnf(variables), world, clue_sampler(variables, made_true(drawn, world), world, rng), lambda clue: rng.random()
    )
    assert true_worlds(variables, found) == {world}
    for index in range(len(found)):
        assert len(true_worlds(variables, [*found[:index], *found[index + 1 :]])) > 1


def test_rules_that_leave_one_world_need_no_clue() -> None:
    variables = space((("a", 3), ("b", 2)))

    def tell(other: World) -> tuple[str, Formula]:
        raise AssertionError(f"no world but the true one is left, yet {other} was asked about")

    rules: list[Formula] = [Is(variables[0], 2), Is(variables[1], 0)]
    assert find_minimal(compiled(variables, rules), (2, 0), tell, lambda clue: 0.0) == []


def test_a_clue_that_a_later_one_contains_is_dropped() -> None:
    (v,) = space((("v", 4),))
    told: list[str] = []

    def tell(other: World) -> tuple[str, Formula]:
        """First that it is not this one, then what it is."""
        told.append("what it is" if told else "what it is not")
        return told[-1], Is(v, 0) if len(told) > 1 else Not(Is(v, other[0]))

    assert find_minimal(Cnf((v,)), (0,), tell, lambda clue: 0.0) == ["what it is"]
    assert told == ["what it is not", "what it is"]


def test_clues_come_back_in_the_order_told() -> None:
    variables = space((f"v{i}", 2) for i in range(6))
    told: list[int] = []

    def tell(other: World) -> tuple[int, Formula]:
        index = max(i for i in range(6) if other[i] != 0)
        told.append(index)
        return index, Is(variables[index], 0)

    assert find_minimal(Cnf(variables), (0,) * 6, tell, lambda index: float(index)) == told
    assert sorted(told) == list(range(6))


def test_is_world_is_true_in_that_world_only() -> None:
    variables = space((("a", 3), ("b", 1), ("c", 2)))
    formula = is_world(Cnf(variables), (1, 0, 1))
    assert [world for world in worlds(variables) if holds(formula, world)] == [(1, 0, 1)]
    assert droppable(Cnf(variables), [formula, Or((formula,))], (1, 0, 1)) == [0, 1]
