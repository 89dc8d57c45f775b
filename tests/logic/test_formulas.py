"""What formulas mean, by values worked out by hand."""

from __future__ import annotations

import pytest

from sleuth.logic.formulas import FALSE, TRUE, And, Count, Iff, Is, Not, Or, holds, implies, space, worlds, xor

A, B = space((("a", 2), ("b", 3)))
A1, B2 = Is(A, 1), Is(B, 2)


def test_a_space_numbers_its_variables() -> None:
    assert [(v.name, v.index, v.size) for v in (A, B)] == [("a", 0, 2), ("b", 1, 3)]
    assert list(worlds((A, B))) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (A1, {(1, 0), (1, 1), (1, 2)}),
        (Not(A1), {(0, 0), (0, 1), (0, 2)}),
        (And((A1, B2)), {(1, 2)}),
        (Or((A1, B2)), {(0, 2), (1, 0), (1, 1), (1, 2)}),
        (Iff(A1, B2), {(0, 0), (0, 1), (1, 2)}),
        (xor(A1, B2), {(0, 2), (1, 0), (1, 1)}),
        (implies(A1, B2), {(0, 0), (0, 1), (0, 2), (1, 2)}),
        (Count((A1, B2), 0, 0), {(0, 0), (0, 1)}),
        (Count((A1, B2), 1, 1), {(0, 2), (1, 0), (1, 1)}),
        (Count((A1, A1, B2), 2, 3), {(1, 0), (1, 1), (1, 2)}),
        (Count((A1,), 2, 5), set()),
        (TRUE, set(worlds((A, B)))),
        (FALSE, set()),
    ],
)
def test_worlds_of_a_formula(formula, expected) -> None:
    assert {world for world in worlds((A, B)) if holds(formula, world)} == expected
