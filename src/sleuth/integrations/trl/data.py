"""The puzzles of a recipe as TRL's data set: one JSON line for each, in the order in which Sleuth's GRPO asks them.

    prompt           messages, as chat templates take them
    puzzle           the puzzle as JSON text: all that grading needs
    mode             how it is asked
    id               names the sampler's random numbers
    reward           the recipe's section `reward`, as JSON text
    max_new_tokens   the limit of a completion

Texts of JSON rather than tables, since the data set's columns are of one type and puzzles have tables with keys of
their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sleuth.config import RunConfig
from sleuth.files import atomic_write
from sleuth.policy.base import Request
from sleuth.progress import track
from sleuth.training.batch import Task, tasks
from sleuth.training.curriculum import Curriculum


def write_data(path: Path, config: RunConfig) -> int:
    """Writes the data set of all GRPO steps and returns its number of rows. Raises `UserError` for puzzles that cannot
    be made and a full disk."""
    total = config.grpo.steps * config.grpo.puzzles_per_step
    rows = [json.dumps(row_of(task, config), ensure_ascii=False) for task in track(_asked(config), "puzzles", total)]
    atomic_write(path, "".join(f"{row}\n" for row in rows).encode())
    return len(rows)


def row_of(task: Task, config: RunConfig) -> dict[str, Any]:
    """One line of the data set."""
    return {
        "prompt": messages(task.request),
        "puzzle": task.puzzle.model_dump_json(),
        "mode": config.mode,
        "id": task.request.key,
        "reward": config.reward.model_dump_json(),
        "max_new_tokens": config.sampling.max_new_tokens,
    }


def messages(request: Request) -> list[dict[str, str]]:
    """A request as chat messages; an empty system text is left out."""
    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, {"role": "user", "content": request.user}]


def _asked(config: RunConfig) -> Iterator[Task]:
    puzzles = Curriculum(config).asked_by_all()
    for _ in range(config.grpo.steps):
        yield from tasks(islice(puzzles, config.grpo.puzzles_per_step), config.mode)
