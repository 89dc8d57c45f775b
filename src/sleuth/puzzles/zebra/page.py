"""The page of a zebra puzzle: written in several layouts, read back from its text alone; and the board.

What is read are the houses, the attributes and the lists of clues and questions (`sleuth.puzzles.page_reader`); title,
story and rules are for people.

    Huts: 1, 2, 3 (a row, from left to right)
    Name: Ada, Ben, Cleo
    Drink: tea, milk, cocoa
    Clues:
    1. …
    Questions:
    A. …
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sleuth.logic.formulas import World
from sleuth.puzzles.family import PageText
from sleuth.puzzles.page_reader import (
    CLUES,
    QUESTIONS,
    Layout,
    Page,
    quote,
    read_clues,
    read_questions,
    refuse_hidden,
    split,
)
from sleuth.puzzles.picture import DrawnTable, tables_svg
from sleuth.puzzles.prose import Grammar, ReadError
from sleuth.puzzles.statements import Ref
from sleuth.puzzles.zebra import wording
from sleuth.puzzles.zebra.case import Case

ARITY = {kind: len(spec.slots) for kind, spec in wording.KINDS.items()}
LAYOUT = Layout({label: (label,) for label in (*wording.PLACES, *wording.ATTRIBUTES, CLUES, QUESTIONS)})
_ROW, _SHORT_ROW = "a row, from left to right", "left to right"
_HOUSES = re.compile(rf"([\d, ]*\d)(?: *\((?:{_ROW}|{_SHORT_ROW})\))?")


def write(case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]], style: str) -> str:
    """A puzzle's text."""
    place = wording.PLACES[case.place]
    houses = ", ".join(case.name(Ref("house", i)) for i in range(case.shape.houses))
    lists = [f"{label}: {', '.join(names)}" for label, names in zip(case.attributes, case.values, strict=True)]
    asked = [f"{letter}. {text}" for letter, text in questions]
    if style == "terse":
        lines = [f"{case.place}: {houses} ({_SHORT_ROW})", *lists]
        lines.append(
            f"Each {place.singular} has one of each list and no two share one. With means {place.preposition} the same "
            f"{place.singular}. Somewhere left may be just left."
        )
        return "\n".join([*lines, "Clues:", *clues, "Questions:", *asked])
    lines = [case.title, "", case.story, ""] if case.title else []
    lines += [f"{case.place}: {houses} ({_ROW})", *lists, ""]
    lines += [
        f"{place.preposition.capitalize()} each {place.singular} is one person, to whom one entry of each list "
        f"belongs. No entry belongs to two people. People are right next to each other, or neighbours, when their "
        f"{place.plural} are. Somewhere to the left can also mean immediately to the left.",
        "",
    ]
    lines += ["Clues:", *(f"{number}. {clue}" for number, clue in enumerate(clues, start=1)), ""]
    return "\n".join([*lines, "Questions:", *asked])


def recognises(text: str) -> bool:
    """Whether a text has this page's labels."""
    return any(LAYOUT.recognises(text, (place, CLUES)) for place in wording.PLACES)


def read(text: str) -> PageText:
    """A page of any style, read back. Raises `ReadError` or the case's own `UserError`."""
    page = split(text, LAYOUT)
    page.need(CLUES, QUESTIONS)
    case = _read_case(page)
    vocabulary = wording.lexicon(case)
    grammar = Grammar(vocabulary, wording.GROUPED_KINDS, wording.TEMPLATES, ARITY)
    asking = Grammar(vocabulary, wording.GROUPED_KINDS, wording.QUESTION_TEMPLATES, {**ARITY, **wording.QUESTION_KINDS})
    refuse_hidden(page.free, grammar, asking)
    refuse_hidden((name for names in case.values for name in names), grammar)
    clues, clue_texts = read_clues(page.parts[CLUES].lines(), grammar)
    questions, letters = read_questions(page.parts[QUESTIONS].lines(), asking)
    return PageText(case, clues, clue_texts, questions, letters)


def _read_case(page: Page) -> Case:
    places = [place for place in wording.PLACES if place in page.parts]
    if not places:
        raise ReadError(f"the page has no line labelled {' or '.join(wording.PLACES)!r}")
    if len(places) > 1:
        raise ReadError(f"the page has both {' and '.join(places)}")
    attributes = tuple(label for label in page.parts if label in wording.ATTRIBUTES)
    case = Case(places[0], attributes, tuple(page.names(label) for label in attributes))
    row = page.one(places[0])
    found = _HOUSES.fullmatch(row)
    numbers = [name.strip() for name in found[1].split(",")] if found else []
    if numbers != [str(number) for number in range(1, len(numbers) + 1)] or not numbers:
        raise ReadError(f"{places[0]}: needs numbers from 1, and no note but ({_ROW}): {quote(row)}")
    if case.shape.houses != len(numbers):
        raise ReadError(f"{len(numbers)} {places[0].lower()}, but {case.shape.houses} values of each attribute")
    return case


def board_rows(case: Case, world: World | None) -> list[list[str]]:
    """Houses by attributes as a table, empty or filled, with its heads."""
    houses = range(case.shape.houses)
    rows = [[wording.place_of(case).singular.capitalize(), *(case.name(Ref("house", house)) for house in houses)]]
    for attribute, label in enumerate(case.attributes):
        first = attribute * len(houses)
        cells = [""] * len(houses)
        if world is not None:
            for value in range(first, first + len(houses)):
                cells[world[value]] = case.name(Ref("value", value))
        rows.append([label, *cells])
    return rows


def draw_board(case: Case, world: World | None) -> str:
    """That table as text."""
    rows = board_rows(case, world)
    heads = max(len(row[0]) for row in rows)
    width = max(len(name) for names in case.values for name in names)
    edge = "+".join(["", "-" * (heads + 2), *["-" * (width + 2)] * case.shape.houses, ""])
    drawn = [edge]
    for row in rows:
        drawn += ["|".join(["", f" {row[0]:{heads}} ", *(f" {cell:{width}} " for cell in row[1:]), ""]), edge]
    return "\n".join(drawn)


def draw_board_svg(case: Case, world: World | None) -> str:
    """That table as a picture."""
    rows = board_rows(case, world)
    names = [name for names in case.values for name in names]
    told = [
        f"{rows[0][0]} {house}: {', '.join(cells)}" for house, *cells in zip(*(row[1:] for row in rows), strict=True)
    ]
    lists = [f"{label}: {', '.join(names)}" for label, names in zip(case.attributes, case.values, strict=True)]
    about = f"Board of a zebra case: {case.shape.houses} {wording.place_of(case).plural} in a row"
    drawn = DrawnTable("", rows, ((), *[names] * case.shape.houses))
    return tables_svg(about, "; ".join(lists if world is None else told), [drawn])
