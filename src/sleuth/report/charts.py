"""Charts as SVG text to put into a page: drawn with Altair, turned to SVG by vl-convert, coloured by the page.

Colours are CSS variables of the page, so that one drawing serves light and dark. Legends are the page's affair as well:
HTML wraps on a phone. Every text in a chart is escaped by vl-convert.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt
import vl_convert

WIDTH = 450
"""Pixels, labels included, so that the charts of a page are of one width."""
HEIGHT = 190
"""Pixels between the axes."""
FONT = "Arial, Helvetica, sans-serif"
"""Not the page's: vl-convert leaves room for labels by the widths of this one, which it has."""
FEW_POINTS = 40
"""Up to so many points are marked on a line."""

_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "padding": {"left": 2, "right": 10, "top": 4, "bottom": 2},
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--quiet)",
        "labelFontSize": 12,
        "titleColor": "var(--quiet)",
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "var(--hairline)",
        "domain": False,
        "ticks": False,
        "labelPadding": 7,
        "titlePadding": 9,
        "tickCount": 5,
    },
    "axisX": {"grid": False, "domain": True, "domainColor": "var(--hairline)", "labelOverlap": True},
}


@dataclass(frozen=True, slots=True)
class Series:
    """One named course of values over steps, or a level to compare with."""

    name: str
    points: Sequence[tuple[float, float]]
    """(step, value). Of a `level`, one point whose step is of no account."""
    colour: str
    """CSS colour: `var(--first)`."""
    kind: Literal["line", "dots", "level"] = "line"
    dash: Sequence[float] = (1, 0)
    """Pattern of a line: pixels drawn and left out."""
    band: Sequence[tuple[float, float, float]] = ()
    """(step, lowest, highest), drawn behind the line."""


def curves(series: Sequence[Series], *, percent: bool, x_title: str, steps: bool = True) -> str:
    """Lines over steps, or without `steps` over anything else. What is not finite is left out."""
    names = [one.name for one in series]
    dashes = [[4, 4] if one.kind == "level" else list(one.dash) for one in series]
    colours = [one.colour for one in series]
    colour = alt.Color("name:N", sort=names, scale=alt.Scale(domain=names, range=colours), legend=None)
    dash = alt.StrokeDash("name:N", sort=names, scale=alt.Scale(domain=names, range=dashes), legend=None)
    y = alt.Y(
        "value:Q",
        title=None,
        axis=alt.Axis(format=".0%") if percent else alt.Axis(),
        scale=alt.Scale(domain=[0, 1]) if percent else alt.Scale(zero=True, nice=True),
    )
    layers = []
    x = (
        _steps(x_title)
        if steps
        else alt.X("step:Q", title=x_title, axis=alt.Axis(format="~s"), scale=alt.Scale(zero=False, nice=False))
    )
    for one in series:
        if one.band:
            ends = [{"step": at, "low": low, "high": high, "name": one.name} for at, low, high in one.band]
            area = alt.Chart(alt.Data(values=ends)).mark_area(opacity=0.2)
            layers.append(area.encode(x=x, y=alt.Y("low:Q", title=None), y2="high:Q", color=colour))
    for one in series:
        values = [{"step": step, "value": v, "name": one.name} for step, v in one.points if math.isfinite(v)]
        chart = alt.Chart(alt.Data(values=values))
        if one.kind == "level":
            layers.append(chart.mark_rule(strokeWidth=1.5).encode(y=y, color=colour, strokeDash=dash))
            continue
        mark = chart.mark_line(
            strokeWidth=2 if one.kind == "line" else 1.5,
            strokeJoin="round",
            point={"filled": True, "size": 60 if one.kind == "dots" else 22}
            if one.kind == "dots" or len(values) <= FEW_POINTS
            else False,
        )
        layers.append(mark.encode(x=x, y=y, color=colour, strokeDash=dash))
    return _svg(alt.layer(*layers))


def stack(
    parts: Mapping[str, Sequence[tuple[int, float]]], colours: Mapping[str, str], *, percent: bool, x_title: str
) -> str:
    """Parts of a whole over steps, the first of the mapping at the bottom."""
    names = list(parts)
    values = [
        {"step": step, "value": value, "name": name, "order": names.index(name)}
        for name, points in parts.items()
        for step, value in points
        if math.isfinite(value)
    ]
    steps = {step for points in parts.values() for step, _ in points}
    chart = alt.Chart(alt.Data(values=values))
    # An area needs two steps to be seen; seconds are bars, as there is nothing between two steps.
    area = percent and len(steps) > 2
    mark = chart.mark_area() if area else chart.mark_bar(width=max(1.0, 0.6 * WIDTH / len(steps)))
    x = _steps(x_title)
    if not area:
        x = x.scale(domain=[min(steps) - 0.5, max(steps) + 0.5], nice=False)
    return _svg(
        mark.encode(
            x=x,
            y=alt.Y(
                "value:Q",
                title=None,
                stack="zero",
                axis=alt.Axis(format=".0%") if percent else alt.Axis(),
                scale=alt.Scale(domain=[0, 1]) if percent else alt.Undefined,
            ),
            color=alt.Color(
                "name:N",
                sort=names,
                scale=alt.Scale(domain=names, range=[colours[name] for name in names]),
                legend=None,
            ),
            order="order:Q",
        )
    )


@dataclass(frozen=True, slots=True)
class Point:
    """A named point with the ends of an interval of its height; heights are shares, 0 … 1."""

    name: str
    x: float
    y: float
    low: float
    high: float


def scatter(
    points: Sequence[Point],
    x_title: str,
    line: Sequence[tuple[float, float]] = (),
    joined: Sequence[Sequence[tuple[float, float]]] = (),
) -> str:
    """Named points with intervals, a dashed line through some (x, y), and solid ones through points that belong
    together."""
    values = [{"name": p.name, "x": p.x, "y": p.y, "low": p.low, "high": p.high} for p in points]
    data = alt.Chart(alt.Data(values=values))
    x = alt.X("x:Q", title=x_title, scale=alt.Scale(zero=True, nice=True))
    y = alt.Y("y:Q", title=None, axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1]))
    colour = alt.value("var(--first)")
    layers: list[alt.Chart] = []
    lines: list[tuple[Sequence[tuple[float, float]], dict[str, list[int]]]] = [
        (some, {}) for some in joined if len(some) > 1
    ]
    if len(line) > 1:
        lines.append((line, {"strokeDash": [4, 4]}))
    for some, style in lines:
        data_of_line = alt.Chart(alt.Data(values=[{"x": at, "y": height} for at, height in some]))
        drawn = colour if not style else alt.value("var(--second)")
        layers.append(data_of_line.mark_line(strokeWidth=1.5, **style).encode(x=x, y=y, color=drawn))
    layers.append(data.mark_rule(strokeWidth=1.5, opacity=0.5).encode(x=x, y="low:Q", y2="high:Q", color=colour))
    layers.append(data.mark_point(filled=True, size=60).encode(x=x, y=y, color=colour))
    labels = data.mark_text(align="left", dx=7, dy=-7, fontSize=11)
    layers.append(labels.encode(x=x, y=y, text="name:N", color=alt.value("var(--ink)")))
    return _svg(alt.layer(*layers))


def _steps(title: str) -> alt.X:
    return alt.X(
        "step:Q", title=title, axis=alt.Axis(format="d", tickMinStep=1), scale=alt.Scale(zero=False, nice=False)
    )


def _svg(chart: alt.LayerChart | alt.Chart) -> str:
    fitted = chart.properties(width=WIDTH, height=HEIGHT, autosize={"type": "fit-x", "contains": "padding"})
    spec = fitted.to_dict() | {"config": _CONFIG}
    svg: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    # The size is the page's affair; the view box keeps the proportions.
    return re.sub(r'^(<svg[^>]*?) width="(\d+)" height="\d+"', r'\1 style="max-width:\2px"', svg, count=1)
