"""Explanations of a whole file of puzzles, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sleuth.config import Goal, Telling
from sleuth.errors import UserError
from sleuth.puzzles.explain import Difficulty, difficulty, explain, tell
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import adopting
from sleuth.puzzles.tellings import reasoning
from sleuth.workers import map_in_order, processes


@dataclass(frozen=True, slots=True)
class Explainer:
    """How puzzles are explained."""

    telling: Telling = "numbered"
    goal: Goal = "world"
    optimal: bool = False

    def __call__(self, puzzle: Puzzle) -> tuple[list[str], Difficulty]:
        """The steps in words, and the difficulty. Raises `UserError` if the clues do not leave exactly one world."""
        explanation = explain(puzzle, self.goal, self.optimal)
        telling = self.telling
        if telling == "page-order" or telling == "spelled" or telling == "state":
            lines = reasoning(puzzle, telling, explanation.page, self.goal)
        else:
            lines = tell(explanation, telling, str(puzzle.meta.get("style", "plain")))
        return lines, difficulty(explanation)

    def record(self, puzzle: Puzzle) -> dict[str, Any]:
        """`id`, `lines` and the fields of `Difficulty`. Raises `UserError` that names the puzzle."""
        try:
            lines, hard = self(puzzle)
        except UserError as error:
            raise UserError(f"{puzzle.id}: {error}") from None
        return {"id": puzzle.id, "lines": lines, **asdict(hard)}


def explain_all(puzzles: Iterable[Puzzle], explainer: Explainer, workers: int = 0) -> Iterator[dict[str, Any]]:
    """The record of each puzzle, in order, on `workers` processes (0: all cores)."""
    return map_in_order(adopting(explainer.record), puzzles, processes(workers))
