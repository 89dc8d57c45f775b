"""The page of a Temporal Clue puzzle: written in several layouts, read back from its text alone.

What is read are the labelled parts and their lists (`sleuth.puzzles.page_reader`); title, story and rules are for
people.

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

The layout `terse` writes the map in one line, rows parted by `/`, and clues without numbers. `varied` is another layout
for every page: other labels, parts in another order, lists with marks of many kinds or none (and other sentences).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from sleuth.puzzles.family import PageText
from sleuth.puzzles.page_reader import CLUES, QUESTIONS, Layout, read_clues, read_questions, refuse_hidden, split
from sleuth.puzzles.prose import Grammar, ReadError
from sleuth.puzzles.temporal_clue import wording
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.theory import Grid

ARITY = {kind: len(spec.slots) for kind, spec in wording.KINDS.items()}
LABELS = {
    "Victim": ("Victim", "The dead", "Found dead", "Murdered", "The body is that of"),
    "Suspects": ("Suspects", "Under suspicion", "People", "Guests", "Who may have done it", "In the house were"),
    "Weapons": ("Weapons", "Possible weapons", "Objects", "What it may have been done with", "These things lay about"),
    "Map": ("Map", "Plan", "Rooms", "How the rooms lie", "The house looks like this from above"),
    "Times": ("Times", "Hours", "When people were seen", "Points in time", "The clock had struck"),
    "Motives": ("Motives", "Possible motives", "Reasons", "What drove them", "They had these grudges"),
    "Clues": ("Clues", "Facts", "What is known", "Evidence", "Statements", "Found out so far", "Here is all we know"),
    "Questions": ("Questions", "To be answered", "What we ask", "Answer these", "Can you tell us this"),
}
"""The parts of a page, each with what it may be called; the first is what it is called in the fixed layouts."""
NORTH_IS_UP, FROM_NORTH, EACH = "north is up, - is no room", "from north to south", "one suspect each"
"""Notes behind labels."""
LAYOUT = Layout(LABELS, {"Map": (NORTH_IS_UP, FROM_NORTH), "Motives": (EACH,)}, drawn=("Map",))
_MARKS = ("{}. ", "{}) ", "({}) ", "[{}] ", "#{} ", "- ", "* ", "• ", "+ ", "> ", "")
"""What may stand before the items of a list."""
_MOTIVE = re.compile(r"(.+?) \((\d{1,3}) suspects?\)")


def write(case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]], style: str) -> str:
    """A puzzle's text."""
    writers = {"terse": _write_terse, wording.VARIED: _write_varied}
    return writers.get(style, _write_full)(case, clues, questions)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def motives_with_numbers(case: Case) -> Sequence[str]:
    """The motives, each with the number of suspects who have it where motives are shared."""
    if case.motive_counts is None:
        return case.motives
    counted = zip(case.motives, case.motive_counts, strict=True)
    return [f"{name} ({count} suspect{'s' if count != 1 else ''})" for name, count in counted]


def _each(case: Case) -> str:
    return f" ({EACH})" if case.motive_counts is None else ""


def _motives(case: Case) -> str:
    return f"Motives{_each(case)}: {_list(motives_with_numbers(case))}"


def _rows(case: Case) -> list[str]:
    return [" | ".join("-" if room is None else case.rooms[room] for room in row) for row in case.grid]


def _write_full(case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]]) -> str:
    lines = [case.title, "", case.story, ""] if case.title else []
    lines += [f"Victim: {case.victim}", f"Suspects: {_list(case.suspects)}", f"Weapons: {_list(case.weapons)}"]
    lines += [f"Map ({NORTH_IS_UP}):", *(f"  {row}" for row in _rows(case))]
    if case.timed:
        lines.append(f"Times: {_list(case.times)}")
    if case.motives:
        lines.append(_motives(case))
    lines += ["", *_rules_in_full(case)]
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
    lines += _rules_in_short(case)
    lines += ["Clues:", *clues, "Questions:", *(f"{letter}. {text}" for letter, text in questions)]
    return "\n".join(lines)


def _write_varied(case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]]) -> str:
    """The layout depends on what is written, so the same puzzle has the same page."""
    rng = Random("\n".join((case.victim, *clues)))
    label = {part: rng.choice(labels) for part, labels in LABELS.items()}
    mark = rng.choice(_MARKS[:-1])

    def part(name: str, note: str, items: Sequence[str], in_one_line: bool, mark: str) -> list[str]:
        heading = f"{label[name]}{note}:"
        if in_one_line:
            return [f"{heading} {_list(items)}"]
        return [heading, *(f"{mark.format(number)}{item}" for number, item in enumerate(items, start=1))]

    in_one_line = rng.random() < 0.5
    parts = [
        [f"{label['Victim']}: {case.victim}"],
        part("Suspects", "", case.suspects, in_one_line, mark),
        part("Weapons", "", case.weapons, in_one_line, mark),
    ]
    if rng.random() < 0.5:
        parts.append([f"{label['Map']} ({NORTH_IS_UP}):", *(f"  {row}" for row in _rows(case))])
    else:
        parts.append([f"{label['Map']} ({FROM_NORTH}): {' / '.join(_rows(case))}"])
    if case.timed:
        parts.append(part("Times", "", case.times, in_one_line or rng.random() < 0.5, mark))
    if case.motives:
        parts.append(part("Motives", _each(case), motives_with_numbers(case), in_one_line, mark))
    rng.shuffle(parts)
    rules = _rules_in_full(case) if rng.random() < 0.5 else _rules_in_short(case)
    parts.insert(rng.choice((0, len(parts))), rules)
    told = [text for text in (case.title, case.story) if text and rng.random() < 0.7]
    gap = "\n" if rng.random() < 0.3 else "\n\n"
    asked = [f"{label['Questions']}:", *(f"{letter}. {text}" for letter, text in questions)]
    parts = [*([text] for text in told), *parts, part("Clues", "", clues, False, rng.choice(_MARKS)), asked]
    return gap.join("\n".join(lines) for lines in parts)


ALONE = "Being alone means that no other suspect and no victim is in the room."
"""What pages with rules in short do not say."""


def _rules_in_full(case: Case) -> list[str]:
    moving = (
        f"From each time to the next, every suspect and {case.victim} either stayed or went to the next room "
        f"north, east, south or west; a weapon changed rooms only when a suspect made the same move. "
        f"{case.victim} was murdered at one of these times and stayed where the murder happened from then on; "
        f"what is said of {case.victim} holds dead or alive."
    )
    murder = (
        f"At the murder, the murderer was the only suspect in the room with {case.victim}, and the murder weapon was "
        f"there. {ALONE}"
    )
    return [moving, murder] if case.timed else [murder]


def _rules_in_short(case: Case) -> list[str]:
    moving = (
        "At each time people stay or step to a neighbouring room; weapons move only with a suspect; the victim "
        "stays after the murder."
    )
    murder = "At the murder, only the murderer was with the victim, and the murder weapon was there."
    return [moving, murder] if case.timed else [murder]


def recognises(text: str) -> bool:
    """Whether a text has this page's labels."""
    return LAYOUT.recognises(text, ("Victim", "Suspects", "Map", CLUES))


def grid_from_rows(rows: Sequence[Sequence[str]], rooms: Sequence[str]) -> Grid:
    """A grid from rows of room names or `-`."""
    number = {name: index for index, name in enumerate(rooms)}
    return tuple(tuple(None if name == "-" else number[name] for name in row) for row in rows)


def preposition(text: str, room: str) -> str:
    """The preposition that a text uses for a room: `in` unless it says otherwise."""
    return next((word for word in ("at", "on") if f"{word} the {room}" in text), "in")


def read_motives(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...] | None]:
    """Motives, and where they are shared the number of suspects for each."""
    shared = [found for name in names if (found := _MOTIVE.fullmatch(name))]
    if shared and len(shared) != len(names):
        raise ReadError("the number of suspects is given for some motives only")
    if not shared:
        return tuple(names), None
    return tuple(found[1] for found in shared), tuple(int(found[2]) for found in shared)


def read(text: str) -> PageText:
    """A page of any style, read back. Raises `ReadError` or the case's own `UserError`."""
    page = split(text, LAYOUT)
    page.need("Victim", "Suspects", "Weapons", "Map", CLUES, QUESTIONS)
    rows = page.rows("Map")
    rooms = tuple(name for row in rows for name in row if name != "-")
    motives, counts = read_motives(page.names("Motives"))
    if counts is not None and page.parts["Motives"].note == EACH:
        raise ReadError(f"the motives are noted as {EACH}, and have numbers of suspects")
    case = Case(
        victim=page.one("Victim"),
        suspects=page.names("Suspects"),
        weapons=page.names("Weapons"),
        rooms=rooms,
        prepositions=tuple(preposition(text, room) for room in rooms),
        grid=grid_from_rows(rows, rooms),
        times=page.names("Times") or ("now",),
        motives=motives,
        motive_counts=counts,
    )
    vocabulary = wording.lexicon(case)
    grammar = Grammar(vocabulary, wording.GROUPED_KINDS, wording.TEMPLATES, ARITY)
    asking = Grammar(vocabulary, wording.GROUPED_KINDS, wording.QUESTION_TEMPLATES, ARITY)
    refuse_hidden(page.free, grammar, asking)
    refuse_hidden((*case.suspects, *case.weapons, *case.rooms, *case.times, *case.motives), grammar)
    clues, clue_texts = read_clues(page.parts[CLUES].lines(), grammar)
    questions, letters = read_questions(page.parts[QUESTIONS].lines(), asking)
    return PageText(case, clues, clue_texts, questions, letters)
