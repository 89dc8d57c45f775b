"""Canonical forms: blind to names and order, and to nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.puzzles.canonical import SPLIT_SHARES, SPLITS, canonical_form, digest, split_of
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.temporal_clue.case import Case

FAMILY = get_family("temporal-clue")


def form(case: Case, clues: Sequence[Statement]) -> str:
    return canonical_form(FAMILY.shape(case), FAMILY.renamable_entities(case), clues, FAMILY.roles)


@cache
def made(level: str, index: int) -> tuple[Case, tuple[Statement, ...]]:
    page = FAMILY.read_page(make_puzzle("temporal-clue", level, "train", 3, index).puzzle.prompt)
    return page.case, page.clues


def shuffled(case: Case, clues: Sequence[Statement], rng: Random) -> tuple[Case, list[Statement]]:
    """The same puzzle with suspects, weapons and motives in other places of their lists, and clues in another order."""
    orders = {
        sort: rng.sample(range(count), count)
        for sort, count in (
            ("suspect", len(case.suspects)),
            ("weapon", len(case.weapons)),
            ("motive", len(case.motives)),
        )
    }

    def moved(ref: Ref) -> Ref:
        order = orders.get("motive" if ref.sort == "holder" else ref.sort)
        return ref if order is None else Ref(ref.sort, order[ref.index])

    def placed(names: Sequence[str], sort: str) -> tuple[str, ...]:
        return tuple(names[orders[sort].index(place)] for place in range(len(names)))

    counts = case.motive_counts
    other = replace(
        case,
        suspects=placed(case.suspects, "suspect"),
        weapons=placed(case.weapons, "weapon"),
        motives=placed(case.motives, "motive"),
        motive_counts=counts and tuple(counts[orders["motive"].index(m)] for m in range(len(counts))),
    )
    renamed = [clue.rename(moved) for clue in clues]
    rng.shuffle(renamed)
    return other, renamed


LEVELS = st.sampled_from(("1", "1", "2", "3", "reference"))


@settings(max_examples=50, deadline=None)
@given(LEVELS, st.integers(0, 7), st.randoms(use_true_random=False))
def test_names_and_order_do_not_matter(level: str, index: int, rng: Random) -> None:
    case, clues = made(level, index)
    other_case, other_clues = shuffled(case, clues, rng)
    assert form(other_case, other_clues) == form(case, clues)


@settings(max_examples=50, deadline=None)
@given(LEVELS, st.integers(0, 7), st.randoms(use_true_random=False))
def test_what_is_said_matters(level: str, index: int, rng: Random) -> None:
    """Another room in one clue, a clue fewer, a clue of another kind, are other puzzles."""
    case, clues = made(level, index)
    others = [clues[1:]]
    for number, clue in enumerate(clues):
        if clue.kind == "in":
            others.append((*clues[:number], Statement("not_in", clue.args), *clues[number + 1 :]))
            subject, room, time = clue.args
            assert isinstance(room, Ref)
            elsewhere = Statement("in", (subject, Ref("room", (room.index + 1) % len(case.rooms)), time))
            others.append((*clues[:number], elsewhere, *clues[number + 1 :]))
    same = form(*shuffled(case, clues, rng))
    assert all(form(case, other) != same for other in others)


def test_names_of_the_case_play_no_part() -> None:
    for index in range(4):
        case, clues = made("3", index)
        assert form(FAMILY.rename_case(case, Random(index)), clues) == form(case, clues)


def by_brute_force(case: Case, clues: Sequence[Statement]) -> frozenset[frozenset[Statement]]:
    """All renamings of suspects and weapons: two puzzles of one shape are the same where these meet."""
    found = set()
    for suspects in permutations(range(len(case.suspects))):
        for weapons in permutations(range(len(case.weapons))):
            orders = {"suspect": suspects, "weapon": weapons}

            def moved(ref: Ref, orders: dict[str, tuple[int, ...]] = orders) -> Ref:
                return Ref(ref.sort, orders[ref.sort][ref.index]) if ref.sort in orders else ref

            found.add(frozenset(clue.rename(moved) for clue in clues))
    return frozenset(found)


def test_level_one_forms_are_equal_exactly_where_a_renaming_says_so() -> None:
    puzzles = [made("1", index) for index in range(120)]
    forms = [form(case, clues) for case, clues in puzzles]
    classes = [(FAMILY.shape(case), by_brute_force(case, clues)) for case, clues in puzzles]
    for a in range(len(puzzles)):
        for b in range(a):
            assert (forms[a] == forms[b]) == (classes[a] == classes[b]), (puzzles[a], puzzles[b])
    assert len(set(forms)) < len(forms), "some of the smallest puzzles are the same"
    assert len(set(forms)) > 20


def twins(count: int) -> tuple[tuple[int], list[tuple[Ref, int]]]:
    return (count,), [(Ref("suspect", i), 0) for i in range(count)]


def pairs(*edges: tuple[int, int]) -> list[Statement]:
    """One symmetric pair of clues for each edge: colour refinement sees only degrees."""
    both = [*edges, *((b, a) for a, b in edges)]
    return [Statement("same", (Ref("suspect", a), Ref("suspect", b), Ref("time", 0))) for a, b in both]


def relabelled(clues: Sequence[Statement], order: Sequence[int]) -> list[Statement]:
    return [
        clue.rename(lambda ref: Ref(ref.sort, order[ref.index]) if ref.sort == "suspect" else ref) for clue in clues
    ]


RING = pairs((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0))
TRIANGLES = pairs((0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3))
COUPLES = pairs((0, 1), (2, 3), (4, 5))


@pytest.mark.parametrize("clues", [[], RING, TRIANGLES, COUPLES], ids=["nobody", "ring", "triangles", "couples"])
def test_interchangeable_entities_are_no_hindrance(clues: list[Statement]) -> None:
    shape, entities = twins(6)
    first = canonical_form(shape, entities, clues)
    rng = Random(1)
    for _ in range(20):
        assert canonical_form(shape, entities, relabelled(clues, rng.sample(range(6), 6))) == first


def test_ties_that_refinement_cannot_tell_apart_are_told_apart() -> None:
    """A ring of six and two rings of three: everyone has two neighbours, yet they are not the same."""
    shape, entities = twins(6)
    assert len({canonical_form(shape, entities, clues) for clues in (RING, TRIANGLES, COUPLES)}) == 3


def test_what_sets_entities_apart_is_part_of_the_form() -> None:
    clues = [Statement("motive", (Ref("suspect", 0), Ref("motive", 0)))]
    suspects = [(Ref("suspect", i), 0) for i in range(3)]

    def of(counts: tuple[int, int], which: int) -> str:
        motives = [(Ref("motive", i), count) for i, count in enumerate(counts)]
        told = [clue.rename(lambda ref: Ref("motive", which) if ref.sort == "motive" else ref) for clue in clues]
        return canonical_form((3, sorted(counts)), [*suspects, *motives], told)

    assert of((1, 2), 0) == of((2, 1), 1)
    assert of((1, 2), 0) != of((1, 2), 1)


def test_a_holder_goes_with_its_motive() -> None:
    entities = [(Ref("suspect", 0), 0), (Ref("motive", 0), 0), (Ref("motive", 1), 0)]
    where, when = Ref("room", 0), Ref("time", 0)

    def told(holder: int, motive: int) -> str:
        return canonical_form(
            (),
            entities,
            [
                Statement("in", (Ref("holder", holder), where, when)),
                Statement("motive", (Ref("suspect", 0), Ref("motive", motive))),
            ],
            {"holder": "motive"},
        )

    assert told(0, 0) == told(1, 1)
    assert told(0, 1) == told(1, 0)
    assert told(0, 0) != told(0, 1)


def test_splits_are_a_partition_with_the_shares_told() -> None:
    counts = dict.fromkeys(SPLITS, 0)
    for number in range(4000):
        counts[split_of(digest(f"form {number}"))] += 1
    total = sum(share for _, share in SPLIT_SHARES)
    for name, share in SPLIT_SHARES:
        assert abs(counts[name] / 4000 - share / total) < 0.04
    assert sum(counts.values()) == 4000


def test_no_puzzle_is_in_two_splits() -> None:
    forms = {
        split: {make_puzzle("temporal-clue", "1", split, 9, index).digest for index in range(60)} for split in SPLITS
    }
    for split, digests in forms.items():
        assert {split_of(found) for found in digests} == {split}
        assert not any(digests & other for name, other in forms.items() if name != split)
