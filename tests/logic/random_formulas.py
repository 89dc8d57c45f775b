"""Random small spaces and formulas, and what their worlds are by trying all of them."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from sleuth.logic.formulas import And, Count, Formula, Iff, Is, Not, Or, Space, World, holds, space, worlds

SIZES = (
    (1,),
    (7,),
    (1, 1),
    (1, 7),
    (2, 2),
    (6, 5),
    (5, 3),
    (2, 2, 2),
    (3, 4, 2),
    (1, 6, 4),
    (2, 3, 2, 3),
    (4, 1, 2, 3),
)
"""Domain sizes below, at and above the limit of pairwise encoding; at most 42 worlds."""


def spaces() -> st.SearchStrategy[Space]:
    return st.sampled_from(SIZES).map(lambda sizes: space((f"v{i}", size) for i, size in enumerate(sizes)))


@st.composite
def formula_lists(draw: st.DrawFn, variables: Space, most: int = 3) -> list[Formula]:
    """One to `most` formulas that share parts: each step combines what is there already."""
    made: list[Formula] = [Is(variable, value) for variable in variables for value in range(variable.size)]
    made += [And(()), Or(())]
    for _ in range(draw(st.integers(1, 8))):
        parts = st.lists(st.sampled_from(made[-24:]), max_size=4).map(tuple)
        match draw(st.sampled_from(("not", "and", "or", "iff", "count", "count"))):
            case "not":
                made.append(Not(draw(st.sampled_from(made))))
            case "and":
                made.append(And(draw(parts)))
            case "or":
                made.append(Or(draw(parts)))
            case "iff":
                made.append(Iff(draw(st.sampled_from(made)), draw(st.sampled_from(made))))
            case "count":
                counted = draw(parts)
                low = draw(st.integers(0, len(counted) + 1))
                made.append(Count(counted, low, draw(st.integers(low, len(counted) + 2))))
    return made[-draw(st.integers(1, most)) :]


def true_worlds(variables: Space, formulas: Iterable[Formula]) -> set[World]:
    """The worlds of formulas by brute force."""
    demanded = list(formulas)
    return {world for world in worlds(variables) if all(holds(formula, world) for formula in demanded)}
