"""Puzzles of ZebraLogic (Lin et al. 2025, arXiv:2502.01100): a JSON list of `{id, size, puzzle}`, read from their text.

The answers are the solver's: a page with no world, or with several, is refused. What an entry has besides (completions,
say) is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sleuth.errors import UserError
from sleuth.files import read_json
from sleuth.puzzles.puzzle import Puzzle, Question
from sleuth.puzzles.solve import solve_text
from sleuth.puzzles.zebra.zebralogic import page as zebralogic
from sleuth.puzzles.zebra.zebralogic.answer_grid import FORM, GRID
from sleuth.puzzles.zebra.zebralogic.page import cell_of

SOURCE = "zebralogic"
LEVEL = "zebralogic"


def import_zebralogic(path: Path) -> list[Puzzle]:
    """The puzzles of a file, under their own ids. Raises `UserError` naming the puzzle that can't be read."""
    entries = read_json(path)
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{path}: not a list of puzzles, or an empty one")
    puzzles: list[Puzzle] = []
    numbers: dict[str, int] = {}
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("puzzle"), str):
            raise UserError(f"{path}, puzzle {number}: needs 'puzzle', its text")
        name = entry.get("id", f"{path.stem}/{number}")
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"{path}, puzzle {number}: 'id' is no name")
        if name in numbers:
            raise UserError(f"{path}: puzzles {numbers[name]} and {number} have the same id {name!r}")
        numbers[name] = number
        try:
            puzzles.append(_puzzle(entry, name, number, path.stem))
        except UserError as error:
            raise UserError(f"{path}, puzzle {number} ({name}): {error}") from None
    return puzzles


def _puzzle(entry: dict[str, Any], name: str, number: int, split: str) -> Puzzle:
    text = entry["puzzle"]
    if not zebralogic.recognises(text):
        raise UserError("no page in the layout of ZebraLogic: needs lines of attributes with `values`, and '## Clues:'")
    solution = solve_text(text)
    page, family = solution.page, solution.family
    sizes = family.sizes(page.case)
    size = f"{sizes['houses']}*{sizes['attributes']}"
    if entry.get("size", size) != size:
        raise UserError(f"'size' is {entry['size']!r}, but the page has {size} (houses*attributes)")
    questions = []
    for letter, question in zip(page.letters, page.questions, strict=True):
        house, label = cell_of(letter)
        choices = tuple(family.answer_text(page.case, choice) for choice in family.choices(page.case, question))
        questions.append(Question(letter=letter, text=f"{label} in house {house + 1}?", kind="value", choices=choices))
    kinds: dict[str, int] = {}
    for clue in page.clues:
        kinds[clue.kind] = kinds.get(clue.kind, 0) + 1
    return Puzzle(
        id=name,
        family=family.id,
        level=LEVEL,
        split=split,
        seed=0,
        index=number,
        prompt=text,
        clues=page.clue_texts,
        questions=tuple(questions),
        answers=solution.answers,
        meta={"style": "plain", FORM: GRID, **sizes, "clues": len(page.clues), "kinds": dict(sorted(kinds.items()))},
    )
