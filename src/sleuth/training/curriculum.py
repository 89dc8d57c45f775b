"""Which puzzle is trained on when.

Training counts its puzzles: number 0 … are shown in the warm start, those behind them are asked in GRPO. What puzzle a
number is depends on the recipe alone (`fixed`, `mixture` with its schedule) or, in a curriculum by success, also on how
the steps before went. That state is a few numbers, and goes into checkpoints.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from random import Random
from typing import Any

from sleuth.config import PuzzlesConfig, RunConfig, SourceConfig
from sleuth.datasets.make import PuzzleSpec, Slot, make_slots
from sleuth.datasets.stream import bases, stream
from sleuth.progress import track
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.task import MIXED
from sleuth.training.choice import MEASURED, chosen, pool_size

STREAMED = 5000
"""From as many examples on a warm start makes them while it trains."""


def spec_of(source: SourceConfig, split: str, seed: int, count: int) -> PuzzleSpec:
    """The spec of puzzles of a source."""
    return PuzzleSpec(source.family, source.level, split, seed, count, source.style, source.names)


def name_of(source: SourceConfig) -> str:
    """As metrics and reports call it."""
    names = "" if source.names == "themed" else f"-{source.names}"
    return f"{source.family}-{source.level}-{source.style}{names}"


def suite_slots(puzzles: PuzzlesConfig, split: str, seed: int, count: int) -> list[Slot]:
    """The puzzles of an evaluation: of every source as many, taking turns. As in training, a puzzle's place in its
    source is its number here, so that no two have one id, whatever the sources have in common."""
    sources = puzzles.sources
    specs = [spec_of(source, split, seed, count) for source in sources]
    return [(specs[number % len(sources)], number) for number in range(count)]


class Curriculum:
    """Deals out a run's puzzles."""

    def __init__(self, config: RunConfig, state: dict[str, Any] | None = None) -> None:
        """`state`: what `state()` said when a checkpoint was written."""
        self._config, self._puzzles = config, config.puzzles
        self._sources = config.puzzles.sources
        self._by_success = config.puzzles.enter > 0
        self._active: list[int] = list(state["active"]) if state else [0]
        """Sources in use, of a curriculum by success."""
        self._success: list[float | None] = list(state["success"]) if state else [None] * len(self._sources)
        self._fixed: list[Puzzle] | None = None
        self._pool: list[Puzzle] | None = None

    def state(self) -> dict[str, Any]:
        """Plain data that a checkpoint keeps."""
        return {"active": list(self._active), "success": list(self._success)}

    def examples(self, start: int = 0) -> Generator[tuple[Puzzle, str], None, None]:
        """The warm start from an example's number on: puzzles with right completions. Its puzzles are made first and
        are all different, unless they are a fixed set. Those in variants, those of a nano model, which needs more than
        a low level has that differ in more than names, and `STREAMED` or more are made while they are shown, and may
        come again."""
        sft, mode, sources = self._config.sft, self._config.mode, range(len(self._sources))
        if not self._puzzles.fixed and (
            self._config.model.kind == "nano" or sft.variants > 1 or sft.examples >= STREAMED
        ):
            count = bases(sft.examples, sft.variants)

            def slot(number: int) -> Slot:
                return self._slot(number, self._in_use(number / count, sources))

            workers = max(1, (os.cpu_count() or 1) // 2)
            yield from stream(slot, sft.examples, mode, sft.telling, sft.variants, workers, start)
            return
        if self._puzzles.fixed:
            every = self._fixed_set()
            puzzles = [every[number % len(every)] for number in range(sft.examples)]
        else:
            # The warm start of a curriculum by success shows what GRPO will come to.
            slots = [self._slot(n, self._in_use(n / sft.examples, sources)) for n in range(sft.examples)]
            puzzles = list(track(make_slots(slots), "making examples", sft.examples))
        yield from ((puzzle, gold_completion(puzzle, mode, sft.telling)) for puzzle in puzzles[start:])

    def asked(self, step: int) -> Iterator[Puzzle]:
        """The puzzles of a GRPO step: those that it asks at first, then those that may fill the places of others."""
        if self._puzzles.fixed:
            every, before = self._fixed_set(), self._config.sft.examples
            yield from (every[(number - before) % len(every)] for number in self._numbers(step))
        else:
            yield from (spec.make(index).puzzle for spec, index in self._slots(step))

    def asked_by_all(self) -> Iterator[Puzzle]:
        """The puzzles of all GRPO steps in order, made by several processes; not for a curriculum by success, in which
        they depend on how the steps go."""
        assert not self._by_success
        steps = range(1, self._config.grpo.steps + 1)
        if self._puzzles.fixed:
            yield from (puzzle for step in steps for puzzle in self.asked(step))
        else:
            yield from make_slots([slot for step in steps for slot in self._slots(step)], different=False)

    def _numbers(self, step: int) -> range:
        """The numbers of a GRPO step's puzzles."""
        grpo = self._config.grpo
        first = self._config.sft.examples + (step - 1) * (grpo.puzzles_per_step + grpo.refill)
        return range(first, first + grpo.puzzles_per_step + grpo.refill)

    def _slots(self, step: int) -> list[Slot]:
        steps = self._config.grpo.steps
        in_use = self._active if self._by_success else self._in_use((step - 1) / steps, range(len(self._sources)))
        return [self._slot(number, in_use) for number in self._numbers(step)]

    def learn(self, outcomes: Sequence[tuple[Puzzle, bool]]) -> dict[str, float]:
        """Takes in how a step went, (puzzle, solved) of every completion, and says where the curriculum stands as
        metrics; nothing where there is one source."""
        if len(self._sources) == 1:
            return {}
        seen = [[right for puzzle, right in outcomes if is_of(puzzle, source)] for source in self._sources]
        for number, rights in enumerate(seen):
            if rights:
                share, before = sum(rights) / len(rights), self._success[number]
                keep = self._puzzles.memory
                self._success[number] = share if before is None else keep * before + (1 - keep) * share
        metrics = {
            f"source/{name_of(source)}": sum(rights) / len(rights)
            for source, rights in zip(self._sources, seen, strict=True)
            if rights
        }
        if self._by_success:
            self._move_on()
            metrics["sources_in_use"] = float(len(self._active))
            metrics["hardest_source"] = float(self._active[-1])
        return metrics

    def _move_on(self) -> None:
        hardest = self._active[-1]
        success = self._success[hardest]
        if success is not None and success >= self._puzzles.enter and hardest + 1 < len(self._sources):
            self._active.append(hardest + 1)
        hardest = self._active[-1]
        self._active = [
            number
            for number in self._active
            if number == hardest or (mean := self._success[number]) is None or mean <= self._puzzles.leave
        ]

    @property
    def pool(self) -> list[Puzzle]:
        """The puzzles among which the fixed ones are chosen."""
        if self._pool is None:
            everything = range(len(self._sources))
            numbers = range(pool_size(self._puzzles))
            self._pool = list(make_slots([self._slot(number, everything) for number in numbers]))
        return self._pool

    def fix(self, places: Sequence[int]) -> None:
        """Takes the fixed puzzles from these places of the pool."""
        self._fixed = [self.pool[place] for place in places]

    def _fixed_set(self) -> list[Puzzle]:
        if self._fixed is None:
            assert self._puzzles.choice not in MEASURED, "the session has not chosen"
            self.fix(chosen(self._puzzles, self.pool))
        assert self._fixed is not None
        return self._fixed

    def _in_use(self, at: float, among: Sequence[int]) -> list[int]:
        """The sources that the schedule has in use after this part of a phase."""
        return [number for number in among if self._sources[number].begins <= at < self._sources[number].ends]

    def _slot(self, number: int, in_use: Sequence[int]) -> Slot:
        """A number's source, drawn by weight, and its place there, which is the number itself: no source tells a puzzle
        twice."""
        chosen = in_use[0]
        if len(in_use) > 1:
            rng = Random(f"{self._puzzles.seed}/source/{number}")
            chosen = rng.choices(in_use, [self._sources[one].weight for one in in_use])[0]
        return spec_of(self._sources[chosen], "train", self._puzzles.seed, number + 1), number


def is_of(puzzle: Puzzle, source: SourceConfig) -> bool:
    """Whether a puzzle can come from a source."""
    family, _, version = source.family.partition("@")
    return (
        puzzle.family.partition("@")[0] == family
        and version in ("", puzzle.family.partition("@")[2])
        and puzzle.level == source.level
        and source.style in (MIXED, puzzle.meta["style"])
        and source.names == puzzle.meta.get("names", "themed")
    )
