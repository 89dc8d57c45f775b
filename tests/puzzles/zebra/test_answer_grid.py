"""Answer grids: every way to write one that means the same is read the same, and nothing else is."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.grading.choices import read_text
from sleuth.puzzles.puzzle import Question
from sleuth.puzzles.zebra.zebralogic import answer_grid
from sleuth.puzzles.zebra.zebralogic.answer_grid import example
from sleuth.puzzles.zebra.zebralogic.page import cell

VALUES = {
    "Name": ("Eric", "Bob"),
    "Nationality": ("brit", "dane"),
    "Lunch": ("stir fry", "pizza"),
    "Child": ("Bob", "Tim"),
}
QUESTIONS = [
    Question(letter=cell(house, label), text="?", kind="value", choices=choices)
    for house in range(2)
    for label, choices in VALUES.items()
]
GRID = {
    "House 1": {"Name": "Bob", "Nationality": "dane", "Lunch": "pizza", "Child": "Tim"},
    "House 2": {"Name": "Eric", "Nationality": "brit", "Lunch": "stir fry", "Child": "Bob"},
}
RIGHT = {cell(house, label): value for house, row in enumerate(GRID.values()) for label, value in row.items()}
WHOLE = json.dumps({"reasoning": "So it is.", "solution": GRID})
WRONG = WHOLE.replace("Eric", "Ada").replace("Bob", "Eric")


def read_grid(text: str, questions: Sequence[Question]) -> dict[str, str | None] | None:
    return answer_grid.read_grid(text, questions, read_text)


def with_keys(*keys: str) -> str:
    return json.dumps(dict(zip(keys, GRID.values(), strict=True)))


SAME = {
    "bare": WHOLE,
    "indented": json.dumps({"solution": GRID}, indent=4),
    "in a fence": f"```json\n{WHOLE}\n```",
    "in prose": f"I think so {{maybe}}. The answer is\n{WHOLE}\nThat is {{all}}. Use [brackets] too.",
    "after another": f"First try: {WRONG}\nNo, rather: {WHOLE}",
    "after half a one": f"{WRONG[:60]}\n\n{WHOLE}",
    "houses alone": json.dumps(GRID),
    "other key": json.dumps({"Answer": GRID}),
    "house_1": with_keys("house_1", "house_2"),
    "1": with_keys("1", "2"),
    "HOUSE #1": with_keys("HOUSE #1", "HOUSE #2"),
    "first house": with_keys("First house", "the second house"),
    "a list": json.dumps({"solution": list(GRID.values())}),
    "a numbered list": json.dumps([{"House": 2, **GRID["House 2"]}, {"House": 1, **GRID["House 1"]}]),
    "comma too many": WHOLE.replace("}}", ",},}"),
    "values in other forms": WHOLE.replace("brit", "British").replace("dane", "DANISH").replace("stir fry", "Stir-Fry"),
    "another key for food": WHOLE.replace("Lunch", "Food").replace("Name", "FirstName").replace("Child", "child_name_"),
    "reasoning with quotes": f'{{"reasoning": "they "say" so", "solution": {json.dumps(GRID)}}}',
    "reasoning over lines": WHOLE.replace("So it", "So\nit"),
    "other objects after it": WHOLE + '\n{"confidence": 0.9}',
    "houses within attributes": json.dumps(
        {"solution": {label: {house: row[label] for house, row in GRID.items()} for label in VALUES}}
    ),
    "with articles": WHOLE.replace("dane", "the dane").replace("pizza", "a pizza"),
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_the_same_grid(text: str) -> None:
    assert read_grid(text, QUESTIONS) == RIGHT


@pytest.mark.parametrize(
    "text", ["", "Eric and Bob", '{"House 1": "Bob"}', "{}", "[]", '{"House 3": {"Name": "Bob"}}', "{" * 99]
)
def test_no_grid(text: str) -> None:
    assert read_grid(text, QUESTIONS) is None


@pytest.mark.parametrize(
    "value", ["Bob or Eric", "Bob, Eric", "not Bob", "Bobby", "?", "", "Bob (or Eric)", "Tim", "≠ Bob"]
)
def test_a_hedge_is_no_value(value: str) -> None:
    found = read_grid(WHOLE.replace('"Name": "Bob"', f'"Name": "{value}"'), QUESTIONS)
    assert found == {**RIGHT, "House 1 Name": None}


@pytest.mark.parametrize("value", ["~~Bob~~", "!Bob", "Bob?", "Bob ❌", "≠ Bob"])
def test_a_value_that_is_struck_out_or_doubted_is_none(value: str) -> None:
    found = read_grid(WHOLE.replace('"Name": "Bob"', f'"Name": "{value}"'), QUESTIONS)
    assert found == {**RIGHT, "House 1 Name": None}


def test_cells_that_come_twice_or_not_at_all() -> None:
    twice = WHOLE.replace('"Name": "Bob"', '"Name": "Bob", "Name": "Eric"')
    assert read_grid(twice, QUESTIONS) == {**RIGHT, "House 1 Name": None}
    two_keys = WHOLE.replace('"Name": "Bob"', '"Name": "Bob", "First name": "Eric"')
    assert read_grid(two_keys, QUESTIONS) == {**RIGHT, "House 1 Name": None}
    half = read_grid(json.dumps({"House 2": GRID["House 2"]}), QUESTIONS)
    assert half == {letter: value if letter.startswith("House 2") else None for letter, value in RIGHT.items()}
    same_house = read_grid(json.dumps({**GRID, "house 1": GRID["House 2"]}), QUESTIONS)
    assert same_house == {letter: value if letter.startswith("House 2") else None for letter, value in RIGHT.items()}


def test_the_example_is_a_grid_without_values() -> None:
    assert read_grid(example(QUESTIONS), QUESTIONS) == dict.fromkeys(RIGHT)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]",:\\ \nHouse12BobName', max_size=300), st.integers(0, len(WHOLE)))
def test_any_text_is_read_in_time(text: str, cut: int) -> None:
    for broken in (text, WHOLE[:cut] + text + WHOLE[cut:], text + WHOLE):
        found = read_grid(broken, QUESTIONS)
        assert found is None or found.keys() == RIGHT.keys()


@pytest.mark.parametrize(
    "text", ['{"a":' * 40_000, "[" * 200_000, '{"House 1": ' * 20_000, ('{"House 1": {"Name": "Bob"}} ' * 9000)]
)
def test_long_texts_take_no_time(text: str) -> None:
    start = time.process_time()
    read_grid(text, QUESTIONS)
    assert time.process_time() - start < 5
