"""Statements about two statements, which families mean and word alike: `either` (not both), `iff` and `if`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sleuth.logic.formulas import Formula, Iff, implies, xor
from sleuth.puzzles.family import Kind

MEANINGS: Mapping[str, Callable[[Formula, Formula], Formula]] = {"either": xor, "iff": Iff, "if": implies}
"""What a kind makes of the formulas of its parts."""
PLAIN = {
    "either": "either {0} or {1}, but not both",
    "iff": "{0} if and only if {1}",
    "if": "if {0}, then {1}",
}
WITNESS = {
    "either": "one of two things is true and the other false: {0}; or {1}",
    "iff": "these are both true or both false: {0}; and {1}",
    "if": "if it is true that {0}, then it is also true that {1}",
}


def kinds(group: str) -> dict[str, Kind]:
    """The kinds, whose parts are statements of a group."""
    return {kind: Kind((group, group), symmetric=None if kind == "if" else (0, 1)) for kind in MEANINGS}


def templates(texts: Mapping[str, str], group: str) -> dict[str, tuple[str, ...]]:
    """Texts (`PLAIN`, `WITNESS`) as templates for statements of a group."""
    return {kind: (re.sub(r"\{(\d)\}", rf"{{\1:{group}}}", text),) for kind, text in texts.items()}
