"""Figures and foreign text, made fit to be read."""

from __future__ import annotations

import math
import unicodedata

from sleuth.evaluation.statistics import Interval

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


def visible(text: str) -> str:
    """Control characters as symbols: they are no part of HTML, and those that turn the reading direction could make a
    completion look like another one."""
    return "".join(_symbol(character) if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in "\n\t\u200c\u200d"


def _symbol(character: str) -> str:
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else f"⟨U+{code:04X}⟩"
