"""Showing how far long work has come: a bar with an estimate on a terminal, plain lines when piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sleuth.visible import one_line, visible

PLAIN_EVERY_S = 15.0
"""Seconds between the plain lines of one piece of work."""
EARLIEST_ESTIMATE = 0.1
"""Share of the work that is done before an estimate is given."""

ItemT = TypeVar("ItemT")
Advance = Callable[[int], None]


def say(text: str) -> None:
    """One line for people, on standard error, so that standard output stays clean for data. Control characters are
    shown as symbols: names and files are foreign text, and a terminal obeys it."""
    print(visible(text), file=sys.stderr, flush=True)


def tell(text: object = "", end: str = "\n") -> None:
    """What a verb was asked for, on standard output, made visible as by `say`."""
    print(visible(str(text)), end=end, flush=True)


_screens = 0
"""How many screens are shown that say themselves how far the work is."""


@contextmanager
def on_screen() -> Iterator[None]:
    """Keeps bars away meanwhile: two things that draw on a terminal at once spoil each other."""
    global _screens
    _screens += 1
    try:
        yield
    finally:
        _screens -= 1


@contextmanager
def bar(what: str, total: int, before: int = 0) -> Iterator[Advance]:
    """Shows work of `total` parts, `before` of which were done earlier, so that the estimate leaves them out; the
    function it gives is called with the number of parts just done."""
    if _screens:
        yield lambda done: None
        return
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(one_line(what), total=total, completed=before)
            yield lambda done: progress.advance(task, done)
        return
    started_s = said_s = time.monotonic()
    finished = before

    def advance(done: int) -> None:
        nonlocal finished, said_s
        finished += done
        now_s = time.monotonic()
        if now_s - said_s >= PLAIN_EVERY_S:
            said_s = now_s
            # The first parts pay for what all of them share; an estimate from them alone would be far too long.
            now_done = finished - before
            known = now_done >= EARLIEST_ESTIMATE * (total - before)
            left_s = (now_s - started_s) / now_done * (total - finished) if known else 0.0
            say(f"{what}: {finished}/{total}" + (f", about {clock(left_s)} left" if known else ""))

    yield advance


def track(items: Iterable[ItemT], what: str, total: int) -> Iterator[ItemT]:
    """The items, while a bar shows how many have gone by."""
    with bar(what, total) as advance:
        for item in items:
            yield item
            advance(1)


def clock(seconds: float) -> str:
    """`75` as `1:15`, `4000` as `1:06:40`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
