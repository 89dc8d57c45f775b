"""What a right completion looks like, by mode: what the supervised warm start shows a model.

- `answer`: the answer block.
- `reason`: the reasoning in a telling (`sleuth.puzzles.tellings`), then the answer block.
- `program`: each clue as a formal statement (`spaced`), in the order of the clues.
"""

from __future__ import annotations

from sleuth.config import Mode, Telling
from sleuth.errors import UserError
from sleuth.puzzles.family import PageText, get_family, is_foreign
from sleuth.puzzles.formal import spaced
from sleuth.puzzles.gym import LETTER, written
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.tellings import reasoning


def gold_completion(puzzle: Puzzle, mode: Mode, telling: Telling = "short", page: PageText | None = None) -> str:
    """A completion of the puzzle that is right in the mode, reasoning in the telling. `page`: the puzzle's page, where
    it was read already. Raises `UserError` where there is none to show: tasks of another library have answers only,
    some not even these."""
    if is_foreign(puzzle.family):
        if mode != "answer" or LETTER not in puzzle.answers:
            what = "answers" if mode == "answer" else "reasoning" if mode == "reason" else "programs"
            raise UserError(
                f"{puzzle.family} has no {what} to show a model: sft.examples 0 leaves the warm start out, sft.file "
                "shows completions that sleuth distill kept"
            )
        return written(puzzle.answers[LETTER])
    if mode == "program":
        family = get_family(puzzle.family)
        page = family.read_page(puzzle.prompt) if page is None else page
        language = family.formal(page.case)
        return spaced("\n".join(language.write(clue) for clue in page.clues))
    answers = "\n".join(f"{letter}. {answer}" for letter, answer in puzzle.answers.items())
    if mode == "answer":
        return answers
    return "\n".join([*reasoning(puzzle, telling, page), answers])
