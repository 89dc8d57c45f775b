"""The run directory: one folder with everything about one run, and the only truth about it.

    config.json                     the configuration, complete: with what was decided for the machine at the start
    environment.json                what it ran on
    metrics.jsonl                   one line per step and phase; equal runs have equal bytes
    timings.jsonl                   seconds and whatever else differs between equal runs
    rollouts/<phase>_<step>.parquet every completion of a training step
    evaluations/<name>.parquet      every completion of an evaluation; <name>.json is its summary
    chosen.json                     which fixed puzzles were chosen by what the model solves (`puzzles.choice`)
    examples.sha256                 hash of the completions that are shown (`sft.file`)
    initial/                        a nano model as it was before training
    reference/                      the model as it was before GRPO
    checkpoints/                    what a run resumes from
    model/                          the finished model
    alarms.json                     what went wrong, if anything did: phase, step, name, figures and remedy of each
    report.html                     made from all of the above

A line of metrics is `{"phase": "grpo", "step": 3, "reward": 0.61, ...}`. The names that the report knows:

    every phase      loss, grad_norm, learning_rate
    grpo and eval    reward (share of questions right), strict (share of puzzles solved), readable,
                     length_tokens, outcome/<outcome> (share of completions); with grpo.retries turns/again and
                     turns/right_by_<n> (share asked again, share solved after at most n turns)
    grpo             entropy_sampled (nats per token, estimated from all completions), entropy (of those trained on),
                     mismatch and mismatch_max (mean and largest |log-probability sampled - recomputed|, nats)

A line of timings holds seconds, names ending in `_s`, which are disjoint: their sum is the time of the step. Phase
`eval` counts GRPO steps; an evaluation of step n is made before the checkpoint of step n.

One process writes a run, which it holds by the lock on `.lock`; any number may read it meanwhile.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.files import alone, append_line, atomic_write, check_folder, read_json, read_lines, writing
from sleuth.recipes import parse_config
from sleuth.runs.environment import Environment, current_environment
from sleuth.runs.metrics import Line, Phase, metric_name, parse_line
from sleuth.runs.rows import EvaluationRow, RolloutRow, read_parquet, to_parquet

LOCK = ".lock"
"""An empty file; who has it locked, trains the run."""
PATIENCE_S = 3.0
"""A process that was killed as it started another one may leave its lock to that for the moment until it has begun."""
PARENT = "parent.json"
"""Of a fork: what `Parent` says."""
INITIAL = "initial"
"""Folder of a nano model as it is before training."""
CHOSEN = "chosen.json"
"""Which puzzles of the pool were chosen as the fixed ones, and the share of completions that solved each of the
pool."""
ALARMS = "alarms.json"
"""What went wrong, if anything did."""
EXAMPLES = "examples.sha256"
"""Hash of the completions of `sft.file`."""
REFERENCE = "reference"
"""Folder of the model as it was before GRPO."""
MODEL = "model"
"""Folder of the finished model, which is written last."""
WEIGHTS = "model.safetensors"
"""The weights in a model's folder, or a checkpoint's."""
UNFINISHED = ".unfinished"
"""An empty file in a folder that is to become a run."""

_STAGE = {"sft": 0, "grpo": 1, "eval": 1}
"""Phases in the order of a run; evaluations during training go along with GRPO."""


class Parent(BaseModel):
    """What `parent.json` says of the run that this one was forked from."""

    parent: str
    """Its name."""
    folder: str
    step: int
    changed: dict[str, Any]
    """Key to what it is now."""


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Reads and writes a run. Make one with `create` or `open`."""

    path: Path
    config: RunConfig
    environment: Environment

    @classmethod
    def create(
        cls, path: Path, config: RunConfig, fill: Callable[[RunDirectory], None] = lambda run: None
    ) -> RunDirectory:
        """Starts a run in a new or empty folder, with what `fill` puts into it. A process that is killed meanwhile
        leaves no run, and a folder that another call takes. Raises `UserError` if there is something already."""
        cls.check_new(path)
        run = cls(path, config, current_environment())
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
        with run.held():
            cls.check_new(path)  # another process may just have made one
            with writing(path):
                (path / UNFINISHED).touch()
                for left in path.iterdir():
                    if left.is_dir():
                        shutil.rmtree(left)
                    elif left.name not in (UNFINISHED, LOCK):
                        left.unlink()
                for folder in (run.rollouts, run.evaluations, run.checkpoints):
                    folder.mkdir()
                fill(run)
            atomic_write(path / "environment.json", _json(run.environment.model_dump()))
            # Last, since it is what makes the folder a run.
            atomic_write(path / "config.json", _json(config.model_dump()))
            (path / UNFINISHED).unlink()
        return run

    @staticmethod
    def check_new(path: Path) -> None:
        """Raises `UserError` for a folder that can't become a run: one that holds something, or can't be made."""
        if (path / "config.json").exists():
            raise UserError(f"{path}: there is a run already; resume it or choose another folder")
        if path.exists() and not path.is_dir():
            raise UserError(f"{path} is a file; choose a folder that is new or empty")
        if path.exists() and any(one.name != LOCK for one in path.iterdir()) and not (path / UNFINISHED).exists():
            raise UserError(f"{path}: the folder holds something else; choose one that is new or empty")
        check_folder(path)

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """A run that exists. Changes nothing. Raises `UserError` if there is none or its files can't be read."""
        config_file, environment_file = path / "config.json", path / "environment.json"
        if not config_file.is_file():
            raise UserError(f"{path}: no run here (it has no config.json)")
        settings = _read_json(config_file)
        if not isinstance(settings, dict):
            raise UserError(f"{config_file}: not a table of settings")
        config = parse_config(settings, str(config_file))
        try:
            environment = Environment.model_validate(_read_json(environment_file))
        except ValidationError as error:
            raise UserError(f"{environment_file}: {error.errors()[0]['msg']}") from None
        return cls(path, config, environment)

    @property
    def rollouts(self) -> Path:
        return self.path / "rollouts"

    @property
    def evaluations(self) -> Path:
        return self.path / "evaluations"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def base_model(self) -> str:
        """The model that the run begins with: a name, or the whole path of the folder in which the run made it."""
        model = self.config.model
        return str((self.path / INITIAL).resolve()) if model.made else model.name

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return (self.path / MODEL / WEIGHTS).exists()

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other processes from training the run meanwhile. However this process ends, the hold ends with it.

        Raises `UserError` if another one has it.
        """
        with alone(self.path / LOCK, f"{self.path}: another process is training this run", PATIENCE_S):
            yield

    def log_metrics(self, phase: Phase, step: int, values: Mapping[str, float]) -> None:
        """Appends a line to metrics.jsonl. What is not finite is stored as null."""
        _log(self.path / "metrics.jsonl", phase, step, values)

    def log_timings(self, phase: Phase, step: int, values: Mapping[str, float]) -> None:
        """Appends a line to timings.jsonl: disjoint seconds, names ending in `_s`."""
        _log(self.path / "timings.jsonl", phase, step, values)

    def read_metrics(self, phase: Phase | None = None) -> list[Line]:
        """The lines of metrics.jsonl in order, of one phase or of all."""
        return _read_log(self.path / "metrics.jsonl", phase)

    def read_timings(self, phase: Phase | None = None) -> list[Line]:
        """The lines of timings.jsonl in order, of one phase or of all."""
        return _read_log(self.path / "timings.jsonl", phase)

    def truncate_after(self, phase: Phase, step: int) -> None:
        """Forgets all that was logged or sampled beyond a checkpoint, before resuming from it.

        That is: later steps of the phase, and everything of later phases. Checkpoints and evaluations stay.
        """

        def beyond(other: str, other_step: int) -> bool:
            return _STAGE[other] > _STAGE[phase] or (_STAGE[other] == _STAGE[phase] and other_step > step)

        for file in (self.path / "metrics.jsonl", self.path / "timings.jsonl"):
            kept = [line for line in _read_log(file) if not beyond(line.phase, line.step)]
            if file.exists():
                atomic_write(file, "".join(_line(x.phase, x.step, x.values) + "\n" for x in kept).encode())
        for rollout_phase, rollout_step in self.rollout_steps():
            if beyond(rollout_phase, rollout_step):
                self._rollout_file(rollout_phase, rollout_step).unlink()

    def write_rollouts(self, phase: Phase, step: int, rows: Iterable[RolloutRow]) -> None:
        """Stores the completions of a step; written again, they replace what was there."""
        atomic_write(self._rollout_file(phase, step), to_parquet(RolloutRow, rows))

    def read_rollouts(self, phase: Phase, step: int) -> list[RolloutRow]:
        """The completions of a step. Raises `UserError` if there are none."""
        return read_parquet(RolloutRow, self._rollout_file(phase, step))

    def rollout_steps(self) -> list[tuple[Phase, int]]:
        """The (phase, step) of all stored rollouts, in the order of the run."""
        found: list[tuple[Phase, int]] = []
        for file in self.rollouts.glob("*.parquet"):
            if match := re.fullmatch(r"(sft|grpo|eval)_(\d{6,})", file.stem):
                found.append((match[1], int(match[2])))  # type: ignore[arg-type]  # the pattern allows no other
        return sorted(found, key=lambda item: (_STAGE[item[0]], item[1], item[0]))

    def write_evaluation(self, name: str, rows: Iterable[EvaluationRow], summary: Mapping[str, Any]) -> None:
        """Stores an evaluation and its summary (plain data) under a name of lower-case letters, digits and hyphens.

        The names that the report knows: `before`, `after-sft`, `after-grpo`, `guessing`, `solver`.
        """
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), name
        atomic_write(self.evaluations / f"{name}.json", _json(summary))
        # Last, since it is what makes an evaluation.
        atomic_write(self.evaluations / f"{name}.parquet", to_parquet(EvaluationRow, rows))

    def check_examples(self, digest: str) -> None:
        """Keeps the hash of the completions of `sft.file` when they are first read. Raises `UserError` where they are
        not those that the run began with."""
        file = self.path / EXAMPLES
        if not file.exists():
            atomic_write(file, f"{digest}\n".encode())
        elif file.read_text(encoding="utf-8").strip() != digest:
            raise UserError(
                f"{self.config.sft.file} has changed since the run {self.path} began with it; bring it back, or train "
                "a new run"
            )

    def write_alarms(self, alarms: Iterable[Mapping[str, Any]]) -> None:
        """Stores all alarms so far; written again, they replace what was there."""
        atomic_write(self.path / ALARMS, _json({"alarms": list(alarms)}))

    def read_evaluation(self, name: str) -> list[EvaluationRow]:
        """The completions of an evaluation. Raises `UserError` if there is none of that name."""
        return read_parquet(EvaluationRow, self.evaluations / f"{name}.parquet")

    def evaluation_names(self) -> list[str]:
        """The names of all evaluations, sorted."""
        return sorted(file.stem for file in self.evaluations.glob("*.parquet"))

    def parent(self) -> Parent | None:
        """The run that this one was forked from; None for a run of its own. Raises `UserError` for a damaged file."""
        path = self.path / PARENT
        if not path.exists():
            return None
        try:
            return Parent.model_validate(_read_json(path))
        except ValidationError as error:
            raise UserError(f"{path}: not what a fork says of its parent ({error.errors()[0]['msg']})") from None

    def best_step(self) -> int | None:
        """The first step with the best evaluation so far by the metric `config.checkpoint.best`, warm start and GRPO
        counted together; None where none is asked for or there is no evaluation of a step that was made."""
        best = metric_name(self.config.checkpoint.best)
        sign, name = (-1, best[1:]) if best.startswith("-") else (1, best)
        before = self.config.sft.steps
        values = [
            (sign * line.values[name], -line.step)
            for line in self.read_metrics("eval")
            if math.isfinite(line.values.get(name, math.nan)) and before + line.step
        ]
        return before - max(values)[1] if values else None

    def _rollout_file(self, phase: Phase, step: int) -> Path:
        return self.rollouts / f"{phase}_{step:06d}.parquet"


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint's folder, `step_…`, was written after."""
    return int(checkpoint.name.removeprefix("step_"))


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _read_json(path: Path) -> Any:
    if not path.exists():
        raise UserError(f"{path} is missing; the run is incomplete")
    return read_json(path)


def _line(phase: str, step: int, values: Mapping[str, float]) -> str:
    # JSON has no NaN; null keeps the line readable by every tool.
    plain = {name: value if math.isfinite(value) else None for name, value in values.items()}
    return json.dumps({"phase": phase, "step": step} | plain, allow_nan=False)


def _log(path: Path, phase: Phase, step: int, values: Mapping[str, float]) -> None:
    assert not values.keys() & {"phase", "step"}
    append_line(path, _line(phase, step, values))


def _read_log(path: Path, phase: Phase | None = None) -> list[Line]:
    lines = []
    for number, text in enumerate(read_lines(path), start=1):
        try:
            line = parse_line(text)
        except ValueError as error:
            raise UserError(f"{path}, line {number}: not a line of a run's log: {text[:80]!r}") from error
        if phase in (None, line.phase):
            lines.append(line)
    return lines
