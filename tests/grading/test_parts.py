"""What lines and sentences are worth, by hand-made completions about one page."""

from __future__ import annotations

import pytest

from sleuth.grading import grade
from sleuth.grading.parts import line_parts, sentence_parts
from sleuth.puzzles.generate import make_puzzle

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
    parts = line_parts(CASE, text)
    assert [part.value for part in parts] == values
    assert [text[part.start : part.end].strip() for part in parts] == [line for line in lines if line.strip("`")]
    assert grade(CASE, text, "program").parts == parts


def test_a_line_ends_with_its_line_break() -> None:
    assert [(part.start, part.end) for part in line_parts(CASE, "in(Ada, Hall)\r\n\nhm")] == [(0, 15), (16, 18)]


def test_sentences_of_reasoning() -> None:
    text = "Ada was in the Hall. So: the Lamp was in the Hall. Hm. Ben was in the Hall. Thus Ben committed the murder."
    parts = sentence_parts(CASE, text)
    said = [(text[part.start : part.end], part.value) for part in parts]
    assert said == [
        ("Ada was in the Hall", None),  # a clue
        ("the Lamp was in the Hall", 1),
        ("Hm", None),
        ("Ben was in the Hall", 0),
        ("Ben committed the murder", 1),
    ]
    assert grade(CASE, text + "\nA. Ben", "reason").parts == parts
    assert grade(CASE, text + "\nA. Ben", "answer").parts == ()


def test_no_parts_where_the_page_cannot_be_read() -> None:
    assert sentence_parts(CASE.model_copy(update={"prompt": "Who?"}), "Ada was in the Hall.") == ()
