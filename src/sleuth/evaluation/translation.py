"""What goes wrong in mode `program`, clue by clue: which were not told, of which kind they are, and what was written in
their place.

A line tells a clue if it means the same (`sleuth.grading.spans`); lines are taken for attempts at the clues of the same
order, which is what a translator of a list writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sleuth.grading.program import program_lines
from sleuth.grading.reading import read_puzzle
from sleuth.grading.soundness import judge_of
from sleuth.puzzles.formal import FormalError
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.statements import Statement


class Fault(StrEnum):
    """What became of a clue that no line tells."""

    MISSING = "left out"
    """There are fewer lines than clues, or the line in its place tells another clue."""
    UNREADABLE = "unreadable"
    """The line in its place is no statement of this case."""
    KIND = "other kind"
    """… a statement of another kind."""
    ARGUMENTS = "other names"
    """… of the same kind, about something else."""


@dataclass(frozen=True, slots=True)
class ClueTold:
    """One clue of a puzzle, as a program tells it."""

    kind: str
    """Statement kind."""
    place: float
    """Where on the page it is: 0 the first clue, 1 the last."""
    fault: Fault | None
    """None: it is told."""
    clue: str
    """The clue as a formal statement."""
    line: str
    """What was written in its place; empty if nothing was."""


def told(puzzle: Puzzle, completion: str) -> list[ClueTold]:
    """What a completion in mode `program` makes of each clue, in the order of the page.

    Raises `UserError` for a puzzle whose text can't be read.
    """
    reading = read_puzzle(puzzle)
    lines = [completion[start:end].strip() for _, start, end in program_lines(completion)]
    statements: list[Statement | None] = []
    for line in lines:
        try:
            statements.append(reading.language.read(line))
        except FormalError:
            statements.append(None)
    said = judge_of(puzzle.family, puzzle.prompt).clues_said(statements)
    clues = reading.page.clues
    return [
        ClueTold(
            kind=clue.kind,
            place=number / max(1, len(clues) - 1),
            fault=None if number in said else _fault(clue, number, lines, statements, said),
            clue=reading.language.write(clue),
            line=lines[number] if number < len(lines) else "",
        )
        for number, clue in enumerate(clues)
    ]


def _fault(
    clue: Statement,
    number: int,
    lines: Sequence[str],
    statements: Sequence[Statement | None],
    said: Sequence[int | None],
) -> Fault:
    if number >= len(lines) or said[number] is not None:
        return Fault.MISSING
    statement = statements[number]
    if statement is None:
        return Fault.UNREADABLE
    return Fault.ARGUMENTS if statement.kind == clue.kind else Fault.KIND
