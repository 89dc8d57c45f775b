"""Figures and foreign text as they are shown."""

from __future__ import annotations

import math

import pytest

from sleuth.evaluation.statistics import Interval
from sleuth.report import text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3569, "59 min"), (3571, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_duration(seconds: float, shown: str) -> None:
    assert text.duration(seconds).replace(text.NARROW, " ") == shown


def test_figures() -> None:
    assert text.percent(0.97) == "97.0\u202f%"
    assert text.percent_range(Interval(1.0, 0.98115, 1.0, 200)) == "98.1 – 100.0"
    assert text.points_range(Interval(0.0, -0.0188, 0.0188, 200)) == "−1.9 … +1.9"
    assert text.signed(-0.04) == "+0.0"
    assert text.number_range(Interval(5.0, math.nan, math.nan, 1)) == ""


def test_clip_counts_what_is_left_off() -> None:
    assert text.clip("abcdef", 4) == ("abcd", 2)
    assert text.clip("abc", 3) == ("abc", 0)


def test_visible_keeps_lines_and_joined_letters() -> None:
    assert text.visible("a\n\tb 🕵️\u200d♀️") == "a\n\tb 🕵️\u200d♀️"
    assert text.visible("\x1b[31m\r\u2066\ud800\x7f") == "␛[31m␍⟨U+2066⟩⟨U+D800⟩⟨U+007F⟩"
