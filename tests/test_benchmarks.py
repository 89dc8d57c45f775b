"""Benchmarks run: everything once and small (`--quick`)."""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sleuth.training import likelihood
from tests.puzzles.test_import import SMALL

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
GYM = importlib.util.find_spec("reasoning_gym") is not None
TABLES = {
    "answers.py": "| as asked for |",
    "bars.py": "| zebra level 1, either model |",
    "constrain.py": "| constrained |",
    "efficiency.py": "| decoding |",
    "explain.py": "| temporal-clue 1, plain (1) |",
    "fuzz.py": "| program |",
    "grading.py": "| level 1, completions a second |",
    "gpu_check.py": "| gradients = reference, float32 | pass |",
    "gym.py": "| chain_sum |",
    "judge.py": "| temporal-clue 1 |",
    "layout.py": "| 2025 |",
    "nano.py": "| nano |",
    "puzzles.py": "| zebra@2 level 1, plain |",
    "questions.py": "| penalty |",
    "regrade.py": "completions",
    "reason.py": "| reason, after GRPO |",
    "sound.py": "| knights-and-knaves 1 |",
    "traces.py": "derived   ",
    "translate.py": "| guessing |",
    "versions.py": "| 1 |",
}
"""Those that run in this process, and the beginning of a row that each of them writes."""
OTHERS = {"rollout.py", "serve.py", "compare.py", "killed.py", "stream.py", "million.py", "view.py"}
"""Those that have a test of their own, `stream.py` in `tests/datasets`: they need processes."""


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """A file in the format of the puzzles of 2025."""
    solution = {"A": "Ada Quick", "B": "Pier", "C": "Boat House", "D": "Boat House"}
    (tmp_path / "val.json").write_text(json.dumps([{"prompt": SMALL, "solution": solution}]))
    return tmp_path / "val.json"


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, BENCHMARKS / name, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_each_has_a_test() -> None:
    assert {path.name for path in BENCHMARKS.glob("*.py")} == {"common.py", *TABLES, *OTHERS}


@pytest.mark.parametrize("name", TABLES)
def test_quick(name: str, originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: importing torch anew would take most of the time."""
    if name == "gym.py" and not GYM:
        pytest.skip("needs the extra 'gym'")
    monkeypatch.syspath_prepend(BENCHMARKS)
    arguments: list[str | Path] = [originals] if name in ("layout.py", "translate.py") else []
    arguments += ["--runs", tmp_path / "runs"] if name == "translate.py" else []
    arguments += ["--device", "cpu"] if name == "gpu_check.py" else []
    monkeypatch.setattr(sys, "argv", [name, "--quick", *map(str, arguments), "--out", str(tmp_path / "out")])
    threads = torch.get_num_threads()
    try:
        runpy.run_path(str(BENCHMARKS / name), run_name="__main__")
    finally:
        torch.set_num_threads(threads)
    assert TABLES[name] in "".join(path.read_text() for path in (tmp_path / "out").glob("*.md"))


def test_rollout(tmp_path: Path) -> None:
    done = run("rollout.py", "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    [table] = tmp_path.glob("*.md")
    assert all(row in table.read_text() for row in ("| no refill, no drops |", "| C++ |"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [([], "no graphics card"), (["--device", "cpu", "--model", "no/such/folder"], "no/such/folder")],
)
def test_gpu_check_refuses_in_one_line(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", *arguments])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(BENCHMARKS / "gpu_check.py"), run_name="__main__")
    said = capsys.readouterr()
    assert left.value.code == 2 and said.out == ""
    [line] = said.err.splitlines()
    assert told in line


def test_gpu_check_tells_a_wrong_gradient(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Training that forgets the temperature; and a check that breaks off is a row, too."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    completion_logprobs = likelihood.completion_logprobs

    def forgetful(model: object, packed: object, temperature: float, checkpointing: bool) -> object:
        if checkpointing:
            raise RuntimeError("a | b")
        return completion_logprobs(model, packed)  # type: ignore[arg-type]

    monkeypatch.setattr(likelihood, "completion_logprobs", forgetful)
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", "--quick", "--device", "cpu"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(BENCHMARKS / "gpu_check.py"), run_name="__main__")
    table = capsys.readouterr().out
    assert left.value.code == 1
    assert "| gradients = reference, float32 | FAIL |" in table
    assert "activation checkpointing | FAIL | RuntimeError: a / b |" in table
    assert "| sampler and trainer apart, bfloat16 | FAIL |" in table
    assert "| greedy tokens = transformers', float32 | pass | 48 of 48 |" in table


def test_serve(tmp_path: Path) -> None:
    done = run("serve.py", "--quick", "--model", "nano-detective", "--out", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert "4 of 4 |" in (tmp_path / "new" / "serve.md").read_text(encoding="utf-8")


def test_compare_measures_without_its_peers() -> None:
    done = run("compare.py", "--quick")
    assert done.returncode == 0, done.stderr


def test_a_killed_run_ends_with_the_same_bytes(tmp_path: Path) -> None:
    done = run("killed.py", "--quick", "--folder", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "kill 1: " in done.stdout and "different: none" in done.stdout


def test_translate_refuses_a_folder_without_models(
    originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    arguments = [originals, "--runs", tmp_path, "--out", tmp_path]
    monkeypatch.setattr(sys, "argv", ["translate.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(BENCHMARKS / "translate.py"), run_name="__main__")
    assert left.value.code == 2 and "train the recipes above" in capsys.readouterr().err


def test_view(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    done = run("view.py", "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "on 2 runs of 1,000 rollouts" in (tmp_path / "view.md").read_text()


def test_million(tmp_path: Path) -> None:
    done = run("million.py", "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "| round-table 1 | 40 |" in (tmp_path / "million.md").read_text()
