"""Charts as SVG text to put into a page: described in Vega-Lite, turned to SVG by vl-convert, coloured by the page.

Colours are CSS variables of the page, so that one drawing serves light and dark. Legends are the page's affair as well:
HTML wraps on a phone. Every text in a chart is escaped by vl-convert.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import vl_convert

from sleuth.report.axes import FORMATS

WIDTH = 450
"""Pixels, labels included, so that the charts of a page are of one width."""
HEIGHT = 190
"""Pixels between the axes."""
FONT = "Arial, Helvetica, sans-serif"
"""Not the page's: vl-convert leaves room for labels by the widths of this one, which it has."""
LONGEST_NAME = 90
"""Characters of a name in a chart."""
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


Spec = dict[str, Any]
"""A part of a Vega-Lite specification: https://vega.github.io/vega-lite/docs/spec.html"""

_LEGEND: Spec = {
    "title": None,
    "orient": "top",
    "direction": "vertical",
    "symbolType": "stroke",
    "symbolSize": 300,
    "labelColor": "var(--ink)",
    "labelFontSize": 12,
    "labelLimit": WIDTH - 60,
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


def curves(
    series: Sequence[Series], *, percent: bool, x_title: str, x_format: str = FORMATS["step"], y_title: str = ""
) -> str:
    """Lines over steps, or over what `x_format` (d3-format) says. With `y_title` the chart stands alone: it has a title
    on its y axis and, of several series, a legend. What is not finite is left out."""
    names = [one.name for one in series]
    dashes = [[4, 4] if one.kind == "level" else list(one.dash) for one in series]
    legend = _LEGEND if y_title and len(series) > 1 else None
    colour = _by_name(names, [one.colour for one in series], legend)
    dash = _by_name(names, dashes, legend)
    x = (
        _steps(x_title)
        if x_format == FORMATS["step"]
        else quantity("step", title=x_title, axis={"format": x_format}, scale={"zero": False, "nice": False})
    )
    title = y_title or None
    y = quantity("value", title=title, **(PERCENT if percent else {"scale": {"zero": True, "nice": True}}))
    layers = []
    for one in series:
        if one.band:
            ends = [{"step": at, "low": low, "high": high, "name": one.name} for at, low, high in one.band]
            encoding = {"x": x, "y": quantity("low", title=title), "y2": {"field": "high"}, "color": colour}
            layers.append(layer(ends, {"type": "area", "opacity": 0.2}, encoding))
    for one in series:
        values = [{"step": step, "value": v, "name": one.name} for step, v in one.points if math.isfinite(v)]
        encoding = {"y": y, "color": colour, "strokeDash": dash}
        if one.kind == "level":
            layers.append(layer(values, {"type": "rule", "strokeWidth": 1.5}, encoding))
            continue
        dots = one.kind == "dots"
        mark = {
            "type": "line",
            "strokeWidth": 1.5 if dots else 2,
            "strokeJoin": "round",
            "point": {"filled": True, "size": 60 if dots else 22} if dots or len(values) <= FEW_POINTS else False,
        }
        layers.append(layer(values, mark, {"x": x, **encoding}))
    return _svg({"layer": layers})


def stack(
    parts: Mapping[str, Sequence[tuple[float, float]]], colours: Mapping[str, str], *, percent: bool, x_title: str
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
    # An area needs two steps to be seen; seconds are bars, as there is nothing between two steps.
    area = percent and len(steps) > 2
    x = _steps(x_title)
    if not area:
        x["scale"] = {"domain": [min(steps) - 0.5, max(steps) + 0.5], "nice": False}
    mark = {"type": "area"} if area else {"type": "bar", "width": max(1.0, 0.6 * WIDTH / len(steps))}
    encoding = {
        "x": x,
        "y": quantity("value", title=None, stack="zero", **(PERCENT if percent else {})),
        "color": _by_name(names, [colours[name] for name in names]),
        "order": quantity("order"),
    }
    return _svg(layer(values, mark, encoding))


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
    x = quantity("x", title=x_title, scale={"zero": True, "nice": True})
    y = quantity("y", title=None, **PERCENT)
    colour = {"value": "var(--first)"}
    lines: list[tuple[Sequence[tuple[float, float]], Spec, str]] = [
        (some, {}, "var(--first)") for some in joined if len(some) > 1
    ]
    if len(line) > 1:
        lines.append((line, {"strokeDash": [4, 4]}, "var(--second)"))
    layers = [
        layer(
            [{"x": at, "y": height} for at, height in some],
            {"type": "line", "strokeWidth": 1.5, **style},
            {"x": x, "y": y, "color": {"value": drawn}},
        )
        for some, style, drawn in lines
    ]
    ends = {"x": x, "y": quantity("low"), "y2": {"field": "high"}, "color": colour}
    layers.append(layer(values, {"type": "rule", "strokeWidth": 1.5, "opacity": 0.5}, ends))
    layers.append(layer(values, {"type": "point", "filled": True, "size": 60}, {"x": x, "y": y, "color": colour}))
    label = {"x": x, "y": y, "text": {"field": "name", "type": "nominal"}, "color": {"value": "var(--ink)"}}
    widest = max((p.x for p in points), default=0.0)
    for align, away, right in (("left", 7, False), ("right", -7, True)):  # names stay within the chart
        some = [named for named in _names(points) if (2 * float(str(named["x"])) > widest) is right]
        layers.append(layer(some, {"type": "text", "align": align, "dx": away, "dy": -7, "fontSize": 11}, label))
    return _svg({"layer": layers})


def _names(points: Sequence[Point]) -> list[dict[str, object]]:
    """What to write at each place where there are points: the names of all of them."""
    places: dict[tuple[float, float], list[str]] = {}
    for point in points:
        places.setdefault((point.x, point.y), []).append(point.name)
    return [{"x": x, "y": y, "name": cut("; ".join(names))} for (x, y), names in places.items()]


def cut(name: str, most: int = LONGEST_NAME) -> str:
    """A name at a length that a chart can hold: its beginning and its end, which tells paths apart."""
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


PERCENT: Spec = {"axis": {"format": ".0%"}, "scale": {"domain": [0, 1]}}
"""Axis and scale of shares."""


def layer(values: Sequence[Mapping[str, object]], mark: Spec, encoding: Mapping[str, Spec]) -> Spec:
    """Marks for records of data."""
    return {"data": {"values": list(values)}, "mark": mark, "encoding": dict(encoding)}


def quantity(field: str, **more: Any) -> Spec:
    """A number of the records on an axis. `more`: title (None for no title; without one it is the field's name), axis,
    scale, stack."""
    return {"field": field, "type": "quantitative", **more}


def _by_name(names: Sequence[str], looks: Sequence[Any], legend: Spec | None = None) -> Spec:
    """Colours or dashes by the name of a series."""
    return {
        "field": "name",
        "type": "nominal",
        "sort": list(names),
        "scale": {"domain": list(names), "range": list(looks)},
        "legend": legend,
    }


def _steps(title: str) -> Spec:
    return quantity("step", title=title, axis={"format": "d", "tickMinStep": 1}, scale={"zero": False, "nice": False})


def _svg(chart: Spec) -> str:
    size = {"width": WIDTH, "height": HEIGHT, "autosize": {"type": "fit-x", "contains": "padding"}}
    svg: str = vl_convert.vegalite_to_svg(chart | size | {"config": _CONFIG}, allowed_base_urls=[])
    # The size is the page's affair; the view box keeps the proportions.
    return re.sub(r'^(<svg[^>]*?) width="(\d+)" height="\d+"', r'\1 style="max-width:\2px"', svg, count=1)
