"""What is known of one run at the moment, read from its folder whenever something there has changed."""

from __future__ import annotations

import fcntl
import math
import threading
from pathlib import Path
from typing import Any

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.files import parse_json
from sleuth.report.facts import POLICIES
from sleuth.runs.directory import ALARMS, LOCK, PARENT, RunDirectory
from sleuth.runs.metrics import MOST_STEPS, seconds_of
from sleuth.view.finding import inside
from sleuth.view.log import Log

LARGEST_JSON_BYTES = 5_000_000
WRITTEN = ("metrics.jsonl", "timings.jsonl", "config.json")
FIGURE = ("mean", "low", "high", "n")
STAGES = ("after-grpo", "after-sft", "before")
"""Evaluations of the model that is trained, the last one first."""


class Run:
    """A run directory as it is now."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self.metrics, self.timings = Log(path / "metrics.jsonl"), Log(path / "timings.jsonl")
        self._kept: dict[Path, tuple[tuple[int, int], Any]] = {}
        self._lock = threading.Lock()
        self._directory: RunDirectory | None = None
        self._opened: tuple[int, int] | None = None
        self.whole = False
        """Whether the logs were read to their end."""
        self.fault = ""
        """Why the run cannot be read, if it cannot."""

    def refresh(self, until_s: float = math.inf) -> None:
        """Reads what has changed, of the logs as much as the clock (`time.monotonic`) allows. Raises nothing: what is
        wrong with the run is in `fault`."""
        with self._lock:
            try:
                stamp = _stamp(self.path / "config.json")
                if stamp != self._opened:
                    self._opened, self._directory, self.fault = stamp, None, ""
                    self._directory = RunDirectory.open(self.path)
            except (UserError, OSError, ValueError, RecursionError) as error:
                self.fault = str(error).replace(f"{self.path}/", "")[:500]
            whole = self.metrics.read_on(until_s)
            self.whole = self.timings.read_on(until_s) and whole

    @property
    def config(self) -> RunConfig | None:
        return self._directory.config if self._directory else None

    @property
    def directory(self) -> RunDirectory:
        """Raises `UserError` for a run that cannot be read."""
        if self._directory is None:
            raise UserError(f"{self.name}: {self.fault or 'not read yet'}")
        return self._directory

    @property
    def version(self) -> str:
        """Changes when something is to be shown anew."""
        rollouts, evaluations = (_stamp(self.path / name)[0] for name in ("rollouts", "evaluations"))
        return f"{self.metrics.version}.{self.timings.version}.{rollouts}.{evaluations}.{self.state}"

    @property
    def state(self) -> str:
        """`running`, `finished`, `stopped` or `unreadable`."""
        if self.fault:
            return "unreadable"
        if self.directory.finished:
            return "finished"
        return "running" if _held(self.path / LOCK) else "stopped"

    def json(self, name: str) -> Any:
        """The content of a JSON file in the folder; None where there is none that can be read."""
        path = self.path / name
        try:
            stamp = _stamp(path)
            if stamp == (0, 0):
                return None
            if (kept := self._kept.get(path)) and kept[0] == stamp:
                return kept[1]
            if stamp[1] > LARGEST_JSON_BYTES:
                return None
            content = parse_json(inside(self.path, path).read_bytes())
        except (OSError, ValueError, RecursionError, UserError):
            return None
        self._kept[path] = (stamp, content)
        return content

    def evaluations(self) -> list[str]:
        """Names of the stored evaluations, in the order of the report."""
        found = sorted(file.stem for file in (self.path / "evaluations").glob("*.json"))
        return [name for name in POLICIES if name in found] + [name for name in found if name not in POLICIES]

    def evaluation(self, name: str) -> dict[str, Any]:
        """The stored summary of an evaluation: figures with their intervals; empty where it cannot be read."""
        content = self.json(f"evaluations/{name}.json")
        return content if isinstance(content, dict) else {}

    def alarms(self) -> list[dict[str, Any]]:
        """What went wrong, in the order in which it was noticed."""
        content = self.json(ALARMS)
        alarms = content.get("alarms") if isinstance(content, dict) else None
        return [alarm for alarm in alarms if _is_alarm(alarm)] if isinstance(alarms, list) else []

    def parent(self) -> dict[str, Any] | None:
        """What is said of the run that this one was forked from."""
        content = self.json(PARENT)
        return content if isinstance(content, dict) else None

    def seconds(self) -> float:
        """Time that was logged, in all phases."""
        return sum(log.stride * sum(seconds_of(line) for _, line in log.all()) for log in self.timings.phases.values())

    def summary(self) -> dict[str, Any]:
        """A line of the list of runs, as plain data."""
        config = self.config
        row: dict[str, Any] = {
            "run": self.name,
            "state": self.state,
            "fault": self.fault,
            "alarms": len(self.alarms()),
            "version": self.version,
            "whole": self.whole,
            "changed": max(_stamp(self.path / name)[0] for name in WRITTEN) / 1e9,
            "started": _stamp(self.path / "environment.json")[0] / 1e9,
        }
        if config is None:
            return row
        phase = "grpo" if self.metrics.phases["grpo"].last or not self.metrics.phases["sft"].last else "sft"
        total = {"sft": config.sft.steps, "grpo": config.grpo.steps}
        if phase == "grpo" and not total["grpo"]:
            phase = "sft"
        last = self.metrics.phases[phase].last
        stage = next((name for name in STAGES if self.evaluation(name)), "")
        row |= {
            "phase": phase,
            "step": last[0] if last else 0,
            "steps": total[phase],
            "task": ", ".join(f"{one.family} level {one.level}" for one in config.puzzles.sources),
            "mode": config.mode,
            "model": config.model.name if config.model.kind != "nano" else "nano",
            "seed": config.seed,
            "stage": stage,
            "solved": figure(self.evaluation(stage), "strict"),
            "before": figure(self.evaluation("before"), "strict") if stage != "before" else None,
            "reward": _number(last[1].get("reward")) if last else None,
            "length": _number(last[1].get("length_tokens")) if last else None,
            "seconds": self.seconds(),
            "course": self._small_course(),
        }
        return row

    def _small_course(self) -> list[float]:
        """At most 60 values of the reward, or of the loss of a warm start, for a small curve."""
        for phase, name in (("grpo", "reward"), ("sft", "loss")):
            lines = self.metrics.phases[phase].all()
            values = [line[name] for _, line in lines if math.isfinite(line.get(name, math.nan))]
            if len(values) > 1:
                stride = -(-len(values) // 60)
                return values[::-stride][::-1]
        return []


def figure(evaluation: dict[str, Any], name: str) -> dict[str, float] | None:
    """A figure of a stored summary with its interval; None where there is none."""
    value = evaluation.get(name)
    if not isinstance(value, dict):
        return None
    try:
        kept = {key: float(value[key]) for key in FIGURE if isinstance(value.get(key), int | float)}
    except OverflowError:  # of a whole number that no float holds
        return None
    return kept if "mean" in kept else None


def _is_alarm(told: object) -> bool:
    return isinstance(told, dict) and (type(step := told.get("step")) is not int or 0 <= step <= MOST_STEPS)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _stamp(path: Path) -> tuple[int, int]:
    """When a file was changed (nanoseconds) and its size; zeros where there is none."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _held(lock: Path) -> bool:
    """Whether a process trains the run. A shared lock, for a moment, shows whether somebody has it alone."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False
