"""Pages: what is written is read back from the text alone, and damaged pages fail in one plain line."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.errors import UserError
from sleuth.puzzles.family import PageText
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.temporal_clue import page
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.original import page as original
from sleuth.puzzles.temporal_clue.sampler import LEVELS, REFERENCE, sample_case
from tests.puzzles.temporal_clue.examples import CASES, SHARED, arguments, kinds_for, statements

FAMILY = get_family("temporal-clue")
LETTERS = "ABCDEFGH"


def questions_about(case: Case) -> list[Statement]:
    asked = [Statement(kind, (None,)) for kind in ("murderer", "weapon", "scene")]
    asked += [Statement("hour", (None,))] if case.timed else []
    asked += [Statement("reason", (None,)), Statement("motive", (Ref("suspect", 0), None))] if case.motives else []
    last = arguments(case, "when")[-1]
    return [*asked, Statement("in", (Ref("victim", 0), None, last)), Statement("in", (Ref("weapon", 1), None, last))]


def page_of(case: Case, style: str, rng: Random) -> tuple[str, list[Statement], list[str], list[Statement]]:
    """A page with random statements as clues: text, clues, their sentences, questions."""
    kinds = kinds_for(case)
    stop = FAMILY.style(style).stop
    clues = [rng.choice(list(statements(case, rng.choice(kinds), 30))) for _ in range(rng.randint(0, 12))]
    questions = questions_about(case)[: rng.randint(1, 8)] if len(case.weapons) > 1 else questions_about(case)[:3]
    sentences = [FAMILY.grammar(case, style).sentence(clue, style, stop) for clue in clues]
    texts = [FAMILY.question_grammar(case, style).sentence(question, style, "?") for question in questions]
    text = FAMILY.write_page(case, sentences, list(zip(LETTERS, texts, strict=False)), style)
    return text, clues, sentences, questions


def as_read(case: Case, found: Case) -> Case:
    """A case without what a page is not asked to tell: title, story, prepositions, the name of the only time."""
    times = case.times if case.timed else found.times
    assert len(found.times) == len(case.times)
    return replace(case, prepositions=found.prepositions, title="", story="", times=times)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([*sorted(CASES), *LEVELS, REFERENCE]), st.sampled_from(FAMILY.styles), st.integers(0, 10**6))
def test_pages_are_read_back(source: str, style: str, seed: int) -> None:
    rng = Random(seed)
    case = CASES[source] if source in CASES else sample_case(source, rng)
    text, clues, sentences, questions = page_of(case, style, rng)
    assert FAMILY.recognises(text)
    found = FAMILY.read_page(text)
    assert found.case == as_read(case, found.case)
    assert list(found.clues) == clues
    assert list(found.clue_texts) == sentences
    assert list(found.questions) == questions
    assert "".join(found.letters) == LETTERS[: len(questions)]


def test_layouts_vary_and_stay() -> None:
    case, seen, firsts = CASES["each"], set(), set()
    for seed in range(60):
        text, *_ = page_of(case, "varied", Random(seed))
        assert page_of(case, "varied", Random(seed))[0] == text
        lines = text.splitlines()
        seen |= {line.partition(":")[0].partition(" (")[0] for line in lines}
        firsts |= {line[0] for line in lines if line}
    assert seen >= {label for labels in page.LABELS.values() for label in labels}
    assert firsts >= set("1([#-*•+>")
    assert not any(original.recognises(page_of(case, "varied", Random(seed))[0]) for seed in range(60))


def test_lists_with_marks_by_hand() -> None:
    text = """Guests:
- Ada
- Mr. Ben

Times: 9 PM, 10 PM
Objects:
	* Rope
This sentence ends the list, and nothing is read of it.
Plan (from north to south): Hall | - / Roof | Bar

The dead: Rex
Evidence:
#1 Ada was in the Hall at 9 PM.
(2) Ada was in the Bar at 10 PM.
Answer these:
A. Who committed the murder?
"""
    found = FAMILY.read_page(text)
    case = found.case
    assert (case.victim, case.suspects, case.weapons) == ("Rex", ("Ada", "Mr. Ben"), ("Rope",))
    assert (case.rooms, case.grid, case.times) == (("Hall", "Roof", "Bar"), ((0, None), (1, 2)), ("9 PM", "10 PM"))
    assert found.clue_texts == ("Ada was in the Hall at 9 PM.", "Ada was in the Bar at 10 PM.")
    assert found.letters == ("A",)
    with pytest.raises(UserError, match="two lines are labelled 'People'"):
        FAMILY.read_page("People: Ada\n" + text.replace("Guests", "People"))


def test_a_page_by_hand() -> None:
    text = """\
    Anything
This line is for people, and so is the one above.

Victim: Rex
Suspects: Ada, Mr. Ben, Cleo
Weapons: Rope
Map (north is up, - is no room):
  - | Hall | Dressing Room
  Bar | Roof | -
Times: 11 PM, 12 AM
Motives: greed (2 suspects), envy (1 suspect)

Clues:
1. A suspect motivated by greed was in the Hall at 11 PM.
2. The Rope was on the Roof the whole time.

Questions:
A. Who committed the murder?
B. Where was the suspect motivated by envy at 12 AM?
"""
    text = text.removeprefix("    ")
    found = FAMILY.read_page(text)
    assert found.case == as_read(SHARED, found.case)
    assert found.clues == (
        Statement("in", (Ref("holder", 0), Ref("room", 0), Ref("time", 0))),
        Statement("always", (Ref("weapon", 0), Ref("room", 3))),
    )
    assert found.questions == (
        Statement("murderer", (None,)),
        Statement("in", (Ref("holder", 1), None, Ref("time", 1))),
    )
    assert found.letters == ("A", "B")


GOOD = """\
Victim: Rex
Suspects: Ada, Ben
Weapons: Rope, Oar
Map: Hall / Bar
Motives: greed (2 suspects)
Clues:
Ada was in the Hall.
Questions:
A. Murderer?"""

FAULTS = {
    "empty": "",
    "no victim": GOOD.replace("Victim: Rex\n", ""),
    "victim without a name": GOOD.replace("Rex", ""),
    "no suspects": GOOD.replace("Suspects: Ada, Ben\n", ""),
    "a suspect without a name": GOOD.replace("Ada, Ben", "Ada,, Ben"),
    "a suspect named twice": GOOD.replace("Ada, Ben", "Ada, ada"),
    "the victim is a suspect": GOOD.replace("Ada, Ben", "Ada, Rex"),
    "a weapon is a suspect": GOOD.replace("Rope, Oar", "Ada, Oar"),
    "a name is a role": GOOD.replace("Ada, Ben", "Ada, Murderer"),
    "two casts": GOOD.replace("Weapons", "Suspects: Ada, Ben\nWeapons"),
    "no map": GOOD.replace("Map: Hall / Bar\n", ""),
    "an empty map": GOOD.replace("Hall / Bar", ""),
    "holes only": GOOD.replace("Hall / Bar", "- | -"),
    "a room twice": GOOD.replace("Hall / Bar", "Hall / Hall"),
    "too many motives": GOOD.replace("(2 suspects)", "(3 suspects)"),
    "nobody has the motive": GOOD.replace("(2 suspects)", "(0 suspects)"),
    "a number of five thousand digits": GOOD.replace("(2 suspects)", f"({'9' * 5000} suspects)"),
    "a motive without a number": GOOD.replace("(2 suspects)", "(2 suspects), envy"),
    "one motive for two, each": GOOD.replace(" (2 suspects)", ""),
    "an unknown room": GOOD.replace("in the Hall.", "in the Attic."),
    "an unknown person": GOOD.replace("Ada was", "Zoe was"),
    "no clue sentence": GOOD.replace("Ada was in the Hall.", "Hello there."),
    "no question": GOOD.replace("Murderer?", "Why oh why?"),
    "a question without a letter": GOOD.replace("A. ", ""),
    "a page of spaces": " " * 100_000,
    "a page of clues": "Clues:\n" * 1000,
    "binary": "\x00\x01\x02",
}


def test_the_page_that_the_faults_are_made_of_is_good() -> None:
    assert FAMILY.read_page(GOOD).clues == (Statement("in", (Ref("suspect", 0), Ref("room", 0), Ref("time", 0))),)


@pytest.mark.parametrize("text", FAULTS.values(), ids=FAULTS)
def test_faults_are_told_in_one_line(text: str) -> None:
    with pytest.raises(UserError) as caught:
        FAMILY.read_page(text)
    assert "\n" not in str(caught.value)


SILENT = {
    "a name without a mark": ("Suspects: Ada, Ben", "Suspects:\n- Ada\n- Ben\nHugo", "'Hugo'"),
    "a name behind the list": ("Suspects: Ada, Ben", "Suspects: Ada, Ben\nHugo", "'Hugo'"),
    "south is up": ("Map: Hall", "Map (south is up): Hall", "note in brackets"),
    "right to left": ("Suspects: Ada", "Suspects (right to left): Ada", "note in brackets"),
    "a wrong number": ("Suspects: Ada", "Suspects (3): Ada", "2 are listed"),
    "a letter twice": ("A. Murderer?", "A. Murderer?\nA. Weapon?", "two questions have the letter A"),
    "a number left out": ("Ada was in the Hall.", "1. Ada was in the Hall.\n3. Ben was in the Bar.", "2 should come"),
    "a clue in the story": ("Victim:", "It was late. Ada was in the Bar.\nVictim:", "outside of the lists"),
    "a clue behind the questions": ("A. Murderer?", "A. Murderer?\nAda was in the Bar.", "no question"),
    "a note and numbers": ("Motives: greed", "Motives (one suspect each): greed", "and have numbers"),
}


@pytest.mark.parametrize(("old", "new", "message"), SILENT.values(), ids=SILENT)
def test_what_was_once_passed_over_is_refused(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(UserError, match=message):
        FAMILY.read_page(GOOD.replace(old, new))


def test_a_map_needs_no_indentation_and_a_list_may_say_how_long_it_is() -> None:
    text = GOOD.replace("Map: Hall / Bar", "Map (2):\nHall\nBar").replace("Suspects:", "Suspects (2):")
    assert FAMILY.read_page(text) == FAMILY.read_page(GOOD)


def read_or_refuse(text: str) -> PageText | None:
    """Reads a page; any error but a `UserError` of one line fails the test."""
    try:
        return FAMILY.read_page(text)
    except UserError as error:
        assert "\n" not in str(error)
        return None


INTRUDERS = ("-", "|", " / ", "(", ")", ":", ",", "\n", "\x00", "\u2028", "9" * 30, "{0}", "²", "٣")


def damage(text: str, rng: Random) -> str:
    lines = text.splitlines()
    for _ in range(rng.randint(1, 3)):
        match rng.randrange(6):
            case 0:
                text = text[: rng.randrange(len(text) + 1)]
            case 1:
                lines = text.splitlines()
                rng.shuffle(lines)
                text = "\n".join(lines)
            case 2:
                keep = [c for c in text if rng.random() > 0.01]
                text = "".join(keep)
            case 3:
                lines = text.splitlines() or [""]
                lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
                text = "\n".join(lines)
            case 4:
                lines = text.splitlines() or [""]
                del lines[rng.randrange(len(lines))]
                text = "\n".join(lines)
            case 5:
                at = rng.randrange(len(text) + 1)
                put = rng.choice(
                    ("-", "|", " / ", "(", ")", ":", ",", "\n", "\x00", "\u2028", "9" * 30, "{0}", "²", "٣")
                )
                text = text[:at] + put + text[at:]
    return text


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([*sorted(CASES), "1", "2", "3"]), st.sampled_from(FAMILY.styles), st.integers(0, 10**9))
def test_damaged_pages_are_read_or_refused(source: str, style: str, seed: int) -> None:
    rng = Random(seed)
    case = CASES[source] if source in CASES else sample_case(source, rng)
    found = read_or_refuse(damage(page_of(case, style, rng)[0], rng))
    if found is not None:
        theory = FAMILY.theory(found.case)
        for clue in found.clues:
            theory.formula(clue)  # what was read has a meaning


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), st.sampled_from(("", GOOD, "Victim: ", "Clues:\n", "Map:\n  ")))
def test_any_text_is_read_or_refused(text: str, before: str) -> None:
    read_or_refuse(before + text)
