"""Foreign text made fit to be shown: on pages, in pictures, in a terminal.

A terminal obeys control characters: they can move what was printed, rename the window, or worse. So everything that is
printed goes through `table` here, or `say` and `tell` of `sleuth.progress`, whoever wrote it.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def visible(text: str) -> str:
    """Control characters as symbols: they are no part of HTML, and those that turn the reading direction could make a
    completion look like another one."""
    return "".join(_symbol(character) if _is_control(character) else character for character in text)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> Table:
    """A table for a terminal, whose cells are text of one line, and never markup."""
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(one_line(title), "table.title") if title else None)
    for heading in headings:
        made.add_column(Text(one_line(heading)))
    for row in rows:
        made.add_row(*(Text(one_line(cell)) for cell in row))
    return made


def one_line(text: str) -> str:
    """Visible text without line breaks."""
    return visible(" ".join(text.split()))


def json_line(value: object) -> str:
    """Plain data as JSON of one line, in which control characters are written as JSON has them."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(json.dumps(one)[1:-1] if _is_control(one) else one for one in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in "\n\t\u200c\u200d"


def _symbol(character: str) -> str:
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else f"⟨U+{code:04X}⟩"
