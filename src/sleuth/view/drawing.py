"""Courses as charts: SVG for a page, SVG and PNG (pictures of pixels) for papers. By Vega-Lite, as the report's are."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import vl_convert

from sleuth.report.axes import AXES, FORMATS, thinned
from sleuth.report.charts import Series, curves
from sleuth.report.text import visible
from sleuth.view.courses import TITLES, Course, is_percent

DASHES = ((1, 0), (6, 3), (2, 2))
PAPER = {
    "var(--ink)": "#1d2126",
    "var(--quiet)": "#5d656f",
    "var(--hairline)": "#e3e1dc",
    "var(--series-1)": "#0072b2",
    "var(--series-2)": "#c4622d",
    "var(--series-3)": "#00845f",
    "var(--series-4)": "#8a6bb8",
    "var(--series-5)": "#8c6d00",
    "var(--series-6)": "#c2407a",
    "var(--series-7)": "#4f5b66",
}
"""Colours of the light page, for a picture that stands alone."""
REMEMBERED = 200
"""Charts that need not be drawn again while nothing new is logged."""
_ONE_AT_A_TIME = threading.Lock()


def chart(drawn: Sequence[Course], metric: str, axis: str, y_title: str = "") -> str:
    """SVG text, coloured by the variables of the page it is put into. With `y_title` it stands alone, with a legend."""
    shown = tuple(
        (one.name, one.colour, one.dash, tuple(thinned(one.points)), tuple(thinned(one.band))) for one in drawn
    )
    return _drawn(shown, is_percent(metric), axis, y_title)


@lru_cache(maxsize=REMEMBERED)
def _drawn(shown: tuple[tuple[str, str, int, Any, Any], ...], percent: bool, axis: str, y_title: str) -> str:
    series = [
        Series(visible(name), points, colour, "line", DASHES[dash % len(DASHES)], band)
        for name, colour, dash, points, band in shown
    ]
    with _ONE_AT_A_TIME:
        svg = curves(series, percent=percent, x_title=AXES[axis], x_format=FORMATS[axis], y_title=y_title)
    return re.sub(r' style="max-width:[^"]*"', "", svg, count=1)  # the page's policy allows no such style


def for_paper(drawn: Sequence[Course], metric: str, axis: str) -> str:
    """The chart as an SVG file of its own: its colours set, with a title and, of several runs, a legend."""
    svg = chart(drawn, metric, axis, TITLES.get(metric, metric))
    for variable, colour in PAPER.items():
        svg = svg.replace(variable, colour)
    return svg


def as_png(svg: str) -> bytes:
    """A picture of a chart for a paper, three times as large for print."""
    with _ONE_AT_A_TIME:
        png: bytes = vl_convert.svg_to_png(svg, scale=3)
    return png
