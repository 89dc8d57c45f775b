"""Many puzzles from one: other names, the clues in another order, the map mirrored. Making and proving one costs more
than telling it again.

Names and the order of clues play no part in the canonical form, so the split stays. A mirrored map gives another
canonical form: it is taken only if that one belongs to the puzzle's own split, so no puzzle of a held-out split is ever
shown.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from sleuth.puzzles.canonical import digest, split_of
from sleuth.puzzles.generate import rng_of, write_puzzle
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.retell import right_choices
from sleuth.puzzles.statements import Ref, Statement

MIRRORED = 0.5
"""Share of variants for which a mirrored map is tried."""


class Variants:
    """One puzzle, told again and again."""

    def __init__(self, puzzle: Puzzle) -> None:
        """Raises `UserError` for a puzzle that can't be read from its text, and for tasks of another library."""
        self._puzzle, self._family = puzzle, get_family(puzzle.family)
        self._page = self._family.page_of(puzzle)
        self._right = right_choices(self._family, puzzle, self._page)

    def variant(self, number: int) -> Puzzle:
        """The variant of a number, always the same; 0 is the puzzle itself. It keeps id and answers' letters."""
        if number == 0:
            return self._puzzle
        puzzle, family = self._puzzle, self._family
        rng = rng_of(puzzle.id, "variant", number)
        style, names = str(puzzle.meta["style"]), puzzle.meta.get("names", "themed")
        case = self._page.case
        same: Callable[[Statement], Statement] = _unchanged
        if rng.random() < MIRRORED and (mirrored := family.mirrored_case(case, rng)) is not None:
            form = family.canonical_form(mirrored[0], [mirrored[1](clue) for clue in self._page.clues])
            if split_of(digest(form)) == puzzle.split:
                case, same = mirrored
        with contextlib.suppress(ValueError):  # too few names for a case of its size: it keeps its own
            case = family.dressed(family.rename_case(case, rng), style, names, rng)
        clues = [same(clue) for clue in self._page.clues]
        rng.shuffle(clues)
        questions = [same(question) for question in self._page.questions]
        right = [
            _hole(question, same(asked.fill(choice)))
            for asked, question, choice in zip(self._page.questions, questions, self._right, strict=True)
        ]
        place = {"id": puzzle.id, "level": puzzle.level, "split": puzzle.split}
        return write_puzzle(family, case, clues, questions, right, style, place, puzzle.seed, puzzle.index, names)


def _unchanged(statement: Statement) -> Statement:
    return statement


def _hole(question: Statement, filled: Statement) -> Ref:
    """What stands in a question's hole."""
    answer = filled.args[question.hole()]
    assert isinstance(answer, Ref)
    return answer
