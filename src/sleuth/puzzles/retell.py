"""A puzzle told again: the same statements in another style, about a case with other names, or both.

Twins say whether a model has learnt to read or knows names and sentences by heart. The canonical form stays, and with
it the split; so does the id, by which twins are compared pair by pair. Title and story come with new names only: a page
is not asked to tell them.
"""

from __future__ import annotations

from typing import Any

from sleuth.config import Names
from sleuth.errors import UserError
from sleuth.puzzles.explain import DIFFICULTY
from sleuth.puzzles.family import Family, PageText
from sleuth.puzzles.generate import rng_of, write_puzzle
from sleuth.puzzles.puzzle import IMPORTED, Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.statements import Ref
from sleuth.puzzles.task import MIXED, check_style


def retold(puzzle: Puzzle, style: str | None = None, names: int | None = None) -> Puzzle:
    """The puzzle in a style (None: in its own), with its own names or, by a seed, others.

    Raises `UserError` for a style that the family does not have, for a puzzle that can't be read from its text, and for
    one that asks for its whole world, which has one form only.
    """
    family = get_family(puzzle.family)
    style = str(puzzle.meta.get("style")) if style is None else style
    check_style(family, style)
    page = family.page_of(puzzle)
    if page.whole:
        raise UserError(f"{puzzle.id}: a page that asks for the whole grid cannot be told again")
    rng = rng_of(puzzle.id, "retold", names)
    style = rng.choice(family.mixed) if style == MIXED else style
    right = right_choices(family, puzzle, page)
    case = page.case
    named: Names = puzzle.meta.get("names", "themed")
    if names is not None:
        named = "themed"
        try:
            case = family.dressed(family.rename_case(case, rng), style, named, rng)
        except ValueError:
            raise UserError(f"{puzzle.id}: there are not enough names for a case of its size") from None
    place = {"id": puzzle.id, "level": puzzle.level, "split": puzzle.split}
    twin = write_puzzle(family, case, page.clues, page.questions, right, style, place, puzzle.seed, puzzle.index, named)
    # Neither names nor words make a difference to the steps.
    kept = {key: value for key, value in puzzle.meta.items() if key in (DIFFICULTY, IMPORTED)}
    return twin.model_copy(update={"meta": {**twin.meta, **kept}})


def right_choices(family: Family[Any, Any], puzzle: Puzzle, page: PageText) -> list[Ref]:
    """The choice that a puzzle's answer names, for each question of its page. Raises `UserError` where there is
    none."""
    right = []
    for letter, question in zip(page.letters, page.questions, strict=True):
        answer = puzzle.answers.get(letter)
        choices = [c for c in family.choices(page.case, question) if family.answer_text(page.case, c) == answer]
        if not choices:
            raise UserError(f"{puzzle.id}: the answer to question {letter} is none of its choices")
        right.append(choices[0])
    return right
