"""The demo: puzzles with their proof, two runs, and an interrupted one that goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sleuth import commands
from sleuth.config import Mode, RunConfig
from sleuth.errors import UserError
from sleuth.runs.directory import RunDirectory
from tests.tiny import tiny_folder


def small(model: Path, mode: Mode, steps: int) -> RunConfig:
    return RunConfig.model_validate(
        {
            "mode": mode,
            "model": {"name": str(model), "dtype": "float32", "threads": 1},
            "sft": {"examples": 2, "batch_size": 2},
            "grpo": {"steps": steps, "puzzles_per_step": 2, "samples": 2},
            "sampling": {"max_new_tokens": 4},
            "eval": {"count": 2, "every": 0},
        }
    )


def test_both_acts_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With tiny models in place of the demo's."""
    model = tiny_folder(tmp_path / "model", words=True, max_position_embeddings=4096)
    monkeypatch.setattr(commands, "demo_config", lambda: small(model, "program", 1))
    monkeypatch.setattr(commands, "reasoning_demo_config", lambda steps: small(model, "reason", min(steps, 2)))
    monkeypatch.setattr(commands, "resume_run", _stops_once_in_act_two(commands.resume_run))
    with pytest.raises(KeyboardInterrupt):
        commands.run_demo(tmp_path / "demo", "cpu")
    said = capsys.readouterr()
    assert said.out.count("CP-SAT, given only the text above, finds exactly one world") == 2
    assert "First act: " in said.err and "Second act: " in said.err
    first, second = tmp_path / "demo", tmp_path / "demo-reasoning"
    assert (first / "report.html").exists() and not (second / "report.html").exists()
    before = (first / "metrics.jsonl").read_bytes()
    commands.run_demo(first, "cpu")
    said = capsys.readouterr()
    assert "act: " not in said.err and (first / "metrics.jsonl").read_bytes() == before
    assert (second / "report.html").exists()
    configs = [RunDirectory.open(run).config for run in (first, second)]
    assert [(one.mode, one.model.name) for one in configs] == [("program", str(model)), ("reason", str(model))]


def _stops_once_in_act_two(resume: Callable[[Path], None]) -> Callable[[Path], None]:
    stopped: list[Path] = []

    def stopping(path: Path) -> None:
        if path.name == "demo-reasoning" and not stopped:
            stopped.append(path)
            raise KeyboardInterrupt
        resume(path)

    return stopping


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(UserError, match="demo"):
        commands.run_demo(tmp_path / "demo", "cpu")
    assert (tmp_path / "demo").read_text() == "mine"
