"""Case files on paper: a page (HTML) made to be printed, with each case's story, board, clues, questions and notebook,
and all answers at the end.

The same page becomes a PDF by a browser that is there, so there is one layout. Everything in it is text or a picture
without scripts; its content security policy allows nothing but its own style.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from sleuth.errors import counted
from sleuth.play.dossier import picture_data
from sleuth.play.pages import case_name, introduction
from sleuth.puzzles.notebook import Table
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.solve import solve_text
from sleuth.visible import visible

STYLE = """
@page { size: A4; margin: 14mm 14mm 16mm; @bottom-center { content: counter(page); font: 9pt sans-serif; } }
:root { color-scheme: only light; }
body {
  font: 10.5pt/1.4 Georgia, "Liberation Serif", serif; color: #111; background: #fff; max-width: 182mm; margin: 0 auto;
}
h1 { font-size: 26pt; margin: 60mm 0 6mm; }
h2 { font-size: 15pt; margin: 0 0 2mm; border-bottom: .6pt solid #111; padding-bottom: 1mm; }
h3 { font-size: 11pt; margin: 4mm 0 1mm; }
p { margin: 1.5mm 0; white-space: pre-line; }
ol { margin: 1mm 0; padding-left: 7mm; }
li { margin: .6mm 0; break-inside: avoid; }
section, .answers { break-before: page; }
img { max-width: 100%; max-height: 95mm; display: block; margin: 2mm 0; }
.sheet { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 7mm; align-items: start; }
.sheet img { max-width: 78mm; }
.tables { display: flex; flex-wrap: wrap; gap: 3mm 7mm; align-items: flex-start; break-inside: avoid; }
table { border-collapse: collapse; break-inside: avoid; font: 8.5pt/1.15 Arial, "Liberation Sans", sans-serif; }
caption { text-align: left; font-weight: 700; padding-bottom: .8mm; }
th { font-weight: 400; text-align: left; padding: 0 1.5mm 0 0; }
thead th { text-align: center; padding: .5mm 1mm; vertical-align: bottom; max-width: 22mm; }
td { border: .5pt solid #444; min-width: 7mm; height: 6.4mm; }
.question { display: flex; gap: 3mm; break-inside: avoid; }
.question span { flex: 1; border-bottom: .5pt dotted #444; min-width: 40mm; }
.answers { display: grid; grid-template-columns: 1fr 1fr; gap: 4mm 8mm; }
.answers h2 { grid-column: 1 / -1; }
.answer { break-inside: avoid; }
.answer img { max-height: 75mm; }
h3 { break-after: avoid; }
.note { color: #444; font-style: italic; }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:"


def book(puzzles: Sequence[Puzzle], title: str) -> str:
    """The page of a book. Raises `UserError` for a puzzle without clues and rules, or with several worlds."""
    cases, answers = [], []
    for number, puzzle in enumerate(puzzles, start=1):
        case, answer = _case(number, puzzle)
        cases.append(case)
        answers.append(answer)
    count = counted(len(puzzles), "case")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{_text(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            f"<h1>{_text(title)}</h1>",
            f"<p>{count}, each proved to have exactly one answer.</p>",
            '<p class="note">In the notebooks, cross out what cannot be and tick what must be. The answers are at the '
            "end.</p>",
            *cases,
            '<div class="answers">',
            "<h2>Answers</h2>",
            *answers,
            "</div>",
            "</body>",
            "</html>\n",
        ]
    )


def _case(number: int, puzzle: Puzzle) -> tuple[str, str]:
    """A case, and its answers."""
    family = get_family(puzzle.family)
    page = family.page_of(puzzle)
    solution = solve_text(puzzle.prompt)
    name = f"Case {number}: {case_name(puzzle)}"
    story = introduction(family.clue_lines(puzzle.prompt), puzzle.prompt)
    parts = [
        "<section>",
        f"<h2>{_text(name)}</h2>",
        *(f"<p>{_text(paragraph)}</p>" for paragraph in story),
        '<div class="sheet">',
        "<div>",
        "<h3>Clues</h3>",
        "<ol>",
        *(f"<li>{_text(clue)}</li>" for clue in page.clue_texts),
        "</ol>",
        "<h3>Questions</h3>",
        *(f'<p class="question">{_text(f"{one.letter}. {one.text}")} <span></span></p>' for one in puzzle.questions),
        "</div>",
        _picture(family.board_svg(page.case, None)),
        "</div>",
        "<h3>Notebook</h3>",
        '<div class="tables">',
        *map(_table, family.notebook(page.case)),
        "</div>",
        "</section>",
    ]
    told = "; ".join(f"{letter}. {answer}" for letter, answer in solution.answers.items())
    answer = [
        '<div class="answer">',
        f"<h3>{_text(name)}</h3>",
        f"<p>{_text(told)}</p>",
        _picture(family.board_svg(page.case, solution.world)),
        "</div>",
    ]
    return "\n".join(parts), "\n".join(answer)


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col">{_text(column)}</th>' for column in table.columns)
    cells = "<td></td>" * len(table.columns)
    rows = "".join(f'<tr><th scope="row">{_text(row)}</th>{cells}</tr>' for row in table.rows)
    return f"<table><caption>{_text(table.title)}</caption><thead><tr><th></th>{heads}</tr></thead>{rows}</table>"


def _picture(svg: str) -> str:
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{_text(picture_data(svg)["text"])}" src="data:image/svg+xml;base64,{data}">'


def _text(text: str) -> str:
    return escape(visible(text))
