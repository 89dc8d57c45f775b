"""Sentences, questions and formal lines: what is written is what is read, and no two statements look the same."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.puzzles.prose import Grammar, ReadError
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.temporal_clue import wording
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.sampler import LEVELS, ORIGINAL_KINDS, REFERENCE, sample_case
from sleuth.puzzles.temporal_clue.wording import KINDS
from tests.puzzles.temporal_clue.examples import (
    ALL_SHARE,
    CASES,
    EACH,
    SHARED,
    TWO,
    arguments,
    kinds_for,
    statements,
)

FAMILY = get_family("temporal-clue")
STYLES = sorted(wording.TEMPLATES)
ALL_STYLES = [*STYLES, "original"]


def grammar_of(case: Case, style: str) -> Grammar:
    """A style's grammar: Sleuth's styles are read together, the words of 2025 by themselves."""
    if style == "original":
        return Grammar(wording.lexicon(case), wording.GROUPED_KINDS, {style: wording.ORIGINAL}, FAMILY.arity)
    return FAMILY.grammar(case)


@st.composite
def cases_and_statements(draw: st.DrawFn) -> tuple[Case, Statement]:
    """A hand-made case or one of any level, and a statement of any kind about it."""
    if draw(st.booleans()):
        case = CASES[draw(st.sampled_from(sorted(CASES)))]
    else:
        case = sample_case(draw(st.sampled_from([*LEVELS, REFERENCE])), Random(draw(st.integers(0, 10**6))))
    kind = draw(st.sampled_from(kinds_for(case)))
    return case, Statement(kind, tuple(draw(st.sampled_from(list(arguments(case, s)))) for s in KINDS[kind].slots))


@settings(max_examples=200, deadline=None)
@given(cases_and_statements(), st.sampled_from(ALL_STYLES))
def test_what_is_written_is_read(drawn: tuple[Case, Statement], style: str) -> None:
    case, statement = drawn
    if style == "original" and statement.kind not in wording.ORIGINAL:
        return
    grammar = grammar_of(case, style)
    sentence = grammar.sentence(statement, style)
    assert sentence[0] == sentence[0].upper()
    assert sentence.endswith(".")
    assert grammar.read(sentence) == statement
    assert grammar.read(grammar.write(statement, style)) == statement


@pytest.mark.parametrize("style", ALL_STYLES)
@pytest.mark.parametrize("name", CASES)
def test_every_kind_is_read_back(name: str, style: str) -> None:
    case = CASES[name]
    grammar = grammar_of(case, style)
    for kind in kinds_for(case):
        if style == "original" and kind not in wording.ORIGINAL:
            continue
        for statement in statements(case, kind, 12):
            assert grammar.read(grammar.sentence(statement, style)) == statement


def test_styles_word_every_kind() -> None:
    for style in STYLES:
        assert set(wording.TEMPLATES[style]) == set(KINDS)


@pytest.mark.parametrize("style", ALL_STYLES)
@pytest.mark.parametrize("name", CASES)
def test_no_two_statements_have_the_same_sentence(name: str, style: str) -> None:
    case = CASES[name]
    grammar = grammar_of(case, style)
    told: dict[str, Statement] = {}
    for kind in kinds_for(case):
        if style == "original" and kind not in wording.ORIGINAL:
            continue
        for statement in statements(case, kind, 1200):
            sentence = grammar.sentence(statement, style).casefold()
            assert told.setdefault(sentence, statement) == statement, sentence


@pytest.mark.parametrize("style", [wording.VARIED, "witness"])
def test_a_model_can_learn_the_words_without_a_sentence_of_2025(style: str) -> None:
    """What recipes/translate-varied.toml trains on: no wording of 2025's, not where there is but one time, either."""

    def without_time(template: str) -> str:
        return re.sub(r"\{\d:(when|opening)\}", "", template)

    for kind, templates in wording.ORIGINAL.items():
        if kind in ORIGINAL_KINDS:
            theirs = {without_time(template) for template in templates}
            assert theirs.isdisjoint(map(without_time, wording.TEMPLATES[style][kind])), kind


@pytest.mark.parametrize("number", range(max(map(len, wording.TEMPLATES[wording.VARIED].values()))))
def test_each_of_the_varied_wordings_is_read_back(number: int) -> None:
    """One of them at a time, where it is put first, read among those of all styles."""
    turned = {
        kind: (*templates[number % len(templates) :], *templates[: number % len(templates)])
        for kind, templates in wording.TEMPLATES[wording.VARIED].items()
    }
    for case in CASES.values():
        writing = Grammar(wording.lexicon(case), wording.GROUPED_KINDS, {"turned": turned}, FAMILY.arity)
        for kind in kinds_for(case):
            for statement in statements(case, kind, 8):
                assert FAMILY.grammar(case).read(writing.sentence(statement, "turned")) == statement


def test_sentences_by_hand() -> None:
    """One sentence of each sort of wording, from the statement and back."""
    rooms, times = [Ref("room", i) for i in range(4)], [Ref("time", i) for i in range(2)]
    ada, rope = Ref("suspect", 0), Ref("weapon", 0)
    greedy, envious = Ref("holder", 0), Ref("holder", 1)
    in_hall = Statement("in", (greedy, rooms[0], times[0]))
    on_roof = Statement("in", (envious, rooms[3], times[1]))
    written = {
        ("plain", Statement("not_in", (greedy, rooms[2], times[0]))): "No suspect motivated by greed was at the Bar "
        "at 11 PM.",
        ("plain", Statement("not_in", (envious, rooms[2], times[0]))): "The suspect motivated by envy was not at the "
        "Bar at 11 PM.",
        ("witness", Statement("never", (greedy, rooms[3]))): "At no time was any suspect motivated by greed on the "
        "Roof.",
        ("plain", Statement("either", (in_hall, on_roof))): "Either a suspect motivated by greed was in the Hall at "
        "11 PM or the suspect motivated by envy was on the Roof at 12 AM, but not both.",
        ("original", Statement("either", (in_hall, on_roof))): "A suspect motivated by greed was in the Hall at "
        "11 PM or the suspect motivated by envy was on the Roof at 12 AM.",
        ("original", Statement("reason", (Ref("motive", 0),))): "Rex was murdered by a suspect motivated by greed.",
        ("plain", Statement("beside", (Ref("direction", 3), ada, rope, times[1]))): "Ada was in the room just west "
        "of the Rope at 12 AM.",
        ("witness", Statement("carry", (ada, rope, rooms[0], rooms[3], times[1]))): "At 12 AM, Ada brought the Rope "
        "to the Roof from the Hall.",
        ("plain", Statement("at_least", (Ref("number", 2), Ref("group", 0), rooms[0], times[0]))): "At least two "
        "suspects were in the Hall at 11 PM.",
        ("terse", Statement("exactly", (Ref("number", 1), Ref("group", 1), rooms[0], times[0]))): "Exactly one "
        "weapon was in the Hall at 11 PM.",
    }
    for (style, statement), sentence in written.items():
        grammar = grammar_of(SHARED, style)
        assert grammar.sentence(statement, style) == sentence
        assert grammar.read(sentence) == statement


def test_an_if_sentence_keeps_its_direction_in_every_style() -> None:
    """ "q, provided that p" puts the conclusion first."""
    premise = Statement("in", (Ref("suspect", 0), Ref("room", 0), Ref("time", 0)))
    conclusion = Statement("in", (Ref("suspect", 1), Ref("room", 1), Ref("time", 0)))
    statement, grammar = Statement("if", (premise, conclusion)), FAMILY.grammar(TWO)
    assert grammar.sentence(statement, "plain") == "If Ada was in the Hall, then Mr. Ben was on the Dressing Room."
    witness = "Mr. Ben was seen on the Dressing Room, provided that Ada was seen in the Hall."
    assert grammar.sentence(statement, "witness") == witness
    assert grammar.read(witness) == statement


@pytest.mark.parametrize("style", ALL_STYLES)
@pytest.mark.parametrize("name", CASES)
def test_questions_are_read_back(name: str, style: str) -> None:
    case = CASES[name]
    templates = wording.ORIGINAL_QUESTIONS if style == "original" else wording.QUESTION_TEMPLATES[style]
    asking = (
        Grammar(wording.lexicon(case), wording.GROUPED_KINDS, {style: templates}, FAMILY.arity)
        if style == "original"
        else FAMILY.question_grammar(case)
    )
    asked = [Statement(kind, (None,)) for kind in ("murderer", "weapon", "scene", "hour", "reason")]
    definite = [
        ref
        for ref in arguments(case, "subject")
        if isinstance(ref, Ref) and (ref.sort != "holder" or case.unique_motive(ref.index))
    ]
    asked += [Statement("in", (subject, None, when)) for subject in definite for when in arguments(case, "when")]
    asked += [Statement("motive", (suspect, None)) for suspect in arguments(case, "suspect")]
    unique = [Ref("motive", m) for m in range(len(case.motives)) if case.unique_motive(m)]
    asked += [Statement("motive", (None, motive)) for motive in unique]
    texts = [asking.sentence(question, style, "?") for question in asked]
    assert len({text.casefold() for text in texts}) == len(asked)
    assert [asking.read(text) for text in texts] == asked


def test_wordings_of_an_unlisted_preposition_are_read() -> None:
    statement = Statement("in", (Ref("suspect", 0), Ref("room", 1), Ref("time", 0)))
    for preposition in ("in", "at", "on"):
        assert FAMILY.grammar(TWO).read(f"Ada was {preposition} the Dressing Room.") == statement


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        ".",
        "Ada",
        "Ada was in the Kitchen.",
        "Ada was in the Hall at 11 PM.",  # the case TWO has one time, which is never named
        "Nobody was in the Hall.",
        "Ada was in the Hall. Ada was in the Hall.",
        "Either Ada was in the Hall or Mr. Ben was in the Hall",  # "but not both" is missing
        "Exactly one suspects was in the Hall.",
        "Exactly eleven suspects were in the Hall.",
        "Ada was in the Hall" * 5000,
        "either " * 5000,
        "\N{ZERO WIDTH SPACE}Ada was in the Hall.",
    ],
)
def test_what_is_no_sentence_is_refused(sentence: str) -> None:
    with pytest.raises(ReadError) as caught:
        FAMILY.grammar(TWO).read(sentence)
    assert "\n" not in str(caught.value)


def test_a_suspect_motivated_by_a_unique_motive_takes_the() -> None:
    for case, article in ((EACH, "the"), (ALL_SHARE, "a")):
        sentence = f"{article} suspect motivated by greed was in the Hall the whole time"
        assert FAMILY.grammar(case).read(sentence) == Statement("always", (Ref("holder", 0), Ref("room", 0)))
    with pytest.raises(ReadError):
        FAMILY.grammar(EACH).read("A suspect motivated by greed was in the Hall the whole time")
    with pytest.raises(ReadError):
        FAMILY.grammar(ALL_SHARE).read("The suspect motivated by greed was in the Hall the whole time")


def test_the_murder_weapon_is_no_answer_to_what_the_murder_weapon_was() -> None:
    with pytest.raises(ReadError):
        FAMILY.grammar(TWO).read("The murder was committed with the murder weapon.")
