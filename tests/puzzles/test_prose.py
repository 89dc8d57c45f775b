"""Templates that render and parse, on a grammar small enough to see through."""

from __future__ import annotations

import pytest

from sleuth.errors import UserError
from sleuth.puzzles.prose import Gap, Grammar, Lexicon, ReadError, compile_template
from sleuth.puzzles.statements import Ref, Statement

ANN, BOB = Ref("person", 0), Ref("person", 1)
BEACH, BEACH_BAR = Ref("place", 0), Ref("place", 1)
NOW = Ref("time", 0)
LEXICON: Lexicon = {
    "who": [(ANN, ("Ann", "Miss A.")), (BOB, ("bob",))],
    "only_ann": [(ANN, ("Ann",))],
    "where": [(BEACH, ("the Beach",)), (BEACH_BAR, ("the Beach Bar", "the Bar"))],
    "when": [(NOW, ("",))],
    "host": [(None, ("Zed",))],
}
TEMPLATES = {
    "long": {
        "at": ("{0:who} was at {1:where}{2:when}",),
        "met": ("{-:host} knows that {0:who} met {1:who}",),
        "not": ("it is false that {0:claim}",),
        "swim": ("only {0:only_ann} swam", "not only {0:who} swam"),
        "proud": ("{0:who} said that {0:who} swam",),
    },
    "short": {"at": ("{1:where}: {0:who}{2:when}",), "met": ("{0:who} + {1:who}",), "not": ("not: {0:claim}",)},
}
GRAMMAR = Grammar(LEXICON, {"claim": ("at", "met")}, TEMPLATES, {"at": 3, "met": 2, "not": 1, "swim": 1, "proud": 1})


def at(who: Ref, where: Ref) -> Statement:
    return Statement("at", (who, where, NOW))


@pytest.mark.parametrize(
    ("statement", "style", "sentence"),
    [
        (at(ANN, BEACH), "long", "Ann was at the Beach."),
        (at(BOB, BEACH_BAR), "long", "Bob was at the Beach Bar."),
        (at(BOB, BEACH), "short", "The Beach: bob."),
        (Statement("met", (ANN, BOB)), "long", "Zed knows that Ann met bob."),
        (Statement("met", (BOB, ANN)), "short", "Bob + Ann."),
        (Statement("not", (at(BOB, BEACH),)), "long", "It is false that bob was at the Beach."),
        (Statement("not", (Statement("met", (BOB, ANN)),)), "short", "Not: bob + Ann."),
        (Statement("swim", (ANN,)), "long", "Only Ann swam."),
        (Statement("swim", (BOB,)), "long", "Not only bob swam."),
        (Statement("proud", (BOB,)), "long", "Bob said that bob swam."),
    ],
)
def test_sentences_by_hand(statement: Statement, style: str, sentence: str) -> None:
    assert GRAMMAR.sentence(statement, style) == sentence
    assert GRAMMAR.read(sentence) == statement


def test_templates_compile_to_texts_and_gaps() -> None:
    assert compile_template("a {0:b}{-:c} d") == ("a ", Gap(0, "b"), Gap(-1, "c"), " d")


def test_all_wordings_are_read_and_the_first_is_written() -> None:
    assert GRAMMAR.read("Miss A. was at the Bar.") == at(ANN, BEACH_BAR)
    assert GRAMMAR.sentence(at(ANN, BEACH_BAR), "long") == "Ann was at the Beach Bar."


def test_space_is_forgiven() -> None:
    assert GRAMMAR.read("  Ann  was\tat\nthe Beach ") == at(ANN, BEACH)


def test_a_name_that_begins_another_is_no_trap() -> None:
    assert GRAMMAR.read("Ann was at the Beach") != GRAMMAR.read("Ann was at the Beach Bar")


def test_kinds_can_be_restricted() -> None:
    assert GRAMMAR.read("Ann was at the Beach", ("at",)) == at(ANN, BEACH)
    with pytest.raises(ReadError):
        GRAMMAR.read("Ann was at the Beach", ("met",))


def test_a_gap_used_twice_must_agree() -> None:
    with pytest.raises(ReadError):
        GRAMMAR.read("Bob said that Ann swam")


def test_a_sentence_with_two_readings_is_refused() -> None:
    twins: Lexicon = {"who": [(ANN, ("Sam",)), (BOB, ("Sam",))]}
    grammar = Grammar(twins, {}, {"s": {"ran": ("{0:who} ran",)}}, {"ran": 1})
    with pytest.raises(ReadError, match="2 ways"):
        grammar.read("Sam ran.")


def test_a_free_style_writes_any_wording_that_fits_and_always_the_same() -> None:
    people: Lexicon = {"who": [(Ref("person", n), (f"P{n}",)) for n in range(30)], "few": [(Ref("person", 0), ("P0",))]}
    templates = {"s": {"ran": ("{0:who} ran", "{0:who} has run", "just {0:few} ran"), "not": ("not so: {0:claim}",)}}
    arity = {"ran": 1, "not": 1}
    free = Grammar(people, {"claim": ("ran",)}, templates, arity, ("s",))
    again = Grammar(people, {"claim": ("ran",)}, templates, arity, ("s",))
    fixed = Grammar(people, {"claim": ("ran",)}, templates, arity)
    texts = []
    for number in range(1, 30):
        ran = Statement("ran", (Ref("person", number),))
        texts.append(free.write(ran, "s"))
        assert texts[-1] in (f"P{number} ran", f"P{number} has run")
        assert again.write(ran, "s") == texts[-1]
        assert free.write(Statement("not", (ran,)), "s") == f"not so: {texts[-1]}"
        assert fixed.write(ran, "s") == f"P{number} ran"
    assert 5 < sum(" has " in text for text in texts) < 24
    with pytest.raises(KeyError):
        free.write(Statement("ran", (Ref("person", 30),)), "s")


def test_an_argument_without_words_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        GRAMMAR.write(at(Ref("person", 7), BEACH), "long")


def test_arguments_without_a_gap_are_holes() -> None:
    asking = Grammar(LEXICON, {}, {"q": {"at": ("where was {0:who}{2:when}",)}}, {"at": 3})
    question = asking.read("Where was Ann?")
    assert question == Statement("at", (ANN, None, NOW))
    assert question.hole() == 1
    assert question.fill(BEACH) == at(ANN, BEACH)
    assert asking.sentence(question, "q", "?") == "Where was Ann?"


@pytest.mark.parametrize(
    "text", ["", " ", ".", "Ann", "Ann was at", "Ann was at the Beach today", "Ann met", "x" * 10**6]
)
def test_nonsense_is_one_line_of_user_error(text: str) -> None:
    with pytest.raises(UserError) as caught:
        GRAMMAR.read(text)
    assert "\n" not in str(caught.value)
