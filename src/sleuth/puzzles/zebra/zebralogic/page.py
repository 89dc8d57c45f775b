"""The layout of ZebraLogic (Lin et al. 2025, arXiv:2502.01100): a header in words, a line for each attribute, clues.

    There are 2 houses, numbered 1 to 2 from left to right, as seen from across the street. …
     - Each person has a unique name: `Eric`, `Arnold`
     - Each person has a unique type of pet: `dog`, `cat`

    ## Clues:
    1. Eric is directly left of the person who owns a dog.

It is read, never written. A clue is one of seven relations between people whom phrases describe
(`sleuth.puzzles.zebra.zebralogic.descriptions`). A page asks no questions: the whole grid is asked for, cell by cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sleuth.puzzles.family import PageText
from sleuth.puzzles.page_reader import Item, check_numbers, is_prose, lines_of, quote
from sleuth.puzzles.prose import ReadError
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.zebra.case import Case
from sleuth.puzzles.zebra.wording import NUMBERS
from sleuth.puzzles.zebra.zebralogic.descriptions import Attribute, Descriptions, label_of

PLACE = "Houses"
_OPENING = re.compile(
    r"There are (?P<count>\w+) houses?, numbered (?:from )?1 to (?P<last>\w+) from left to right"
    r"(?:, as seen from across the street)?\.\s*(?P<rest>.*)",
    re.IGNORECASE,
)
_KNOWN = re.compile(
    r"each house is occupied by a different person\."
    r"|each house has a unique (?:attribute|value) for each of the following (?:characteristics|attributes):",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"(?P<header>[^`:]+):\s*(?P<values>`[^`]+`(?:\s*,\s*`[^`]+`)*)\.?")
_CLUES = re.compile(r"#*\s*\**\s*Clues\s*\**\s*:\s*\**", re.IGNORECASE)
_CELL = re.compile(r"House (\d) (.+)")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_COUNTS = (*NUMBERS, "eight", "nine")
_HOUSE = (
    r"in (?:the )?(?:(?P<ordinal>"
    + "|".join(ORDINALS)
    + r"|\d(?:st|nd|rd|th)) house|house (?:number )?#?(?P<digit>\d))"
)
_WHOSE = re.compile(r"\bwhose\b(?!.*\b(?:is|are|was|has|have|named|called)\b)", re.IGNORECASE)
_NAMED = re.compile(r"\W*(?:named|called)\b", re.IGNORECASE)
_IS = r"(?:is|lives|sits|stands)"
_PLACED = re.compile(rf"(?P<a>.+?) {_IS} (?P<no>not )?{_HOUSE}", re.IGNORECASE)
_DOES_NOT = re.compile(rf"(?P<a>.+?) (?P<no>does not|doesn't) live {_HOUSE}", re.IGNORECASE)
_PAIRS: tuple[tuple[str, str, bool], ...] = (
    (r" (?:is|lives) (?:directly|immediately|just) (?:to the )?left of ", "left_of", False),
    (r" (?:is|lives) (?:directly|immediately|just) (?:to the )?right of ", "left_of", True),
    (r" (?:is|lives) (?:somewhere )?to the left of ", "before", False),
    (r" (?:is|lives) (?:somewhere )?to the right of ", "before", True),
    (r" (?:is|lives) (?:right |directly )?next to ", "next", False),
    (r" is not ", "apart", False),
    (r" is ", "same", False),
)
"""What stands between two people, the kind it means, and whether they change places."""
_ORDERED = frozenset({"at", "not_at", "left_of", "before"})
"""Kinds that mean something else with their people in another order."""
_NEIGHBOURS = re.compile(r"(?P<both>.+) (?:are|live) (?:right |directly )?next to each other", re.IGNORECASE)
_BETWEEN = re.compile(
    rf"There (?:is|are) (?:exactly )?(?P<count>{'|'.join(_COUNTS)}|\d) houses? between (?P<both>.+)", re.IGNORECASE
)


def recognises(text: str) -> bool:
    """Whether a text is a page of this layout."""
    lines = [line.strip() for _, line in lines_of(text)]
    return any(map(_CLUES.fullmatch, lines)) and any(_ATTRIBUTE.fullmatch(Item.of(0, line).text) for line in lines)


def clue_lines(text: str) -> list[int]:
    """The numbers of the lines behind the heading of the clues."""
    return [item.line for item in _split(text)[2]]


def cell(house: int, label: str) -> str:
    """The letter of the question for a cell of the grid; houses count from 0."""
    return f"House {house + 1} {label}"


def cell_of(letter: str) -> tuple[int, str]:
    """The house, from 0, and the attribute's label of a cell. Raises `ValueError` for another letter."""
    found = _CELL.fullmatch(letter)
    if found is None:
        raise ValueError(letter)
    return int(found[1]) - 1, found[2]


def read(text: str) -> PageText:
    """A page of this layout. Raises `ReadError` or the case's own `UserError`."""
    opening, header, items = _split(text)
    houses, attributes = _read_header(opening, header)
    descriptions = Descriptions(attributes)
    for line in opening:
        if any(list(_readings(part, houses, descriptions)) for part in re.split(r"[.!?]\s*", line)):
            raise ReadError(f"this stands outside of the list of clues: {quote(line)}")
    shown = tuple(attribute.values for attribute in attributes)
    case = Case(PLACE, tuple(one.label for one in attributes), _distinct(attributes), shown=shown)
    questions = [
        (cell(house, one.label), Statement("what", (Ref("attribute", number), Ref("house", house), None)))
        for house in range(houses)
        for number, one in enumerate(attributes)
    ]
    return PageText(
        case=case,
        clues=tuple(_clue(item.text, houses, descriptions) for item in items),
        clue_texts=tuple(item.text for item in items),
        questions=tuple(question for _, question in questions),
        letters=tuple(letter for letter, _ in questions),
        whole=True,
    )


def _split(text: str) -> tuple[list[str], list[Item], list[Item]]:
    """The lines before the attributes, the attributes' lines, and the clues. Raises `ReadError` with any other line."""
    opening: list[str] = []
    header: list[Item] = []
    clues: list[Item] | None = None
    for number, line in lines_of(text):
        item = Item.of(number, line)
        if _CLUES.fullmatch(line.strip()):
            if clues is not None:
                raise ReadError(f"this heading comes twice: {quote(line)}")
            clues = []
        elif clues is not None:
            clues.append(item)
        elif _ATTRIBUTE.fullmatch(item.text):
            header.append(item)
        elif (
            not header and not item.marked and (_OPENING.match(item.text) or _KNOWN.match(item.text) or is_prose(line))
        ):
            opening.append(item.text)
        else:
            raise ReadError(f"this line is neither an attribute nor a clue: {quote(line)}")
    if clues is None:
        raise ReadError("the page has no heading 'Clues'")
    check_numbers("Clues", clues)
    return opening, header, clues


def _read_header(opening: list[str], header: Sequence[Item]) -> tuple[int, list[Attribute]]:
    """The number of houses, and the attributes; the lines before keep what is story."""
    stated = [found for line in opening if (found := _OPENING.match(line))]
    if len(stated) != 1:
        raise ReadError("the page does not say in one line how many houses there are, numbered from left to right")
    houses = _number(stated[0]["count"])
    if houses is None or houses != _number(stated[0]["last"]):
        raise ReadError(f"how many houses there are is not clear: {quote(stated[0][0])}")
    if rest := _KNOWN.sub("", stated[0]["rest"]).strip():
        raise ReadError(f"this is not known to be said of the houses: {quote(rest)}")
    opening[:] = [line for line in opening if not _OPENING.match(line) and _KNOWN.sub("", line).strip()]
    attributes: list[Attribute] = []
    for item in header:
        found = _ATTRIBUTE.fullmatch(item.text)
        assert found is not None
        values = tuple(value.strip() for value in re.findall(r"`([^`]+)`", found["values"]))
        if len(values) != houses:
            raise ReadError(f"{len(values)} values for {houses} houses: {quote(item.text)}")
        if any(one.header == found["header"] for one in attributes):
            raise ReadError(f"two lines speak of the same attribute: {quote(item.text)}")
        label = label_of(found["header"], [one.label for one in attributes])
        proper = label == "Name" and not any(one.proper for one in attributes)
        attributes.append(Attribute(found["header"], values, label, houses * len(attributes), proper))
    return houses, attributes


def _distinct(attributes: Sequence[Attribute]) -> tuple[tuple[str, ...], ...]:
    """The values; those that several attributes have are told apart by their attribute."""
    every = [value.casefold() for one in attributes for value in one.values]

    def name(one: Attribute, value: str) -> str:
        return value if one.proper or every.count(value.casefold()) == 1 else f"{one.label.lower()} {value}"

    return tuple(tuple(name(one, value) for value in one.values) for one in attributes)


def _number(word: str) -> int | None:
    word = word.casefold()
    return _COUNTS.index(word) + 1 if word in _COUNTS else int(word) if word.isdecimal() and len(word) < 3 else None


def _clue(text: str, houses: int, descriptions: Descriptions) -> Statement:
    """The statement of a clue. Raises `ReadError` with its line."""
    line = " ".join(text.split()).removesuffix(".").strip()
    found: dict[object, Statement] = {}
    for one in _readings(line, houses, descriptions):
        found.setdefault(one if one.kind in _ORDERED else (one.kind, frozenset(one.args)), one)
    if not found:
        raise ReadError(f"no known sentence: {quote(text)}")
    if len(found) > 1:
        raise ReadError(f"can be read in {len(found)} ways: {quote(text)}")
    return next(iter(found.values()))


def _readings(line: str, houses: int, descriptions: Descriptions) -> Iterator[Statement]:
    """All statements that a sentence can be read as."""
    for pattern in (_PLACED, _DOES_NOT):
        if found := pattern.fullmatch(line):
            house = _house(found)
            if house is not None and house < houses:
                kind = "not_at" if found["no"] else "at"
                yield from (Statement(kind, (one, Ref("house", house))) for one in descriptions.read(found["a"]))
            return
    if found := _NEIGHBOURS.fullmatch(line):
        yield from (Statement("next", pair) for pair in _pairs(found["both"], r" and ", descriptions))
        return
    if found := _BETWEEN.fullmatch(line):
        count = _number(found["count"])
        if count is not None and 1 <= count <= houses - 2:
            pairs = _pairs(found["both"], r" and ", descriptions)
            yield from (Statement("gap", (Ref("number", count), *pair)) for pair in pairs)
        return
    for between, kind, swapped in _PAIRS:
        pairs = _pairs(line, between, descriptions)
        yield from (Statement(kind, pair[::-1] if swapped else pair) for pair in pairs)
        if pairs:
            return


def _pairs(text: str, between: str, descriptions: Descriptions) -> list[tuple[Ref, Ref]]:
    """The two people that a text speaks of, parted by a pattern: all pairs that it can mean. "whose child" and "named
    Bella" are two ends of "whose child is named Bella", if the text can be parted elsewhere."""
    found: dict[bool, list[tuple[Ref, Ref]]] = {True: [], False: []}
    for place in re.finditer(rf"(?=({between}))", text, re.IGNORECASE):
        first, second = text[: place.start()], text[place.end(1) :]
        whole = _WHOSE.search(first) is None and _NAMED.match(second) is None
        firsts, seconds = descriptions.read(first), descriptions.read(second)
        found[whole] += [(one, other) for one in firsts for other in seconds if one != other]
    return found[True] or found[False]


def _house(found: re.Match[str]) -> int | None:
    """The house, from 0."""
    if found["digit"]:
        return int(found["digit"]) - 1 if found["digit"] != "0" else None
    word = found["ordinal"].casefold()
    return ORDINALS.index(word) if word in ORDINALS else int(word[0]) - 1
