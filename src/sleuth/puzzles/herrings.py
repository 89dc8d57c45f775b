"""Red herrings: clues that are true and not needed, added to a puzzle's page.

A page that is made has no clue to spare, so whatever else is true in its world adds nothing. A red herring never
decides a question by itself, with the rules: it can distract, lengthen or shorten a deduction, but it tells no answer.
The page keeps its one world, and an audit finds it sound. That a clue can be dropped is the purpose.
"""

from __future__ import annotations

from typing import Any

from sleuth.errors import UserError
from sleuth.logic.clues import is_world
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Not
from sleuth.puzzles.family import Family, NoClueError, PageText
from sleuth.puzzles.generate import rng_of, write_puzzle
from sleuth.puzzles.puzzle import IMPORTED, Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.retell import right_choices
from sleuth.puzzles.statements import Ref, Statement

HERRINGS = "red_herrings"
"""Field of a puzzle's metadata: how many were added."""
DRAWS = 40
"""Draws for each red herring that is wanted."""
MOST_HERRINGS = 12
"""Red herrings on a page."""
CANDIDATES = 2
"""So many are found for each that is taken: those that say least plainly how things are."""


class NoHerringError(UserError):
    """Everything else that is true in the puzzle's world, and could be told, decides one of its questions."""


def with_herrings(puzzle: Puzzle, share: float = 0.5) -> Puzzle:
    """The puzzle with red herrings at random places, `share` as many as it has clues, from 1 to `MOST_HERRINGS`; the
    clues keep their order.

    Raises `UserError` for a puzzle that can't be read from its text or that has not exactly one world, and
    `NoHerringError` where no red herring is found.
    """
    family = get_family(puzzle.family)
    page = family.read_page(puzzle.prompt)
    right = right_choices(family, puzzle, page)
    wanted = min(MOST_HERRINGS, max(1, round(share * len(page.clues))))
    herrings = _herrings(family, puzzle, page, right, wanted)
    if not herrings:
        raise NoHerringError(f"{puzzle.id}: there is no further true statement that leaves its questions open")
    rng = rng_of(puzzle.id, "places of red herrings")
    clues = list(page.clues)
    for herring in herrings:
        clues.insert(rng.randrange(len(clues) + 1), herring)
    place = {"id": puzzle.id, "level": puzzle.level, "split": puzzle.split}
    style, names = str(puzzle.meta["style"]), puzzle.meta.get("names", "themed")
    made = write_puzzle(family, page.case, clues, page.questions, right, style, place, puzzle.seed, puzzle.index, names)
    kept = {key: value for key, value in puzzle.meta.items() if key == IMPORTED}
    return made.model_copy(update={"meta": {**made.meta, **kept, HERRINGS: len(herrings)}})


def _herrings(
    family: Family[Any, Any], puzzle: Puzzle, page: PageText, right: list[Ref], wanted: int
) -> list[Statement]:
    """Up to so many statements of the level's kinds that are true, new, and decide no question."""
    rng = rng_of(puzzle.id, "red herrings")
    theory = family.theory(page.case)
    answers = [question.fill(choice) for question, choice in zip(page.questions, right, strict=True)]
    with WorldSolver(theory.cnf.copy()) as solver:
        clues = [solver.add_optional(theory.formula(clue)) for clue in page.clues]
        world = solver.solve(clues)
        if world is None:
            raise UserError(f"{puzzle.id}: no world obeys its clues")
        elsewhere = solver.add_optional(Not(is_world(solver.cnf, world)))
        if solver.satisfiable([*clues, elsewhere]):
            raise UserError(f"{puzzle.id}: several worlds obey its clues")
        open_ = [solver.add_optional(Not(theory.formula(answer))) for answer in answers]
        tell = family.clue_sampler(page.case, theory, world, puzzle.level, str(puzzle.meta["style"]), rng)
        told = {order for clue in page.clues for order in family.orders(clue)}
        found: list[Statement] = []
        for _ in range(DRAWS * wanted):
            # Worlds that some of the clues leave: what tells them from the true one is as indirect as a clue.
            other = solver.solve([*rng.sample(clues, rng.randrange(len(clues))), elsewhere] if clues else [elsewhere])
            if other is None:
                continue
            try:
                statement, formula = tell(other)
            except NoClueError:
                continue
            if statement in told or not told.isdisjoint(family.stated(theory, statement)):
                continue
            told.update(family.orders(statement))
            said = solver.add_optional(formula)
            if all(solver.satisfiable([said, another]) for another in open_):
                found.append(statement)
                if len(found) == CANDIDATES * wanted:
                    break
    return sorted(found, key=lambda statement: family.kinds[statement.kind].direct)[:wanted]
