"""What is written and said after every step: metrics, alarms, a line for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict

from sleuth.runs.directory import ALARMS
from sleuth.runs.metrics import Line, Phase
from sleuth.training import checkpoints
from sleuth.training.alarms import Alarm, AlarmWatch
from sleuth.training.session import Session

NOT_FINITE = "not_finite"
"""Folder of the weights whose gradient was not finite."""
PHASES: tuple[Phase, ...] = ("sft", "grpo")
"""Those whose steps can raise an alarm."""


class StepLog:
    """Logs the steps of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._watches: dict[Phase, AlarmWatch] = {phase: AlarmWatch(session.config) for phase in PHASES}
        self._alarms: dict[Phase, list[Alarm]] = {
            phase: [alarm for line in session.run.read_metrics(phase) for alarm in watch.see(line)]
            for phase, watch in self._watches.items()
        }
        self._store()  # those of steps that a resumed run makes again are gone, and a fork has its parent's

    def metrics(self, phase: Phase, step: int, metrics: Mapping[str, float]) -> None:
        """Into the run's folder and wherever it is mirrored."""
        self._session.run.log_metrics(phase, step, metrics)
        self._session.mirrors.log(phase, step, metrics)

    def alarms(self, phase: Phase, step: int, metrics: Mapping[str, float], tell: Callable[[str], None]) -> None:
        """Tells and stores what goes wrong, by all metrics of the step; weights whose gradient was not finite are kept
        for study."""
        session = self._session
        if metrics["not_finite"]:
            done = step + (session.sft_steps if phase == "grpo" else 0)
            folder, state = session.run.path / NOT_FINITE, session.state(done)
            checkpoints.save(folder, done, session.model, session.tokenizer, session.optimizer, state, keep=1)
        raised = self._watches[phase].see(Line(phase, step, _as_read(metrics)))
        self._alarms[phase] += raised
        for alarm in raised:
            tell(f"alarm in step {step}: {alarm}")
        if raised:
            self._store()

    def _store(self) -> None:
        alarms = [{"phase": phase, **asdict(alarm)} for phase in PHASES for alarm in self._alarms[phase]]
        if alarms or (self._session.run.path / ALARMS).exists():
            self._session.run.write_alarms(alarms)


def _as_read(metrics: Mapping[str, float]) -> dict[str, float]:
    """As `read_metrics` gives them back: what was not finite is not a number."""
    return {name: value if math.isfinite(value) else math.nan for name, value in metrics.items()}
