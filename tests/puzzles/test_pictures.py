"""Boards as pictures: safe whatever names a page has, with and without the solution; and notebooks of any family."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest

from sleuth.contract.pictures import picture_problem
from sleuth.puzzles.family import Family
from sleuth.puzzles.notebook import tables_of_facts
from sleuth.puzzles.picture import Picture, text_width
from sleuth.puzzles.registry import families, get_family

HOSTILE = "<script src=x>alert</script>&\u202e\x07\ud800\ufffe“"
FAMILIES = list(families())
TEXT = "{http://www.w3.org/2000/svg}text"


def labels(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(TEXT)]


def test_a_hostile_name_is_shown_and_does_nothing() -> None:
    family = get_family("temporal-clue")
    case, world = family.sample_case("2", Random(1))
    case = replace(case, victim=HOSTILE, rooms=(HOSTILE, *case.rooms[1:]))
    for shown in (None, world):
        drawn = family.board_svg(case, shown)
        assert picture_problem(drawn) == ""
        assert "<script src=x>alert</script>&⟨U+202E⟩␇⟨U+D800⟩\N{REPLACEMENT CHARACTER}“" in labels(drawn)
        drawn.encode()


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ("<svg", "no XML"),
        ('<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "declares"),
        ('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', "'script'"),
        ('<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>', "runs or loads"),
        ('<svg xmlns="http://www.w3.org/2000/svg"><style>@import "x"</style></svg>', "runs or loads"),
        ('<svg xmlns="http://www.w3.org/2000/svg"><title>a</title></svg>', "has no desc"),
    ],
)
def test_broken_pictures_are_seen(broken: str, problem: str) -> None:
    assert problem in picture_problem(broken)


def test_labels_that_overlap_or_leave_the_picture_are_seen() -> None:
    picture = Picture("a", "b")
    picture.text(10, 30, "Conservatory")
    fine = picture.svg()
    assert picture_problem(fine) == ""
    assert "beyond its edge" in picture_problem(fine.replace('x="10"', 'x="30"'))
    picture.text(10 + text_width("Conserv"), 32, "Hall")
    assert "over one another" in picture_problem(picture.svg())


def test_what_a_temporal_clue_board_shows() -> None:
    family = get_family("temporal-clue")
    case, world = family.sample_case("2", Random(1))
    theory = family.theory(case)
    hidden, solved = labels(family.board_svg(case, None)), labels(family.board_svg(case, world))
    assert all(hidden.count(room) == 1 for room in case.rooms), "the map, and an empty strip"
    times = len(case.times)
    assert all(solved.count(room) == times + sum(
        case.rooms[world[theory.location(thing, time)]] == room
        for thing in range(theory.things)
        for time in range(times)
    ) for room in case.rooms)  # fmt: skip
    assert f"{case.times[world[3]]}: the murder" in solved
    assert solved.count(f"{case.suspects[world[0]]} ★") == times + 1
    assert solved.count(f"{case.victim} †") == times + 1
    assert not any("★" in label or "murder" in label for label in hidden)


def test_what_a_zebra_board_shows() -> None:
    family = get_family("zebra")
    case, world = family.sample_case("1", Random(1))
    solved = labels(family.board_svg(case, world))
    places = len(case.values[0])
    rows = [solved[start : start + places + 1] for start in range(0, len(solved), places + 1)]
    for attribute, row in enumerate(rows[1:]):
        assert row[0] == case.attributes[attribute]
        for house, name in enumerate(row[1:]):
            assert world[attribute * places + case.values[attribute].index(name)] == house


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.id)
def test_families_that_say_nothing_have_a_notebook_and_a_picture(family: Family[Any, Any]) -> None:
    """What `Family` gives by default, from plain facts alone."""
    case, world = family.sample_case(next(iter(family.levels)), Random(3))
    theory = family.theory(case)
    tables = tables_of_facts(family, theory, case)
    rows = {variable: row for table in tables for variable, row in zip(table.variables, table.rows, strict=True)}
    assert sorted(rows) == [variable.index for variable in theory.space if variable.size > 1]
    for own in family.notebook(case):
        for variable, row in zip(own.variables, own.rows, strict=True):
            table = next(one for one in tables if variable in one.variables)
            assert table.columns == own.columns
            assert family.name == "temporal-clue" or rows[variable] == row
    empty, full = (Family.board_svg(family, case, shown) for shown in (None, world))
    assert picture_problem(empty) == picture_problem(full) == ""
    assert len(labels(full)) == len(labels(empty)) + len(rows)
