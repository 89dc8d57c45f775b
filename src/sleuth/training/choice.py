"""Which puzzles a fixed set holds, chosen from a pool (`puzzles.choice`).

The choice is made once, before the first step, and kept in the run's folder, so that a run that is resumed has the same
puzzles. What the model solves is measured with the run's own sampling, several completions of every puzzle of the pool.
"""

from __future__ import annotations

import itertools
import json
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from sleuth.config import Choice, PuzzlesConfig
from sleuth.errors import UserError
from sleuth.files import atomic_write
from sleuth.policy.base import Sampling
from sleuth.policy.conversations import begin, grade_all, grader
from sleuth.policy.prompts import ask
from sleuth.progress import bar, say
from sleuth.puzzles.puzzle import Puzzle
from sleuth.runs.directory import CHOSEN

if TYPE_CHECKING:
    from sleuth.training.session import Session

POOL = 8
"""Puzzles of the pool, over those that are chosen."""
SAMPLES = 8
"""Completions of each puzzle of the pool, by which the model's success is measured."""
TAKEN = -1.0
"""Stands for the distance of a text that is taken: below that of any other."""
MEASURED: tuple[Choice, ...] = ("easiest", "edge")
"""Choices that need the model."""


def pool_size(puzzles: PuzzlesConfig) -> int:
    """How many puzzles are made, to take `puzzles.fixed` of them."""
    return puzzles.fixed * (1 if puzzles.choice == "first" else POOL)


def sampled_to_choose(puzzles: PuzzlesConfig) -> int:
    """How many completions the model writes before the choice is made."""
    return pool_size(puzzles) * SAMPLES if puzzles.fixed and puzzles.choice in MEASURED else 0


def chosen(puzzles: PuzzlesConfig, pool: Sequence[Puzzle]) -> list[int]:
    """The places in the pool of the puzzles of a choice that needs no model, in the order of the choice."""
    match puzzles.choice:
        case "random":
            return Random(f"{puzzles.seed}/choice").sample(range(len(pool)), puzzles.fixed)
        case "different":
            return most_different([puzzle.prompt for puzzle in pool], puzzles.fixed)
        case _:
            return list(range(puzzles.fixed))


def most_different(texts: Sequence[str], count: int) -> list[int]:
    """Places of texts that differ: the first, and then again and again the one whose nearest among those taken is
    farthest away. The distance is Jaccard's, of the sets of pairs of neighbouring words."""
    sets = [set(itertools.pairwise(words)) for words in (re.findall(r"\w+", text) for text in texts)]
    found, nearest = [0], [2.0] * len(texts)
    while len(found) < count:
        last = sets[found[-1]]
        nearest = [
            min(old, 1 - len(one & last) / max(1, len(one | last))) for old, one in zip(nearest, sets, strict=True)
        ]
        nearest[found[-1]] = TAKEN
        found.append(max(range(len(texts)), key=nearest.__getitem__))
    return found


def by_success(choice: Choice, solved: Sequence[float], count: int) -> list[int]:
    """Places of the puzzles that are solved most often, or nearest to half of the time; of equal ones the first."""

    def worth(place: int) -> float:
        return solved[place] if choice == "easiest" else -abs(solved[place] - 0.5)

    return sorted(range(len(solved)), key=worth, reverse=True)[:count]


def choose(session: Session) -> None:
    """Tells the curriculum of a run which puzzles were chosen, and chooses them if that is still to be done and needs
    the model. Raises `UserError` for a file that cannot be read."""
    puzzles = session.config.puzzles
    if not puzzles.fixed or puzzles.choice not in MEASURED:
        return
    file = session.run.path / CHOSEN
    if not file.exists():
        solved = _solved(session)
        places = by_success(puzzles.choice, solved, puzzles.fixed)
        told = {"choice": puzzles.choice, "places": places, "solved": solved}
        say(
            f"chose {len(places)} of {len(solved)} puzzles: the model solves {statistics.fmean(solved):.1%} of all, "
            f"and {statistics.fmean(solved[place] for place in places):.1%} of these"
        )
        atomic_write(file, (json.dumps(told) + "\n").encode())
    session.curriculum.fix(_places(file, puzzles))


def _places(file: Path, puzzles: PuzzlesConfig) -> list[int]:
    try:
        places = json.loads(file.read_bytes())["places"]
        if len(set(places)) != puzzles.fixed or not set(places) <= set(range(pool_size(puzzles))):
            raise ValueError(places)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{file}: should tell the places of {puzzles.fixed} puzzles; make the run anew") from None
    return list(places)


def _solved(session: Session) -> list[float]:
    """The share of completions that solve each puzzle of the pool."""
    config, pool = session.config, session.curriculum.pool
    drawn = config.sampling
    sampling = Sampling(
        drawn.max_new_tokens, drawn.temperature, (config.seed, 0), until=drawn.until, constrain=drawn.constrain
    )
    requests = [ask(puzzle, config.mode) for puzzle in pool]
    with bar(f"choosing {config.puzzles.fixed} of {len(pool)} puzzles", len(pool) * SAMPLES) as advance:
        every = begin(session.policy, requests, SAMPLES, sampling, advance)
    grade_all(every, [grader(puzzle, config.mode) for puzzle in pool])
    return [sum(one.score.correct for one in group) / len(group) for group in every]
