"""The contract of a task: what training, evaluation, benchmarks, exports and play know of the things they ask about.

A task makes puzzles from keys, says how a model is asked, grades what it wrote, and shows what would have been right.
Our own families keep it through `sleuth.grading.deduction`, those of the library reasoning-gym through
`sleuth.gym.task`; anything else that keeps it is registered (`sleuth.puzzles.registry`) and is their equal. What not
every task has (clues and rules, a grammar, something to show in a warm start) is said by properties.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, get_args

from sleuth.config import Mode, Names, Telling
from sleuth.errors import UserError, nearest
from sleuth.puzzles.canonical import SPLITS
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Score

if TYPE_CHECKING:
    from sleuth.puzzles.family import Family

MIXED = "mixed"
"""The style that is another one for every puzzle, of those that do not stand apart."""


class Described(Protocol):
    """What a key of puzzles is checked against: a task or a family."""

    @property
    def name(self) -> str: ...

    @property
    def levels(self) -> Mapping[str, str]: ...

    @property
    def styles(self) -> tuple[str, ...]: ...

    @property
    def pooled(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Key:
    """Which puzzle of a task. The same key gives the same puzzle in any process."""

    level: str
    split: str
    seed: int
    index: int
    style: str = "plain"
    names: Names = "themed"
    attempt: int = 0
    """Which draw to begin with: draws of another split are passed over."""


@dataclass(frozen=True, slots=True)
class Made:
    """A puzzle as it was made, with what only its maker knows."""

    puzzle: Puzzle
    digest: str
    """Hash of the canonical form: equal for puzzles that are the same but for names and order. Splits are buckets of
    it."""
    attempt: int
    """Which draw it was."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """How a model is asked a puzzle in a mode, as roles: every model has its own template."""

    system: str
    """Instructions of the mode; short, since on a small machine the prompt's tokens are what training pays for."""
    user: str
    answered: Callable[[str], bool] | None = None
    """Whether a completion that stands so far answers all; None where that cannot be said before its end."""
    grammar: Callable[[], str] | None = None
    """Makes a regular expression that a completion matches as a whole where everything in it can be read; None where
    completions are free."""


class Task(ABC):
    """A kind of puzzle, as everything outside of `puzzles/` and `grading/` sees it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """As recipes and commands name it: `zebra`."""

    @property
    @abstractmethod
    def version(self) -> int | str:
        """Counted up when the bytes of any puzzle change."""

    @property
    def id(self) -> str:
        """`name@version`, as puzzles store it."""
        return f"{self.name}@{self.version}"

    @property
    @abstractmethod
    def levels(self) -> Mapping[str, str]:
        """Level to a line that says what it is, easiest first."""

    @property
    def styles(self) -> tuple[str, ...]:
        """Sentence styles that puzzles are written in."""
        return ("plain",)

    @property
    def pooled(self) -> bool:
        """Whether other names than the task's own may be asked for."""
        return False

    @property
    @abstractmethod
    def modes(self) -> tuple[Mode, ...]:
        """Modes that a model can be asked in. With `python`, whose programs run in a sandbox, what a program prints is
        graded in mode `answer`."""

    @property
    def grammar_modes(self) -> tuple[Mode, ...]:
        """Modes whose prompts have a grammar to hold completions to."""
        return ()

    @property
    def gold_modes(self) -> tuple[Mode, ...]:
        """Modes in which every puzzle has a gold completion. In others, some puzzles may still have one."""
        return ()

    @property
    def family(self) -> Family[Any, Any] | None:
        """The logic behind the puzzles, where they have clues and rules: they can then be solved and audited from their
        text, explained, told again in other words and played."""
        return None

    @property
    def worker_module(self) -> str:
        """The module that grades: the worker has it before the first completion, whose time then is its own."""
        return type(self).__module__

    def check(self) -> None:
        """Raises `UserError` where the task cannot be used here: a library is missing, or is another version."""
        return

    @abstractmethod
    def make(self, key: Key) -> Made:
        """The puzzle of a key: the first from `key.attempt` on that belongs to the split.

        Raises `UserError` where the split seems to have none."""

    @abstractmethod
    def ask(self, puzzle: Puzzle, mode: Mode) -> Prompt:
        """How the puzzle is asked in a mode. Raises `UserError` for a mode that the task does not have."""

    @abstractmethod
    def grade(self, puzzle: Puzzle, completion: str, mode: Mode, truncated: bool, strict_format: bool = False) -> Score:
        """The grade of a completion without its thinking (`sleuth.grading.grade` takes that off), whatever it holds;
        `truncated`: it met the token limit; `strict_format`: an answer that is not in the format asked for is none.

        Raises `UserError` for a puzzle that cannot be graded, never because of the completion."""

    def isolated(self, mode: Mode) -> bool:
        """Whether grading goes to a process that can be killed, since completions could take long or do harm."""
        return True

    def gold(self, puzzle: Puzzle, mode: Mode, telling: Telling = "short") -> str:
        """A completion that is right in the mode, what a warm start shows: its reasoning in the telling, if it has
        several. Raises `UserError` where there is none."""
        raise UserError(no_gold(puzzle, mode))

    @abstractmethod
    def guess(self, puzzle: Puzzle, rng: Random, others: Sequence[Puzzle]) -> str:
        """A completion in mode `answer` of who knows nothing of this puzzle; `others` are further ones of the task."""

    def solve(self, puzzle: Puzzle) -> str:
        """A completion in mode `answer` by a solver that reads the text, or, without one, the stored answers; empty
        where there are none."""
        return self.gold(puzzle, "answer") if puzzle.answers else ""

    def show(self, puzzle: Puzzle, solution: bool) -> str:
        """The puzzle as people like to read it, with or without its solution."""
        shown = f"{puzzle.id}\n\n{puzzle.prompt}"
        return f"{shown}\n\nSolution\n{self.solve(puzzle) or 'none is stored'}" if solution else shown

    def check_mode(self, mode: Mode) -> None:
        """Raises `UserError` for a mode that the task does not have."""
        if mode not in self.modes:
            raise UserError(f"{self.name} is not asked in mode {mode}; take mode {' or '.join(self.modes)}")


def no_gold(puzzle: Puzzle, mode: Mode) -> str:
    """What is said where there is nothing to show in a warm start."""
    what = "answers" if mode == "answer" else "reasoning" if mode == "reason" else "programs"
    return (
        f"{puzzle.family} has no {what} to show a model: sft.examples 0 leaves the warm start out, sft.file "
        "shows completions that sleuth distill kept"
    )


def check_level(task: Described, level: str) -> None:
    """Raises `UserError` for a level that the task does not have."""
    if level not in task.levels:
        raise UserError(f"{task.name} has no level {level!r}; {nearest(level, list(task.levels))}")


def check_split(split: str) -> None:
    """Raises `UserError` for a split that does not exist."""
    if split not in SPLITS:
        raise UserError(f"unknown split {split!r}; {nearest(split, list(SPLITS))}")


def check_style(task: Described, style: str) -> None:
    """Raises `UserError` for a style that the task does not have."""
    if style != MIXED and style not in task.styles:
        raise UserError(f"{task.name} has no style {style!r}; {nearest(style, [*task.styles, MIXED])}")


def check_names(task: Described, names: str) -> None:
    """Raises `UserError` for names that the task does not have."""
    if names not in get_args(Names):
        raise UserError(f"unknown names {names!r}; {nearest(names, list(get_args(Names)))}")
    if names != "themed" and not task.pooled:
        raise UserError(f"{task.name} has no pool of names; take names themed")
