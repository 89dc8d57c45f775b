"""The two compilers against brute force: the same worlds for the same formulas."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.logic.clues import is_world
from sleuth.logic.cnf import PAIRWISE_LIMIT, Cnf, WorldSolver
from sleuth.logic.cpsat import CpModel
from sleuth.logic.formulas import FALSE, TRUE, And, Count, Formula, Iff, Is, Not, Or, Space, World, space, worlds
from tests.logic.random_formulas import formula_lists, spaces, true_worlds

SPACES_AND_FORMULAS = spaces().flatmap(lambda s: st.tuples(st.just(s), formula_lists(s)))


def all_worlds(solver: WorldSolver, assumptions: list[int]) -> set[World]:
    """Every world under assumptions. Found worlds are blocked behind selectors, so the solver can be used again."""
    found: set[World] = set()
    assumed = list(assumptions)
    while (world := solver.solve(assumed)) is not None:
        assert world not in found
        found.add(world)
        assumed.append(solver.add_optional(Not(is_world(solver.cnf, world))))
    return found


@settings(max_examples=120, deadline=None)
@given(SPACES_AND_FORMULAS)
def test_cnf_has_the_worlds_of_the_formulas(drawn: tuple[Space, list[Formula]]) -> None:
    variables, formulas = drawn
    cnf = Cnf(variables)
    for formula in formulas:
        cnf.add(formula)
    with WorldSolver(cnf) as solver:
        assert all_worlds(solver, []) == true_worlds(variables, formulas)


@settings(max_examples=80, deadline=None)
@given(SPACES_AND_FORMULAS)
def test_guarded_formulas_count_only_when_switched_on(drawn: tuple[Space, list[Formula]]) -> None:
    variables, formulas = drawn
    with WorldSolver(Cnf(variables)) as solver:
        selectors = [solver.add_optional(formula) for formula in formulas]
        for size in range(len(formulas) + 1):
            for on in combinations(range(len(formulas)), size):
                expected = true_worlds(variables, [formulas[i] for i in on])
                assert all_worlds(solver, [selectors[i] for i in on]) == expected


@settings(max_examples=60, deadline=None)
@given(SPACES_AND_FORMULAS)
def test_formulas_added_to_a_running_solver_count(drawn: tuple[Space, list[Formula]]) -> None:
    variables, formulas = drawn
    with WorldSolver(Cnf(variables)) as solver:
        solver.solve()
        for formula in formulas:
            solver.add(formula)
        assert all_worlds(solver, []) == true_worlds(variables, formulas)


@settings(max_examples=60, deadline=None)
@given(SPACES_AND_FORMULAS)
def test_cp_sat_has_the_worlds_of_the_formulas(drawn: tuple[Space, list[Formula]]) -> None:
    variables, formulas = drawn
    expected = true_worlds(variables, formulas)
    found = CpModel(variables, formulas).worlds(limit=50)
    assert len(found) == len(set(found))
    assert set(found) == expected


@settings(max_examples=40, deadline=None)
@given(SPACES_AND_FORMULAS)
def test_cp_sat_literals_are_equivalent_to_their_formulas(drawn: tuple[Space, list[Formula]]) -> None:
    variables, formulas = drawn
    model = CpModel(variables)
    model.model.add_bool_and([model.literal(formula).Not() for formula in formulas])
    assert set(model.worlds(limit=50)) == true_worlds(variables, [Not(formula) for formula in formulas])


@settings(max_examples=60, deadline=None)
@given(SPACES_AND_FORMULAS, st.lists(st.booleans(), min_size=3, max_size=3))
def test_what_a_copy_learns_its_original_does_not(drawn: tuple[Space, list[Formula]], early: list[bool]) -> None:
    variables, formulas = drawn
    original = Cnf(variables)
    shared = [formula for formula, soon in zip(formulas, early, strict=False) if soon]
    for formula in shared:
        original.add(formula)
    copy = original.copy()
    for formula in formulas:
        copy.add(formula)
    with WorldSolver(copy) as solver:
        assert all_worlds(solver, []) == true_worlds(variables, formulas)
    with WorldSolver(original) as solver:
        assert all_worlds(solver, []) == true_worlds(variables, shared)


@settings(max_examples=60, deadline=None)
@given(SPACES_AND_FORMULAS)
def test_a_core_is_part_of_the_assumptions_and_fails_by_itself(drawn: tuple[Space, list[Formula]]) -> None:
    variables, formulas = drawn
    contradicted = [*formulas, Not(formulas[0]), Is(variables[0], 0)]
    with WorldSolver(Cnf(variables)) as solver:
        selectors = [solver.add_optional(formula) for formula in contradicted]
        assert solver.solve(selectors) is None
        core = solver.core()
    assert set(core) <= set(selectors)
    assert not true_worlds(variables, [contradicted[selectors.index(literal)] for literal in core])


@pytest.mark.parametrize("size", [*range(1, PAIRWISE_LIMIT + 4), 17])
def test_a_variable_has_exactly_one_value(size: int) -> None:
    variables = space((("before", 2), ("v", size), ("after", 3)))
    cnf = Cnf(variables)
    atoms = [cnf.atom(Is(variables[1], value)) for value in range(size)]
    with WorldSolver(cnf) as solver:
        assert not solver.satisfiable([-atom for atom in atoms])
        assert not any(solver.satisfiable(pair) for pair in combinations(atoms, 2))
        for value, atom in enumerate(atoms):
            world = solver.solve([atom])
            assert world is not None
            assert world[1] == value
        assert all_worlds(solver, []) == set(worlds(variables))
    assert set(CpModel(variables).worlds(limit=6 * size + 1)) == set(worlds(variables))


CONSTANTS = [
    (TRUE, True),
    (FALSE, False),
    (Not(TRUE), False),
    (Count((), 0, 0), True),
    (Count((), 1, 1), False),
    (Not(Count((), 0, 0)), False),
    (Not(Count((), 1, 2)), True),
    (Iff(TRUE, FALSE), False),
    (Or((FALSE, And((TRUE, Not(FALSE))))), True),
]


@pytest.mark.parametrize(("formula", "truth"), CONSTANTS)
def test_formulas_without_variables(formula: Formula, truth: bool) -> None:
    variables = space((("v", 2),))
    cnf = Cnf(variables)
    cnf.add(formula)
    with WorldSolver(cnf) as solver:
        assert (solver.solve() is not None) == truth
    assert (CpModel(variables, [formula]).solve() is not None) == truth


def pigeons(count: int, holes: int) -> tuple[Space, list[Formula]]:
    """No two pigeons in one hole: for one hole too few, hard for clause learning."""
    variables = space((f"pigeon{i}", holes) for i in range(count))
    return variables, [Count(tuple(Is(v, hole) for v in variables), 0, 1) for hole in range(holes)]


def test_a_conflict_budget_that_runs_out_is_an_error_and_no_verdict() -> None:
    variables, rules = pigeons(9, 8)
    cnf = Cnf(variables)
    for rule in rules:
        cnf.add(rule)
    with WorldSolver(cnf) as solver:
        with pytest.raises(TimeoutError, match="10 conflicts"):
            solver.solve(conflicts=10)
        with pytest.raises(TimeoutError):
            solver.solve(conflicts=10)


def test_a_conflict_budget_that_suffices_changes_nothing() -> None:
    for count, holes, solvable in ((4, 4, True), (5, 4, False)):
        variables, rules = pigeons(count, holes)
        cnf = Cnf(variables)
        for rule in rules:
            cnf.add(rule)
        with WorldSolver(cnf) as solver:
            assert (solver.solve(conflicts=100_000) is not None) == solvable
            assert solver.satisfiable() == solvable
            assert (solver.solve(conflicts=100_000) is not None) == solvable


def test_an_exhausted_budget_does_not_bind_later_calls() -> None:
    variables, rules = pigeons(8, 7)
    cnf = Cnf(variables)
    for rule in rules:
        cnf.add(rule)
    with WorldSolver(cnf) as solver:
        with pytest.raises(TimeoutError):
            solver.solve(conflicts=5)
        assert solver.solve() is None
