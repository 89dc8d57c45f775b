"""Which cases can be played: by family, level and number, and those that a run's model tried.

A key names a case: `FAMILY/LEVEL/NUMBER` (`temporal-clue/2/739949`), or `run/N`. The case of a day has the day's number
(`datetime.date.toordinal`), so it is the same for everybody, in the terminal and in the browser.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from sleuth.errors import UserError
from sleuth.play.dossier import Data, dossier, steps_of
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import families, get_family, get_task
from sleuth.puzzles.task import Key, check_level

SPLIT = "train"
"""Of all cases for people."""
LARGEST_NUMBER = 10_000_000
EASY_LEVELS = 3
"""The first levels of a family, which are offered without being asked for: explaining a case of a higher one may take
minutes."""


def number_of_today() -> int:
    """The number of today's case."""
    return datetime.date.today().toordinal()


def case_of(family: str, level: str, number: int) -> Puzzle:
    """A case for people. Raises `UserError` for a family or level that does not exist."""
    task = get_task(family)
    check_level(task, level)
    return task.make(Key(level, SPLIT, number, 0)).puzzle


@dataclass(frozen=True, slots=True)
class Offer:
    """A family and the levels of it that are offered."""

    family: str
    levels: dict[str, str]
    """Level to what it is."""


def offers(family: str | None = None, level: str | None = None) -> list[Offer]:
    """Every family that can be played with its easy levels; or one family, or one level. Raises `UserError` for what
    does not exist."""
    found = []
    for one in families() if family is None else [get_family(family)]:
        if level is not None:
            if family is None and level not in one.levels:
                continue
            check_level(one, level)
        levels = [level] if level is not None else list(one.levels)[:EASY_LEVELS]
        by_id = get_family(one.name).id != one.id if family is None else "@" in family
        named = one.id if by_id else one.name
        found.append(Offer(named, {name: one.levels[name] for name in levels}))
    if not found:
        raise UserError(f"no family has a level {level!r}")
    return found


class Catalog:
    """Cases by their keys, each made when it is asked for and then remembered."""

    def __init__(self, offered: Sequence[Offer], tried: Sequence[tuple[Puzzle, list[Data]]] = ()) -> None:
        """`tried`: cases of a run, with what its model wrote."""
        self._offered, self._tried = offered, tried
        self._making = Lock()
        self._dossier = lru_cache(maxsize=64)(self._make_dossier)
        self._steps = lru_cache(maxsize=64)(self._make_steps)

    def contents(self) -> Data:
        """What can be chosen, as data for the page."""
        return {
            "families": [{"family": offer.family, "levels": offer.levels} for offer in self._offered],
            "tried": [
                {"key": f"run/{number}", "name": puzzle.id, "solved": attempts[-1]["outcome"] == "correct"}
                for number, (puzzle, attempts) in enumerate(self._tried)
            ],
        }

    def dossier(self, key: str) -> Data:
        """A case as data. Raises `UserError` for a key that names none."""
        with self._making:  # one at a time: a case of a high level keeps a core busy for seconds
            return self._dossier(key)

    def steps(self, key: str) -> list[Data]:
        """The explanation of a case. Raises as `dossier`."""
        with self._making:
            return self._steps(key)

    def _make_dossier(self, key: str) -> Data:
        puzzle, attempts = self._case(key)
        return dossier(puzzle, attempts)

    def _make_steps(self, key: str) -> list[Data]:
        return steps_of(self._case(key)[0])

    def _case(self, key: str) -> tuple[Puzzle, list[Any]]:
        parts = key.split("/")
        number = int(parts[-1]) if parts[-1].isascii() and parts[-1].isdigit() and len(parts[-1]) < 9 else -1
        if len(parts) == 2 and parts[0] == "run" and 0 <= number < len(self._tried):
            return self._tried[number]
        offered = {offer.family: offer.levels for offer in self._offered}
        if len(parts) != 3 or parts[1] not in offered.get(parts[0], {}) or not 0 <= number <= LARGEST_NUMBER:
            raise UserError(f"no case {key[:80]!r}")
        return case_of(parts[0], parts[1], number), []
