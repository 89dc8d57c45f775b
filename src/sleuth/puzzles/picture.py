"""Boards as pictures: SVG (Scalable Vector Graphics) that stands alone, with text alternatives and two colour schemes.

Names come from pages that anybody may have written. They are escaped, and control characters are shown as symbols. A
label's width is estimated from above, and every box is made as wide as its labels need, so nothing overlaps whatever
font a viewer has. There are no scripts, links or outside files in a picture.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape

from sleuth.visible import visible

NAMESPACE = "{http://www.w3.org/2000/svg}"
"""Of all elements of a picture, as Python's parser gives it."""
FONT_PX = 15
SMALL_PX = 12
LINE_PX = 22
"""From one line of text to the next."""
PAD_PX = 10
MARGIN_PX = 12
_NARROW, _WIDE = frozenset("iljtfrI.,:;'’!|()[] -"), frozenset("mwMW@%—")
_NEVER = {0xFFFE: "\ufffd", 0xFFFF: "\ufffd"}
"""The two characters beyond control characters that no XML file may hold."""
_STYLE = """
:root { color-scheme: light dark }
text { font-family: system-ui, sans-serif; fill: #1d2433 }
.box { fill: #ffffff; stroke: #6b7488 }
.head { fill: #e8ecf4; stroke: #6b7488 }
.hole { fill: #c9cfdb; stroke: #6b7488 }
.mark { fill: #ffe9b3; stroke: #6b7488 }
.strong { font-weight: 700 }
.quiet { fill: #535c70 }
@media (prefers-color-scheme: dark) {
text { fill: #eef1f7 }
.box { fill: #1b2130; stroke: #8c96ab }
.head { fill: #2b3347; stroke: #8c96ab }
.hole { fill: #3d465c; stroke: #8c96ab }
.mark { fill: #5a4410; stroke: #8c96ab }
.quiet { fill: #b3bccd }
}
"""


def text_width(text: str, size: float = FONT_PX, strong: bool = False) -> float:
    """Pixels that a text takes at most in an ordinary sans-serif font."""
    ems = 0.0
    for sign in visible(text):
        if unicodedata.east_asian_width(sign) in "WF":
            ems += 1.05
        elif sign in _NARROW:
            ems += 0.42
        elif sign in _WIDE:
            ems += 1.0
        else:
            ems += 0.78 if sign.isupper() or not sign.isascii() else 0.63
    return ems * size * (1.08 if strong else 1.0)


def _said(text: str) -> str:
    """A text as XML may hold it."""
    return escape(visible(text).translate(_NEVER))


class Picture:
    """Collects boxes and texts, and grows with them."""

    def __init__(self, title: str, description: str) -> None:
        """`title` and `description` are the text alternatives: what it is, and what it shows."""
        self._title, self._description = title, description
        self._parts: list[str] = []
        self._width = self._height = 0.0

    def box(self, x: float, y: float, width: float, height: float, look: str = "box") -> None:
        """A rectangle: `box`, `head`, `hole` or `mark`."""
        self._parts.append(f'<rect class="{look}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>')
        self._grow(x + width, y + height)

    def text(self, x: float, y: float, text: str, look: str = "", size: int = FONT_PX) -> None:
        """A line of text that begins at x and stands on the base line y: ordinary, `strong` or `quiet`."""
        shown = f' class="{look}"' if look else ""
        self._parts.append(f'<text x="{x:g}" y="{y:g}" font-size="{size}"{shown}>{_said(text)}</text>')
        self._grow(x + text_width(text, size, look == "strong"), y + 0.3 * size)

    def _grow(self, right: float, bottom: float) -> None:
        self._width, self._height = max(self._width, right), max(self._height, bottom)

    def table(self, x: float, y: float, table: DrawnTable, marked: Collection[int] = ()) -> float:
        """Draws a table from its upper left corner, columns that are `marked` in another colour; returns where it
        ends."""
        if table.caption:
            self.text(x, y + FONT_PX, table.caption, "strong")
            y += LINE_PX + 4
        wide = [
            max(text_width(text, strong=True) for text in [*(row[column] for row in table.rows), *table.room[column]])
            + 2 * PAD_PX
            for column in range(len(table.rows[0]))
        ]
        height = LINE_PX + PAD_PX
        for number, row in enumerate(table.rows):
            left = x
            for column, text in enumerate(row):
                look = "mark" if column in marked else "head" if number == 0 or column == 0 else "box"
                self.box(left, y, wide[column], height, look)
                if text:
                    self.text(left + PAD_PX, y + LINE_PX - 1, text, "strong" if number == 0 else "")
                left += wide[column]
            y += height
        return y

    def svg(self) -> str:
        """The picture as a file of its own."""
        width, height = self._width + MARGIN_PX, self._height + MARGIN_PX
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
                f'height="{height:g}" role="img" aria-labelledby="title desc">',
                f'<title id="title">{_said(self._title)}</title>',
                f'<desc id="desc">{_said(self._description)}</desc>',
                f"<style>{_STYLE}</style>",
                *self._parts,
                "</svg>\n",
            ]
        )


@dataclass(frozen=True, slots=True)
class DrawnTable:
    """A table as it is drawn: the first row and the first column are heads."""

    caption: str
    rows: Sequence[Sequence[str]]
    room: Sequence[Sequence[str]]
    """By column, what else must fit into it: what a person may write there."""


def tables_svg(title: str, description: str, tables: Sequence[DrawnTable]) -> str:
    """A picture of tables, one below the other."""
    picture = Picture(title, description)
    y = float(MARGIN_PX)
    for table in tables:
        y = picture.table(MARGIN_PX, y, table) + LINE_PX
    return picture.svg()
