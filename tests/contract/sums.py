"""A third kind of task, as somebody's package would bring it: no clues, no library, answers that are numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from sleuth import Key, Made, Outcome, Prompt, Puzzle, Question, Score, Task, UserError
from sleuth.config import Mode, Telling
from sleuth.puzzles.canonical import digest, split_of
from sleuth.puzzles.generate import rng_of
from sleuth.puzzles.score import failed
from sleuth.puzzles.task import no_gold


class Sums(Task):
    """What is 17 + 25?"""

    name = "sums"
    version = 1
    levels: Mapping[str, str] = {"1": "two numbers", "2": "three numbers"}
    modes: tuple[Mode, ...] = ("answer",)
    gold_modes: tuple[Mode, ...] = ("answer",)

    def make(self, key: Key) -> Made:
        attempt = key.attempt
        while True:
            rng = rng_of(self.id, key.level, key.split, key.seed, key.index, attempt)
            terms = [rng.randint(10, 99) for _ in range(int(key.level) + 1)]
            text = f"What is {' + '.join(map(str, terms))}?"
            form = digest(f"{self.name} {sorted(terms)}")
            if split_of(form) == key.split:
                break
            attempt += 1
        puzzle = Puzzle(
            id=f"{self.id}/level-{key.level}/{key.split}/{key.seed}/{key.index}",
            family=self.id,
            level=key.level,
            split=key.split,
            seed=key.seed,
            index=key.index,
            prompt=text,
            clues=(),
            questions=(Question(letter="A", text=text, kind="number", choices=()),),
            answers={"A": str(sum(terms))},
            meta={"style": "plain"},
        )
        return Made(puzzle, form, attempt)

    def ask(self, puzzle: Puzzle, mode: Mode) -> Prompt:
        self.check_mode(mode)
        return Prompt('Write "A." and the sum.', puzzle.prompt)

    def grade(self, puzzle: Puzzle, completion: str, mode: Mode, truncated: bool, strict_format: bool = False) -> Score:
        self.check_mode(mode)
        letter, _, said = completion.strip().rpartition("\n")[2].partition(". ")
        if letter != "A" or not said:
            return failed(puzzle, Outcome.TRUNCATED if truncated else Outcome.UNREADABLE, "no answer line")
        return Score.of({"A": said}, {"A": said == puzzle.answers["A"]})

    def gold(self, puzzle: Puzzle, mode: Mode, telling: Telling = "short") -> str:
        if mode != "answer":
            raise UserError(no_gold(puzzle, mode))
        return f"A. {puzzle.answers['A']}"

    def guess(self, puzzle: Puzzle, rng: Random, others: Sequence[Puzzle]) -> str:
        return f"A. {rng.randint(20, 200)}"


class WrongGold(Sums):
    """Shows what is wrong, and draws another puzzle in every process."""

    name = "wrong-gold"

    def make(self, key: Key) -> Made:
        made = super().make(key)
        meta = {"style": "plain", "hash": hash(key)}  # the hash of a text is another one in every process
        return Made(made.puzzle.model_copy(update={"meta": meta}), made.digest, made.attempt)

    def gold(self, puzzle: Puzzle, mode: Mode, telling: Telling = "short") -> str:
        return "A. 0"


class NewerSums(Sums):
    """The same in a second version."""

    version = 2
