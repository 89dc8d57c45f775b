"""A run whose weights stop being numbers: it is said, kept for study, and ends in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.training.preflight import start
from sleuth.training.run import train
from sleuth.training.step_log import NOT_FINITE
from tests.tiny import tiny_folder


def test_a_warm_start_that_leaves_the_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = RunConfig.model_validate(
        {
            "model": {"name": str(tiny_folder(tmp_path / "model")), "dtype": "float32", "threads": 1, "device": "cpu"},
            "sft": {"examples": 12, "batch_size": 4, "learning_rate": 1e38, "warmup_steps": 0},
            "grpo": {"steps": 1, "puzzles_per_step": 2, "samples": 2},
            "sampling": {"max_new_tokens": 4},
            "eval": {"count": 2, "every": 0},
        }
    )
    run = start(settings, tmp_path / "run")
    with pytest.raises(UserError, match="its weights are not finite; go back to an earlier checkpoint, or train anew"):
        train(run)
    [first, *later] = run.read_metrics("sft")
    assert first.values["not_finite"] == 0 and all(line.values["not_finite"] == 1 for line in later)
    assert "alarm in step 2: gradient not finite: 1 update skipped" in capsys.readouterr().err
    [alarm] = json.loads((run.path / "alarms.json").read_text())["alarms"]
    assert (alarm["phase"], alarm["step"], alarm["name"]) == ("sft", 2, "gradient not finite")
    assert [path.name for path in (run.path / NOT_FINITE).iterdir()] == ["step_000003"]
