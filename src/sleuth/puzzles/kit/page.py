"""Pages of declared families, written in three layouts and read back, and their boards.

    People: Ada, Ben, Cleo
    Seats (clockwise): 1, 2, 3
    The rules of the family, in words.
    Clues:
    1. …
    Questions:
    A. …

The layout `plain` adds title and story, `terse` leaves them and the numbers of clues out, `witness` writes every list
item on a line of its own. Reading accounts for every line: a line that is neither a list nor a text of the family's own
is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sleuth.logic.formulas import World
from sleuth.puzzles.kit.declaration import Case, Layout, Sort
from sleuth.puzzles.kit.theory import KitTheory
from sleuth.puzzles.page_reader import MARK
from sleuth.puzzles.prose import ReadError

CLUES, QUESTIONS = "Clues:", "Questions:"
_QUESTION = re.compile(r"([A-Z])\. (.+)")


def _heading(sort: Sort) -> str:
    return f"{sort.label} ({sort.note}):" if sort.note else f"{sort.label}:"


def write(layout: Layout, case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]], style: str) -> str:
    """A puzzle's text."""
    asked = [QUESTIONS, *(f"{letter}. {text}" for letter, text in questions)]
    lists = list(zip(layout.sorts, case.names, strict=True))
    told = [[case.title], [case.story]] if case.title else []
    in_lines = [f"{_heading(sort)} {', '.join(names)}" for sort, names in lists]
    if style == "terse":
        return "\n".join([*in_lines, layout.rules, CLUES, *clues, *asked])
    if style == "witness":
        parts = [*told, [layout.rules], *([_heading(sort), *(f"- {name}" for name in names)] for sort, names in lists)]
        marked = [f"- {clue}" for clue in clues]
    else:
        parts = [*told, in_lines, [layout.rules]]
        marked = [f"{number}. {clue}" for number, clue in enumerate(clues, start=1)]
    return "\n\n".join("\n".join(part) for part in [*parts, [CLUES, *marked], asked])


def recognises(layout: Layout, text: str) -> bool:
    """Whether a text has the family's rules and a list of clues."""
    lines = {line.strip() for line in text.splitlines()}
    return layout.rules in lines and CLUES in lines


def clue_lines(text: str) -> list[int]:
    """The numbers of the lines between the labels of clues and questions."""
    label, found = "", []
    for number, line in enumerate(map(str.strip, text.splitlines())):
        if line in (CLUES, QUESTIONS):
            label = line
        elif label == CLUES and line:
            found.append(number)
    return found


def read(layout: Layout, text: str) -> tuple[Case, list[str], list[tuple[str, str]]]:
    """The case, the clues' sentences and the questions (letter, text). Raises `ReadError`, and `UserError` for a case
    that cannot be."""
    headings = {_heading(sort): sort.name for sort in layout.sorts}
    titles = {theme.title for theme in layout.themes}
    prose = {layout.rules, *titles, *(theme.story for theme in layout.themes)}
    lists: dict[str, list[str]] = {}
    ends: dict[str, list[str]] = {}
    title, current = "", ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line in (CLUES, QUESTIONS):
            if line in ends or (line == QUESTIONS and CLUES not in ends) or (line == CLUES and QUESTIONS in ends):
                raise ReadError(f"out of place: {line!r}")
            ends[line], current = [], line
        elif ends:
            ends[current].append(line)
        elif (heading := next((one for one in headings if line.startswith(one)), None)) is not None:
            current = headings[heading]
            if current in lists:
                raise ReadError(f"a second list {heading!r}")
            rest = line.removeprefix(heading).strip()
            lists[current] = [name.strip() for name in rest.split(",")] if rest else []
            if rest:
                current = ""
        elif current and line.startswith("- "):
            lists[current].append(line.removeprefix("- ").strip())
        elif line in prose:
            title, current = (line if line in titles else title), ""
        else:
            raise ReadError(f"a line that does not belong to the page: {line!r}")
    missing = [one for one, name in headings.items() if name not in lists]
    missing += [one for one in (CLUES, QUESTIONS) if one not in ends]
    if missing:
        raise ReadError(f"the page has no line {missing[0]!r}")
    if layout.rules not in map(str.strip, text.splitlines()):
        raise ReadError(f"the page does not state the rules: {layout.rules!r}")
    story = next((theme.story for theme in layout.themes if theme.title == title), "")
    case = Case(tuple(tuple(lists[sort.name]) for sort in layout.sorts), title, story)
    layout.check(case)
    found = [_QUESTION.fullmatch(line) for line in ends[QUESTIONS]]
    if None in found:
        raise ReadError(f"no question: {ends[QUESTIONS][found.index(None)]!r}")
    clues = [MARK.sub("", line, count=1) for line in ends[CLUES]]
    return case, clues, [(question[1], question[2]) for question in found if question]


def board(layout: Layout, theory: KitTheory, case: Case, world: World | None) -> str:
    """A table for every sort of which something is unknown, empty or filled."""
    names = {sort.name: given for sort, given in zip(layout.sorts, case.names, strict=True)}
    view = None if world is None else theory.view(world)
    tables = []
    for sort in layout.sorts:
        asked = [unknown for unknown in theory.unknowns if unknown.of.name == sort.name]
        if not asked:
            continue
        rows = [[sort.label, *(unknown.values.label for unknown in asked)]]
        for entity, name in enumerate(names[sort.name]):
            cells = ["" if view is None else names[u.values.name][getattr(view, u.name)[entity]] for u in asked]
            rows.append([name, *cells])
        widest = [max([len(row[column]) for row in rows]) for column in range(len(rows[0]))]
        for column, unknown in enumerate(asked, start=1):
            widest[column] = max(widest[column], *map(len, names[unknown.values.name]))
        edge = "+".join(["", *("-" * (width + 2) for width in widest), ""])
        drawn = [edge]
        for row in rows:
            drawn += ["|".join(["", *(f" {cell:{w}} " for cell, w in zip(row, widest, strict=True)), ""]), edge]
        tables.append("\n".join(drawn))
    return "\n\n".join(tables)
