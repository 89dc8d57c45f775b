"""Reading the answer block of a completion.

The block is the *last* run of answer lines: a letter, what sets it off, and a value. Earlier blocks count for nothing,
so guesses can't be listed; text after it adds nothing, and a block that only gives reasons for the answers of the one
before ("A. Mr. Fern was alone") is such text. A letter that is missing, comes twice (unless the whole block does, with
the same values) or names no single choice is wrong; the other letters keep their credit. What models and people put
around letters and values is passed over (`sleuth.grading.normalise`, `sleuth.grading.choices`): lists, headings, bold,
tags, tables, JSON, all answers on one line, the question again, reasons between the answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from itertools import islice

from sleuth.grading.choices import is_choice, is_reason, read_value, vocabulary
from sleuth.grading.normalise import ANSWER_MARK, canonical, clean
from sleuth.puzzles.formal import one_of
from sleuth.puzzles.puzzle import Question

_MARKS = re.compile(r"[*_`]+")
_LINE = re.compile(
    # List marks, numbers and what is written ahead of a letter: "Answer A:", "Question A:", "Final answer: A."
    r"[^\w~≠¬?\n]{0,40}(?:\d{1,2}[.)]\s{0,3})?"
    r"(?:(?:the |my )?(?:final )?(?:answers?|questions?|letter|part|item|id)\b(?: (?:to|for|is|are))?"
    r"(?: (?:question|part|letter))?[^\w~≠¬?\n]{0,10}){0,2}"
    r"(?:"
    r"(?P<letter>[A-Za-z])[\"')\]]?\s?[.:)\]][.:)\]\"']{0,3}(?:\s+|$)"
    r"|(?P<tight>[A-Z])[\"')\]]?\s?(?:[.:)\]]{1,2}|=>?|->|→)\s*(?![A-Za-z]\.)(?=\S)"
    r"|(?P<dash>[A-Z])[\"')\]]?\s+-+>?\s+"
    r"|(?P<keyed>[A-Z])[\"']?,\s*[\"']?(?:answer|value|choice|response)[\"']?\s*:"
    r"|(?P<alone>[A-Z])[^\w\n~]*$"
    r")(?P<value>.*)",
    re.IGNORECASE,
)
_SOFT = re.compile(
    r"\W*+(?:because|since|reason(?:s|ing)?|explanation|justification|rationale|why|evidence|proof|note|due to|clues?"
    r"|from|see|by clues?|as|bonus(?: questions?)?(?: answers?)?)\b.*|\W*+"
    r"|\W*+(?:json|answers?|text|yaml)\W*+",
    re.IGNORECASE,
)
"""Lines between two answers that end no block: reasons, rules, fences, brackets."""
_KEY = re.compile(r"\W*(?:answer|value|choice|response)\b[\"']?\s*(?:[:=]|is\b)\s*", re.IGNORECASE)
LONGEST_LINE = 4_000
"""Characters of a line that several answers are looked for on."""
MOST_MARKS = 40
"""Places on it that look like the next letter and are tried."""
_VALUE_ENDS = " \t,;|\"'{}"


class _Kind(Enum):
    """What a line is that gives no answer."""

    BLANK = auto()
    SOFT = auto()
    """Ends no block, unless the next line answers a letter of it again."""
    HARD = auto()


def is_answer_line(line: str) -> bool:
    """Whether a line looks like a letter with its answer."""
    return _letter(_LINE.match(_MARKS.sub("", line))) != ""


def read_answers(text: str, questions: Sequence[Question]) -> dict[str, str | None] | None:
    """Letter to the choice that the completion gives, None where it gives no single one; None without any block."""
    if (plain := _read_plain(text, questions)) is not None:
        return plain
    block = _Blocks(questions).last(clean(text))
    if not block:
        return None
    return {question.letter: _choice(question, block) for question in questions}


def answers_all(text: str, questions: Sequence[Question]) -> bool:
    """Whether the last block gives every question a choice, on lines that are finished: the text ends with a line's
    end."""
    answers = read_answers(text, questions) if text.rstrip(" \t").endswith("\n") else None
    return answers is not None and None not in answers.values()


def answers_grammar(questions: Sequence[Question]) -> str:
    """A regular expression (`sleuth.policy.base.Request.grammar`) that answer blocks match: for each question, in their
    order, a line with its letter, a full stop and one of its choices. `read_answers` reads all of them."""
    return "\n".join(rf"{question.letter}\. {one_of(map(re.escape, question.choices))}" for question in questions)


def _read_plain(text: str, questions: Sequence[Question]) -> dict[str, str | None] | None:
    """The answers of a completion that is an answer block as it is asked for and nothing else; None if it is more, or
    less. What it reads `read_answers` would read without it, but slower."""
    lines = text.rstrip().split("\n")
    if len(lines) != len(questions):
        return None
    answers: dict[str, str | None] = {}
    for line, question in zip(lines, questions, strict=True):
        if not line.startswith(f"{question.letter}. "):
            return None
        known = vocabulary(question.letter, question.text, question.kind, question.choices).exact
        choice = known.get(line[3:].rstrip())
        if choice is None:
            return None
        answers[question.letter] = choice
    return answers


def _choice(question: Question, block: Sequence[tuple[str, str]]) -> str | None:
    values = [value for letter, value in block if letter == question.letter]
    half = len(block) // 2
    if len(values) == 2 and [letter for letter, _ in block[:half]] == [letter for letter, _ in block[half:]]:
        first, second = (read_value(question, value) for value in values)
        return first if first == second else None  # the same block twice
    return read_value(question, values[0]) if len(values) == 1 else None


class _Blocks:
    """The walk through a completion's lines that finds its last block."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions: Mapping[str, Question] = {question.letter: question for question in questions}
        self._order = [question.letter for question in questions]
        self._texts = {canonical(question.text).rstrip("?"): question.letter for question in questions}
        self._head: list[str] = []
        """The letters of a table's first row, where they stand side by side."""

    def last(self, text: str) -> list[tuple[str, str]]:
        """The last block, as (letter, value); letters may repeat."""
        last: list[tuple[str, str]] = []
        block: list[tuple[str, str]] = []
        answered: set[str] = set()
        """The letters that have a value in the block."""
        restated = True
        """Whether all values of the block stand on the line after their question."""
        soft = False
        for line in text.splitlines():
            found = self._answers(line)
            if isinstance(found, list):
                if soft and not answered.isdisjoint(letter for letter, _ in found):
                    last = self._later(last, block)
                    block, answered, restated = [], set[str](), True
                if answered and restated and found and found[0][1] and found[0][0] == self._order[0]:
                    block, answered = [], set[str]()  # each question with its fact, then the answers
                block += found
                restated = restated and not any(value for _, value in found)
                answered.update(letter for letter, value in found if value)
                soft = False
            elif found is not _Kind.BLANK and block and not block[-1][1] and self._names(block[-1][0], line):
                block[-1] = (block[-1][0], _stripped(_MARKS.sub("", line)))
                answered.add(block[-1][0])
            elif found is _Kind.SOFT or (found is _Kind.HARD and block and line.startswith(("  ", "\t"))):
                soft = True
            elif found is _Kind.HARD and block:
                last, block, answered, soft = self._later(last, block), [], set(), False
                restated = True
        return [(letter, value) for letter, value in self._later(last, block) if value]

    def _later(self, last: list[tuple[str, str]], block: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Of two blocks the one that counts: the later one if it has a value, unless it gives reasons for the other's
        answers."""
        answers = [(letter, value) for letter, value in block if value]
        given = dict(last)
        adds_nothing = all(
            letter in given and is_reason(self._questions[letter], given[letter], value) for letter, value in answers
        )
        return last if adds_nothing else block

    def _names(self, letter: str, line: str) -> bool:
        return read_value(self._questions[letter], _stripped(_MARKS.sub("", line))) is not None

    def _answers(self, line: str) -> list[tuple[str, str]] | _Kind:
        if not line.strip():
            return _Kind.BLANK
        if line.strip() == ANSWER_MARK:
            return _Kind.HARD
        line = _MARKS.sub("", line)
        if "|" in line and (row := self._row(line)) is not None:
            return row
        if found := _LINE.match(line):
            letter = _letter(found)
            if letter in self._questions:
                return list(self._split(letter, found["value"]))
            return _Kind.SOFT if letter else _Kind.HARD
        asked, mark, value = line.partition("?")
        if mark and (letter := self._texts.get(canonical(asked), "")):
            return list(self._split(letter, value))
        remark = line.strip(" \t.,;:")
        bracketed = remark.startswith("(") and remark.endswith(")")
        return _Kind.SOFT if bracketed or _SOFT.fullmatch(line) else _Kind.HARD

    def _row(self, line: str) -> list[tuple[str, str]] | _Kind | None:
        """What a row of a table says; None for a line that is none."""
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        letters = [cell.strip(".:() ") for cell in cells]
        if len(cells) > 1 and all(letter in self._questions for letter in letters):
            self._head = letters
            return _Kind.SOFT
        if all(not cell.strip(":-= ") for cell in cells):
            return _Kind.SOFT
        if len(cells) > 1 and len(cells) == len(self._head):
            return list(zip(self._head, cells, strict=True))
        if len(cells) == 1:
            return None
        first = _LINE.match(cells[0])
        letter = _letter(first)
        if first and letter in self._questions:
            rest = [cell for cell in (first["value"], *cells[1:]) if cell]
            return list(self._split(letter, " | ".join(rest)))
        if letter := self._texts.get(canonical(cells[0]).rstrip("?"), ""):
            return [(letter, " | ".join(cells[1:]))]
        return _Kind.SOFT if line.strip().startswith("|") else None

    def _split(self, letter: str, value: str) -> Iterator[tuple[str, str]]:
        """An answer line's letters and values: there may be several on it, in the order of the questions."""
        value = _stripped(value)
        if len(value) <= LONGEST_LINE and canonical(value).rstrip("?") == canonical(
            self._questions[letter].text
        ).rstrip("?"):
            value = ""  # the question again; its answer may be on the next line
        while (
            len(value) <= LONGEST_LINE
            and (following := self._after(letter))
            and not is_choice(self._questions[letter], value)
        ):
            marks = re.finditer(
                r"(?P<gap>^|[\s,;|/)\]}\"'])(?:[{\[(\"']{0,4}(?:question|letter|id|part|answer)\W{1,5})?[{(\[\"']{0,4}"
                rf"{following}[\"')\]]?\s?(?:[.:)=\]]{{1,3}}\s*|\s-+>?\s+|,\s*[\"']?(?:answer|value|choice)[\"']?\s*:)",
                value,
            )
            for mark in islice(marks, MOST_MARKS):
                before = _stripped(value[: mark.start()])
                if (
                    is_choice(self._questions[letter], before)
                    or not before
                    or any(sign in mark["gap"] for sign in ",;|}")
                ):
                    yield letter, before
                    letter, value = following, _stripped(value[mark.end() :])
                    break
            else:
                break
        yield letter, value

    def _after(self, letter: str) -> str:
        place = self._order.index(letter) + 1
        return self._order[place] if place < len(self._order) else ""


def _letter(found: re.Match[str] | None) -> str:
    """The letter of an answer line, large; empty where what stands in its place is none."""
    if found is None:
        return ""
    bare = found["tight"] or found["dash"] or found["keyed"] or found["alone"]
    return found["letter"].upper() if found["letter"] else bare if bare.isupper() else ""


def _stripped(value: str) -> str:
    """A value without the rest of JSON or a table around it, and without a key such as "answer:"."""
    return _KEY.sub("", value.strip(_VALUE_ENDS), count=1) if _KEY.match(value) else value.strip(_VALUE_ENDS)
