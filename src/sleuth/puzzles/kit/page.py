"""Pages of declared families, written in three layouts and read back, and their boards.

    People: Ada, Ben, Cleo
    Seats (clockwise): 1, 2, 3
    The rules of the family, in words.
    Clues:
    1. …
    Questions:
    A. …

The layout `plain` adds title and story, `terse` leaves them and the numbers of clues out, `witness` writes every list
item on a line of its own. Reading accounts for every line (`sleuth.puzzles.page_reader`), and the rules must be there.
"""

from __future__ import annotations

from collections.abc import Sequence

from sleuth.logic.formulas import World
from sleuth.puzzles import page_reader
from sleuth.puzzles.kit.declaration import Case, Setting, Sort, Unknown
from sleuth.puzzles.kit.theory import KitTheory
from sleuth.puzzles.notebook import Table
from sleuth.puzzles.page_reader import CLUES, QUESTIONS, Page
from sleuth.puzzles.picture import DrawnTable, tables_svg
from sleuth.puzzles.prose import ReadError


def _heading(label: str, sort: Sort) -> str:
    return f"{label} ({sort.note}):" if sort.note else f"{label}:"


def write(setting: Setting, case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]], style: str) -> str:
    """A puzzle's text."""
    asked = [f"{QUESTIONS}:", *(f"{letter}. {text}" for letter, text in questions)]
    lists = [(_heading(label, sort), names) for label, sort, names in setting.listed(case)]
    told = [[case.title], [case.story]] if case.title else []
    in_lines = [f"{heading} {', '.join(names)}" for heading, names in lists]
    if style == "terse":
        return "\n".join([*in_lines, setting.rules, f"{CLUES}:", *clues, *asked])
    if style == "witness":
        parts = [*told, [setting.rules], *([heading, *(f"- {name}" for name in names)] for heading, names in lists)]
        marked = [f"- {clue}" for clue in clues]
    else:
        parts = [*told, in_lines, [setting.rules]]
        marked = [f"{number}. {clue}" for number, clue in enumerate(clues, start=1)]
    return "\n\n".join("\n".join(part) for part in [*parts, [f"{CLUES}:", *marked], asked])


def lines_of(setting: Setting) -> page_reader.Layout:
    """The labels of a family's pages."""
    labels: dict[str, tuple[str, ...]] = {}
    for sort in setting.sorts:
        if sort.lists is not None:
            labels |= {label: (label,) for label in sort.looks}
        elif setting.made_of(sort) is None:
            labels[sort.label] = tuple(sort.looks) or (sort.label,)
    notes = {sort.label: (sort.note,) for sort in setting.sorts if sort.note}
    return page_reader.Layout({**labels, CLUES: (CLUES,), QUESTIONS: (QUESTIONS,)}, notes)


def recognises(setting: Setting, text: str) -> bool:
    """Whether a text has the family's rules and a list of clues."""
    stated = any(line.strip() == setting.rules for line in text.splitlines())
    return stated and lines_of(setting).recognises(text, (CLUES,))


def read(setting: Setting, text: str) -> tuple[Case, Page]:
    """The case, and the sorted lines. Raises `ReadError`, and `UserError` for a case that cannot be."""
    page = page_reader.split(text, lines_of(setting))
    single = [sort for sort in setting.sorts if sort.lists is None and setting.made_of(sort) is None]
    page.need(*(sort.label for sort in single), CLUES, QUESTIONS)
    for sort in single:
        if sort.note and page.parts[sort.label].note != sort.note:
            raise ReadError(f"the page has no line {_heading(page.parts[sort.label].label, sort)!r}")
    if setting.rules not in page.free:
        raise ReadError(f"the page does not state the rules: {setting.rules!r}")
    names = {sort.name: page.names(sort.label) for sort in single}
    for sort in setting.sorts:
        if sort.lists is not None:
            labels = [label for label in page.parts if label in sort.looks]
            if not labels:
                raise ReadError(f"the page has none of the lists {', '.join(sort.looks)}")
            for label in labels:
                if len(page.names(label)) != len(page.names(labels[0])):
                    raise ReadError(f"{label} and {labels[0]} have different numbers of names")
            names[sort.lists.name] = tuple(labels)
            names[sort.name] = tuple(name for label in labels for name in page.names(label))
    told = tuple(page.parts[sort.label].label if sort in single and sort.looks else "" for sort in setting.sorts)
    case = Case(tuple(names[sort.name] for sort in setting.sorts), labels=told if any(told) else ())
    setting.check(case)
    return case, page


def board_tables(setting: Setting, theory: KitTheory, case: Case, world: World | None) -> list[DrawnTable]:
    """A table for every sort of which something is unknown, empty or filled. That of a sort of lists has a row for each
    list and a column for each value."""
    names = setting.names_of(case)
    view = None if world is None else theory.view(world)
    tables = []
    for sort in setting.sorts:
        asked = [unknown for unknown in theory.unknowns if unknown.of.name == sort.name]
        if sort.lists is not None:
            [unknown] = asked
            tables.append(
                _by_value(setting, case, sort, unknown, None if view is None else getattr(view, unknown.name))
            )
        elif asked:
            rows = [[sort.label, *(unknown.values.label for unknown in asked)]]
            for entity, name in enumerate(names[sort.name]):
                cells = ["" if view is None else names[u.values.name][getattr(view, u.name)[entity]] for u in asked]
                rows.append([name, *cells])
            tables.append(DrawnTable("", rows, ((), *(names[unknown.values.name] for unknown in asked))))
    return tables


def _by_value(setting: Setting, case: Case, sort: Sort, unknown: Unknown, values: Sequence[int] | None) -> DrawnTable:
    """The table of a sort of lists; `values` are those of its entities, if they are known."""
    columns = setting.names_of(case)[unknown.values.name]
    [heading] = [label for label, other, _ in setting.listed(case) if other == unknown.values]
    rows = [[heading, *columns]]
    first = 0
    for label, other, names in setting.listed(case):
        if other == sort:
            cells = [""] * len(columns)
            for entity, name in enumerate(names, start=first):
                if values is not None:
                    cells[values[entity]] = name
            rows.append([label, *cells])
            first += len(names)
    return DrawnTable("", rows, ((), *[setting.names_of(case)[sort.name]] * len(columns)))


def board(tables: Sequence[DrawnTable]) -> str:
    """Tables as text."""
    found = []
    for table in tables:
        widest = [
            max(map(len, [*(row[column] for row in table.rows), *room])) for column, room in enumerate(table.room)
        ]
        edge = "+".join(["", *("-" * (width + 2) for width in widest), ""])
        drawn = [edge]
        for row in table.rows:
            drawn += ["|".join(["", *(f" {cell:{w}} " for cell, w in zip(row, widest, strict=True)), ""]), edge]
        found.append("\n".join(drawn))
    return "\n\n".join(found)


def board_svg(name: str, tables: Sequence[DrawnTable]) -> str:
    """Tables as a picture."""
    told = []
    for table in tables:
        heads, *rows = table.rows
        for name, *cells in rows:
            found = [cell or f"{head} to be found out" for head, cell in zip(heads[1:], cells, strict=True)]
            told.append(f"{name}: {', '.join(found)}")
    return tables_svg(f"Board of a case of {name}", "; ".join(told), tables)


def notebook(setting: Setting, theory: KitTheory, case: Case) -> list[Table]:
    """A table for every unknown, and for each list of its sort."""
    names = setting.names_of(case)
    tables, first = [], 0
    for unknown in theory.unknowns:
        columns = names[unknown.values.name]
        [heading] = [label for label, sort, _ in setting.listed(case) if sort == unknown.values]
        for label, sort, rows in setting.listed(case):
            if sort == unknown.of:
                if len(columns) > 1:
                    title = f"{label}: {heading}"
                    tables.append(Table(title, tuple(rows), tuple(columns), tuple(range(first, first + len(rows)))))
                first += len(rows)
    return tables
