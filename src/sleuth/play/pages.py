"""A puzzle's page in parts, as people are shown it: what comes before the clues, and which names a clue speaks of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sleuth.puzzles.notebook import Table
from sleuth.puzzles.puzzle import Puzzle


def introduction(clue_lines: Sequence[int], prompt: str) -> list[str]:
    """The page's paragraphs before the clues, without the clues' heading; lines of a paragraph keep their breaks."""
    before = prompt.splitlines()[: min(clue_lines, default=0)]
    while before and (not before[-1].strip() or before[-1].rstrip().endswith(":")):
        before.pop()
    return [part for part in re.split(r"\n\s*\n", "\n".join(before)) if part.strip()]


def spoken_of(tables: Sequence[Table], clues: Sequence[str]) -> list[list[str]]:
    """For each clue the labels of rows and columns that its sentence names; of names within one another the longest."""
    labels = dict.fromkeys(label for table in tables for label in (*table.rows, *table.columns, table.title))
    ranked = sorted(labels, key=len, reverse=True)
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(label)}(?!\w)" for label in ranked), re.IGNORECASE)
    by_fold = {label.casefold(): label for label in labels}
    return [list(dict.fromkeys(by_fold[found.casefold()] for found in pattern.findall(clue))) for clue in clues]


def case_name(puzzle: Puzzle) -> str:
    """A short name of a case for people: family and level."""
    family = puzzle.family.partition("@")[0].replace("-", " ")
    return f"{family[0].upper()}{family[1:]}, level {puzzle.level}"
