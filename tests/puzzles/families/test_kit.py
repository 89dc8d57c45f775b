"""The kit: what is refused when a family is declared, and what follows from a declaration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sleuth.config import Telling
from sleuth.errors import UserError
from sleuth.grading.reasons import reasons
from sleuth.kit import (
    Case,
    DeclaredFamily,
    Level,
    Look,
    Number,
    Sort,
    Theme,
    Unknown,
    connectives,
    custom,
    declare,
    fact,
    numbered,
    relation,
    rule,
    which,
)
from sleuth.logic.cpsat import CpModel
from sleuth.logic.formulas import Not, holds, worlds
from sleuth.puzzles import generate
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.kit.sampler import sample_world
from sleuth.puzzles.registry import get_family, register, unregister
from sleuth.puzzles.statements import Ref, Statement

DECLARED = ("kinship", "knights-and-knaves", "round-table", "timetable", "zebra@2")
person = Sort("person", "People")
place = Sort("place", "Places", "place {}", names=numbered(6), size=lambda size: size["person"])
stands = Unknown("place", person, place, one_each=True)
AT = fact(stands, "at", ("{0} is in {1}", "{0} is not in {1}"), questions="where is {0}")
BEFORE = relation("before", (person, person), lambda w, a, b: w.place[a] < w.place[b], "{0} is before {1}")
NUMBER = Number("n", 1, lambda size: 2)
PARTS: dict[str, Any] = {
    "name": "queue",
    "rules_text": "People stand in a queue, and nobody shares a place with somebody else.",
    "sorts": (person, place),
    "unknowns": (stands,),
    "kinds": (AT, BEFORE),
    "levels": {"1": Level({"person": 4}, {"before": 3.0, "not_at": 1.0})},
    "themes": (
        Theme("One", "It was a day like any other day.", {"person": ("Ada", "Ben", "Cleo", "Dan", "Eva")}),
        Theme("Two", "It was a night like any other night.", {"person": ("Gus", "Hana", "Ivo", "Jill", "Kai")}),
    ),
}


LEVEL = {"1": Level({"person": 4}, {"not_at": 1.0})}


def queue(**changes: Any) -> DeclaredFamily:
    parts = {**PARTS, **changes}
    return declare(parts.pop("name"), **parts)()


def _kind(plain: str = "{0} is near {1}", **more: Any) -> Any:
    return relation("near", (person, person), lambda w, a, b: True, plain, **more)


def _themes(*people: str) -> tuple[Theme, ...]:
    return PARTS["themes"][0], Theme("Two", "It was a day like any other day.", {"person": people})


says = custom("says", (person, "claim"), lambda m, who, claim: claim, "{0} says that {1}")
after = custom("after", ("claim", "claim"), lambda m, a, b: a, "{0} after {1}")


def test_gaps_without_slots_and_unknown_connectives_are_refused() -> None:
    with pytest.raises(UserError, match="has a gap 2, where slots are from 0 to 1"):
        _kind("{0} is near {2}")
    with pytest.raises(UserError, match="no connective 'xor'"):
        connectives("fact", "xor")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kinds": (AT, BEFORE, says), "groups": {"claim": ("at", "says")}}, "group claim holds itself: claim → claim"),
        ({"kinds": (AT, after), "groups": {"claim": ("at", "after")}}, "holds itself"),
        (
            {
                "kinds": (AT, *connectives("a", "either"), custom("no", ("b",), lambda m, x: Not(x), "not so: {0}")),
                "groups": {"a": ("no", "at"), "b": ("either",)},
            },
            "group a holds itself: a → b → a",
        ),
        ({"kinds": (AT, BEFORE), "groups": {"claim": ("att",)}}, "no kind 'att'; did you mean 'at'"),
        ({"kinds": (AT, _kind("{0} is near"))}, "must word each slot"),
        ({"kinds": (AT, _kind("{0:plural} near {1}"))}, "has a form that its sort does not have"),
        ({"kinds": (AT, _kind(questions="who is near whom"))}, "must leave out one slot, not 2"),
        ({"kinds": (AT, BEFORE, BEFORE)}, "kind 'before' is declared twice"),
        ({"kinds": (BEFORE,)}, "unknown place has no fact"),
        ({"kinds": (AT, relation("odd", (NUMBER,), lambda w, n: True, "{0}"))}, "no sort or group 'n'"),
        ({"sorts": (person,)}, "sort 'place' is not among the sorts"),
        ({"levels": {"1": Level({"person": 4}, {"befor": 1.0})}}, "did you mean 'before'"),
        ({"levels": {"1": Level({"person": 9}, {"before": 1.0})}}, "level 1: 9 of sort place, but 6 names"),
        ({"levels": {"1": Level({}, {"before": 1.0})}}, "not of person"),
        ({"levels": {"1": Level({"person": 4}, {"before": 0.0})}}, "weights above 0"),
        ({"levels": {"1": Level({"person": 6}, {"before": 1.0})}}, "fewer than 6 names of sort person"),
        ({"themes": PARTS["themes"][:1]}, "two themes"),
        ({"rules_text": "A queue"}, "whole sentences"),
        ({"mirror": {"befor": (1, 0)}}, "did you mean 'before'"),
        ({"name": "My Queue"}, "can't be the name of a family"),
        ({"kinds": (AT, BEFORE, relation("My Kind", (person,), lambda w, a: True, "{0} is"))}, "name of a kind"),
        ({"kinds": (AT, _kind(symmetric=(0, 2)))}, "kind near: symmetric: its slots are from 0 to 1"),
        ({"mirror": {"before": (0, 0)}}, "mirror: of kind before each slot once"),
        ({"levels": {"1": Level({"person": (4, 3)}, {"before": 1.0})}}, "level 1: person from 4 to 3; give 1 or more"),
        ({"levels": {"1": Level({"person": 4}, {"before": 1.0}, (3, 1))}}, "level 1: questions from 3 to 1"),
        (
            {"themes": _themes("Gus", "Han,a", "Ivo", "Jill")},
            "theme 'Two': 'Han,a' can't be a name in a case",
        ),
        (
            {"themes": _themes("Gus", "gus", "Ivo", "Jill")},
            "theme 'Two': the case names 'gus' twice",
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_when_it_is_declared(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("(", r"\(")) as refusal:
        queue(**changes)
    assert "\n" not in str(refusal.value)


team = Sort("team", "Teams")
COLOURS = {"Cap": Look("the one with the {} cap"), "Shirt": Look("the one with the {} shirt")}
member = Sort("member", "Members", looks=COLOURS, lists=team, size=lambda size: 2 * size["team"])
spot = Sort("spot", "Spots", "spot {}", names=numbered(2))
is_in = Unknown("spot", member, spot, one_each=True)
IN = fact(is_in, "in", ("{0} is in {1}", "{0} is not in {1}"), questions="where is {0}")
CAPS = {"Cap": ("red", "blue"), "Shirt": ("black", "white")}
LISTS: dict[str, Any] = {
    "sorts": (spot, team, member),
    "unknowns": (is_in,),
    "kinds": (IN,),
    "levels": {"1": Level({"spot": 2, "team": 2}, {"not_in": 1.0})},
    "themes": (
        Theme("One", "It was a day like any other.", CAPS),
        Theme("Two", "It was a night like any other.", CAPS),
    ),
}


def _same(**more: Any) -> Any:
    return relation("same", (member, member), lambda w, a, b: w.spot[a] == w.spot[b], "{0} is {1}", **more)


def _with(sort: Sort, **more: Any) -> dict[str, Any]:
    """The declaration with another sort of members."""
    unknown = Unknown("spot", sort, spot, one_each=True)
    return {"sorts": (spot, team, sort), "unknowns": (unknown,), "kinds": (fact(unknown, "in", ("{0}: {1}", "{0}; {1}"),
            questions="where is {0}"),)} | more  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (_with(Sort("member", "M", looks={**COLOURS, "Hat": Look("{}", {"has": "{}"})}, lists=team,
                    size=member.size)), "its looks 'Hat' and 'Cap' differ in forms"),
        (_with(Sort("member", "M", looks=COLOURS, lists=person, size=member.size)), "declare person"),
        ({"sorts": (spot, member, team)}, "declare team, which is its lists, before it"),
        ({"unknowns": (Unknown("spot", member, spot),)}, "has one unknown, which is one-each"),
        ({"kinds": (fact(is_in, "in", ("{0}: {1}", "{0}; {1}"), questions="who is in {1}"),)}, "several answers"),
        ({"kinds": (IN, relation("on", (spot, spot), lambda w, a, b: True, "{0} on {1}", across=(0, 1)))}, "across"),
        ({"kinds": (IN, _same(questions="which {team:colour} has {0}"))}, "no look has the form 'team_colour'"),
        ({"kinds": (IN, which("what", member, (member,), lambda w, a, b: True, "what is {0} of {2}"))}, "last slot"),
        ({"levels": {"1": Level({"spot": 2, "team": 3}, {"not_in": 1.0})}}, "fewer than 3 lists of member"),
        ({"themes": (Theme("One", "It was a day like any other.", {**CAPS, "Cap": ("red", "black")}),
                     LISTS["themes"][1])}, "name 'black' is declared twice"),
    ],
)  # fmt: skip
def test_lists_that_cannot_work_are_refused(changes: dict[str, Any], message: str) -> None:
    queue(**LISTS)
    with pytest.raises(UserError, match=message) as refusal:
        queue(**{**LISTS, **changes})
    assert "\n" not in str(refusal.value)


def test_only_lists_are_asked_for_one_of() -> None:
    with pytest.raises(UserError, match="person has no lists"):
        which("what", person, (place,), lambda w, a, b: True, "who is in {1}")


def test_lists_keep_apart_what_is_one_each_and_what_a_relation_speaks_across() -> None:
    family = get_family("zebra@2")
    for index in range(6):
        page = family.read_page(make_puzzle("zebra@2", "2", "train", 1, index).puzzle.prompt)
        theory = family.theory(page.case)
        said = [one for clue in page.clues for one in (clue, *clue.args) if isinstance(one, Statement)]
        pairs = [[theory.list_of(ref) for ref in one.args] for one in said if one.kind in ("same", "apart")]
        assert pairs and all(a != b for a, b in pairs)
        for question in page.questions:
            if question.kind == "what":
                lists = {theory.list_of(ref) for ref in family.choices(page.case, question)}
                assert lists == {question.args[0].index} != {theory.list_of(question.args[1])}


def test_what_a_clue_states_is_not_asked_in_other_words() -> None:
    family = get_family("zebra@2")
    theory = family.theory(family.sample_case("1", Random(1))[0])
    ada, tea, first = Ref("value", 0), Ref("value", 3), Ref("house", 0)
    name, drink = Ref("attribute", 0), Ref("attribute", 1)
    assert set(family.stated(theory, Statement("same", (ada, tea)))) == {
        Statement("same", (ada, tea)),
        Statement("what", (drink, ada, tea)),
        Statement("what", (name, tea, ada)),
    }
    assert set(family.stated(theory, Statement("at", (ada, first)))) == {
        Statement("at", (ada, first)),
        Statement("who", (name, first, ada)),
    }
    assert family.stated(theory, Statement("before", (ada, tea)))[1:] == ()
    middle = Statement("between", (Ref("value", 4), ada, tea))
    third = Ref("value", 5)  # of the three drinks the only one that can be Ada's: the others are in other places
    assert set(family.stated(theory, middle)[1:]) == {
        Statement("at", (Ref("value", 4), Ref("house", 1))),
        Statement("who", (drink, Ref("house", 1), Ref("value", 4))),
        Statement("what", (drink, ada, third)),
        Statement("what", (name, third, ada)),
    }


def test_who_has_it_is_no_question_where_several_may() -> None:
    colour = Sort("colour", "Colours")
    likes = Unknown("colour", person, colour)
    with pytest.raises(UserError, match="may have several answers"):
        queue(
            sorts=(person, place, colour),
            unknowns=(stands, likes),
            kinds=(AT, fact(likes, "likes", ("{0} likes {1}", "{0} does not like {1}"), questions="who likes {1}")),
        )


@pytest.mark.parametrize(
    "fits",
    [
        lambda w, a, b: w.place[a] < w.place[b],
        lambda w, a, b: w.place[a] == 0 or (w.place[b] == 1 and w.place[a] != 3),
        lambda w, a, b: w.place.count(2) == 1 or w.place[a] in (0, b),
        lambda w, a, b: True,
        lambda w, a, b: w.place[a] == w.place[a] + 1,
        lambda w, a, b: all(value < 3 for value in w.place),
        lambda w, a, b: w.place[w.place[a] % 3] == w.place[b],
    ],
)
def test_a_traced_function_is_its_formula(fits: Callable[..., bool]) -> None:
    odd = relation("odd", (person, person), fits, "{0} {1}")
    theory = queue(kinds=(AT, odd), levels=LEVEL).theory(Case((("a",) * 4, ("b",) * 4)))
    for a, b in ((0, 1), (3, 2)):
        formula = theory.formula(Statement("odd", (Ref("person", a), Ref("person", b))))
        for world in worlds(theory.space):
            assert holds(formula, world) == fits(theory.view(world), a, b)


def test_worlds_of_rules_that_few_obey_are_found() -> None:
    """One of 720 orders of six: rejection alone would mostly give up."""
    family = queue(rules=(rule("order", (person, person), lambda w, a, b: (a < b) == (w.place[a] < w.place[b])),))
    theory = family.theory(Case((("x",) * 6, ("y",) * 6)))
    assert {sample_world(theory, Random(seed)) for seed in range(5)} == {(0, 1, 2, 3, 4, 5)}


def test_kinds_that_tell_too_little_end_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is beside whom is the same from the other end of the queue."""
    monkeypatch.setattr(generate, "MOST_ATTEMPTS", 50)
    beside = relation(
        "beside",
        (person, person),
        lambda w, a, b: abs(w.place[a] - w.place[b]) == 1,
        "{0} is beside {1}",
        symmetric=(0, 1),
    )
    made = queue(kinds=(AT, beside), levels={"1": Level({"person": 3}, {"beside": 1.0})})
    register("queue@1", made)
    try:
        with pytest.raises(UserError, match="do not tell enough worlds apart"):
            make_puzzle("queue", "1", "train", 0, 0)
    finally:
        unregister("queue@1")


def test_turning_the_table_and_looking_in_a_mirror_leave_the_canonical_form() -> None:
    family = get_family("round-table")
    for index in range(12):
        page = family.read_page(make_puzzle("round-table", "2", "train", 8, index).puzzle.prompt)
        count = len(page.case.names[0])
        form = family.canonical_form(page.case, page.clues)

        def turned(by: int, sign: int, statement: Statement, count: int = count) -> Statement:
            args = [turned(by, sign, arg) if isinstance(arg, Statement) else arg for arg in statement.args]
            args = [
                Ref("seat", (sign * arg.index + by) % count) if isinstance(arg, Ref) and arg.sort == "seat" else arg
                for arg in args
            ]
            order = {"left_of": (1, 0), "sooner": (0, 2, 1)}.get(statement.kind) if sign < 0 else None
            return Statement(statement.kind, tuple(args[place] for place in order or range(len(args))))

        for by in range(count):
            for sign in (1, -1):
                other = [turned(by, sign, clue) for clue in page.clues]
                assert family.canonical_form(page.case, other) == form, (index, by, sign)
        swapped = [Statement("opposite", clue.args) if clue.kind == "next" else clue for clue in page.clues]
        assert swapped == list(page.clues) or family.canonical_form(page.case, swapped) != form


def test_islanders_are_never_told_of_but_by_islanders() -> None:
    for level in get_family("knights-and-knaves").levels:
        for index in range(6):
            assert set(make_puzzle("knights-and-knaves", level, "val", 2, index).puzzle.meta["kinds"]) == {"says"}


@pytest.mark.parametrize("name", DECLARED)
def test_no_clue_entails_an_answer(name: str) -> None:
    """As CP-SAT, which had no part in choosing the questions, says."""
    family = get_family(name)
    for index in range(8):
        made = make_puzzle(name, ("1", "2")[index % 2], "train", 6, index)
        page = family.read_page(made.puzzle.prompt)
        theory = family.theory(page.case)
        for letter, question in zip(page.letters, page.questions, strict=True):
            [right] = [
                choice
                for choice in family.choices(page.case, question)
                if family.answer_text(page.case, choice) == made.puzzle.answers[letter]
            ]
            answer = theory.formula(question.fill(right))
            for clue in page.clues:
                assert CpModel(theory.space, [*theory.rules(), theory.formula(clue), Not(answer)]).solve(60) is not None


@pytest.mark.parametrize("name", DECLARED)
def test_every_fact_and_denial_has_words_that_are_read_back(name: str) -> None:
    family = get_family(name)
    case, _ = family.sample_case("2", Random(4))
    theory, grammar = family.theory(case), family.fact_grammar(case)
    for variable in theory.space:
        for value in range(variable.size):
            for say, true in ((family.fact, True), (family.denial, False)):
                statement = say(theory, variable.index, value)
                assert statement is not None
                for style in family.styles:
                    assert grammar.read(grammar.sentence(statement, style)) == statement
                for other in range(variable.size):
                    world = [0] * len(theory.space)
                    world[variable.index] = other
                    assert holds(theory.formula(statement), tuple(world)) == ((other == value) == true)


@settings(max_examples=25, deadline=None)
@example(name="kinship", seed=721, names="pool")  # two generations, each with somebody of one name
@given(name=st.sampled_from(DECLARED), seed=st.integers(0, 10_000), names=st.sampled_from(("pool", "coined")))
def test_names_from_the_pool_and_made_up_ones_leave_the_puzzle(name: str, seed: int, names: Any) -> None:
    family = get_family(name)
    themed, other = (make_puzzle(name, "1", "train", seed, 0, names=one) for one in ("themed", names))
    assert themed.digest == other.digest and themed.puzzle.prompt != other.puzzle.prompt
    pages = [family.read_page(one.puzzle.prompt) for one in (themed, other)]
    assert pages[0].clues == pages[1].clues and pages[0].questions == pages[1].questions


def test_a_page_without_the_rules_is_refused() -> None:
    puzzle = make_puzzle("timetable", "1", "train", 0, 0).puzzle
    family = get_family("timetable")
    rules = next(line for line in puzzle.prompt.splitlines() if line.startswith("Every event"))
    with pytest.raises(UserError, match="does not state the rules"):
        family.read_page(puzzle.prompt.replace(rules, ""))
    with pytest.raises(UserError, match="8 AM, 9 AM, 10 AM, not 9 AM, 8 AM, 10 AM"):
        family.read_page(puzzle.prompt.replace("8 AM, 9 AM, 10 AM", "9 AM, 8 AM, 10 AM"))


def test_reasoning_tells_unknowns_over_the_same_sorts_apart() -> None:
    room = Sort("room", "Rooms", "the {}")
    unknowns = tuple(Unknown(when, person, room) for when in ("morning", "evening"))

    def was(one: Unknown) -> Any:
        words = f"{{0}} was in {{1}} in the {one.name}", f"{{0}} was not in {{1}} in the {one.name}"
        return fact(one, one.name, words, questions=f"where was {{0}} in the {one.name}")

    moved = relation("moved", (person,), lambda w, a: w.morning[a] != w.evening[a], "{0} changed rooms")
    names = {"person": ("Ada", "Ben", "Cleo", "Dan"), "room": ("hall", "den", "attic")}
    family = queue(
        name="shifts",
        rules_text="Everybody was in one room in the morning and in one in the evening.",
        sorts=(person, room),
        unknowns=unknowns,
        kinds=(*map(was, unknowns), moved),
        levels={"1": Level({"person": 2, "room": 3}, {"not_morning": 2.0, "not_evening": 2.0, "moved": 1.0})},
        themes=tuple(Theme(title, "It was a day like any other day.", names) for title in ("One", "Two")),
    )
    register("shifts@1", lambda: family)
    try:
        seen = Counter[str]()
        for index in range(4):
            puzzle = make_puzzle("shifts", "1", "train", 0, index).puzzle
            for telling in get_args(Telling):
                text = gold_completion(puzzle, "reason", telling)
                seen.update(one.verdict for one in reasons("shifts@1", puzzle.prompt, text))
                assert telling != "spelled" or ", morning: " in text, text
        assert not {"false", "unread"} & seen.keys(), seen
    finally:
        unregister("shifts@1")
