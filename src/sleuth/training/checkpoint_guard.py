"""Where a training loop may be stopped: between steps, when weights, optimizer and what was logged belong together."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType


class CheckpointGuard:
    """Saves every `every` steps and after the last, and, when the loop is left by Ctrl-C, the last finished step.

    Around the loop: `with CheckpointGuard(...) as guard`. A step calls `changing()` before it touches the weights and
    `finished(step)` when it is over and logged; an interrupt in between saves nothing, since the state is of no step.
    """

    def __init__(self, start_step: int, total_steps: int, every: int, save: Callable[[int], None]) -> None:
        self._done = self._saved = start_step
        self._total, self._every, self._save = total_steps, every, save
        self._whole = True

    def __enter__(self) -> CheckpointGuard:
        return self

    def changing(self) -> None:
        self._whole = False

    def finished(self, step: int) -> None:
        self._done = step
        self._whole = True
        if step % self._every == 0 or step == self._total:
            self._save_done()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt) and self._whole and self._saved < self._done:
            self._save_done()

    def _save_done(self) -> None:
        self._save(self._done)
        self._saved = self._done
