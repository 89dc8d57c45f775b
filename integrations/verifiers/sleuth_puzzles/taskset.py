"""The puzzles, and what a completion about one earns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import verifiers.v1 as vf

from sleuth.config import Names, TrainedMode
from sleuth.datasets.files import read_puzzles
from sleuth.datasets.make import PuzzleSpec, first_level, make_puzzles
from sleuth.integrations.grading import grade_text, puzzle_of
from sleuth.policy.prompts import ask
from sleuth.puzzles.registry import get_task
from sleuth.puzzles.score import Score


class SleuthData(vf.TaskData):
    """A puzzle and how it is asked."""

    puzzle: str
    """JSON text."""
    mode: TrainedMode


class SleuthTask(vf.Task[SleuthData]):
    """Grades the last message of the model."""

    async def _score(self, trace: vf.Trace) -> Score:
        said = (trace.assistant_messages[-1].content or "") if trace.assistant_messages else ""
        return await asyncio.to_thread(grade_text, self.data.puzzle, said, self.data.mode, trace.is_truncated)

    @vf.reward
    async def answers(self, trace: vf.Trace) -> float:
        """The share of questions answered right, 0 … 1."""
        return (await self._score(trace)).reward

    @vf.metric
    async def grade(self, trace: vf.Trace) -> dict[str, float]:
        """`strict` (1: every question is right) and how the completion ended, as `outcome/…`."""
        score = await self._score(trace)
        return {"strict": float(score.correct), f"outcome/{score.outcome}": 1.0}

    async def validate(self, runtime: vf.Runtime) -> bool | None:
        """Whether the right completion earns everything; None in a mode whose right completion the family does not
        know."""
        puzzle = puzzle_of(self.data.puzzle)
        task = get_task(puzzle.family)
        if self.data.mode not in task.gold_modes:
            return None
        right = task.gold(puzzle, self.data.mode)
        return (await asyncio.to_thread(grade_text, self.data.puzzle, right, self.data.mode)).correct


class SleuthConfig(vf.TasksetConfig):
    """Which puzzles: those of a file, or new ones."""

    mode: TrainedMode = "answer"
    """How they are asked: `answer`, `reason` (reasoning, then answers) or `program` (clues as formal statements)."""
    file: Path | None = None
    """Puzzles that `sleuth make` wrote (JSONL or Parquet); the keys below then say nothing."""
    family: str = "temporal-clue"
    level: str | None = None
    """None: the family's first."""
    style: str = "plain"
    names: Names = "themed"
    split: str = "train"
    seed: int = 0
    count: int = 1000


class SleuthTaskset(vf.Taskset[SleuthTask, SleuthConfig]):
    """The puzzles of a file or a family, each as one task whose id is the puzzle's."""

    def load(self) -> Iterator[SleuthTask]:
        """Raises `UserError` for a file that holds no puzzles, and for a family, level, style or split that does not
        exist."""
        config = self.config
        if config.file is not None:
            puzzles = iter(read_puzzles(config.file))
        else:
            level = config.level or first_level(config.family)
            puzzles = make_puzzles(
                PuzzleSpec(config.family, level, config.split, config.seed, config.count, config.style, config.names)
            )
        for puzzle in puzzles:
            request = ask(puzzle, config.mode)
            data = SleuthData(
                id=puzzle.id,
                name=puzzle.id,
                prompt=request.user,
                system_prompt=request.system or None,
                puzzle=puzzle.model_dump_json(),
                mode=config.mode,
            )
            yield SleuthTask(data, config.task)
