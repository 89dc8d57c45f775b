"""The audit: is a puzzle what it says, judged from its text alone?

The prompt is read back into statements, OR-Tools' CP-SAT, which had no part in making the puzzle, looks for worlds, and
exactly one must be found, whose answers are the stored ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from sleuth.errors import UserError
from sleuth.logic.clues import droppable
from sleuth.logic.cpsat import CpModel
from sleuth.puzzles.family import get_family
from sleuth.puzzles.puzzle import Puzzle

SECONDS = 300.0
"""Most time for one verdict of CP-SAT."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The audit of one puzzle; no problems means that it is sound."""

    id: str
    problems: tuple[str, ...]


def audit(puzzle: Puzzle, minimal: bool = False) -> Finding:
    """Audits one puzzle; `minimal` also demands that no clue can be dropped. Raises `UserError` for a puzzle without
    clues and rules."""
    get_family(puzzle.family)
    try:
        return Finding(puzzle.id, tuple(_problems(puzzle, minimal)))
    except (UserError, TimeoutError) as error:
        return Finding(puzzle.id, (str(error),))


def _problems(puzzle: Puzzle, minimal: bool) -> Iterator[str]:
    family = get_family(puzzle.family)
    page = family.read_page(puzzle.prompt)
    if tuple(page.clue_texts) != puzzle.clues:
        yield "the stored clues are not those of the prompt"
    letters = tuple(question.letter for question in puzzle.questions)
    if page.letters != letters or set(letters) != set(puzzle.answers):
        yield "the stored questions or answers are not those of the prompt"
        return
    theory = family.theory(page.case)
    formulas = [theory.formula(clue) for clue in page.clues]
    worlds = CpModel(theory.space, [*theory.rules(), *formulas]).worlds(2, SECONDS)
    if len(worlds) != 1:
        yield "no world obeys the clues" if not worlds else "several worlds obey the clues"
        return
    for letter, question in zip(page.letters, page.questions, strict=True):
        choice = family.true_choice(page.case, theory, worlds[0], question)
        answer = "no single one" if choice is None else family.answer_text(page.case, choice)
        if answer != puzzle.answers[letter]:
            yield f"question {letter}: the answer is {answer}, stored is {puzzle.answers[letter]}"
        stated = {fact for clue in page.clues for fact in family.stated(theory, clue)}
        if choice is not None and question.fill(choice) in stated:
            yield f"question {letter} is answered by a clue outright"
    if minimal and (spare := droppable(theory.cnf, formulas, worlds[0])):
        yield f"clue {spare[0] + 1} can be dropped"


def audit_all(puzzles: Iterable[Puzzle], minimal: bool = False, workers: int = 0) -> Iterator[Finding]:
    """Audits puzzles on `workers` processes (0: all cores), in order."""
    import multiprocessing
    import os

    workers = workers or os.cpu_count() or 1
    if workers == 1:
        yield from (audit(puzzle, minimal) for puzzle in puzzles)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(partial(audit, minimal=minimal), puzzles, chunksize=4)
