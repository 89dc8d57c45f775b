"""The page of a zebra puzzle: written in several layouts, read back from its text alone; and the board.

What is read are the houses, the attributes and the lists of clues and questions; title, story and rules are for people.

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

from sleuth.errors import nearest
from sleuth.logic.formulas import World
from sleuth.puzzles.family import PageText
from sleuth.puzzles.prose import Grammar, ReadError
from sleuth.puzzles.statements import Ref
from sleuth.puzzles.zebra import wording
from sleuth.puzzles.zebra.case import Case

ARITY = {kind: len(spec.slots) for kind, spec in wording.KINDS.items()}
_LABEL = re.compile(r"([A-Z][a-z]*): *(\S[^(]*)(?:\(.*\))?")
_NUMBERED = re.compile(r"\d+\. ")
_QUESTION = re.compile(r"([A-Z])\. (.+)")


def write(case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]], style: str) -> str:
    """A puzzle's text."""
    place = wording.PLACES[case.place]
    houses = ", ".join(case.name(Ref("house", i)) for i in range(case.shape.houses))
    lists = [f"{label}: {', '.join(names)}" for label, names in zip(case.attributes, case.values, strict=True)]
    asked = [f"{letter}. {text}" for letter, text in questions]
    if style == "terse":
        lines = [f"{case.place}: {houses} (left to right)", *lists]
        lines.append(
            f"Each {place.singular} has one of each list and no two share one. With means {place.preposition} the same "
            f"{place.singular}. Somewhere left may be just left."
        )
        return "\n".join([*lines, "Clues:", *clues, "Questions:", *asked])
    lines = [case.title, "", case.story, ""] if case.title else []
    lines += [f"{case.place}: {houses} (a row, from left to right)", *lists, ""]
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
    return bool(re.search(rf"^({'|'.join(wording.PLACES)}): *1, *2\b", text, re.MULTILINE)) and "\nClues:" in text


def clue_lines(text: str) -> list[int]:
    """The numbers of the lines between the labels of clues and questions."""
    label, found = "", []
    for number, line in enumerate(map(str.strip, text.splitlines())):
        if line in ("Clues:", "Questions:"):
            label = line
        elif label == "Clues:" and line:
            found.append(number)
    return found


def read(text: str) -> PageText:
    """A page of any style, read back. Raises `ReadError` or the case's own `UserError`."""
    case, lists = _read_lines(text.splitlines())
    clue_texts = tuple(_NUMBERED.sub("", line, count=1) for line in lists["Clues"])
    vocabulary = wording.lexicon(case)
    grammar = Grammar(vocabulary, wording.GROUPED_KINDS, wording.TEMPLATES, ARITY)
    asking = Grammar(vocabulary, wording.GROUPED_KINDS, wording.QUESTION_TEMPLATES, {**ARITY, **wording.QUESTION_KINDS})
    found = [_QUESTION.fullmatch(line) for line in lists["Questions"]]
    if None in found:
        raise ReadError(f"no question: {lists['Questions'][found.index(None)]!r}")
    return PageText(
        case=case,
        clues=tuple(grammar.read(clue) for clue in clue_texts),
        clue_texts=clue_texts,
        questions=tuple(asking.read(question[2]) for question in found if question),
        letters=tuple(question[1] for question in found if question),
    )


def _read_lines(lines: Sequence[str]) -> tuple[Case, dict[str, list[str]]]:
    """The case, and the lines under `Clues:` and `Questions:`."""
    lists: dict[str, list[str]] = {}
    label, place, houses = "", "", 0
    values: dict[str, tuple[str, ...]] = {}
    for line in filter(None, map(str.strip, lines)):
        if line in ("Clues:", "Questions:"):
            label = line[:-1]
            if label in lists:
                raise ReadError(f"two lines are labelled {label!r}")
            lists[label] = []
        elif label:
            lists[label].append(line)
        elif found := _LABEL.fullmatch(line):
            names = tuple(name.strip() for name in found[2].split(","))
            if found[1] in values or (place and found[1] in wording.PLACES):
                raise ReadError(f"two lines are labelled {found[1]!r}")
            if found[1] in wording.PLACES:
                place, houses = found[1], len(names)
            elif found[1] in wording.ATTRIBUTES:
                values[found[1]] = names
            else:
                raise ReadError(f"no known attribute: {found[1]!r}; {nearest(found[1], list(wording.ATTRIBUTES))}")
    missing = [label for label in ("Clues", "Questions") if label not in lists]
    if not place:
        missing.insert(0, " or ".join(wording.PLACES))
    if missing:
        raise ReadError(f"the page has no line {missing[0]!r}")
    case = Case(place, tuple(values), tuple(values.values()))
    if case.shape.houses != houses:
        raise ReadError(f"{houses} {place.lower()}, but {case.shape.houses} values of each attribute")
    return case, lists


def draw_board(case: Case, world: World | None) -> str:
    """Houses by attributes as a table, empty or filled."""
    houses = range(case.shape.houses)
    rows = [[wording.PLACES[case.place].singular.capitalize(), *(case.name(Ref("house", house)) for house in houses)]]
    for attribute, label in enumerate(case.attributes):
        first = attribute * len(houses)
        cells = [""] * len(houses)
        if world is not None:
            for value in range(first, first + len(houses)):
                cells[world[value]] = case.name(Ref("value", value))
        rows.append([label, *cells])
    heads = max(len(row[0]) for row in rows)
    width = max(len(name) for names in case.values for name in names)
    edge = "+".join(["", "-" * (heads + 2), *["-" * (width + 2)] * len(houses), ""])
    drawn = [edge]
    for row in rows:
        drawn += ["|".join(["", f" {row[0]:{heads}} ", *(f" {cell:{width}} " for cell in row[1:]), ""]), edge]
    return "\n".join(drawn)
