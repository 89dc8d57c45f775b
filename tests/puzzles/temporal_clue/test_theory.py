"""The theory against the independent witness in `truth`: rules over whole products, meanings over lawful nights."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from random import Random

import pytest

from sleuth.logic.clues import is_world
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.cpsat import CpModel
from sleuth.logic.formulas import Not, World, holds
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.sampler import LEVELS, REFERENCE
from sleuth.puzzles.temporal_clue.theory import Shape, TemporalTheory
from sleuth.puzzles.temporal_clue.wording import KINDS
from tests.puzzles.temporal_clue.bridge import night_of, setting_of, world_of
from tests.puzzles.temporal_clue.examples import EACH, kinds_for, statements
from tests.puzzles.temporal_clue.truth import Night, all_nights, lawful_nights, obeys, random_nights, says

ROW, COLUMN, APART = ((0, 1),), ((0,), (1,)), ((0, None), (None, 1))
CORNER, GAP = ((0, 1), (2, None)), ((0, None, 1),)
SQUARE = ((0, 1), (2, 3))

PRODUCTS = {
    "one time": Shape(2, 2, ROW, 1, 0, None),
    "three suspects": Shape(3, 1, COLUMN, 1, 0, None),
    "two times": Shape(2, 1, COLUMN, 2, 0, None),
    "three times": Shape(1, 1, ROW, 3, 0, None),
    "rooms apart": Shape(2, 1, APART, 2, 0, None),
    "a gap in a row": Shape(2, 1, GAP, 2, 0, None),
    "a corner with a hole": Shape(1, 1, CORNER, 2, 0, None),
    "motives each": Shape(2, 1, ROW, 1, 2, None),
    "one motive for both": Shape(2, 1, ROW, 2, 1, (2,)),
    "a shared motive": Shape(3, 1, ROW, 1, 2, (2, 1)),
}
"""Every assignment is tried: at most 20,000 each."""


@pytest.mark.parametrize("shape", PRODUCTS.values(), ids=PRODUCTS)
def test_rules_are_obeyed_in_exactly_the_lawful_worlds(shape: Shape) -> None:
    theory, setting = TemporalTheory(shape), setting_of(shape)
    rules = theory.rules()
    tried = lawful = 0
    seen: set[World] = set()
    for night in all_nights(setting):
        world = world_of(theory, night)
        obeyed = obeys(setting, night)
        assert all(holds(rule, world) for rule in rules) == obeyed, night
        tried, lawful = tried + 1, lawful + obeyed
        if obeyed:
            seen.add(world)
    product = 1
    for variable in theory.space:
        product *= variable.size
    assert tried == product
    assert {world_of(theory, night) for night in lawful_nights(setting)} == seen
    assert len(seen) == lawful > 0


COUNTED = {
    "one time": Shape(2, 1, ROW, 1, 0, None),
    "rooms apart": Shape(2, 1, APART, 2, 0, None),
    "a shared motive": Shape(3, 1, ROW, 1, 2, (2, 1)),
    "two times": Shape(2, 1, COLUMN, 2, 0, None),
}


@pytest.mark.parametrize("shape", COUNTED.values(), ids=COUNTED)
def test_cp_sat_finds_exactly_the_lawful_nights(shape: Shape) -> None:
    theory = TemporalTheory(shape)
    lawful = [world_of(theory, night) for night in lawful_nights(setting_of(shape))]
    found = CpModel(theory.space, theory.rules()).worlds(limit=len(lawful) + 1)
    assert len(found) == len(set(lawful)) == len(lawful)
    assert set(found) == set(lawful)


COMPILED = {
    "two weapons": Shape(2, 2, ROW, 2, 0, None),
    "three times": Shape(2, 1, ROW, 3, 0, None),
    "a corner, motives": Shape(2, 1, CORNER, 2, 2, None),
}


@pytest.mark.parametrize("shape", COMPILED.values(), ids=COMPILED)
def test_the_compiled_rules_leave_exactly_the_lawful_nights(shape: Shape) -> None:
    theory = TemporalTheory(shape)
    lawful = {world_of(theory, night) for night in lawful_nights(setting_of(shape))}
    found: set[World] = set()
    with WorldSolver(theory.cnf.copy()) as solver:
        while (world := solver.solve()) is not None:
            found.add(world)
            solver.add(Not(is_world(solver.cnf, world)))
    assert found == lawful


def case_of(shape: Shape) -> Case:
    """Names for a shape; the statements of a kind depend on the numbers only."""
    return Case(
        victim="Victor",
        suspects=tuple(f"Suspect {i}" for i in range(shape.suspects)),
        weapons=tuple(f"Weapon {i}" for i in range(shape.weapons)),
        rooms=tuple(f"Room {i}" for i in range(shape.rooms)),
        prepositions=("in",) * shape.rooms,
        grid=shape.grid,
        times=tuple(f"{i} o'clock" for i in range(shape.times)),
        motives=tuple(f"Motive {i}" for i in range(shape.motives)),
        motive_counts=shape.motive_counts,
    )


MEANINGS = {
    "one time": Shape(2, 2, ROW, 1, 0, None),
    "one time, shared motive": Shape(3, 1, COLUMN, 1, 2, (2, 1)),
    "two times, motives each": Shape(2, 2, CORNER, 2, 2, None),
    "two times, all share": Shape(2, 1, COLUMN, 2, 1, (2,)),
    "two times, square, shared": Shape(3, 1, SQUARE, 2, 2, (2, 1)),
    "three times": Shape(2, 2, ROW, 3, 0, None),
    "three times, shared": Shape(3, 1, COLUMN, 3, 2, (1, 2)),
    "three times, motives each, hole": Shape(2, 1, CORNER, 3, 2, None),
}
STATEMENTS, NIGHTS = 40, 50


@pytest.mark.parametrize("shape", MEANINGS.values(), ids=MEANINGS)
def test_statements_say_what_the_witness_says(shape: Shape) -> None:
    theory, setting, case = TemporalTheory(shape), setting_of(shape), case_of(shape)
    nights = list(islice(random_nights(setting, Random(7)), NIGHTS))
    worlds = [world_of(theory, night) for night in nights]
    for kind in kinds_for(case):
        for statement in statements(case, kind, STATEMENTS):
            formula = theory.formula(statement)
            for night, world in zip(nights, worlds, strict=True):
                assert holds(formula, world) == says(setting, night, statement), (statement, night)


def test_the_comparison_meets_every_kind_true_and_false() -> None:
    shape = MEANINGS["two times, motives each"]
    setting, case = setting_of(shape), case_of(shape)
    nights = list(islice(random_nights(setting, Random(7)), NIGHTS))
    for kind in KINDS:
        told = [says(setting, night, s) for s in statements(case, kind, STATEMENTS) for night in nights]
        assert set(told) == {True, False}, kind


@pytest.mark.parametrize("level", [*LEVELS, REFERENCE])
def test_drawn_nights_obey_the_rules(level: str) -> None:
    family = get_family("temporal-clue")
    hours: set[int] = set()
    for seed in range(40 if level == "5" else 150):
        case, world = family.sample_case(level, Random(seed))
        theory = family.theory(case)
        night = night_of(theory, world)
        assert world_of(theory, night) == world
        assert obeys(setting_of(theory.shape), night), (level, seed)
        hours.add(night.hour)
    assert len(hours) > (LEVELS[level].times[1] > 1 if level in LEVELS else 1), "the murder's hour varies"


def test_a_night_by_hand() -> None:
    """Ada, Mr. Ben and Cleo in a corner of three rooms; Ada kills Rex with the rope in the bar at the second time."""
    family = get_family("temporal-clue")
    theory = family.theory(EACH)
    hall, dressing, bar = range(3)
    night = Night(
        murderer=0,
        weapon=0,
        scene=bar,
        hour=1,
        reason=2,
        motive=[2, 0, 1],
        room={
            "suspect 0": [hall, bar, bar],
            "suspect 1": [dressing, hall, bar],
            "suspect 2": [dressing, dressing, dressing],
            "weapon 0": [hall, bar, bar],
            "weapon 1": [dressing, hall, hall],
            "victim": [hall, bar, bar],
        },
    )
    world, setting = world_of(theory, night), setting_of(theory.shape)
    assert obeys(setting, night)
    grammar, formal = family.grammar(EACH), family.formal(EACH)
    sentences = {
        "Ada committed the murder.": True,
        "The murder was committed with the Oar.": False,
        "The motive for the murder was fear.": True,
        "The murderer moved the murder weapon from the Hall to the Bar at 12:00 AM.": True,
        "Rex moved from the Hall to the Bar at 12:00 AM.": True,
        "Mr. Ben moved the Oar from the Dressing Room to the Hall at 12:30 AM.": False,
        "Cleo was alone on the Dressing Room at 12:00 AM.": True,
        "Mr. Ben was alone in the Hall at 12:00 AM.": True,
        "The murderer was alone at the Bar at 12:00 AM.": False,
        "Cleo was on the Dressing Room the whole time.": True,
        "The Oar was on the Dressing Room the whole time.": False,
        "The suspect motivated by greed was never on the Dressing Room.": False,
        "Mr. Ben and Rex were at the Bar together at least once.": True,
        "Ada and the Rope were in the Hall together at least once.": True,
        "Ada was in the room just south of Mr. Ben at 12:00 AM.": True,
        "Ada was in the room just west of Cleo at 11:30 PM.": True,
        "Cleo was in the room just east of the murderer at 12:00 AM.": False,
        "Cleo was further east than the murderer at 12:00 AM.": True,
        "Cleo was further north than the murderer at 12:00 AM.": True,
        "Exactly two suspects were on the Dressing Room at 11:30 PM.": True,
        "Exactly one suspect was on the Dressing Room at 11:30 PM.": False,
        "At least one suspect was on the Dressing Room at 11:30 PM.": True,
        "At least two weapons were in the Hall at 11:30 PM.": False,
        "Mr. Ben was in the Hall at some time, and Ada was at the Bar at some later time.": True,
        "Ada was at the Bar at some time, and Mr. Ben was in the Hall at some later time.": False,
        "Rex was at the Bar at some time before the murder.": False,
        "Mr. Ben was at the Bar at some time after the murder.": True,
        "Either Ada was in the Hall at 11:30 PM or Rex was at the Bar at 12:00 AM, but not both.": False,
        "Either Ada was in the Hall at 12:00 AM or Rex was at the Bar at 12:00 AM, but not both.": True,
        "Ada was in the Hall at 12:00 AM if and only if Rex was in the Hall at 12:00 AM.": True,
        "If Ada was in the Hall at 11:30 PM, then Cleo was at the Bar at 11:30 PM.": False,
        "If Ada was in the Hall at 12:00 AM, then Cleo was at the Bar at 11:30 PM.": True,
    }
    for sentence, truth in sentences.items():
        statement = grammar.read(sentence)
        assert holds(theory.formula(statement), world) == truth, sentence
        assert says(setting, night, statement) == truth, sentence
        assert formal.read(formal.write(statement)) == statement


def test_a_suspect_of_several_means_that_there_is_one() -> None:
    """Both share greed. Ada was in room 0, Ben in room 1: it is true of one of them that …, and false of one."""
    theory = TemporalTheory(Shape(2, 1, ROW, 1, 1, (2,)))
    night = Night(0, 0, 0, 0, 0, [0, 0], {"suspect 0": [0], "suspect 1": [1], "weapon 0": [0], "victim": [0]})
    world = world_of(theory, night)
    greedy, victim = Ref("holder", 0), Ref("victim", 0)
    rooms, now = (Ref("room", 0), Ref("room", 1)), Ref("time", 0)

    def true(kind: str, *args: Ref | Statement) -> bool:
        return holds(theory.formula(Statement(kind, args)), world)

    for room in rooms:
        assert true("in", greedy, room, now)
        assert not true("not_in", greedy, room, now)
        assert not true("never", greedy, room)
        assert true("always", greedy, room)
    assert true("same", greedy, victim, now)
    assert true("beside", Ref("direction", 1), greedy, victim, now)
    assert true("beside", Ref("direction", 1), greedy, greedy, now), "each of the two is one of several"
    assert not true("beside", Ref("direction", 3), greedy, victim, now)
    assert not true("either", Statement("in", (greedy, rooms[0], now)), Statement("in", (greedy, rooms[1], now)))


def test_names_do_not_change_a_theory() -> None:
    family = get_family("temporal-clue")
    renamed = replace(EACH, suspects=("Xenia", "Yann", "Zoe"), rooms=("A", "B", "C"), victim="Q")
    assert family.theory(renamed) is family.theory(EACH)
