"""What a right completion looks like, by mode: what the supervised warm start shows a model.

- `answer`: the answer block.
- `reason`: one line for each step of the explanation, then the answer block.
- `program`: each clue as a formal statement (`spaced`), in the order of the clues.
"""

from __future__ import annotations

from sleuth.config import Mode
from sleuth.errors import UserError
from sleuth.puzzles.explain import explain, tell
from sleuth.puzzles.family import get_family, is_foreign
from sleuth.puzzles.formal import spaced
from sleuth.puzzles.gym import LETTER, written
from sleuth.puzzles.puzzle import Puzzle


def gold_completion(puzzle: Puzzle, mode: Mode) -> str:
    """A completion of the puzzle that is right in the mode. Raises `UserError` where there is none to show: tasks of
    another library have answers only, some not even these."""
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
        page = family.read_page(puzzle.prompt)
        language = family.formal(page.case)
        return spaced("\n".join(language.write(clue) for clue in page.clues))
    answers = "\n".join(f"{letter}. {answer}" for letter, answer in puzzle.answers.items())
    return f"{trace(puzzle)}\n{answers}" if mode == "reason" else answers


def trace(puzzle: Puzzle) -> str:
    """The explanation of the answers in words: each clue that is used, and what follows from it and the lines above."""
    explanation = explain(puzzle, goal="questions")
    return "\n".join(tell(explanation, "short", str(puzzle.meta.get("style", explanation.family.styles[0]))))
