"""Reading the answer block of a completion, and nothing but such a block: `sleuth grade --strict-format`.

This is how all completions were read before 2026-11-29, kept so that figures from then can be compared. The block is
the last run of lines `LETTER. value`; tolerated are case, articles, bold, `A)`, "11:45pm", and a trailing full stop.
Thinking is not taken off. Everything else uses `sleuth.grading.answers`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sleuth.grading.normalise import LONGEST_TEXT
from sleuth.puzzles.puzzle import Question

_MARKS = "*_`~"
_LINE = re.compile(rf"[ \t]*(?:[-•>][ \t]*)?[{_MARKS}]*\(?([A-Za-z])[{_MARKS}]*[.):][{_MARKS}]*[ \t]+(\S.*)")
_TIME = re.compile(r"(\d{1,2})(?:[:.](\d\d))?\s*([ap])\.?\s?m\.?")
_ARTICLE = re.compile(r"(?:the|a|an) ")
_PREPOSITION = re.compile(r"(?:in|at|on) (?=(?:the )?)")
_HOURS = {"midnight": "12:00 am", "noon": "12:00 pm"}


def normal(value: str) -> str:
    """A value without what people vary: case, spaces, marks, quotes, articles, the way a time is written."""
    text = "".join(char for char in value if char not in _MARKS).casefold()
    text = " ".join(text.split()).strip(" .!,;:\"'“”‘’()")
    text = _HOURS.get(text, text)
    if found := _TIME.fullmatch(text):
        return f"{int(found[1])}:{found[2] or '00'} {found[3]}m"
    return _ARTICLE.sub("", text, count=1) if _ARTICLE.match(text) else text


def last_block(text: str) -> list[tuple[str, str]]:
    """The lines of the last run of answer lines, as (letter, value); empty if there is none."""
    block: list[tuple[str, str]] = []
    for line in reversed(text[-LONGEST_TEXT:].splitlines()):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        if found:
            block.append((found[1].upper(), found[2].rstrip(" \t")))
        elif block:
            break
    return block[::-1]


def read_strictly(text: str, questions: Sequence[Question]) -> dict[str, str | None] | None:
    """Letter to the choice that the completion gives, None where it gives no single one; None without any block."""
    block = last_block(text)
    letters = {question.letter for question in questions}
    if not any(letter in letters for letter, _ in block):
        return None
    return {question.letter: _choice(question, block) for question in questions}


def _choice(question: Question, block: Sequence[tuple[str, str]]) -> str | None:
    values = [value for letter, value in block if letter == question.letter]
    if len(values) != 1:
        return None
    choices: Mapping[str, str] = {normal(choice): choice for choice in question.choices}
    value = normal(values[0])
    return choices.get(value) or choices.get(_PREPOSITION.sub("", value, count=1).removeprefix("the "))
