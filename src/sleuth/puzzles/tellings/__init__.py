"""How reasoning is told: the lines before the answers, in each of several forms (`sleuth.config.Telling`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sleuth.config import Goal, RoundTelling, Telling
from sleuth.puzzles.explain import explain_page, tell
from sleuth.puzzles.family import PageText, Theory
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.tellings.lists import MOST_LEFT, Lists
from sleuth.puzzles.tellings.page_order import page_order, state
from sleuth.puzzles.tellings.rounds import Looked, look_through
from sleuth.puzzles.tellings.spelled import spelled

_IN_ROUNDS: dict[RoundTelling, Callable[[Looked, Sequence[str]], list[str]]] = {
    "page-order": page_order,
    "spelled": spelled,
    "state": state,
}


def reasoning(
    puzzle: Puzzle, telling: Telling = "short", page: PageText | None = None, goal: Goal = "questions"
) -> list[str]:
    """Lines that lead from a puzzle's clues to its answers (or its world), in a telling.

    `page`: the puzzle's page, where it was read already. Raises `UserError` if the clues do not leave exactly one
    world.
    """
    family = get_family(puzzle.family)
    page = family.page_of(puzzle) if page is None else page
    style = str(puzzle.meta.get("style", family.styles[0]))
    if telling == "short" or telling == "full" or telling == "numbered":
        return tell(explain_page(family, page, goal), telling, style)
    fully = telling == "spelled"

    def suppose(theory: Theory) -> bool:
        return fully and bool(Lists(theory, MOST_LEFT))

    looked = look_through(family, page, goal, style, cited=fully, whole=fully, suppose=suppose)
    return _IN_ROUNDS[telling](looked, [question.text for question in puzzle.questions] if goal == "questions" else [])
