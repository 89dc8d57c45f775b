"""The API route of `sleuth bench`: the suite's task, run by Inspect, with our journal, budget and faults.

Inspect has the providers, their keys, retries and concurrency, and leaves its log for `inspect view`. Every completion
goes into the journal as soon as it comes, so an interruption loses only what was under way, and the same command asks
for the rest. Nothing new is asked for when a budget is used up, when a key is wrong, or when `FAULTS_IN_A_ROW` requests
have failed one after the other, each with its retries: a dead server would otherwise hold a run for hours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import inspect_ai
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalSpec
from inspect_ai.model import GenerateConfig, Model, ModelOutput, get_model
from inspect_ai.scorer import SampleScore
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import EarlyStop

from sleuth.bench.inspect.faults import Faulty, fault_of_error, hide_keys, usage_of
from sleuth.bench.inspect.scoring import completion_of
from sleuth.bench.inspect.tasks import answering, bounded, make_task
from sleuth.bench.journal import Journal
from sleuth.bench.models import Interface
from sleuth.bench.prices import Price
from sleuth.bench.result import Row, Settings
from sleuth.bench.run import NOT_GRADED, Budget, graded_row
from sleuth.bench.suites import Suite
from sleuth.errors import UserError
from sleuth.policy.base import Fault, StopReason
from sleuth.puzzles.score import Outcome

FAULTS_IN_A_ROW = 24


def run_interface(
    name: str,
    suite: Suite,
    settings: Settings,
    journal: Journal,
    budget: Budget,
    price: Price | None,
    progress: Callable[[int], None],
    *,
    interface: Interface,
    logs: Path,
) -> str:
    """Asks what the journal lacks, and writes it there. Why it stopped before the end, or nothing.

    Raises `UserError` for a model that Inspect cannot make (a provider's package or key is missing), a full disk, and
    `KeyboardInterrupt` when it was interrupted.
    """
    left = [item for item in suite.items if not journal.answered(item.puzzle.id, settings.samples)]
    asking = _Asking(suite, settings, journal, budget, price, progress)
    if not left or asking.used_up():
        return asking.stopped
    config = _config(settings, interface)
    task = make_task(left, settings.mode, settings.samples, name="bench", solvers=[asking.solver()], config=config)
    task.early_stopping = asking
    model = make_model(name, config)
    try:
        logged = inspect_ai.eval(
            task,
            model=model,
            display="none",
            log_level="critical",
            log_dir=str(logs),
            log_model_api=False,
            ctl_server=False,
            fail_on_error=False,
            max_samples=interface.connections,
        )
    except PrerequisiteError as error:
        raise UserError(_line(error)) from None
    if asking.failed is not None:
        raise asking.failed
    if not logged or any(log.status == "cancelled" for log in logged):  # Ctrl-C, which Inspect takes for itself
        raise KeyboardInterrupt
    for log in logged:
        if log.error is not None:
            raise UserError(f"{name}: {_line(log.error.message)}")
    return asking.stopped


def _config(settings: Settings, interface: Interface) -> GenerateConfig:
    asked = GenerateConfig(
        max_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        top_k=settings.top_k or None,
        top_p=settings.top_p if settings.top_p < 1 else None,
        max_connections=interface.connections,
        reasoning_effort=settings.effort,
        reasoning_tokens=settings.thinking_tokens,
    )
    return bounded(interface.retries, interface.timeout_s).merge(asked)


def make_model(name: str, config: GenerateConfig) -> Model:
    """The model as Inspect has it. Raises `UserError` for one that cannot be made."""
    try:
        model = get_model(name, config=config, memoize=False)
    except (PrerequisiteError, ValueError, ImportError) as error:
        raise UserError(f"{name}: {_line(error)}") from None
    hide_keys(model)
    return model


class _Asking:
    """Which samples Inspect starts (its early stopping), and what becomes of their replies."""

    def __init__(
        self,
        suite: Suite,
        settings: Settings,
        journal: Journal,
        budget: Budget,
        price: Price | None,
        progress: Callable[[int], None],
    ) -> None:
        self._puzzles = {item.puzzle.id: item.puzzle for item in suite.items}
        self._settings, self._journal, self._budget, self._price = settings, journal, budget, price
        self._progress = progress
        self._in_a_row = 0
        self.stopped = ""
        """Why nothing more is asked, for people."""
        self.failed: UserError | None = None
        """What ends the benchmark: its journal cannot be written."""

    def used_up(self) -> bool:
        """Whether the budget is, which is then the reason to stop."""
        if not self.stopped:
            self.stopped = self._budget.used_up(*self._journal.tokens, self._price)
        return bool(self.stopped)

    async def start_task(self, task: EvalSpec, samples: list[Sample], epochs: int) -> str:
        """Inspect's."""
        return "sleuth bench"

    async def schedule_sample(self, id: str | int, epoch: int) -> EarlyStop | None:
        """Inspect's, before a sample starts."""
        before = self._journal.rows.get((str(id), epoch - 1))
        if before is not None and before.fault is None:
            return EarlyStop(id=id, epoch=epoch, reason="answered before")
        return EarlyStop(id=id, epoch=epoch, reason=self.stopped) if self.used_up() else None

    async def complete_sample(self, id: str | int, epoch: int, scores: dict[str, SampleScore]) -> None:
        """Inspect's."""

    async def complete_task(self) -> dict[str, Any]:
        """Inspect's."""
        return {"stopped": self.stopped}

    def solver(self) -> Solver:
        """Asks, and writes what came into the journal."""
        settings = self._settings
        ask = answering(settings.seed if settings.temperature else None)

        @solver(name="asking")
        def asking() -> Solver:
            async def solve(state: TaskState, generate: Generate) -> TaskState:
                started_s = time.monotonic()
                try:
                    state = await ask(state, generate)
                except Exception as error:  # whatever a provider raises is a fault of the interface
                    faulty = error if isinstance(error, Faulty) else fault_of_error(error)
                    await self._add(state, faulty, time.monotonic() - started_s)
                    raise faulty from None
                await self._add(state, None, time.monotonic() - started_s)
                return state

            return solve

        return asking()

    async def _add(self, state: TaskState, faulty: Faulty | None, seconds: float) -> None:
        row = _row(str(state.sample_id), state.epoch - 1, state.output, faulty, seconds)
        row = await asyncio.to_thread(graded_row, self._puzzles[row.puzzle_id], self._settings.mode, row)
        if self.failed is not None:
            return
        try:
            self._journal.add([row])
        except UserError as error:  # a full disk
            self.failed, self.stopped = error, str(error)
            return
        self._progress(1)
        self._in_a_row = 0 if row.fault is None else self._in_a_row + 1
        if not self.stopped:
            self.stopped = self._reason(row)

    def _reason(self, row: Row) -> str:
        if row.fault is Fault.WRONG_KEY:
            return f"the key is not accepted ({row.completion})"
        if self._in_a_row >= FAULTS_IN_A_ROW:
            return f"{self._in_a_row} requests in a row have failed, the last by {row.fault} ({row.completion})"
        bounded_by = self._budget.tokens is not None or self._budget.usd is not None
        if bounded_by and row.fault is None and row.stop is StopReason.END and not row.new_tokens:
            return "the interface counts no tokens, so no budget can be kept"
        return ""


def _row(puzzle_id: str, sample: int, output: ModelOutput, faulty: Faulty | None, seconds: float) -> Row:
    text, stop = (faulty.said, StopReason.FAULT) if faulty else completion_of(output)
    prompt, new, reasoning = usage_of(output) or (0, 0, None)
    return Row(
        puzzle_id=puzzle_id,
        sample=sample,
        completion=text,
        stop=stop,
        fault=faulty.fault if faulty else None,
        outcome=Outcome.FAULT if faulty else NOT_GRADED,
        reward=0.0,
        correct=False,
        answers={},
        right={},
        prompt_tokens=prompt,
        new_tokens=new,
        reasoning_tokens=reasoning,
        seconds=output.time if output.time is not None else seconds,
    )


def _line(said: object) -> str:
    """The first line of what Inspect says, without its markup."""
    from rich.errors import MarkupError
    from rich.text import Text

    try:
        plain = Text.from_markup(str(said)).plain
    except MarkupError:  # it has brackets of its own
        plain = str(said)
    return " ".join(plain.split())[:300]
