"""The loop of GRPO on tiny models, for tests: tasks without much of a puzzle, and a recorder that remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sleuth.config import RunConfig
from sleuth.policy.base import Policy, Request
from sleuth.policy.constraint import Constraint
from sleuth.policy.conversations import Grader
from sleuth.policy.engine import TorchPolicy
from sleuth.puzzles.puzzle import Puzzle
from sleuth.training.batch import ScoredGroup, Task
from sleuth.training.credit import TokenEnds
from sleuth.training.grpo import Learner, Step, train_grpo
from sleuth.training.likelihood import Likelihood
from sleuth.training.optimizer import MasterOptimizer
from sleuth.training.update import Ratios
from tests.tiny import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
PUZZLE = Puzzle(
    id="toy@1/level-1/train/0/0",
    family="toy@1",
    level="1",
    split="train",
    seed=0,
    index=0,
    prompt="Who?",
    clues=(),
    questions=(),
    answers={},
    meta={},
)
"""Of tasks that are asked and graded in their own way."""


def task(request: Request, grade: Grader) -> Task:
    """A task of the loop."""
    return Task(PUZZLE, request, grade)


class Record:
    """Remembers what the loop tells."""

    def __init__(
        self, on_log: Callable[[Step], None] | None = None, on_save: Callable[[int], None] | None = None
    ) -> None:
        self.metrics: dict[int, dict[str, float]] = {}
        self.groups: dict[int, Sequence[ScoredGroup]] = {}
        self.timings: dict[int, dict[str, float]] = {}
        self.ratios: dict[int, Ratios] = {}
        self.evaluated: list[int] = []
        self.saved: list[int] = []
        self._on_log, self._on_save = on_log, on_save

    def log(self, step: Step) -> None:
        assert all(value >= 0 for value in step.timings.values())
        self.metrics[step.number], self.groups[step.number] = step.metrics, step.groups
        self.timings[step.number], self.ratios[step.number] = step.timings, step.ratios
        if self._on_log:
            self._on_log(step)

    def evaluate(self, step: int) -> None:
        self.evaluated.append(step)

    def save(self, step: int) -> None:
        self.saved.append(step)
        if self._on_save:
            self._on_save(step)


def loop(
    model: Any,
    config: RunConfig,
    tasks: Callable[[int], Iterable[Task]],
    record: Record | None = None,
    *,
    policy: Policy | None = None,
    optimizer: MasterOptimizer | None = None,
    reference: Any = None,
    ends: TokenEnds | None = None,
    constraint: Constraint | None = None,
    start_step: int = 0,
) -> Record:
    """Trains a model, and returns what the loop told."""
    record = record or Record()
    learner = Learner(
        Likelihood.of(model, config, constraint),
        policy or TorchPolicy(model, TOKENIZER, rows=16),
        optimizer or MasterOptimizer(model, config.optimizer),
        None if reference is None else Likelihood.of(reference, config, constraint),
        ends,
    )
    train_grpo(learner, tasks, config, record, start_step)
    return record
