"""The lines of a run's log, read as they are written, and thinned where there are very many.

A file is read on from where it was left; one that was replaced (a run that was resumed) is read anew. Of each phase at
most `MOST_LINES` lines are kept, evenly spaced, and the newest one.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from sleuth.runs.metrics import PHASES, Line, parse_line

MOST_LINES = 4_000
"""Lines of a phase that are kept; above it every other one goes."""
AT_ONCE = 100
"""Lines between two looks at the clock."""
LONGEST_LINE = 1_000_000
LONGEST_NAME = 200
"""Characters of a metric's name that are kept."""
MOST_VALUES = 500
"""Values of a line that are kept."""


@dataclass
class PhaseLog:
    """The lines of one phase."""

    lines: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    """(step, values), in the order of the file; NaN where a value was not finite."""
    stride: int = 1
    """Every how many lines one is kept."""
    seen: int = 0
    last: tuple[int, dict[str, float]] | None = None
    """The newest line, whether it is kept or not."""

    def all(self) -> list[tuple[int, dict[str, float]]]:
        """The kept lines with the newest one."""
        if self.last is None or (self.lines and self.lines[-1] is self.last):
            return self.lines
        return [*self.lines, self.last]


class Log:
    """A log that is read on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start_again()

    def _start_again(self) -> None:
        self.phases: dict[str, PhaseLog] = {phase: PhaseLog() for phase in PHASES}
        self.unreadable = 0
        """Lines that are no line of a log."""
        self._offset, self._inode = 0, -1

    @property
    def version(self) -> int:
        """Grows as lines are read."""
        return self._offset

    def read_on(self, until_s: float = math.inf) -> bool:
        """Reads what was added, as long as the clock (`time.monotonic`) allows; gives whether the end was reached.
        Raises nothing for a file that is not there or broken."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._offset:
                    self._start_again()
                    self._inode = status.st_ino
                file.seek(self._offset)
                skipped = dict[str, bytes]()
                reached = True
                for number, raw in enumerate(file):
                    if not raw.endswith(b"\n"):
                        break  # still being written
                    if number % AT_ONCE == 0 and time.monotonic() > until_s:
                        reached = False
                        break
                    self._offset += len(raw)
                    self._take(raw, skipped)
                for name, raw in skipped.items():
                    if (line := _parsed(raw)) is not None:
                        self.phases[name].last = line.step, line.values
                return reached
        except OSError:
            return True

    def _take(self, raw: bytes, skipped: dict[str, bytes]) -> None:
        """Takes a line up; of a phase that is thinned, the newest line that was passed over goes into `skipped`."""
        if len(raw) > LONGEST_LINE:
            self.unreadable += 1
            return
        # Skipping is what makes a million lines cheap: the phase stands at the beginning of each.
        head = raw[:32]
        name = next((phase for phase in PHASES if f'"{phase}"'.encode() in head), None)
        log = self.phases[name] if name else None
        if name is not None and log is not None:
            log.seen += 1
            if (log.seen - 1) % log.stride:
                skipped[name] = raw
                return
            skipped.pop(name, None)
        line = _parsed(raw)
        if line is None or line.phase != name or log is None:
            self.unreadable += 1
            return
        log.last = line.step, line.values
        log.lines.append(log.last)
        if len(log.lines) > MOST_LINES:
            log.lines = log.lines[::2]
            log.stride *= 2


def _parsed(raw: bytes) -> Line | None:
    """None for what is no line of a log."""
    try:
        line = parse_line(raw)
    except ValueError:
        return None
    return replace(
        line, values={name[:LONGEST_NAME]: value for name, value in islice(line.values.items(), MOST_VALUES)}
    )
