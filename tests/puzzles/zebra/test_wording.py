"""What is written is what is read: sentences in every style, questions, formal lines; and a few sentences by hand."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.zebra import Zebra
from sleuth.puzzles.zebra.case import Case
from sleuth.puzzles.zebra.sampler import LEVELS, sample_case
from sleuth.puzzles.zebra.themes import THEMES, Theme
from sleuth.puzzles.zebra.wording import ATTRIBUTES, KINDS, PLACES

ZEBRA = Zebra()
CASE = Case(
    "Huts",
    ("Name", "Drink", "Pet", "Job"),
    (
        ("Ada", "Ben", "Cleo", "Dan"),
        ("tea", "milk", "cocoa", "water"),
        ("cat", "dog", "owl", "goat"),
        ("cook", "baker", "tailor", "rider"),
    ),
)
ADA, TEA, CAT, COOK = (Ref("value", i) for i in (0, 4, 8, 12))
HUT_2 = Ref("house", 1)


@st.composite
def statements(draw: st.DrawFn, case: Case, kind: str) -> Statement:
    values = st.integers(0, case.shape.values - 1).map(lambda i: Ref("value", i))
    args: list[Ref | Statement] = []
    for slot in KINDS[kind].slots:
        match slot:
            case "value":
                # A value twice says nothing, or nothing that can be true, of any house.
                args.append(draw(values.filter(lambda value: value not in args)))
            case "house":
                args.append(Ref("house", draw(st.integers(0, case.shape.houses - 1))))
            case "number":
                args.append(Ref("number", draw(st.integers(1, case.shape.houses - 2))))
            case "fact":
                args.append(draw(st.sampled_from(ZEBRA.groups["fact"]).flatmap(lambda k: statements(case, k))))
    return Statement(kind, tuple(args))


@given(seed=st.integers(0, 10_000), level=st.sampled_from(list(LEVELS)), data=st.data())
@settings(max_examples=30, deadline=None)
def test_clues_are_read_as_written(seed: int, level: str, data: st.DataObject) -> None:
    case = sample_case(level, Random(seed))
    grammar, formal = ZEBRA.grammar(case), ZEBRA.formal(case)
    for kind in KINDS:
        statement = data.draw(statements(case, kind))
        for style in ZEBRA.styles:
            assert grammar.read(grammar.sentence(statement, style)) == statement
        assert formal.read(formal.write(statement)) == statement


@pytest.mark.parametrize("seed", range(8))
def test_questions_are_read_as_written(seed: int) -> None:
    case = sample_case("2", Random(seed))
    shape, asking = case.shape, ZEBRA.question_grammar(case)
    values = [Ref("value", i) for i in range(shape.values)]
    asked = [Statement("at", (value, None)) for value in values]
    for attribute in range(shape.attributes):
        owners = [*values, *(Ref("house", i) for i in range(shape.houses))]
        asked += [Statement("what", (Ref("attribute", attribute), owner, None)) for owner in owners]
    for question in asked:
        for style in ZEBRA.styles:
            assert asking.read(asking.sentence(question, style, "?")) == question


@pytest.mark.parametrize(
    ("statement", "style", "text"),
    [
        (Statement("same", (ADA, TEA)), "plain", "Ada drinks tea."),
        (Statement("same", (CAT, COOK)), "plain", "The one with the cat is the cook."),
        (Statement("apart", (COOK, CAT)), "plain", "The cook does not have the cat."),
        (Statement("not_at", (TEA, HUT_2)), "plain", "The one who drinks tea is not in hut 2."),
        (Statement("gap", (Ref("number", 2), ADA, TEA)), "terse", "Exactly two huts are between Ada and tea."),
        (
            Statement("between", (ADA, TEA, CAT)),
            "plain",
            "Ada has the one who drinks tea immediately on one side and the one with the cat immediately on the other "
            "side.",
        ),
        (
            Statement("left_of", (ADA, COOK)),
            "witness",
            "Walking from left to right, you meet the cook right after Ada.",
        ),
        (
            Statement("either", (Statement("at", (ADA, HUT_2)), Statement("next", (TEA, CAT)))),
            "terse",
            "Either Ada is in hut 2 or tea is next to cat, but not both.",
        ),
    ],
)
def test_sentences(statement: Statement, style: str, text: str) -> None:
    assert ZEBRA.grammar(CASE).sentence(statement, style) == text
    assert ZEBRA.grammar(CASE).read(text) == statement


def test_formal_lines() -> None:
    formal = ZEBRA.formal(CASE)
    assert formal.write(Statement("gap", (Ref("number", 1), ADA, CAT))) == "gap(1, Ada, cat)"
    nested = Statement("if", (Statement("at", (ADA, HUT_2)), Statement("same", (TEA, COOK))))
    assert formal.write(nested) == "if(at(Ada, 2), same(tea, cook))"


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.place)
def test_themes_are_large_enough_and_unambiguous(theme: Theme) -> None:
    """Any attributes of a theme can stand in one case: a name is one value only."""
    assert theme.place in PLACES
    assert set(theme.values) <= set(ATTRIBUTES) and "Name" in theme.values
    assert len(theme.values) >= max(level.shape.attributes for level in LEVELS.values())
    assert min(map(len, theme.values.values())) >= max(level.shape.houses for level in LEVELS.values())
    names = [name.casefold() for names in theme.values.values() for name in names]
    assert len(set(names)) == len(names)
