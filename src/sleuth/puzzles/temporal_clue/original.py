"""The layout of the Temporal Clue puzzles of 2025 (Brad Hilton, MIT licence): read from the prompt alone, and written.

Their conventions: "A or B" is exclusive, though it never says so; "A if and only if B" is an equivalence; "moved … at
T" means there at T and in the other room at the time before; "the room just north of" is one step on the drawn map;
puzzles with one time leave all times out. Names, sizes and the map are whatever the prompt lists. Pages written here
have the headings, lists, map and sentences that are read, and between them words of Sleuth's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sleuth.puzzles.family import PageText
from sleuth.puzzles.prose import Grammar, ReadError
from sleuth.puzzles.statements import Statement
from sleuth.puzzles.temporal_clue import wording
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.page import ARITY, motives_with_numbers, preposition
from sleuth.puzzles.temporal_clue.theory import Grid

STYLE = "original"
_MAP = "The rooms are laid out as follows:"
_CLUES = "The available clues are as follows:"
_ITEM = re.compile(r"^(?:• |- )(.*)$")
_ROOM = re.compile(r"(\d+)\. (.+)")
_MOTIVE = re.compile(r"(.+) \((\d{1,3}) suspects?\)")
_QUESTION = re.compile(r"([A-Z])\. (.+\?)")
_HEADINGS = {
    "suspects": re.compile(r"identified as suspects:$"),
    "weapons": re.compile(r"weapons were found on the premises:$"),
    "rooms": re.compile(r"in one of the following rooms:$"),
    "map": re.compile(rf"^{_MAP}$"),
    "times": re.compile(r"one of the following times:$"),
    "motives": re.compile(r"one of the following possible motives\b.*:$"),
    "clues": re.compile(rf"^{_CLUES}$"),
    "questions": re.compile(r"question\(s\):$"),
}
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
    """The numbers of the list's lines under the heading of the clues."""
    found, inside = [], False
    for number, line in enumerate(text.splitlines()):
        if _HEADINGS["clues"].search(line):
            inside = True
        elif inside and _ITEM.match(line):
            found.append(number)
        elif line.strip():
            inside = False
    return found


def _sections(text: str) -> dict[str, list[str]]:
    """The lines under each heading, without bullets; a line that is no heading and no item ends a section."""
    sections: dict[str, list[str]] = {name: [] for name in _HEADINGS}
    current = ""
    for line in text.splitlines():
        heading = next((name for name, pattern in _HEADINGS.items() if pattern.search(line)), None)
        if heading is not None:
            current = heading
        elif not line.strip():
            continue
        elif current == "map" and re.match(r"^\s*([NS]+\s+)+$|^W .* E$", line):
            sections["map"].append(line)
        elif item := _ITEM.match(line):
            sections.get(current, []).append(item[1].strip())
        elif current in ("rooms", "questions") and re.match(r"^\w+\. ", line):
            sections[current].append(line.strip())
        else:
            current = ""
    for name in ("suspects", "weapons", "rooms", "map", "questions"):
        if not sections[name]:
            raise ReadError(f"a prompt in the format of 2025 without {name}")
    return sections


def _read_map(lines: list[str], numbers: dict[str, int]) -> Grid:
    rows: list[tuple[int | None, ...]] = []
    for line in lines:
        if line.startswith("W "):
            cells = [cell.strip() for cell in line[2:].rstrip().removesuffix("E").split("|")]
            unknown = [cell for cell in cells if cell != "-" and cell not in numbers]
            if unknown:
                raise ReadError(f"the map shows room {unknown[0]!r}, which is not listed")
            rows.append(tuple(None if cell == "-" else numbers[cell] for cell in cells))
    return tuple(rows)


def read(text: str) -> PageText:
    """A prompt of 2025, read. Raises `ReadError` or the case's own `UserError`."""
    sections = _sections(text)
    victim = _VICTIM.search(text)
    if victim is None:
        raise ReadError("the prompt does not say who the victim is")
    rooms = [found for line in sections["rooms"] if (found := _ROOM.fullmatch(line))]
    motives = [_MOTIVE.fullmatch(line) for line in sections["motives"]]
    shared = bool(motives) and all(motives)
    case = Case(
        victim=victim[1],
        suspects=tuple(sections["suspects"]),
        weapons=tuple(sections["weapons"]),
        rooms=tuple(found[2] for found in rooms),
        prepositions=tuple(preposition(text, found[2]) for found in rooms),
        grid=_read_map(sections["map"], {found[1]: number for number, found in enumerate(rooms)}),
        times=tuple(sections["times"]) or ("now",),
        motives=tuple(found[1] for found in motives if found) if shared else tuple(sections["motives"]),
        motive_counts=tuple(int(found[2]) for found in motives if found) if shared else None,
    )
    vocabulary = wording.lexicon(case)
    grammar = Grammar(vocabulary, wording.GROUPED_KINDS, {STYLE: wording.ORIGINAL}, ARITY)
    asking = Grammar(vocabulary, wording.GROUPED_KINDS, {STYLE: wording.ORIGINAL_QUESTIONS}, ARITY)
    questions = [found for line in sections["questions"] if (found := _QUESTION.fullmatch(line))]
    return PageText(
        case=case,
        clues=tuple(grammar.read(clue) for clue in sections["clues"]),
        clue_texts=tuple(sections["clues"]),
        questions=tuple(asking.read(found[2]) for found in questions),
        letters=tuple(found[1] for found in questions),
        style=STYLE,
    )
