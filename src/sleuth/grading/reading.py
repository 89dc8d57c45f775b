"""A puzzle's page, read from its text: what programs are run against and sentences are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sleuth.errors import UserError
from sleuth.puzzles.family import Family, PageText
from sleuth.puzzles.formal import FormalLanguage
from sleuth.puzzles.prose import ReadError
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family


@dataclass(frozen=True)
class Reading:
    """A page and its languages."""

    family: Family[Any, Any]
    page: PageText
    language: FormalLanguage


@lru_cache(maxsize=512)
def read_page(family_id: str, prompt: str) -> Reading:
    """A page of a family, read from its text (and remembered). Raises `UserError` where it is none."""
    family = get_family(family_id)
    page = family.read_page(prompt)
    return Reading(family, page, family.formal(page.case))


def read_puzzle(puzzle: Puzzle) -> Reading:
    """As `read_page`, of a puzzle, which errors name."""
    try:
        return read_page(puzzle.family, puzzle.prompt)
    except ReadError as error:
        raise UserError(f"{puzzle.id}: {error}") from None
