"""A task that is neither a family of ours nor of reasoning-gym is trained on, evaluated and stored like any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sleuth
from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.play.terminal import show
from sleuth.puzzles import registry
from sleuth.training.preflight import start
from sleuth.training.run import train
from tests.contract.sums import Sums
from tests.tiny import tiny_folder


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    sleuth.register("sums@1", Sums)
    yield
    registry.unregister("sums@1")


def recipe(folder: Path, **sections: object) -> RunConfig:
    return RunConfig.model_validate(
        {
            "model": {"name": str(tiny_folder(folder)), "dtype": "float32", "threads": 1, "device": "cpu"},
            "mode": "answer",
            "puzzles": {"family": "sums", "level": "2", "style": "plain"},
            "sft": {"examples": 4, "batch_size": 4},
            "grpo": {"steps": 1, "puzzles_per_step": 2, "samples": 2},
            "sampling": {"max_new_tokens": 4},
            "eval": {"count": 2, "every": 0},
            "checkpoint": {"every": 9},
        }
        | sections
    )


def test_trained_and_evaluated(tmp_path: Path) -> None:
    run = start(recipe(tmp_path / "model"), tmp_path / "run")
    train(run)
    solved, guessed = run.read_evaluation("solver"), run.read_evaluation("guessing")
    assert [row.correct for row in solved] == [True] * 2 and {row.reward for row in guessed} <= {0.0, 1.0}
    rows = run.read_rollouts("grpo", 1)
    assert {row.puzzle_id.partition("/")[0] for row in rows} == {"sums@1"} and len(rows) == 4
    assert all(row.prompt.startswith("What is ") and row.gold for row in rows)
    [timings] = [line for line in run.read_timings("grpo") if "sample_s" in line.values]
    assert list(timings.values) == ["sample_s", "score_s", "train_s"]


def test_what_it_lacks_is_refused(tmp_path: Path) -> None:
    [puzzle] = sleuth.make("sums")
    assert show(puzzle, solution=True).endswith(f"Solution\nA. {puzzle.answers['A']}")
    for refused in (sleuth.audit, sleuth.explain, sleuth.retold):
        with pytest.raises(UserError, match="has no clues and rules"):
            refused(puzzle)
    with pytest.raises(UserError, match="has no grammar"):
        start(recipe(tmp_path / "model", sampling={"constrain": True, "max_new_tokens": 4}), tmp_path / "run")
    with pytest.raises(UserError, match="is not asked in mode program; take mode answer"):
        start(recipe(tmp_path / "model", mode="program"), tmp_path / "run")
