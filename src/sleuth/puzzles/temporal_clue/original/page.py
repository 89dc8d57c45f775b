"""The layout of the Temporal Clue puzzles of 2025 (Brad Hilton, MIT licence): read from the prompt alone, and written.

Their conventions: "A or B" is exclusive, though it never says so; "A if and only if B" is an equivalence; "moved … at
T" means there at T and in the other room at the time before; "the room just north of" is one step on the drawn map;
puzzles with one time leave all times out. Names, sizes and the map are whatever the prompt lists. Pages written here
have the headings, lists, map and sentences that are read, and between them words of Sleuth's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sleuth.puzzles.family import PageText
from sleuth.puzzles.page_reader import (
    Item,
    check_numbers,
    is_prose,
    lettered,
    lines_of,
    quote,
    read_clues,
    read_questions,
    refuse_hidden,
)
from sleuth.puzzles.prose import Grammar, ReadError
from sleuth.puzzles.statements import Statement
from sleuth.puzzles.temporal_clue import wording
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.page import ARITY, motives_with_numbers, preposition, read_motives
from sleuth.puzzles.temporal_clue.theory import Grid

STYLE = "original"
_MAP = "The rooms are laid out as follows:"
_CLUES = "The available clues are as follows:"
_HEADINGS = {
    "suspects": re.compile(r"identified as suspects:$"),
    "weapons": re.compile(r"weapons were found on the premises:$"),
    "rooms": re.compile(r"in one of the following rooms:$"),
    "map": re.compile(rf"^{_MAP}$"),
    "times": re.compile(r"one of the following times:$"),
    "motives": re.compile(r"one of the following possible motives\b.*:$"),
    "clues": re.compile(rf"^{_CLUES}$"),
    "questions": re.compile(r"question\(s\):$"),
    "form": re.compile(r"^(?:Fill out your final answers in the following format|Write the answers .* in this form):$"),
}
"""The ends of the lines that begin a section; what stands before in the line is story."""
_FORM = "form"
_LINES = {
    "rooms": re.compile(r"(?:(\d{1,3})[.)]|\((\d{1,3})\)|\[(\d{1,3})\]|#(\d{1,3}))\s+(\S.*)"),
    "map": re.compile(r"[NS][NS\s]*|W\s.*\sE"),
    "questions": re.compile(r"(?:[A-Z][.):]|\([A-Z]\)|\[[A-Z]\])\s+\S.*\?"),
    _FORM: re.compile(r"([A-Z])\. ([A-Z]+)"),
}
"""What the lines of a section look like where they are no list of names or clues."""
_UNIQUE = ("uniquely had one of", "no two of them the same")
"""What the heading of the motives says where no two suspects share one."""
_VICTIM = re.compile(r"the murderer and (.+?) must have been alone in a room")
_SOUGHT = {"murderer": "SUSPECT", "weapon": "WEAPON", "scene": "ROOM", "hour": "TIME", "reason": "MOTIVE"}
"""What each question about the murder asks for; all others are bonus questions."""


def write(case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]]) -> str:
    """A puzzle's text in this layout."""
    sections = [
        [f"{case.story} These people have been identified as suspects:".lstrip()],
        _bullets(case.suspects),
        ["And these weapons were found on the premises:"],
        _bullets(case.weapons),
        [f"{case.victim} can only have died in one of the following rooms:"],
        _rooms(case),
        [_MAP],
        _map(case),
    ]
    if case.timed:
        moves = (
            f"From each of these times to the next, {case.victim} and every suspect either stayed or walked into the "
            f"next room (north, east, south, or west). Weapons changed rooms only with a suspect."
        )
        when = "It happened, as far as anybody can tell, at one of the following times:"
        sections += [[when], _bullets(case.times), [moves]]
    if case.motives:
        given = "no two of them the same" if case.motive_counts is None else "as many of them as is noted"
        sections += [[f"The suspects each had one of the following possible motives, {given}:"]]
        sections += [_bullets(motives_with_numbers(case))]
    murder = (
        f"For it to be done, the murderer and {case.victim} must have been alone in a room with at least one weapon. "
        f"{case.victim} stayed there afterwards, and what is said of {case.victim} holds dead or alive."
    )
    sections += [[murder], [_CLUES], [f"- {clue}" for clue in clues]]
    asking = Grammar(wording.lexicon(case), wording.GROUPED_KINDS, {STYLE: wording.ORIGINAL_QUESTIONS}, ARITY)
    asked = [asking.read(text) for _, text in questions]
    lines = [f"{letter}. {text}" for letter, text in questions]
    main = next((number for number, question in enumerate(asked) if question.kind not in _SOUGHT), len(asked))
    sections += [["Now answer the following question(s):"], lines[:main]] if main else []
    sections += [["And, once more, the following bonus question(s):"], lines[main:]] if main < len(lines) else []
    sections += [["Write the answers one to a line, in this form:"]]
    sections += [[f"{letter}. {_sought(question)}" for (letter, _), question in zip(questions, asked, strict=True)]]
    return "\n\n".join("\n".join(section) for section in sections)


def _bullets(names: Sequence[str]) -> list[str]:
    return [f"• {name}" for name in names]


def _rooms(case: Case) -> list[str]:
    width = len(str(len(case.rooms)))
    return [f"{number:0{width}}. {room}" for number, room in enumerate(case.rooms, start=1)]


def _map(case: Case) -> list[str]:
    """The rooms' numbers in rows, under N and over S, between W and E."""
    width = len(str(len(case.rooms)))
    rows = [["-" if room is None else f"{room + 1:0{width}}" for room in row] for row in case.grid]
    north, south = (f"  {f'{edge * width} ' * len(case.grid[0])} " for edge in "NS")
    return [north, *(f"W {'|'.join(row)} E" for row in rows), south]


def _sought(question: Statement) -> str:
    if question.kind == "motive":
        return "SUSPECT" if question.hole() == 0 else "MOTIVE"
    return _SOUGHT.get(question.kind, "ROOM")


def recognises(text: str) -> bool:
    """Whether a text is a prompt in the format of 2025."""
    return _MAP in text and _CLUES in text


def clue_lines(text: str) -> list[int]:
    """The numbers of the lines under the heading of the clues, up to the next heading."""
    return [item.line for item in _split(text).sections["clues"]]


def question_texts(text: str) -> dict[str, str]:
    """The letters of a prompt's questions, and how it asks them."""
    return dict(map(lettered, _split(text).sections["questions"]))


@dataclass(frozen=True)
class _Sections:
    sections: Mapping[str, list[Item]]
    """By name, `map` and `form` included; empty where there is none."""
    headings: Mapping[str, str]
    free: list[str]


def _split(text: str) -> _Sections:
    """Every line under its heading, or as free text. Free text is whole sentences, before the clues and behind the
    questions; any other line is refused."""
    sections: dict[str, list[Item]] = {name: [] for name in _HEADINGS}
    headings: dict[str, str] = {}
    free: list[str] = []
    current = ""
    for number, line in lines_of(text):
        stripped = line.strip()
        heading = next((name for name, pattern in _HEADINGS.items() if pattern.search(stripped)), None)
        if heading is not None:
            if heading in headings and heading != "questions":
                raise ReadError(f"this heading comes twice: {quote(line)}")
            current, headings[heading] = heading, stripped
            free.append(stripped.rpartition(". ")[0])
            continue
        item = _item(current, number, stripped)
        if item is not None:
            sections[current].append(item)
        elif current != "clues" and is_prose(line) and not (current == "questions" and stripped.endswith("?")):
            free.append(stripped)
            current = ""
        else:
            raise ReadError(f"this line belongs to no part of the page: {quote(line)}")
    for name in ("suspects", "weapons", "rooms", "map", "clues", "questions"):
        if name not in headings or (not sections[name] and name != "clues"):
            raise ReadError(f"a prompt in the format of 2025 without {name}")
    for name in ("suspects", "weapons", "times", "motives", "clues"):
        check_numbers(name, sections[name])
    return _Sections(sections, headings, [line for line in free if line])


def _item(section: str, number: int, line: str) -> Item | None:
    """A line of a section; None if it can't be one. Clues may stand without marks; names may not."""
    item = Item.of(number, line) if section not in ("rooms", "map") else Item(number, line)
    if section in _LINES:
        return item if _LINES[section].fullmatch(item.text) else None
    return item if section and (item.marked or section == "clues") else None


def _read_rooms(items: Sequence[Item]) -> dict[str, str]:
    """Number as it is written to name."""
    rooms: dict[str, str] = {}
    for item in items:
        found = _LINES["rooms"].fullmatch(item.text)
        assert found is not None
        number = next(group for group in found.groups() if group)
        if number in rooms:
            raise ReadError(f"two rooms have the number {number}: {quote(item.text)}")
        rooms[number] = found[5].strip()
    return rooms


def _read_map(items: Sequence[Item], numbers: Sequence[str]) -> Grid:
    """Rows between a line of N and one of S, each with a letter for every column."""
    first, *lines, last = [item.text for item in items] if len(items) > 1 else ["", ""]
    edges = [{letter for word in line.split() for letter in word} for line in (first, last)]
    if edges != [{"N"}, {"S"}]:
        raise ReadError(f"the map needs a line of N above and one of S below: {quote(items[0].text)}")
    rows: list[tuple[int | None, ...]] = []
    place = {number: index for index, number in enumerate(numbers)}
    for line in lines:
        if not line.startswith("W"):
            raise ReadError(f"no row of the map: {quote(line)}")
        cells = [cell.strip() for cell in line[1:-1].split("|")]
        unknown = [cell for cell in cells if cell != "-" and cell not in place]
        if unknown:
            raise ReadError(f"the map shows room {unknown[0]!r}, which is not listed")
        if {len(cells)} != {len(edge.split()) for edge in (first, last)}:
            raise ReadError(f"the map has other columns in this row: {quote(line)}")
        rows.append(tuple(None if cell == "-" else place[cell] for cell in cells))
    return tuple(rows)


def _check_form(items: Sequence[Item], letters: Sequence[str], questions: Sequence[Statement]) -> None:
    """The form of answers asks for what the questions ask for."""
    asked = [f"{letter}. {_sought(question)}" for letter, question in zip(letters, questions, strict=True)]
    form = [item.text for item in items]
    if form and form != asked:
        odd = next((line for line in form if line not in asked), None)
        said = f"has a line of no question: {quote(odd)}" if odd else "has not the lines of the questions"
        raise ReadError(f"the form of the answers {said}")


def read(text: str) -> PageText:
    """A prompt of 2025, read. Raises `ReadError` or the case's own `UserError`."""
    page = _split(text)
    names = {name: tuple(item.text for item in items) for name, items in page.sections.items()}
    victims = set(_VICTIM.findall(text))
    if len(victims) != 1:
        raise ReadError("the prompt does not say who the victim is" if not victims else "the prompt has two victims")
    rooms = _read_rooms(page.sections["rooms"])
    motives, counts = read_motives(names["motives"])
    if motives and (counts is None) != any(said in page.headings["motives"] for said in _UNIQUE):
        raise ReadError(f"the motives are not as this line says: {quote(page.headings['motives'])}")
    case = Case(
        victim=victims.pop(),
        suspects=names["suspects"],
        weapons=names["weapons"],
        rooms=tuple(rooms.values()),
        prepositions=tuple(preposition(text, room) for room in rooms.values()),
        grid=_read_map(page.sections["map"], list(rooms)),
        times=names["times"] or ("now",),
        motives=motives,
        motive_counts=counts,
    )
    vocabulary = wording.lexicon(case)
    grammar = Grammar(vocabulary, wording.GROUPED_KINDS, {STYLE: wording.ORIGINAL}, ARITY)
    asking = Grammar(vocabulary, wording.GROUPED_KINDS, {STYLE: wording.ORIGINAL_QUESTIONS}, ARITY)
    refuse_hidden(page.free, grammar, asking)
    refuse_hidden((*case.suspects, *case.weapons, *case.rooms, *case.times, *case.motives), grammar)
    clues, clue_texts = read_clues(page.sections["clues"], grammar)
    questions, letters = read_questions(page.sections["questions"], asking)
    _check_form(page.sections[_FORM], letters, questions)
    return PageText(case, clues, clue_texts, questions, letters, STYLE)
