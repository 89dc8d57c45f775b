"""Reading a puzzle's page so that every line is accounted for: shared by all families and layouts.

A page in labelled parts looks like this:

    A title

    A story, in sentences.

    Suspects: Ada, Ben
    Weapons:
    - Rope
    - Lamp
    Clues:
    1. …
    Questions:
    A. …

A `Layout` says which parts there are, what each may be called, and which notes in brackets may stand behind a label.
`split` then sorts the lines. Each that is not empty is a label, an item of the part above it, or free text: a title in
the first line, and up to the clues whole sentences (story and rules). Any other line is refused and quoted. So what is
proved of a page is proved of all that stands there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sleuth.errors import nearest
from sleuth.puzzles.prose import Grammar, ReadError
from sleuth.puzzles.statements import Statement

CLUES, QUESTIONS = "Clues", "Questions"
"""The parts that every page has. They hold sentences, so no free text may stand in them or behind them."""
MARK = re.compile(r"\s*(?:(\d{1,4})[.)]|\((\d{1,4})\)|\[(\d{1,4})\]|#(\d{1,4})|[-–—*•◦▪‣·+>])\s+(?=\S)")
"""What may stand before an item of a list, with the white space around it; groups: the item's number, if it has one."""
_LETTER = re.compile(r"(?:([A-Z])[.):]|\(([A-Z])\)|\[([A-Z])\])\s+(\S.*)")
_TITLE = re.compile(r"\b[A-Z][a-z]{0,3}\.$")
_COUNT = re.compile(r"\d{1,4}")
_FEWEST_WORDS = 4
_LONGEST_QUOTE = 200
_LABELLED = re.compile(r":(?:\s|$)")
"""No name has a colon that ends a word (a time has one within)."""


def quote(line: str) -> str:
    """A line as messages show it: in one line, and not too long."""
    line = line.strip()
    return repr(line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…")


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a part, without the mark of a list."""

    line: int
    """Its number in the text, from 0."""
    text: str
    number: int | None = None
    """The number in its mark."""
    marked: bool = False

    @classmethod
    def of(cls, line: int, text: str) -> Item:
        """A line with or without marks (`- 1. …` has two)."""
        number, marked = None, False
        while found := MARK.match(text):
            number = next((int(group) for group in found.groups() if group), number)
            text, marked = text[found.end() :], True
        return cls(line, text.strip(), number, marked)


def lines_of(text: str) -> list[tuple[int, str]]:
    """The lines that are not empty, each with its number from 0. A byte order mark is no part of the text."""
    return [(number, line) for number, line in enumerate(text.removeprefix("\ufeff").splitlines()) if line.strip()]


def is_prose(line: str) -> bool:
    """Whether a line is a sentence or several, as in a story, and no name, list or row of a map."""
    text = line.strip().rstrip("\"'”’)")
    words = text.split()
    small = sum(word[0].islower() for word in words)
    return text.endswith((".", "!", "?", "…")) and "|" not in text and _FEWEST_WORDS <= len(words) <= 2 * small


@dataclass(frozen=True)
class Layout:
    """The labelled parts of a kind of page."""

    labels: Mapping[str, Sequence[str]]
    """Part to what it may be called. `CLUES` and `QUESTIONS` are among them."""
    notes: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Part to what may stand in brackets behind its label; a bare number there is how many items the part has."""
    drawn: Collection[str] = ()
    """Parts whose lines are rows of a drawing, in which `-` is no mark but an empty cell."""

    @cached_property
    def part(self) -> Mapping[str, str]:
        """Label to part."""
        return {label: part for part, labels in self.labels.items() for label in labels}

    @cached_property
    def label_line(self) -> re.Pattern[str]:
        """A line with a label: label, note, the rest."""
        return re.compile(rf"({'|'.join(map(re.escape, self.part))})(?: *\(([^()]*)\))? *:(?:\s+(\S.*)|\s*)")

    def recognises(self, text: str, parts: Iterable[str]) -> bool:
        """Whether a text has a line with a label for each of these parts."""
        found = (self.label_line.fullmatch(Item.of(0, line).text) for _, line in lines_of(text))
        return set(parts) <= {self.part[label[1]] for label in found if label}


@dataclass
class Part:
    """What stands under a label."""

    label: str
    note: str = ""
    inline: Item | None = None
    """What stands behind the label on its line."""
    items: list[Item] = field(default_factory=list)

    def lines(self) -> list[Item]:
        """All of it."""
        return [*([self.inline] if self.inline else []), *self.items]

    def names(self) -> tuple[str, ...]:
        """Of a list in one line, or one with a line for each item. Raises `ReadError` for what can be no name."""
        if bad := [item.text for item in self.lines() if _LABELLED.search(item.text) or is_prose(item.text)]:
            raise ReadError(f"{self.label}: no list of names: {quote(bad[0])}")
        if self.inline is not None:
            return tuple(name.strip() for name in self.inline.text.split(","))
        return tuple(item.text for item in self.items)


@dataclass(frozen=True)
class Page:
    """A text, sorted."""

    parts: Mapping[str, Part]
    """In the order of the text."""
    free: Sequence[str]
    """The lines of free text."""

    def need(self, *parts: str) -> None:
        """Raises `ReadError` where one of these parts is missing."""
        if missing := [part for part in parts if part not in self.parts]:
            raise ReadError(f"the page has no line labelled {missing[0]!r}")

    def names(self, part: str) -> tuple[str, ...]:
        """The names that a part lists; none if there is no such part."""
        return self.parts[part].names() if part in self.parts else ()

    def one(self, part: str) -> str:
        """The one line of a part."""
        lines = self.parts[part].lines()
        if len(lines) != 1:
            raise ReadError(f"{self.parts[part].label}: needs exactly one name, not {len(lines)}")
        return lines[0].text

    def rows(self, part: str) -> list[list[str]]:
        """The cells of a drawing, row by row: `|` parts cells, ` / ` or a new line rows."""
        rows = [row for item in self.parts[part].lines() for row in re.split(r"\s/\s", f" {item.text} ")]
        return [[cell.strip() for cell in row.split("|")] for row in rows]

    def size(self, part: str, layout: Layout) -> int:
        """How many sentences, names or filled cells a part has."""
        if part in (CLUES, QUESTIONS):
            return len(self.parts[part].lines())
        if part in layout.drawn:
            return sum(cell != "-" for row in self.rows(part) for cell in row)
        return len(self.parts[part].names())


def split(text: str, layout: Layout) -> Page:
    """Sorts a page's lines. Raises `ReadError` with the line that has no place, and for a part that comes twice, a note
    that is not known, or a number of items that is not that of the list."""
    parts: dict[str, Part] = {}
    free: list[str] = []
    name, last = "", -1
    for number, line in lines_of(text):
        sentences = name in (CLUES, QUESTIONS)
        found = layout.label_line.fullmatch(Item.of(0, line).text)
        if found and not (sentences and found[3]):
            name = _begin(parts, layout, number, found)
        elif sentences or (name and _belongs(parts[name], line, name in layout.drawn, number == last + 1)):
            parts[name].items.append(_row(number, line) if name in layout.drawn else Item.of(number, line))
        elif _is_free(line, layout, first=not parts and not free):
            free.append(line.strip())
            name = ""
        else:
            raise ReadError(f"this line belongs to no part of the page: {quote(line)}{_hint(line, layout)}")
        last = number
    page = Page(parts, free)
    for name, part in parts.items():
        check_numbers(part.label, part.items)
        if _COUNT.fullmatch(part.note) and int(part.note) != page.size(name, layout):
            raise ReadError(f"{part.label} ({part.note}): {page.size(name, layout)} are listed")
    return page


def _begin(parts: dict[str, Part], layout: Layout, number: int, found: re.Match[str]) -> str:
    """Begins a part; its name."""
    name = layout.part[found[1]]
    if name in parts:
        raise ReadError(f"two lines are labelled {found[1]!r}")
    note = " ".join((found[2] or "").split())
    if found[2] is not None and note not in layout.notes.get(name, ()) and not _COUNT.fullmatch(note):
        raise ReadError(f"the note in brackets is not known: {quote(found[0])}")
    inline = None
    if found[3]:
        inline = _row(number, found[3]) if name in layout.drawn else Item(number, found[3].strip())
    parts[name] = Part(found[1], note, inline)
    return name


def _belongs(part: Part, line: str, drawn: bool, follows: bool) -> bool:
    """Whether a line goes on with a list. Items without marks stand right below the label and one another."""
    if drawn:
        return not is_prose(line)
    if part.inline is not None:
        return False
    if MARK.match(line):
        return all(item.marked for item in part.items)
    bare = not any(item.marked for item in part.items)
    return bare and follows and not _LABELLED.search(line) and not is_prose(line)


def _row(number: int, line: str) -> Item:
    """A row of a drawing: `- |` and a lonely `-` are an empty cell, and any other mark is a mark."""
    found = MARK.match(line)
    kept = line if found is None or line[found.end() :].startswith("|") else line[found.end() :]
    return Item(number, kept.strip())


def _is_free(line: str, layout: Layout, first: bool) -> bool:
    """Whether a line may be free text: a sentence, or the title in the page's first line."""
    if MARK.match(line):
        return False
    return is_prose(line) or (first and not set(line) & set(":|") and not line.strip().startswith(tuple(layout.part)))


def _hint(line: str, layout: Layout) -> str:
    label, colon, _ = line.partition(":")
    label = label.partition("(")[0].strip()
    return f"; {nearest(label, list(layout.part))}" if colon and label and len(label) <= 40 else ""


def check_numbers(label: str, items: Sequence[Item]) -> None:
    """Raises `ReadError` where a numbered list leaves a number out or has one twice (all may be 1)."""
    numbers = [item.number for item in items if item.number is not None]
    if set(numbers) <= {1}:
        return
    for expected, item in enumerate((item for item in items if item.number is not None), start=1):
        if item.number != expected:
            raise ReadError(f"{label}: {expected} should come next in the list: {quote(f'{item.number}. {item.text}')}")


def read_clues(items: Sequence[Item], grammar: Grammar) -> tuple[tuple[Statement, ...], tuple[str, ...]]:
    """The statements of a list of clues, and their sentences. Raises `ReadError` with the line that is none."""
    return tuple(grammar.read(item.text) for item in items), tuple(item.text for item in items)


def lettered(item: Item) -> tuple[str, str]:
    """A question's letter and its text. Raises `ReadError` for a line that is none."""
    found = _LETTER.fullmatch(item.text)
    if found is None:
        raise ReadError(f"no question: {quote(item.text)}")
    return found[1] or found[2] or found[3], found[4]


def read_questions(items: Sequence[Item], grammar: Grammar) -> tuple[tuple[Statement, ...], tuple[str, ...]]:
    """The questions of a list, and their letters. Raises `ReadError` with the line that is no question, and for a
    letter that comes twice."""
    statements, letters = [], []
    for item in items:
        letter, sentence = lettered(item)
        if letter in letters:
            raise ReadError(f"two questions have the letter {letter}: {quote(item.text)}")
        letters.append(letter)
        statements.append(grammar.read(sentence))
    return tuple(statements), tuple(letters)


def refuse_hidden(texts: Iterable[str], *grammars: Grammar) -> None:
    """Raises `ReadError` where free text (or a name) holds a sentence that is a clue or a question: it would not
    count."""
    for line in texts:
        for sentence in _sentences(line):
            if any(grammar.readings(sentence) for grammar in grammars):
                raise ReadError(f"this stands outside of the lists of clues and questions: {quote(sentence)}")


MOST_TITLES = 4
"""In a sentence."""


def _sentences(text: str) -> Iterator[str]:
    """What may be a sentence in a text: a full stop may also end a title such as `Mr.`"""
    pieces = re.split(r"(?<=[.!?])\s+", text.strip())
    for start, piece in enumerate(pieces):
        yield piece
        for following in pieces[start + 1 : start + 1 + MOST_TITLES]:
            if not _TITLE.search(piece):
                break
            piece = f"{piece} {following}"
            yield piece


def clue_lines(text: str, layout: Layout) -> list[int]:
    """The numbers of the lines that are a clue each, from 0: by the layout, whatever the sentences say."""
    page = split(text, layout)
    return [item.line for item in page.parts[CLUES].lines()] if CLUES in page.parts else []
