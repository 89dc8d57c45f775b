"""What a right completion looks like, by mode: what the supervised warm start shows a model.

- `answer`: the answer block.
- `reason`: the reasoning in a telling (`sleuth.puzzles.tellings`), then the answer block.
- `program`: each clue as a formal statement (`spaced`), in the order of the clues.
"""

from __future__ import annotations

from sleuth.config import Mode, Telling
from sleuth.puzzles.family import PageText
from sleuth.puzzles.formal import spaced
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family, get_task
from sleuth.puzzles.tellings import reasoning
from sleuth.puzzles.zebra.zebralogic.answer_grid import write_answers


def gold_of(puzzle: Puzzle, mode: Mode, telling: Telling = "short", page: PageText | None = None) -> str:
    """A completion that is right in the mode, of a puzzle with clues and rules, reasoning in the telling. `page`: the
    puzzle's page, where it was read already."""
    if mode == "program":
        family = get_family(puzzle.family)
        page = family.page_of(puzzle) if page is None else page
        language = family.formal(page.case)
        return spaced("\n".join(language.write(clue) for clue in page.clues))
    answers = write_answers(puzzle, puzzle.answers)
    if mode == "answer":
        return answers
    return "\n".join([*reasoning(puzzle, telling, page), answers])


def gold_completion(puzzle: Puzzle, mode: Mode, telling: Telling = "short") -> str:
    """A completion of the puzzle that is right in the mode, reasoning in the telling. Raises `UserError` where its task
    has none to show."""
    return get_task(puzzle.family).gold(puzzle, mode, telling)
