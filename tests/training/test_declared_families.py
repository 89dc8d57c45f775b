"""A two-step recipe on each family that is declared with the kit: warm start, GRPO, evaluation, in every mode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sleuth.config import RunConfig
from sleuth.training.preflight import start
from sleuth.training.run import train
from tests.tiny import tiny_folder

MODES = {
    "kinship": "program",
    "knights-and-knaves": "answer",
    "round-table": "reason",
    "timetable": "program",
    "zebra@2": "reason",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("tiny") / "model", words=True, max_position_embeddings=8192)


@pytest.mark.parametrize("family", MODES)
def test_two_steps(family: str, model: Path, tmp_path: Path) -> None:
    config = RunConfig.model_validate(
        {
            "mode": MODES[family],
            "model": {"name": str(model), "dtype": "float32", "threads": 1, "device": "cpu"},
            "puzzles": {"family": family, "level": "1", "style": "terse"},
            "sft": {"examples": 2, "batch_size": 2},
            "grpo": {"steps": 2, "puzzles_per_step": 1, "samples": 2},
            "sampling": {"max_new_tokens": 4},
            "eval": {"count": 1, "every": 2, "every_count": 1},
        }
    )
    train(start(config, tmp_path / "run"))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["phase"] == "grpo"] == [1, 2]
