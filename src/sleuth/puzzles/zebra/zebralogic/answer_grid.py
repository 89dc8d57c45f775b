"""Answers as a grid: one JSON object with every attribute of every house, as ZebraLogic asks for them.

    {"reasoning": "…", "solution": {"House 1": {"Name": "Eric", "Pet": "dog"}, "House 2": {…}}}

What is read is the *last* object of a completion that holds houses, out of code fences, prose and half-finished JSON.
Houses are known by their number however they are written (`House 1`, `house_1`, `1`, or by their place in a list),
attributes by the words of their key or else by the values that stand under it, values in whatever form of the word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sleuth.puzzles.puzzle import Puzzle, Question
from sleuth.puzzles.zebra.zebralogic.descriptions import Attribute, forms, words
from sleuth.puzzles.zebra.zebralogic.page import ORDINALS, cell, cell_of

FORM, GRID = "answer_form", "grid"
"""Key and value in a puzzle's metadata that say that it asks for a grid."""
LONGEST_TEXT = 100_000
"""Characters at the end of a completion that are looked at."""
MOST_STARTS = 200
"""Brackets, from the end, at which an object is looked for."""
_LONGEST_OBJECT = 20_000
_START = re.compile(r"[\[{](?=\s*[\"\[{])")
_TRAILING = re.compile(r",(\s*[}\]])")
_HOUSE = re.compile(r"\W*(?:house|position|number|no)?[\s_#.:-]*(\d)\W*", re.IGNORECASE)
_PLAIN = re.compile(r"[\w\s'’.,:-]*")
Read = Callable[[Question, str], str | None]
_TWICE = object()
"""Stands for the value of a key that an object has twice, with different values."""


def is_grid(puzzle: Puzzle) -> bool:
    """Whether a puzzle asks for a grid and not for lines of answers."""
    return puzzle.meta.get(FORM) == GRID


def example(questions: Sequence[Question]) -> str:
    """What an answer looks like, for instructions."""
    return json.dumps({"solution": _houses({question.letter: "…" for question in questions})}, ensure_ascii=False)


def write_answers(puzzle: Puzzle, answers: Mapping[str, str]) -> str:
    """Answers by letter in the form that the puzzle asks for: a grid, or a line for each."""
    if is_grid(puzzle):
        return json.dumps({"solution": _houses(answers)}, ensure_ascii=False)
    return "\n".join(f"{letter}. {answer}" for letter, answer in answers.items())


def _houses(answers: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for letter, answer in answers.items():
        house, label = cell_of(letter)
        found.setdefault(f"House {house + 1}", {})[label] = answer
    return found


def read_grid(text: str, questions: Sequence[Question], read: Read) -> dict[str, str | None] | None:
    """Letter to the value that the completion's last grid gives, None where it gives no single one; None without any
    grid. `read` says which choice of a question a text names."""
    houses = 1 + max(cell_of(question.letter)[0] for question in questions)
    given = next((found for value in _objects(text) if (found := _by_house(value, houses))), None)
    if given is None:
        return None
    attributes: dict[str, Attribute] = {}
    for question in questions:
        label = cell_of(question.letter)[1]
        attributes.setdefault(label, Attribute(label, question.choices, label, 0))
    names = _attribute_keys(given, list(attributes.values()))
    by_letter = {question.letter: question for question in questions}
    answers: dict[str, str | None] = dict.fromkeys(by_letter)
    for house, cells in given.items():
        told: dict[str, set[str | None]] = {}
        for key, value in cells.items():
            if key in names:
                asked = by_letter.get(cell(house, names[key]))
                told.setdefault(names[key], set()).add(_read(attributes[names[key]], asked, value, read))
        for label, values in told.items():
            letter = cell(house, label)
            if letter in answers and len(values) == 1:
                answers[letter] = values.pop()
    return answers


def _read(attribute: Attribute, question: Question | None, value: Any, read: Read) -> str | None:
    """The choice that a cell gives; none where it is struck out, negated or doubted, which signs say."""
    said = _text(value) if value is not _TWICE else ""
    found = None if question is None else read(question, said)
    return attribute.find(said) if found is None and _PLAIN.fullmatch(said) else found


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else ""


def _objects(text: str) -> Iterator[Any]:
    """The JSON objects and lists of a text, the last first, each as large as it is: what stands within another is
    passed over once the other has been read. A comma before a closing bracket is allowed."""
    text = _TRAILING.sub(r"\1", text[-LONGEST_TEXT:])
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_pairs)
    starts = [found.start() for found in _START.finditer(text)][-MOST_STARTS:]
    read: list[tuple[int, int, Any]] = []
    for start in starts:
        try:
            value, length = decoder.raw_decode(text[start : start + _LONGEST_OBJECT])
        except (ValueError, RecursionError):
            continue
        if not read or start >= read[-1][1]:
            read.append((start, start + length, value))
    yield from (value for _, _, value in reversed(read))


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = value if key not in found or found[key] == value else _TWICE
    return found


def _by_house(value: Any, houses: int) -> dict[int, dict[str, Any]]:
    """House, from 0, to its cells, from an object or a list, or what it has under `solution`; empty if it is none."""
    for _ in range(3):
        if isinstance(value, list):
            rows = [row for row in value if isinstance(row, dict)]
            numbered = {_number(row, place): row for place, row in enumerate(rows)}
            return numbered if len(numbered) == len(rows) and set(numbered) <= set(range(houses)) else {}
        if not isinstance(value, dict):
            return {}
        found: dict[int, dict[str, Any]] = {}
        for key, cells in value.items():
            house = _house(key)
            if house is not None and house < houses and isinstance(cells, dict):
                found[house] = {} if house in found else cells
        if found or (found := _transposed(value, houses)):
            return found
        inner = [
            part for key, part in value.items() if key.strip().casefold() in ("solution", "answer", "houses", "grid")
        ]
        if len(inner) != 1:
            return {}
        value = inner[0]
    return {}


def _transposed(value: Mapping[str, Any], houses: int) -> dict[int, dict[str, Any]]:
    """The cells of an object of attributes that each have an object of houses; empty if it is none."""
    found: dict[int, dict[str, Any]] = {}
    for label, cells in value.items():
        if not isinstance(cells, dict) or not cells:
            return {}
        for key, cell_value in cells.items():
            house = _house(key)
            if house is None or house >= houses or isinstance(cell_value, dict):
                return {}
            row = found.setdefault(house, {})
            row[label] = _TWICE if label in row else cell_value
    return found


def _house(key: str) -> int | None:
    found = _HOUSE.fullmatch(key)
    if found is not None:
        return int(found[1]) - 1 if found[1] != "0" else None
    said = words(key)
    return next(
        (number for number, word in enumerate(ORDINALS) if set(said) <= {word, "house", "the"} and word in said), None
    )


def _number(row: Mapping[str, Any], place: int) -> int:
    """The house of a row of a list: what it says itself, or its place."""
    said = next(
        (value for key, value in row.items() if key.strip().casefold() in ("house", "position", "number")), None
    )
    house = None if said is None else _house(_text(said))
    return place if house is None else house


def _attribute_keys(given: Mapping[int, Mapping[str, Any]], attributes: Sequence[Attribute]) -> dict[str, str]:
    """Key to label: the attribute that most of a key's words belong to, or else the one that has most of its values."""
    found = {}
    for key in dict.fromkeys(key for cells in given.values() for key in cells):
        said = {form for word in words(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key)) for form in forms(word)}
        values = [_text(cells[key]) for cells in given.values() if key in cells]
        rated = []
        for attribute in attributes:
            label = [forms(word) for word in words(attribute.label)]
            shared = sum(bool(word & said) for word in label) / len(label)
            held = sum(attribute.find(value) is not None for value in values)
            rated.append(((shared, held), attribute.label))
        best = max(rate for rate, _ in rated)
        fitting = [label for rate, label in rated if rate == best]
        if best > (0, 0) and len(fitting) == 1:
            found[key] = fitting[0]
    return found
