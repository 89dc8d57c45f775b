"""The two verbs of the Python interface that have no function of their own elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sleuth.config import Names, RunConfig
from sleuth.datasets.make import PuzzleSpec, first_level, make_puzzles
from sleuth.puzzles.puzzle import Puzzle

if TYPE_CHECKING:
    from sleuth.runs.directory import RunDirectory


def make(
    family: str,
    *,
    level: str | None = None,
    split: str = "train",
    count: int = 1,
    seed: int = 0,
    style: str = "plain",
    names: Names = "themed",
    workers: int = 1,
    difficulty: bool = False,
) -> list[Puzzle]:
    """Puzzles, all different, each with one answer. The same arguments give the same puzzles, whatever `workers`.
    `difficulty` explains each and stores how hard it is under `meta` (`sleuth.puzzles.explain.Difficulty`).

    `level`: None takes the family's first. `workers`: processes; 0 takes all cores. Raises `UserError` for a family,
    level, split or style that does not exist, or when a level has no more puzzles.
    """
    spec = PuzzleSpec(family, level or first_level(family), split, seed, count, style, names, difficulty)
    return list(make_puzzles(spec, workers))


def train(config: RunConfig, path: str | Path) -> RunDirectory:
    """Trains from a configuration into the folder `path`; a run that is there and was stopped goes on.

    Raises `UserError` if the folder holds something else or the model can't be loaded. Needs the extra `train`.
    """
    from sleuth.runs.directory import RunDirectory
    from sleuth.training import run as training
    from sleuth.training.preflight import start

    path = Path(path)
    run = RunDirectory.open(path) if (path / "config.json").exists() else start(config, path)
    training.train(run)
    return run
