"""Logs of the version before are read under the names of now."""

from __future__ import annotations

from pathlib import Path

import pytest

from sleuth.config import CheckpointConfig, EvalConfig, RunConfig
from sleuth.runs.directory import RunDirectory
from sleuth.runs.metrics import metric_name
from sleuth.view.log import Log


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("parts/lines_right", "spans/lines_right"),
        ("-parts/lines_right", "-spans/lines_right"),
        ("spans/lines_right", "spans/lines_right"),
        ("counterparts/x", "counterparts/x"),
        ("-length_tokens", "-length_tokens"),
    ],
)
def test_names(name: str, now: str) -> None:
    assert metric_name(name) == now


def test_old_logs_are_read(tmp_path: Path) -> None:
    """The first of two evaluations is the better one, by a metric that both log and recipe call by its old name."""
    config = RunConfig(eval=EvalConfig(every=1), checkpoint=CheckpointConfig(best="parts/lines_right"))
    run = RunDirectory.create(tmp_path / "run", config)
    for step, value in ((1, 0.5), (2, 0.25)):
        run.log_metrics("eval", step, {"strict": 0.0, "parts/lines_right": value})
    assert [line.values["spans/lines_right"] for line in run.read_metrics("eval")] == [0.5, 0.25]
    assert run.best_step() == config.sft.steps + 1
    log = Log(run.path / "metrics.jsonl")
    log.read_on()
    assert log.phases["eval"].all()[1] == (2, {"strict": 0.0, "spans/lines_right": 0.25})
