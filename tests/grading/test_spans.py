"""What lines and sentences are worth, by hand-made completions about one page."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.grading import grade
from sleuth.grading.reading import read_puzzle
from sleuth.grading.soundness import Judge
from sleuth.grading.spans import line_spans, sentence_spans
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.puzzle import Puzzle

PAGE = """Victim: Rex
Suspects: Ada, Ben
Weapons: Rope, Lamp
Map: Hall | Attic

Clues:
Ada was in the Hall.
Rex was in the Attic.
Ada was in the same room as the Lamp.

Questions:
A. Who committed the murder?
"""
TEMPLATE = make_puzzle("temporal-clue", "1", "train", 0, 0).puzzle
HALL, ATTIC = range(2)
WORLDS = [
    (ada, ben, rex, rope, lamp)
    for ada, ben, rex, rope, lamp in itertools.product((HALL, ATTIC), repeat=5)
    # The murderer is alone with the victim, and a weapon is there.
    if (ada == rex) != (ben == rex) and rex in (rope, lamp)
]
MEANINGS = {
    line: frozenset(world for world in WORLDS if true(*world))
    for line, true in {
        "in(Ada, Hall)": lambda ada, ben, rex, rope, lamp: ada == HALL,
        "not_in(Ada, Attic)": lambda ada, ben, rex, rope, lamp: ada == HALL,
        "in(Ben, Attic)": lambda ada, ben, rex, rope, lamp: ben == ATTIC,  # one suspect in each room
        "in(Rex, Attic)": lambda ada, ben, rex, rope, lamp: rex == ATTIC,
        "not_in(victim, Hall)": lambda ada, ben, rex, rope, lamp: rex == ATTIC,
        "same(Ada, Lamp)": lambda ada, ben, rex, rope, lamp: ada == lamp,
        "not_in(Lamp, Attic)": lambda ada, ben, rex, rope, lamp: lamp == HALL,
        "in(Rope, Attic)": lambda ada, ben, rex, rope, lamp: rope == ATTIC,
        "in(Ada, Attic)": lambda ada, ben, rex, rope, lamp: ada == ATTIC,
        "if(in(Lamp, Attic), in(Ada, Hall))": lambda ada, ben, rex, rope, lamp: lamp == HALL or ada == HALL,
        "same(Ben, Rex)": lambda ada, ben, rex, rope, lamp: ben == rex,
    }.items()
}
LINES = list(MEANINGS)
CASE = TEMPLATE.model_copy(update={"prompt": PAGE, "clues": (), "questions": (), "answers": {"A": "Ben"}})


@pytest.mark.parametrize(
    ("lines", "values"),
    [
        (["in(Ada, Hall)", "in(victim, Attic)", "same(Ada, Lamp)"], [1, 1, 1]),
        # Any order, other arguments first, and the same meaning in other words: there are two rooms.
        (["same(Lamp, Ada)", "not_in(Ada, Attic)", "in(Rex, Attic)"], [1, 1, 1]),
        # A clue counts once; what is true but no clue, false or unreadable counts nothing.
        (["in(Ada, Hall)", "in(Ada, Hall)", "in(Lamp, Hall)", "in(Ada, Attic)", "hm"], [1, 0, 0, 0, 0]),
        (["```", "in(Ada, Hall)", "", "```"], [1]),
        ([], []),
    ],
)  # fmt: skip
def test_lines_of_a_program(lines: list[str], values: list[float]) -> None:
    text = "\n".join(lines)
    spans = line_spans(CASE, text)
    assert [span.value for span in spans] == values
    assert [text[span.start : span.end].strip() for span in spans] == [line for line in lines if line.strip("`")]
    assert grade(CASE, text, "program").spans == spans


def test_a_line_ends_with_its_line_break() -> None:
    assert [(span.start, span.end) for span in line_spans(CASE, "in(Ada, Hall)\r\n\nhm")] == [(0, 15), (16, 18)]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_line_is_right_if_it_is_true_in_the_worlds_of_a_clue(data: st.DataObject) -> None:
    """By plain enumeration of who and what can have been where."""
    lines = data.draw(st.lists(st.sampled_from(LINES), max_size=9))
    clues = [MEANINGS["in(Ada, Hall)"], MEANINGS["in(Rex, Attic)"], MEANINGS["same(Ada, Lamp)"]]
    expected, said = [], set[int]()
    for line in lines:
        found = [i for i, clue in enumerate(clues) if i not in said and clue == MEANINGS[line]]
        said |= set(found[:1])
        expected.append("right" if found else "wrong")
    assert [span.verdict for span in line_spans(CASE, "\n".join(lines))] == expected


def test_lines_beyond_the_bounds_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [span.verdict for span in line_spans(CASE, "not_in(Ada, Attic)")] == ["right"]
    monkeypatch.setattr("sleuth.grading.soundness.QUESTIONS", 0)
    assert [span.verdict for span in line_spans(CASE, "not_in(Ada, Attic)\nin(Ada, Hall)")] == ["wrong", "right"]
    monkeypatch.undo()
    monkeypatch.setattr("sleuth.grading.soundness.MOST_CLAUSES", -1)
    assert [span.verdict for span in line_spans(CASE, "not_in(Ada, Attic)\nin(Ada, Hall)")] == ["wrong", "right"]


def test_few_questions_tell_many_lines_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    puzzle = make_puzzle("temporal-clue", "3", "train", 0, 0).puzzle
    lines = [f"not_in({thing}, {room}, {time})" for thing, room, time in _places(puzzle)]
    assert (len(lines), len(puzzle.clues)) == (60, 14)
    asked = []
    question = Judge._counterexample
    monkeypatch.setattr(Judge, "_counterexample", lambda *about: (asked.append(about), question(*about))[1])
    assert {span.verdict for span in line_spans(puzzle, "\n".join(lines))} == {"wrong"}
    assert 0 < len(asked) <= 30


def _places(puzzle: Puzzle) -> list[tuple[str, str, str]]:
    case = read_puzzle(puzzle).page.case
    return [(who, room, time) for who in case.suspects for room in case.rooms for time in case.times]


def test_sentences_of_reasoning() -> None:
    text = "Ada was in the Hall. So: the Lamp was in the Hall. Hm. Ben was in the Hall. Thus Ben committed the murder."
    spans = sentence_spans(CASE, text)
    said = [(text[span.start : span.end], span.value) for span in spans]
    assert said == [
        ("Ada was in the Hall", None),  # a clue
        ("the Lamp was in the Hall", 1),
        ("Hm", None),
        ("Ben was in the Hall", 0),
        ("Ben committed the murder", 1),
    ]
    assert grade(CASE, text + "\nA. Ben", "reason").spans == spans
    assert grade(CASE, text + "\nA. Ben", "answer").spans == ()


def test_no_spans_where_the_page_cannot_be_read() -> None:
    assert sentence_spans(CASE.model_copy(update={"prompt": "Who?"}), "Ada was in the Hall.") == ()
