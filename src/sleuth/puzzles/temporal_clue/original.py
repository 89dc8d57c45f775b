"""The Temporal Clue puzzles of 2025 (Brad Hilton, MIT licence), read from the prompt text alone.

Their conventions: "A or B" is exclusive, though it never says so; "A if and only if B" is an equivalence; "moved … at
T" means there at T and in the other room at the time before; "the room just north of" is one step on the drawn map;
puzzles with one time leave all times out. Names, sizes and the map are whatever the prompt lists.
"""

from __future__ import annotations

import re

from sleuth.puzzles.family import PageText
from sleuth.puzzles.prose import Grammar, ReadError
from sleuth.puzzles.temporal_clue import words
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.page import ARITY, preposition
from sleuth.puzzles.temporal_clue.theory import Grid

_MAP = "The rooms are laid out as follows:"
_CLUES = "The available clues are as follows:"
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


def recognises(text: str) -> bool:
    """Whether a text is a prompt in the format of 2025."""
    return _MAP in text and _CLUES in text


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
        elif item := re.match(r"^(?:• |- )(.*)$", line):
            sections.get(current, []).append(item[1].strip())
        elif current in ("rooms", "questions") and re.match(r"^\w+\. ", line):
            sections[current].append(line.strip())
        else:
            current = ""
    for name in ("suspects", "weapons", "rooms", "map", "clues", "questions"):
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
    vocabulary = words.lexicon(case)
    grammar = Grammar(vocabulary, words.GROUPED_KINDS, {"original": words.ORIGINAL}, ARITY)
    asking = Grammar(vocabulary, words.GROUPED_KINDS, {"original": words.ORIGINAL_QUESTIONS}, ARITY)
    questions = [found for line in sections["questions"] if (found := _QUESTION.fullmatch(line))]
    return PageText(
        case=case,
        clues=tuple(grammar.read(clue) for clue in sections["clues"]),
        clue_texts=tuple(sections["clues"]),
        questions=tuple(asking.read(found[2]) for found in questions),
        letters=tuple(found[1] for found in questions),
    )
