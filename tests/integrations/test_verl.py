"""The reward and the data of `integrations/verl`. verl itself needs graphics cards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest

import sleuth
from sleuth.policy.prompts import ask
from sleuth.puzzles.gold import gold_completion
from tests.integrations.golden import EVERY, Golden
from tests.integrations.loading import load_file

FOLDER = Path(__file__).parents[2] / "integrations" / "verl"


@pytest.fixture(scope="module")
def reward() -> ModuleType:
    """The file, loaded from its path as verl does it."""
    return load_file(FOLDER / "reward.py")


@pytest.mark.parametrize("golden", EVERY, ids=lambda golden: golden.note)
def test_compute_score(golden: Golden, reward: ModuleType) -> None:
    found = reward.compute_score(
        data_source="sleuth/any",
        solution_str=golden.completion,
        ground_truth=golden.puzzle,
        extra_info={"mode": golden.mode, "num_turns": None, "rollout_reward_scores": {}},
    )
    assert found == {"score": pytest.approx(golden.reward), "strict": float(golden.strict)}


def make_data(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(FOLDER / "data.py"), *arguments], capture_output=True, text=True)


def test_rows(reward: ModuleType, tmp_path: Path) -> None:
    """Each has what verl reads, and the right completion of its puzzle earns everything."""
    puzzles = sleuth.make("zebra", level="1", count=2)
    sleuth.write_puzzles(tmp_path / "puzzles.jsonl", puzzles)
    done = make_data(str(tmp_path / "puzzles.jsonl"), str(tmp_path / "train.parquet"), "--mode", "program")
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(tmp_path / "train.parquet").to_pylist()
    assert [set(row) for row in rows] == [{"data_source", "prompt", "ability", "reward_model", "extra_info"}] * 2
    for index, (row, puzzle) in enumerate(zip(rows, puzzles, strict=True)):
        request = ask(puzzle, "program")
        assert [one["content"] for one in row["prompt"]] == [request.system, request.user]
        assert row["extra_info"] == {"index": index, "id": puzzle.id, "mode": "program"}
        truth = row["reward_model"]["ground_truth"]
        right = gold_completion(puzzle, "program")
        found = reward.compute_score(row["data_source"], right, truth, row["extra_info"])
        assert found == {"score": 1.0, "strict": 1.0}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = make_data(str(tmp_path / "none.jsonl"), str(tmp_path / "train.parquet"))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "none.jsonl" in done.stderr
    assert not (tmp_path / "train.parquet").exists()
