"""TRL's folder in a run, `RUN/trl`: the export (`grpo.yaml`, `train.jsonl`) and what TRL writes.

    start/                        the model before GRPO, float32
    log.jsonl                     TRL's log, a line for each of Sleuth's steps
    worker.log                    what the processes printed
    output/completions/           TRL's tables of completions
    output/checkpoint-N/          after N optimizer steps; whole where it holds the file `complete`

TRL's optimizer and random states are pickles. They are read again when a run is resumed, so resume only runs that you
made yourself. The weights are safetensors.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sleuth.config import RunConfig
from sleuth.files import append_line, atomic_write, read_lines
from sleuth.integrations.trl.arguments import OUTPUT

FOLDER = "trl"
COMPLETE = "complete"
_ERROR = re.compile(r"(?:\[rank\d+\]:\s*)?([\w.]+(?:Error|Exception)\b.*)")
"""The last line of a traceback, under torchrun with the number of its process."""
_OF_TORCHRUN = "ChildFailedError"
"""What torchrun says of every error."""


class TrlFolder:
    """Paths, log and checkpoints. Steps are Sleuth's: each is `updates` of TRL's."""

    def __init__(self, run: Path, config: RunConfig) -> None:
        self.path = run / FOLDER
        self.start = self.path / "start"
        self.output = self.path / OUTPUT
        self.printed = self.path / "worker.log"
        self._log = self.path / "log.jsonl"
        self._updates = config.grpo.updates_per_batch

    def checkpoint(self, step: int) -> Path:
        """Of a step."""
        return self.output / f"checkpoint-{step * self._updates}"

    def completions(self, step: int) -> Path:
        """TRL's table of a step's completions."""
        return self.output / "completions" / f"completions_{step * self._updates:05d}.parquet"

    def steps_made(self) -> int:
        """Steps behind the newest whole checkpoint; 0 without one."""
        return max((step for step, path in self._checkpoints() if (path / COMPLETE).exists()), default=0)

    def seal(self, step: int, keep: int) -> None:
        """Marks a checkpoint as whole, and removes all but the newest `keep`."""
        (self.checkpoint(step) / COMPLETE).touch()
        for _, path in sorted(self._checkpoints())[:-keep]:
            shutil.rmtree(path)

    def log(self, step: int, values: dict[str, Any]) -> None:
        """Appends what TRL logged of a step."""
        append_line(self._log, json.dumps({"step": step, "values": values}))

    def logged(self) -> dict[int, dict[str, Any]]:
        """Step to what TRL logged of it."""
        found = (json.loads(line) for line in read_lines(self._log))
        return {line["step"]: line["values"] for line in found}

    def forget_after(self, step: int) -> None:
        """Removes what a run that was stopped left of later steps."""
        kept = {number: values for number, values in self.logged().items() if number <= step}
        lines = (json.dumps({"step": number, "values": values}) + "\n" for number, values in kept.items())
        atomic_write(self._log, "".join(lines).encode())
        for number, path in list(self._checkpoints()):
            if number > step or not (path / COMPLETE).exists():
                shutil.rmtree(path)
        for path in self.output.glob("completions/completions_*.parquet"):
            if int(path.stem.rpartition("_")[2]) > step * self._updates:
                path.unlink()

    def last_words(self) -> str:
        """The last error that the processes printed, for people."""
        lines = self.printed.read_text(encoding="utf-8", errors="replace").splitlines() if self.printed.exists() else []
        errors = [found[1] for line in lines if (found := _ERROR.match(line)) and _OF_TORCHRUN not in line]
        return (errors or [line for line in lines if line.strip()] or ["it printed nothing"])[-1][:300]

    def _checkpoints(self) -> Iterator[tuple[int, Path]]:
        for path in self.output.glob("checkpoint-*"):
            number = path.name.removeprefix("checkpoint-")
            if number.isdigit():
                yield int(number) // self._updates, path
