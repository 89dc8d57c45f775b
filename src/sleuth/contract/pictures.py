"""What is wrong with a picture: no XML, something that runs or loads, no text alternative, labels that overlap."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

from sleuth.puzzles.picture import NAMESPACE, text_width

_ALLOWED = frozenset({"svg", "title", "desc", "style", "rect", "text", "g", "line", "path", "circle"})
_LOADS = re.compile(r"url\(|@import|href", re.IGNORECASE)


def picture_problem(svg: str) -> str:
    """What is wrong, in words that follow "its picture"; "" where nothing is. The widths of labels are estimated, as
    those who draw estimate them (`sleuth.puzzles.picture.text_width`)."""
    if "<!" in svg or "<?" in svg:
        return "declares something"
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        return f"is no XML ({error})"
    for element in root.iter():
        name = element.tag.removeprefix(NAMESPACE)
        if name not in _ALLOWED:
            return f"holds the element {name!r}"
        told = [*element.attrib.items(), *([("", element.text or "")] if name == "style" else [])]
        if any(key.startswith("on") or _LOADS.search(f"{key} {value}") for key, value in told):
            return f"runs or loads something ({name})"
    for name in ("title", "desc"):
        found = root.find(f"{NAMESPACE}{name}")
        if found is None or not (found.text or "").strip():
            return f"has no {name}"
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    labels = [_extent(element) for element in root.iter(f"{NAMESPACE}text")]
    for text, left, top, right, bottom in labels:
        if left < 0 or top < 0 or right > width or bottom > height:
            return f"has the label {text!r} beyond its edge"
    for (one, *first), (other, *second) in itertools.combinations(labels, 2):
        if first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]:
            return f"has the labels {one!r} and {other!r} over one another"
    return ""


def _extent(element: ElementTree.Element) -> tuple[str, float, float, float, float]:
    x, y, size = (float(element.attrib[name]) for name in ("x", "y", "font-size"))
    text = element.text or ""
    right = x + text_width(text, size, element.attrib.get("class") == "strong")
    return text, x, y - 0.8 * size, right, y + 0.2 * size
