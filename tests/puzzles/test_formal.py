"""The formal language: read(write(x)) == x, forgiving about capitals and spaces, hard against hostile lines."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.puzzles.formal import MAX_LINE_CHARS, FormalError, spaced
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.statements import Ref, Statement
from tests.puzzles.temporal_clue.examples import ALL_SHARE, CASES, EACH, SHARED, TWO, kinds_for, statements

FAMILY = get_family("temporal-clue")


@pytest.mark.parametrize("name", CASES)
def test_every_statement_is_read_back(name: str) -> None:
    case = CASES[name]
    formal = FAMILY.formal(case)
    lines: dict[str, Statement] = {}
    for kind in kinds_for(case):
        for statement in statements(case, kind, 300):
            line = formal.write(statement)
            assert formal.read(line) == formal.read(spaced(line)) == statement
            assert lines.setdefault(line.casefold(), statement) == statement
            assert len(line) <= MAX_LINE_CHARS


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(CASES)), st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_capitals_and_spaces_do_not_matter(name: str, seed: int, rng: Random) -> None:
    case = CASES[name]
    formal = FAMILY.formal(case)
    kind = rng.choice(kinds_for(case))
    statement = rng.choice(list(statements(case, kind, 50)))
    loose = "".join(rng.choice((c.upper(), c.lower())) for c in formal.write(statement))
    for sign in "(),":
        loose = loose.replace(sign, f"{' ' * rng.randint(0, 2)}{sign}{' ' * rng.randint(0, 2)}")
    loose = f"{' ' * rng.randint(0, 3)}{loose}{rng.choice(('', ' ', '.', ' . ', chr(10)))}"
    assert formal.read(loose) == statement, loose


def test_lines_by_hand() -> None:
    each, two, shared = FAMILY.formal(EACH), FAMILY.formal(TWO), FAMILY.formal(SHARED)
    ben, rope, hall = Ref("suspect", 1), Ref("weapon", 0), Ref("room", 0)
    assert two.write(Statement("in", (ben, hall, Ref("time", 0)))) == "in(Mr. Ben, Hall)"
    assert two.read("IN( mr.  ben ,hall )") == Statement("in", (ben, hall, Ref("time", 0)))
    assert each.write(Statement("same", (Ref("holder", 2), rope, Ref("time", 1)))) == (
        "same(suspect(fear), Rope, 12:00 AM)"
    )
    event = Statement("in", (Ref("murder_weapon", 0), Ref("room", 3), Ref("time", 0)))
    other = Statement("in", (Ref("murderer", 0), hall, Ref("time", 1)))
    line = "either(in(weapon, Roof, 11 PM), in(murderer, Hall, 12 AM))"
    assert shared.write(Statement("either", (event, other))) == line
    assert shared.read(line) == Statement("either", (event, other))
    assert spaced(line) == "either( in( weapon, Roof, 11 PM), in( murderer, Hall, 12 AM))"
    assert shared.read("exactly(2, suspects, Hall, 11 PM)") == Statement(
        "exactly", (Ref("number", 2), Ref("group", 0), hall, Ref("time", 0))
    )


def test_the_grammar_by_hand() -> None:
    two, shared, share_all = FAMILY.formal(TWO).grammar(), FAMILY.formal(SHARED).grammar(), FAMILY.formal(ALL_SHARE)
    for allowed in (
        "in(Mr. Ben, Hall)",
        "in(Rex, Hall)\nnot_in(weapon, Dressing Room)",
        "either(in(Ada, Hall), in(murderer, Dressing Room))",
        "either( in( Ada, Hall), in( murderer, Dressing Room))",
    ):
        assert re.fullmatch(two, allowed), allowed
    for refused in (
        "",
        "\n",
        "in(Mr. Ben, Hall)\n",
        "in(Mr. Ben, Hall) ",
        "in(Mr. Ben,Hall)",
        "in(  Mr. Ben, Hall)",
        "in(mr. ben, Hall)",
        "in(Mrx Ben, Hall)",
        "in(victim, Hall)",  # read, but never written: the victim has a name
        "in(Mr. Ben, Hall, 12 AM)",
        "in(Hall, Mr. Ben)",
        "motive(Ada, greed)",  # nobody has a motive in this case
        "either(not_in(Ada, Hall), in(Ada, Hall))",
        "either(either(in(Ada, Hall), in(Ada, Hall)), in(Ada, Hall))",
    ):
        assert not re.fullmatch(two, refused), refused
    assert re.fullmatch(shared, "same(suspect(envy), Rope, 12 AM)")
    assert not re.fullmatch(shared, "same(suspect(envy), Rope)")
    assert re.fullmatch(share_all.grammar(), "in(suspect(greed), Attic)")


HOSTILE = [
    "",
    " ",
    ".",
    "(",
    ")",
    ",",
    "()",
    "in",
    "in()",
    "in(",
    "in(Ada",
    "in(Ada,",
    "in(Ada, Hall",
    "in(Ada, Hall))",
    "in(Ada, Hall) in(Ada, Hall)",
    "in(Ada, Hall) and more",
    "in((Ada), Hall)",
    "in(Ada Hall)",
    "in(Ada, , Hall)",
    "in(Ada, Hall, 12 AM)",
    "in(Ada, Hall()",
    "in(Ada(), Hall)",
    "in(Rope(Ada), Hall)",
    "in(in(Ada, Hall), Hall)",
    "either(Ada, Hall)",
    "either(in(Ada, Hall), not_in(Ada, Hall))",
    "either(either(in(Ada, Hall), in(Ada, Hall)), in(Ada, Hall))",
    "Ada(in, Hall)",
    "__import__(os)",
    "in(Ada, Hall" + ")" * 300,
    "in(" * 130,
    "either(" * 50 + ")" * 50,
    "in(" * 10**6,
    "(" * 10**6,
    ")" * 10**6,
    "," * 10**6,
    "a" * 10**6,
    " " * 10**6,
    "in(Ada\N{ZERO WIDTH SPACE}, Hall)",
    "in(Ada, Hall\N{RIGHT-TO-LEFT OVERRIDE})",
    "ın(Ada, Hall)",
    "in（Ada，Hall）",
    "\x00",
    "in(Ada\x00, Hall)",
    "\ud800",
    "exactly(0, suspects, Hall)",
    "exactly(-1, suspects, Hall)",
    "exactly(99999999999999999999, suspects, Hall)",
    "exactly(two, suspects, Hall)",
    "in(suspect(greed), Hall)",
    "_in(Ada, Hall)",
    "in(Hall, Ada)",
]


@pytest.mark.parametrize("line", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_lines_are_refused_in_one_line(line: str) -> None:
    with pytest.raises(FormalError) as caught:
        FAMILY.formal(TWO).read(line)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2 * MAX_LINE_CHARS


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="(),. inNADeitherHlRop\n\té0", max_size=60) | st.text(max_size=40))
def test_any_text_is_a_statement_or_a_formal_error(line: str) -> None:
    try:
        statement = FAMILY.formal(TWO).read(line)
    except FormalError:
        return
    assert FAMILY.formal(TWO).read(FAMILY.formal(TWO).write(statement)) == statement


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 80), st.integers(0, 80), st.text(alphabet="(), x", max_size=2))
def test_a_damaged_line_is_a_statement_or_a_formal_error(start: int, end: int, put: str) -> None:
    line = "either(in(weapon, Roof, 11 PM), in(suspect(greed), Hall, 12 AM))"
    damaged = line[:start] + put + line[end:]
    formal = FAMILY.formal(SHARED)
    try:
        statement = formal.read(damaged)
    except FormalError:
        return
    assert formal.read(formal.write(statement)) == statement
