"""Tasks of the library reasoning-gym (the extra `gym`) as tasks here: `reasoning-gym/chain_sum`.

The library draws the items and scores the answers; keys, splits and doubles are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from sleuth.config import Mode, Telling
from sleuth.errors import UserError
from sleuth.gym import items
from sleuth.gym.scorer import grade_task
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Score
from sleuth.puzzles.task import Key, Made, Prompt, Task, no_gold

INSTRUCTIONS: Mapping[Mode, str] = {
    "answer": 'Write "A." and the answer. Write nothing else.',
    "reason": 'Think step by step. Then begin a line with "A." and write the answer there. Write nothing after it.',
    "python": 'Write a Python program that prints "A." and the answer. It may import ortools. Write nothing else.',
}
"""The text of such a task does not name the one question."""


@dataclass(frozen=True, slots=True)
class GymTask(Task):
    """A task of the library. What needs the library is looked up when it is needed, so that puzzles in a file can be
    shown without it."""

    named: str
    """Name or id that it was asked for by."""

    @property
    def name(self) -> str:
        return self.named.partition("@")[0]

    @property
    def version(self) -> str:
        return self.named.partition("@")[2] or items.source_of(self.named).version

    @property
    def levels(self) -> Mapping[str, str]:
        return {items.LEVEL: "the task's default settings"}

    @property
    def modes(self) -> tuple[Mode, ...]:
        return ("answer", "reason", "python")

    @property
    def worker_module(self) -> str:
        return "reasoning_gym"

    def check(self) -> None:
        items.source_of(self.named)

    def make(self, key: Key) -> Made:
        return items.make_task_puzzle(self.named, key.split, key.seed, key.index, key.attempt)

    def ask(self, puzzle: Puzzle, mode: Mode) -> Prompt:
        self.check_mode(mode)
        # An answer may go on for lines, so that it is complete cannot be said.
        return Prompt(INSTRUCTIONS[mode], puzzle.prompt)

    def grade(self, puzzle: Puzzle, completion: str, mode: Mode, truncated: bool, strict_format: bool = False) -> Score:
        self.check_mode(mode)
        return grade_task(puzzle, completion, truncated, strict_format)

    def gold(self, puzzle: Puzzle, mode: Mode, telling: Telling = "short") -> str:
        if mode != "answer" or items.LETTER not in puzzle.answers:
            raise UserError(no_gold(puzzle, mode))
        return items.written(puzzle.answers[items.LETTER])

    def guess(self, puzzle: Puzzle, rng: Random, others: Sequence[Puzzle]) -> str:
        """The right answer to another puzzle of the task, or nothing where there is none."""
        answers = [other.answers[items.LETTER] for other in others if items.LETTER in other.answers]
        return items.written(rng.choice(answers)) if answers else ""

    def check_mode(self, mode: Mode) -> None:
        if mode == "program":
            raise UserError(f"{self.named} has no clues to write a program of; take mode answer or reason")


def gym_task(name: str) -> GymTask:
    """The task of a name or id."""
    return GymTask(name)
