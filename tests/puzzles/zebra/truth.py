"""What zebra statements mean, in plain Python on "value: number of its house" and without any formula."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from sleuth.puzzles.statements import Ref, Statement

Where = dict[Ref, int]
"""Value to the number of its house, counted from 1 at the left."""


def _neighbours(where: Where, value: Ref) -> list[int]:
    return [where[value] - 1, where[value] + 1]


def _houses_between(where: Where, first: Ref, second: Ref) -> list[int]:
    low, high = sorted((where[first], where[second]))
    return [house for house in range(1, 100) if low < house < high]


TRUTH: dict[str, Callable[..., bool]] = {
    "at": lambda where, value, house: where[value] == house.index + 1,
    "not_at": lambda where, value, house: where[value] != house.index + 1,
    "same": lambda where, a, b: where[a] == where[b],
    "apart": lambda where, a, b: where[a] != where[b],
    "next": lambda where, a, b: where[a] in _neighbours(where, b),
    "left_of": lambda where, a, b: where[b] == where[a] + 1,
    "before": lambda where, a, b: where[a] < where[b],
    "between": lambda where, a, b, c: sorted((where[b], where[c])) == _neighbours(where, a),
    "gap": lambda where, number, a, b: where[a] != where[b] and len(_houses_between(where, a, b)) == number.index,
    "either": lambda where, a, b: [truth(a, where), truth(b, where)].count(True) == 1,
    "iff": lambda where, a, b: [truth(a, where), truth(b, where)].count(True) != 1,
    "if": lambda where, a, b: truth(b, where) if truth(a, where) else True,
    "what": lambda where, _, owner, b: where[b] == (owner.index + 1 if owner.sort == "house" else where[owner]),
}


def truth(statement: Statement, where: Where) -> bool:
    """Whether the statement's English is true."""
    return TRUTH[statement.kind](where, *statement.args)


def obeys_rules(where: Where, houses: int) -> bool:
    """Whether no two values of an attribute share a house."""
    rows = itertools.groupby(sorted(where), key=lambda value: value.index // houses)
    return all(len({where[value] for value in row}) == houses for _, row in rows)


def simple_statements(houses: int, attributes: int) -> Iterator[Statement]:
    """Every statement of the kinds that hold no other statement."""
    values = [Ref("value", i) for i in range(houses * attributes)]
    places = [Ref("house", i) for i in range(houses)]
    for kind in ("at", "not_at"):
        yield from (Statement(kind, args) for args in itertools.product(values, places))
    for kind in ("same", "apart", "next", "left_of", "before"):
        yield from (Statement(kind, args) for args in itertools.product(values, values))
    yield from (Statement("between", args) for args in itertools.product(values, repeat=3))
    for number in range(1, houses - 1):
        yield from (Statement("gap", (Ref("number", number), *args)) for args in itertools.product(values, values))
    for attribute in range(attributes):
        members = values[attribute * houses : (attribute + 1) * houses]
        for owner, value in itertools.product([*values, *places], members):
            yield Statement("what", (Ref("attribute", attribute), owner, value))
