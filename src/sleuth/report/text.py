"""Figures and foreign text, made fit to be read."""

from __future__ import annotations

import math

from sleuth.evaluation.statistics import Interval
from sleuth.visible import visible as visible

NARROW = "\u202f"
"""A narrow space that doesn't break: between a number and its unit."""


def percent(share: float) -> str:
    """0.97 as `97.0 %`."""
    return f"{100 * share:.1f}{NARROW}%"


def percent_range(interval: Interval) -> str:
    """The ends in per cent: `93.6 – 98.6`."""
    return f"{100 * interval.low:.1f} – {100 * interval.high:.1f}"


def points(difference: float) -> str:
    """A difference of shares in percentage points, signed: `+12.0`."""
    return signed(100 * difference)


def points_range(interval: Interval) -> str:
    """The ends in percentage points, signed."""
    return f"{points(interval.low)} … {points(interval.high)}"


def signed(value: float) -> str:
    """With one decimal and a true minus sign, and no negative zero."""
    return f"{round(value, 1) + 0.0:+.1f}".replace("-", "−")


def number_range(interval: Interval, sign: bool = False) -> str:
    """The ends of an interval of a length, or nothing where they are not known."""
    if math.isnan(interval.low):
        return ""
    if sign:
        return f"{signed(interval.low)} … {signed(interval.high)}"
    return f"{interval.low:.1f} – {interval.high:.1f}"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `1 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f}{NARROW}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}{NARROW}min"
    return f"{minutes // 60}{NARROW}h {minutes % 60:02d}{NARROW}min"


def clip(text: str, limit: int) -> tuple[str, int]:
    """The first `limit` characters in visible form, and how many were left off."""
    return visible(text[:limit]), max(0, len(text) - limit)
