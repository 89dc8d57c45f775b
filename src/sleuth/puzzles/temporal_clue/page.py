"""The page of a Temporal Clue puzzle: written in several layouts, read back from its text alone.

What is read are the labelled lines and the lists of clues and questions; title, story and rules are for people.

    Victim: Rex
    Suspects: Ada, Ben, Cleo
    Weapons: Rope, Lamp
    Map (north is up, - is no room):
      Hall | Attic
      Cellar | -
    Times: 9 PM, 10 PM
    Motives (one suspect each): greed, envy, fear
    Clues:
    1. …
    Questions:
    A. …

The layout `terse` writes the map in one line, rows parted by `/`, and clues without numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sleuth.puzzles.family import PageText
from sleuth.puzzles.prose import Grammar, ReadError
from sleuth.puzzles.temporal_clue import words
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.theory import Grid

ARITY = {kind: len(spec.slots) for kind, spec in words.KINDS.items()}
_LABEL = re.compile(r"(Victim|Suspects|Weapons|Map|Times|Motives|Clues|Questions)\b(?: \([^)]*\))?:\s*(.*)")
_MOTIVE = re.compile(r"(.+?) \((\d{1,3}) suspects?\)")
_NUMBERED = re.compile(r"\d+\. ")
_QUESTION = re.compile(r"([A-Z])\. (.+)")


def write(case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]], style: str) -> str:
    """A puzzle's text."""
    return (_write_terse if style == "terse" else _write_full)(case, clues, questions)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def motives_with_numbers(case: Case) -> Sequence[str]:
    """The motives, each with the number of suspects who have it where motives are shared."""
    if case.motive_counts is None:
        return case.motives
    counted = zip(case.motives, case.motive_counts, strict=True)
    return [f"{name} ({count} suspect{'s' if count != 1 else ''})" for name, count in counted]


def _motives(case: Case) -> str:
    each = " (one suspect each)" if case.motive_counts is None else ""
    return f"Motives{each}: {_list(motives_with_numbers(case))}"


def _rows(case: Case) -> list[str]:
    return [" | ".join("-" if room is None else case.rooms[room] for room in row) for row in case.grid]


def _write_full(case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]]) -> str:
    lines = [case.title, "", case.story, ""] if case.title else []
    lines += [f"Victim: {case.victim}", f"Suspects: {_list(case.suspects)}", f"Weapons: {_list(case.weapons)}"]
    lines += ["Map (north is up, - is no room):", *(f"  {row}" for row in _rows(case))]
    if case.timed:
        lines.append(f"Times: {_list(case.times)}")
    if case.motives:
        lines.append(_motives(case))
    lines.append("")
    if case.timed:
        lines.append(
            f"From each time to the next, every suspect and {case.victim} either stayed or went to the next room "
            f"north, east, south or west; a weapon changed rooms only when a suspect made the same move. "
            f"{case.victim} was murdered at one of these times and stayed where the murder happened from then on; "
            f"what is said of {case.victim} holds dead or alive."
        )
    lines.append(
        f"At the murder, the murderer was the only suspect in the room with {case.victim}, and the murder weapon was "
        f"there. Being alone means that no other suspect and no victim is in the room."
    )
    lines += ["", "Clues:", *(f"{number}. {clue}" for number, clue in enumerate(clues, start=1))]
    lines += ["", "Questions:", *(f"{letter}. {text}" for letter, text in questions)]
    return "\n".join(lines)


def _write_terse(case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]]) -> str:
    lines = [f"Victim: {case.victim}", f"Suspects: {_list(case.suspects)}", f"Weapons: {_list(case.weapons)}"]
    lines.append(f"Map: {' / '.join(_rows(case))}")
    if case.timed:
        lines.append(f"Times: {_list(case.times)}")
    if case.motives:
        lines.append(_motives(case))
    if case.timed:
        lines.append(
            "At each time people stay or step to a neighbouring room; weapons move only with a suspect; the victim "
            "stays after the murder."
        )
    lines.append("At the murder, only the murderer was with the victim, and the murder weapon was there.")
    lines += ["Clues:", *clues, "Questions:", *(f"{letter}. {text}" for letter, text in questions)]
    return "\n".join(lines)


def recognises(text: str) -> bool:
    """Whether a text has this page's labels."""
    return all(re.search(rf"^{label}\b", text, re.MULTILINE) for label in ("Victim", "Suspects", "Map", "Clues"))


def grid_from_rows(rows: Sequence[Sequence[str]], rooms: Sequence[str]) -> Grid:
    """A grid from rows of room names or `-`."""
    number = {name: index for index, name in enumerate(rooms)}
    return tuple(tuple(None if name == "-" else number[name] for name in row) for row in rows)


def preposition(text: str, room: str) -> str:
    """The preposition that a text uses for a room: `in` unless it says otherwise."""
    return next((word for word in ("at", "on") if f"{word} the {room}" in text), "in")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def read(text: str) -> PageText:
    """A page of any style, read back. Raises `ReadError` or the case's own `UserError`."""
    fields: dict[str, list[str]] = {}
    label = ""
    for line in text.splitlines():
        if (found := _LABEL.fullmatch(line.rstrip())) and (label not in ("Clues", "Questions") or not found[2]):
            label = found[1]
            if label in fields:
                raise ReadError(f"two lines are labelled {label!r}")
            fields[label] = [line.rstrip()[found.start(2) :]] if found[2] else []
        elif not line.strip() and label == "Map":
            label = ""
        elif line.strip() and label in ("Map", "Clues", "Questions") and not (label == "Map" and line[0] != " "):
            fields[label].append(line.strip())
        elif line.strip():
            label = ""
    missing = [label for label in ("Victim", "Suspects", "Weapons", "Map", "Clues", "Questions") if label not in fields]
    if missing:
        raise ReadError(f"no line labelled {missing[0]!r}")
    rows = [[name.strip() for name in row.split("|")] for line in fields["Map"] for row in line.split(" / ")]
    rooms = tuple(name for row in rows for name in row if name != "-")
    motives, counts = _names("".join(fields.get("Motives", []))), None
    shared = [found for motive in motives if (found := _MOTIVE.fullmatch(motive))]
    if shared:
        if len(shared) != len(motives):
            raise ReadError("the number of suspects is given for some motives only")
        motives, counts = tuple(found[1] for found in shared), tuple(int(found[2]) for found in shared)
    case = Case(
        victim="".join(fields["Victim"]).strip(),
        suspects=_names("".join(fields["Suspects"])),
        weapons=_names("".join(fields["Weapons"])),
        rooms=rooms,
        prepositions=tuple(preposition(text, room) for room in rooms),
        grid=grid_from_rows(rows, rooms),
        times=_names("".join(fields.get("Times", ["now"]))),
        motives=motives,
        motive_counts=counts,
    )
    clue_texts = tuple(_NUMBERED.sub("", line, count=1) for line in fields["Clues"])
    questions = [_QUESTION.fullmatch(line) for line in fields["Questions"]]
    if not all(questions):
        bad = fields["Questions"][questions.index(None)]
        raise ReadError(f"no question: {bad!r}")
    vocabulary = words.lexicon(case)
    grammar = Grammar(vocabulary, words.GROUPED_KINDS, words.TEMPLATES, ARITY)
    asking = Grammar(vocabulary, words.GROUPED_KINDS, words.QUESTION_TEMPLATES, ARITY)
    return PageText(
        case=case,
        clues=tuple(grammar.read(clue) for clue in clue_texts),
        clue_texts=clue_texts,
        questions=tuple(asking.read(found[2]) for found in questions if found),
        letters=tuple(found[1] for found in questions if found),
    )
