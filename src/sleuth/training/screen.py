"""What a training stage shows while it runs: one calm screen on a terminal, plain lines when piped.

The screen has the step and one estimate of the time left, each figure with a small curve, the speed of sampling and of
training, the newest alarms, and one completion with its marks. What a model wrote cannot command the terminal.
"""

from __future__ import annotations

import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sleuth.progress import EARLIEST_ESTIMATE, bar, clock, on_screen, say
from sleuth.visible import visible

CURVE = 32
"""Most columns of a small curve."""
BLOCKS = "▁▂▃▄▅▆▇█"
ALARMS = 3
"""Alarms that are shown, the newest ones."""
SAMPLE = 900
"""Characters of the completion that is shown."""
STYLES = {
    "derived": "cyan underline",
    "right": "cyan underline",
    "lucky": "yellow underline",
    "repeated": "dim underline",
    "empty": "dim underline",
    "false": "red bold underline",
    "wrong": "red bold underline",
    "unread": "magenta underline",
}
"""Verdict of a part to how it is written."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A completion to look at."""

    title: str
    text: str
    parts: Sequence[tuple[int, int, str]] = ()
    """(start, end, verdict), as `sleuth.runs.rows` has them."""


class Progress(ABC):
    """Shows the steps of a stage."""

    @abstractmethod
    def step(
        self, line: str, figures: Mapping[str, tuple[float, str]], speed: str = "", sample: Sample | None = None
    ) -> None:
        """A step that was made: the line that says everything where there is no screen, figures (name to value and
        words), the speed in words, and a completion of it."""

    @abstractmethod
    def alarm(self, text: str) -> None:
        """Something goes wrong."""


@contextmanager
def progress(what: str, total: int, before: int) -> Iterator[Progress]:
    """Shows a stage of `total` steps, `before` of which were made earlier."""
    if not sys.stderr.isatty():
        with bar(what, total, before) as advance:
            yield _Lines(advance)
        return
    screen = Screen(what, total, before)
    live = Live(screen, console=Console(stderr=True), refresh_per_second=2, vertical_overflow="crop")
    with live, on_screen():
        yield screen


class _Lines(Progress):
    def __init__(self, advance: object) -> None:
        self._advance = advance

    def step(
        self, line: str, figures: Mapping[str, tuple[float, str]], speed: str = "", sample: Sample | None = None
    ) -> None:
        say(line)
        assert callable(self._advance)
        self._advance(1)

    def alarm(self, text: str) -> None:
        say(text)


@dataclass
class _Course:
    values: list[float] = field(default_factory=list)
    words: str = ""


class Screen(Progress):
    """A screen that rich draws again and again."""

    def __init__(self, what: str, total: int, before: int) -> None:
        self._what, self._total, self._before, self._done = what, total, before, before
        self._started_s = time.monotonic()
        self._made_s = self._started_s
        """When the newest step was made."""
        self._courses: dict[str, _Course] = {}
        self._speed, self._alarms = "", list[str]()
        self._sample: Sample | None = None

    def step(
        self, line: str, figures: Mapping[str, tuple[float, str]], speed: str = "", sample: Sample | None = None
    ) -> None:
        self._done += 1
        self._made_s = time.monotonic()
        for name, (value, words) in figures.items():
            course = self._courses.setdefault(name, _Course())
            course.values.append(value)
            course.words = words
        self._speed, self._sample = speed, sample or self._sample

    def alarm(self, text: str) -> None:
        self._alarms.append(text)

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [self._head(), ProgressBar(self._total, self._done, width=60), Text()]
        if self._courses:
            parts.append(self._figures())
        if self._speed:
            parts.append(Text(f"\n{self._speed}", style="dim"))
        for alarm in self._alarms[-ALARMS:]:
            parts.append(Text(f"▲ {visible(alarm)}", style="yellow"))
        if self._sample is not None:
            parts += [Text(), Panel(marked(self._sample), title=Text(visible(self._sample.title)), border_style="dim")]
        return Group(*parts)

    def _head(self) -> Text:
        head = Text(f"{self._what}  ", style="bold")
        head.append(f"step {self._done} of {self._total}", style="not bold")
        if (left_s := self._left()) is not None:
            head.append(f"   about {clock(left_s)} left", style="not bold dim")
        return head

    def _left(self) -> float | None:
        """Seconds left, by the mean of the steps made here; the first ones pay for what all share."""
        made, left = self._done - self._before, self._total - self._done
        if not made or made < EARLIEST_ESTIMATE * (self._total - self._before) or not left:
            return None
        each = (self._made_s - self._started_s) / made
        return max(0.0, each * left - (time.monotonic() - self._made_s))

    def _figures(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for _ in range(2):
            table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        for name, course in self._courses.items():
            table.add_row(name, Text(small_curve(course.values), style="cyan"), course.words)
        return table


def small_curve(values: Sequence[float], columns: int = CURVE) -> str:
    """The course of values in blocks, from the lowest to the highest of them; what is not finite is a gap. Of more
    values than columns each block stands for the mean of several."""
    size = -(-len(values) // columns) if values else 1
    means = []
    for at in range(0, len(values), size):
        finite = [value for value in values[at : at + size] if math.isfinite(value)]
        means.append(sum(finite) / len(finite) if finite else math.nan)
    known = [mean for mean in means if math.isfinite(mean)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    top = len(BLOCKS) - 1
    return "".join(
        " " if not math.isfinite(mean) else BLOCKS[round(top * (mean - low) / (high - low)) if high > low else top // 2]
        for mean in means
    )


def marked(sample: Sample) -> Text:
    """A completion with its parts marked; rich wraps it at words."""
    cut = sample.text[:SAMPLE]
    text, place = Text(), 0
    for start, end, verdict in sorted(sample.parts):
        for until, style in ((start, ""), (end, STYLES.get(verdict, ""))):
            until = min(until, len(cut))
            if place < until:
                text.append(visible(cut[place:until]), style)
                place = until
    text.append(visible(cut[place:]))
    if len(sample.text) > SAMPLE:
        text.append(" …", "dim")
    return text
