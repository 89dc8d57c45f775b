"""The style `original`: a page by hand, made puzzles read back and audited, names that vary, kinds of 2025 only."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from sleuth.datasets.audit import audit
from sleuth.errors import UserError
from sleuth.grading.grade import grade
from sleuth.grading.soundness import Verdict
from sleuth.puzzles import names
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.prose import ReadError
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.retell import retold
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.task import MIXED
from sleuth.puzzles.temporal_clue.sampler import dress, in_full
from tests.puzzles.temporal_clue.examples import EACH, SHARED, TWO
from tests.puzzles.test_import import ORIGINALS

FAMILY = get_family("temporal-clue")
KINDS_OF_2025 = {"in", "move", "beside", "same", "either", "iff", "together", "carry", "motive"}
KINDS_OF_2025 |= {"hour", "weapon", "reason", "murderer", "scene"}

PAGE = """\
A story of Rex. These people have been identified as suspects:

• Ada
• Mr. Ben
• Cleo

And these weapons were found on the premises:

• Rope

Rex can only have died in one of the following rooms:

1. Hall
2. Dressing Room
3. Bar
4. Roof

The rooms are laid out as follows:

  N N N  
W -|1|2 E
W 3|4|- E
  S S S  

It happened, as far as anybody can tell, at one of the following times:

• 11 PM
• 12 AM

From each of these times to the next, Rex and every suspect either stayed or walked into the next room (north, east, \
south, or west). Weapons changed rooms only with a suspect.

The suspects each had one of the following possible motives, as many of them as is noted:

• greed (2 suspects)
• envy (1 suspect)

For it to be done, the murderer and Rex must have been alone in a room with at least one weapon. Rex stayed there \
afterwards, and what is said of Rex holds dead or alive.

The available clues are as follows:

- Ada was on the Roof at 11 PM or the Rope was in the Hall at 12 AM
- Cleo is motivated by envy
- Cleo was never at the Bar

Now answer the following question(s):

A. Who murdered Rex?
B. When did the murder occur?

And, once more, the following bonus question(s):

C. Who is motivated by envy?
D. Where was the Rope at 11 PM?

Write the answers one to a line, in this form:

A. SUSPECT
B. TIME
C. SUSPECT
D. ROOM"""  # noqa: W291 (the format's map ends in spaces)


def test_a_page_by_hand() -> None:
    late, roof, hall = Ref("time", 1), Ref("room", 3), Ref("room", 0)
    left = Statement("in", (Ref("suspect", 0), roof, Ref("time", 0)))
    clues = [
        Statement("either", (left, Statement("in", (Ref("weapon", 0), hall, late)))),
        Statement("motive", (Ref("suspect", 2), Ref("motive", 1))),
        Statement("never", (Ref("suspect", 2), Ref("room", 2))),
    ]
    questions = [
        Statement("murderer", (None,)),
        Statement("hour", (None,)),
        Statement("motive", (None, Ref("motive", 1))),
        Statement("in", (Ref("weapon", 0), None, Ref("time", 0))),
    ]
    case = replace(SHARED, story="A story of Rex.")
    grammar, asking = FAMILY.grammar(case, "original"), FAMILY.question_grammar(case, "original")
    sentences = [grammar.sentence(clue, "original", "") for clue in clues]
    texts = [asking.sentence(question, "original", "?") for question in questions]
    text = FAMILY.write_page(case, sentences, list(zip("ABCD", texts, strict=True)), "original")
    assert text == PAGE
    page = FAMILY.read_page(text)
    assert (list(page.clues), list(page.questions)) == (clues, questions)
    assert page.letters == tuple("ABCD") and page.style == "original"


def test_rooms_have_numbers_of_equal_width() -> None:
    rooms = tuple(f"Room {letter}" for letter in "ABCDEFGHIJ")
    case = replace(TWO, rooms=rooms, prepositions=("in",) * 10, grid=((0, 1, 2, 3), (4, 5, 6, 7), (8, None, None, 9)))
    text = FAMILY.write_page(case, [], [("A", "Who murdered Rex?")], "original")
    assert "\n01. Room A\n" in text and "\n10. Room J\n" in text
    drawn = "\n  NN NN NN NN  \nW 01|02|03|04 E\nW 05|06|07|08 E\nW 09|-|-|10 E\n  SS SS SS SS  \n"
    assert drawn in text
    assert FAMILY.read_page(text).case.grid == case.grid


@pytest.mark.parametrize(("level", "count"), [("1", 12), ("2", 6), ("3", 4), ("4", 1), ("reference", 2)])
def test_made_puzzles_are_sound_and_keep_to_the_kinds_of_2025(level: str, count: int) -> None:
    for index in range(count):
        puzzle = make_puzzle("temporal-clue", level, "train", 8, index, "original").puzzle
        page = FAMILY.read_page(puzzle.prompt)
        assert page.clue_texts == puzzle.clues and page.style == puzzle.meta["style"] == "original"
        assert set(puzzle.meta["kinds"]) <= KINDS_OF_2025
        assert not any(clue.endswith(".") for clue in puzzle.clues)
        assert audit(puzzle, minimal=True).problems == ()
        assert grade(puzzle, gold_completion(puzzle, "program"), "program").correct


def test_a_trace_is_read_sentence_by_sentence() -> None:
    for index in range(6):
        puzzle = make_puzzle("temporal-clue", "1", "train", 8, index, "original").puzzle
        parts = grade(puzzle, gold_completion(puzzle, "reason"), "reason").spans
        assert parts and not {Verdict.UNREAD, Verdict.FALSE} & {part.verdict for part in parts}


def test_a_bare_or_is_read_on_the_styles_own_pages_only() -> None:
    sentence = "Ada was in the Hall or Mr. Ben was in the Hall"
    assert FAMILY.grammar(TWO, "original").read(sentence).kind == "either"
    for style in ("", "plain"):
        with pytest.raises(ReadError):
            FAMILY.grammar(TWO, style).read(sentence)


def test_mixed_leaves_the_style_out() -> None:
    drawn = {make_puzzle("temporal-clue", "1", "train", 1, index, MIXED).puzzle.meta["style"] for index in range(40)}
    assert drawn == {"plain", "terse", "witness"}


def test_a_case_is_dressed_in_names_and_full_times() -> None:
    dressed = dress(EACH, Random(0))
    assert dressed.shape == EACH.shape and dressed.times == EACH.times
    assert not {*dressed.suspects, *dressed.weapons, *dressed.rooms} & {*EACH.suspects, *EACH.weapons, *EACH.rooms}
    assert dressed.victim in dressed.story
    assert in_full(replace(SHARED, times=("9 PM", "9:30 PM"))).times == ("09:00 PM", "09:30 PM")
    assert dress(EACH, Random(0)) == dressed != dress(EACH, Random(1))


def test_names_of_the_pool_are_all_that_changes() -> None:
    told = [
        make_puzzle("temporal-clue", "2", "train", 4, 0, "terse", names=names).puzzle for names in ("themed", "pool")
    ]
    cases = [FAMILY.read_page(puzzle.prompt).case for puzzle in told]
    assert told[0].id == told[1].id and {**told[0].meta, "names": "pool"} == told[1].meta
    assert FAMILY.read_page(told[0].prompt).clues == FAMILY.read_page(told[1].prompt).clues
    assert cases[0].times == cases[1].times and cases[0].grid == cases[1].grid
    assert {*cases[1].weapons} <= {*names.WEAPONS} and not {*cases[0].suspects} & {*cases[1].suspects}
    assert retold(told[0], names=0).answers.keys() == told[1].answers.keys()


@pytest.mark.parametrize("style", FAMILY.styles)
def test_coined_names_are_read_back(style: str) -> None:
    words: list[str] = []
    for index in range(12):
        level = ("1", "2", "3")[index % 3]
        puzzle = make_puzzle("temporal-clue", level, "train", 6, index, style, names="coined").puzzle
        listed = make_puzzle("temporal-clue", level, "train", 6, index, style, names="pool").puzzle
        page = FAMILY.read_page(puzzle.prompt)
        assert page.clues == FAMILY.read_page(listed.prompt).clues, "nothing but names differs"
        assert audit(puzzle).problems == () and grade(puzzle, gold_completion(puzzle, "program"), "program").correct
        words += [word for name in (*page.case.weapons, *page.case.motives) for word in name.split()]
    known = {word for name in (*names.WEAPONS, *names.MOTIVES) for word in name.split()}
    made_up = [word for word in words if word not in known]
    assert len(made_up) > len(words) / 3 and len(set(made_up)) > 0.9 * len(made_up)


def test_a_family_without_a_pool_says_so() -> None:
    with pytest.raises(UserError, match="zebra has no pool of names"):
        make_puzzle("zebra", "1", "train", 0, 0, names="pool")


def test_names_vary() -> None:
    people = [name for seed in range(100) for name in names.people(11, Random(seed))]
    assert len(set(people)) > 700
    for seed in range(100):
        words = [word for name in names.people(11, Random(seed)) for word in name.split() if word not in names.TITLES]
        assert len(set(words)) == len(words)
    rooms = [room.split(" ", 1) for room in names.ROOMS]
    assert {preposition for preposition, _ in rooms} == {"in", "at", "on"}
    for listed in (names.TITLES, [*names.GIVEN, *names.SURNAMES], names.WEAPONS, [n for _, n in rooms], names.MOTIVES):
        assert len({name.casefold() for name in listed}) == len(listed)


@pytest.mark.skipif(not ORIGINALS, reason="SLEUTH_DATA is not set: names were NOT compared with those of 2025")
def test_no_name_is_one_of_2025() -> None:
    rooms = {room.split(" ", 1)[1] for room in names.ROOMS}
    for original in ORIGINALS:
        case = FAMILY.read_page(original["prompt"]).case
        people = {name.split()[-1] for name in (case.victim, *case.suspects)}
        assert not people & {*names.GIVEN, *names.SURNAMES}
        assert not {*case.weapons} & {*names.WEAPONS} and not {*case.rooms} & rooms
        assert not {*case.motives} & {*names.MOTIVES}
