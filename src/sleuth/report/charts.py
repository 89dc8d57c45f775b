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
NAME_SIZE = 11
"""Pixels: the height of a name beside a point."""
NAME_WIDTH, NAME_LINE = 0.56, 1.15
"""How wide its letters are in the mean and how high its line is, in heights."""
NAME_AWAY = 7
"""Pixels between a point and its name."""
CELL_COLUMNS, CELL_WIDTH, CELL_HEIGHT = 2, 175, 110
"""Small charts in a row, and pixels between the axes of each."""
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

_HEADER: Spec = {"title": None, "labelColor": "var(--ink)", "labelFontSize": 12, "labelAnchor": "start"}


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
    names = {"type": "text", "align": {"expr": "datum.align"}, "dx": {"expr": "datum.dx"}, "dy": {"expr": "datum.dy"}}
    label = {"x": x, "y": y, "text": {"field": "name", "type": "nominal"}, "color": {"value": "var(--ink)"}}
    layers.append(layer(_names(points), names | {"fontSize": NAME_SIZE}, label))
    return _svg({"layer": layers})


def _names(points: Sequence[Point]) -> list[dict[str, object]]:
    """What to write at each place where there are points, the names of all of them, and where beside it: above or
    below, to the side that has more room, and further away where other names are in the way."""
    places: dict[tuple[float, float], list[str]] = {}
    for point in points:
        places.setdefault((point.x, point.y), []).append(point.name)
    widest = max((x for x, _ in places), default=0.0) or 1.0
    taken: list[tuple[float, float, float, float]] = []
    """Left, top, right and bottom of what is written, in pixels from a corner."""
    aways = [side * (NAME_AWAY + step * NAME_SIZE * NAME_LINE) for step in range(12) for side in (-1, 1)]
    found: list[dict[str, object]] = []
    for (x, y), names in sorted(places.items(), key=lambda place: (-place[0][1], place[0][0])):
        name = cut("; ".join(names))
        left = 2 * x <= widest  # names stay within the chart
        width = NAME_SIZE * NAME_WIDTH * len(name)
        across, down = (WIDTH - 50) * x / widest, HEIGHT * (1 - y)
        start = across + NAME_AWAY if left else across - NAME_AWAY - width
        boxes = {dy: (start, down + dy - NAME_SIZE / 2, start + width, down + dy + NAME_SIZE / 2) for dy in aways}
        free = (
            dy
            for dy, box in boxes.items()
            if box[1] >= 0 and box[3] <= HEIGHT and not any(_overlap(box, other) for other in taken)
        )
        dy = next(free, -NAME_AWAY)
        taken.append(boxes[dy])
        align, dx = ("left", NAME_AWAY) if left else ("right", -NAME_AWAY)
        found.append({"x": x, "y": y, "name": name, "align": align, "dx": dx, "dy": dy})
    return found


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@dataclass(frozen=True, slots=True)
class Cell:
    """A named share with its interval, 0 … 1, at a level of a group."""

    group: str
    level: str
    name: str
    value: float
    low: float
    high: float


def cells(found: Sequence[Cell], colours: Mapping[str, str]) -> str:
    """A small chart for each group: at each level a dot with its interval for each name, side by side. `colours`: CSS
    colours by name, in the order of the legend."""
    names = [cut(name) for name in colours]
    values = [
        {"group": c.group, "level": c.level, "name": cut(c.name), "value": c.value, "low": c.low, "high": c.high}
        for c in found
    ]
    x: Spec = {
        "field": "level",
        "type": "ordinal",
        "title": None,
        "axis": {"labelAngle": 0, "labelOverlap": False, "labelLimit": CELL_WIDTH // 3},
        "scale": {"type": "band", "paddingInner": 0.4, "paddingOuter": 0.2},
    }
    offset: Spec = {"field": "name", "type": "nominal", "sort": names, "scale": {"domain": names}}
    colour = _by_name(names, list(colours.values()), _LEGEND | {"symbolType": "circle", "symbolSize": 60})
    places = {"x": x, "xOffset": offset, "color": colour}
    ends = {**places, "y": quantity("low", title=None, **PERCENT), "y2": {"field": "high"}}
    dots = {**places, "y": quantity("value", title=None, **PERCENT)}
    groups = list(dict.fromkeys(c.group for c in found))
    chart: Spec = {
        "data": {"values": values},
        "facet": {"field": "group", "type": "nominal", "sort": groups, "title": None, "header": _HEADER},
        "columns": CELL_COLUMNS,
        "spec": {
            "width": CELL_WIDTH,
            "height": CELL_HEIGHT,
            "layer": [
                {"mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.5}, "encoding": ends},
                {"mark": {"type": "point", "filled": True, "size": 30}, "encoding": dots},
            ],
        },
        # Families have levels of their own.
        "resolve": {"scale": {"x": "independent", "xOffset": "independent"}},
    }
    return _drawn(chart)


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
    return _drawn(chart | {"width": WIDTH, "height": HEIGHT, "autosize": {"type": "fit-x", "contains": "padding"}})


def _drawn(chart: Spec) -> str:
    svg: str = vl_convert.vegalite_to_svg(chart | {"config": _CONFIG}, allowed_base_urls=[])
    # The size is the page's affair; the view box keeps the proportions.
    return re.sub(r'^(<svg[^>]*?) width="(\d+)" height="\d+"', r'\1 style="max-width:\2px"', svg, count=1)
