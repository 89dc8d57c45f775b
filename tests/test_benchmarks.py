"""Benchmarks run: everything once and small (`--quick`)."""

from __future__ import annotations

import importlib
import importlib.util
import json
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from sleuth.errors import UserError
from sleuth.evaluation.summary import summarise
from sleuth.runs.rows import EvaluationRow, read_parquet
from sleuth.training import likelihood
from tests.puzzles.test_import import SMALL

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
GYM = importlib.util.find_spec("reasoning_gym") is not None
TABLES = {
    "answers.py": "| as asked for |",
    "bars.py": "| zebra level 1, either model |",
    "constrain.py": "| constrained |",
    "efficiency.py": "| decoding |",
    "explain.py": "| 2025 (1) |",
    "fuzz.py": "| program |",
    "grading.py": "| level 1, completions a second |",
    "gpu_check.py": "| gradients = reference, float32 | pass |",
    "gym.py": "| chain_sum |",
    "judge.py": "| temporal-clue 1 |",
    "layout.py": "| 2025 |",
    "million.py": "| round-table 1 | 40 |",
    "nano.py": "| nano |",
    "puzzles.py": "| zebra@2 level 1, plain |",
    "questions.py": "| penalty |",
    "regrade.py": "completions",
    "rates.py": "| 32 x 2 |",
    "reason.py": "| reason, after GRPO |",
    "sound.py": "| knights-and-knaves 1 |",
    "traces.py": "derived   ",
    "translate.py": "| guessing |",
    "versions.py": "| 1 |",
}
"""Those that run in this process, and the beginning of a row that each of them writes."""
OTHERS = {"rollout.py", "serve.py", "compare.py", "killed.py", "stream.py", "view.py"}
"""Those that have a test of their own, `stream.py` in `tests/datasets`."""


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """A file in the format of the puzzles of 2025, which are many and long."""
    solution = {"A": "Ada Quick", "B": "Pier", "C": "Boat House", "D": "Boat House"}
    (tmp_path / "temporal-clue-val.json").write_text(json.dumps([{"prompt": SMALL, "solution": solution}]))
    return tmp_path / "temporal-clue-val.json"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Runs a benchmark in this process: importing torch anew would take most of the time."""
    threads = torch.get_num_threads()
    monkeypatch.syspath_prepend(BENCHMARKS)

    def run_here(name: str, *arguments: str | Path) -> None:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(BENCHMARKS / name), run_name="__main__")

    yield run_here
    torch.set_num_threads(threads)


def test_each_has_a_test() -> None:
    assert {path.name for path in BENCHMARKS.glob("*.py")} == {"common.py", *TABLES, *OTHERS}


@pytest.mark.parametrize("name", TABLES)
def test_quick(
    name: str, here: Callable[..., None], originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLEUTH_DATA", str(originals.parent))
    if name == "gym.py" and not GYM:
        pytest.skip("needs the extra 'gym'")
    arguments: list[str | Path] = [originals] if name in ("layout.py", "translate.py") else []
    arguments += ["--runs", tmp_path / "runs"] if name == "translate.py" else []
    arguments += ["--device", "cpu"] if name == "gpu_check.py" else []
    here(name, "--quick", *arguments, "--out", tmp_path / "out")
    assert TABLES[name] in "".join(path.read_text() for path in (tmp_path / "out").glob("*.md"))


def test_the_table_of_aims_is_what_is_stored(here: Callable[..., None], tmp_path: Path) -> None:
    here("bars.py", "--out", tmp_path)
    published = BENCHMARKS.parent / "docs" / "results" / "bars.md"
    assert (tmp_path / "bars.md").read_text(encoding="utf-8") == published.read_text(encoding="utf-8")


def test_what_makes_no_table_is_not_stored(
    here: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in (BENCHMARKS / "results" / "bars").rglob("*.*")}
    monkeypatch.syspath_prepend(BENCHMARKS)
    run = importlib.import_module("bars").made_up(tmp_path)
    for role, told in (("further", "of `grpo` no evaluation is stored"), ("nan", "known are nano, grpo")):
        with pytest.raises(SystemExit) as left:
            here("bars.py", "--keep", role, "77", run)
        assert left.value.code == 2 and told in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (BENCHMARKS / "results" / "bars").rglob("*.*")} == before


def test_what_is_stored_has_the_figures_and_no_texts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    bars = importlib.import_module("bars")
    (tmp_path / "run").mkdir()
    bars.keep(bars.made_up(tmp_path / "run"), tmp_path, "grpo", "0")
    [one] = bars.stored(tmp_path, "grpo")
    for name, rows in (("before", one.start), ("after-grpo", one.end)):
        whole = read_parquet(EvaluationRow, tmp_path / "run" / "evaluations" / f"{name}.parquet")
        told, kept = summarise(whole), summarise(rows)
        assert (kept.strict, kept.share, kept.length_tokens) == (told.strict, told.share, told.length_tokens)
        sound = summarise(whole, mode="reason").spans["nothing_false"]
        assert sound == summarise(rows, mode="reason").spans["nothing_false"] and 0 < sound.mean < 1
        assert not any(row.completion or row.prompt or row.gold for row in rows) and any(
            row.completion for row in whole
        )
    assert one.hours == 1.0 and bars.gained(one).mean > 0.5
    bars.keep(tmp_path / "run" / "evaluations" / "before.parquet", tmp_path, "grpo", "0")
    [one] = bars.stored(tmp_path, "grpo")
    assert (one.hours, one.start) == (None, []), "nothing of the run that was there before"
    with pytest.raises(UserError, match="seed 0: no evaluation before GRPO is stored"):
        bars.gained(one)
    published = {"solved": [0.75, 0.7, 0.8]}
    (tmp_path / "lost" / "nano" / "0").mkdir(parents=True)
    (tmp_path / "lost" / "nano" / "0" / "about.json").write_text(json.dumps({"hours": 2.0, "published": published}))
    bars.keep(tmp_path / "run", tmp_path / "lost", "nano", "1")
    rows = bars.lines(tmp_path / "lost")
    first = next(rows)
    assert first[2:] == ("87.5 % [0.0, 100.0]", "no; 2 of 3 seeds", "2", "3.0"), "75 % as published, 100 % worked out"


def test_rollout(here: Callable[..., None], tmp_path: Path) -> None:
    here("rollout.py", "--quick", "--out", tmp_path)
    [table] = tmp_path.glob("*.md")
    assert all(row in table.read_text() for row in ("| no refill, no drops |", "| C++ |"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [([], "no graphics card"), (["--device", "cpu", "--model", "no/such/folder"], "no/such/folder")],
)
def test_gpu_check_refuses_in_one_line(
    arguments: list[str],
    told: str,
    here: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as left:
        here("gpu_check.py", *arguments)
    said = capsys.readouterr()
    assert left.value.code == 2 and said.out == ""
    [line] = said.err.splitlines()
    assert told in line


def test_gpu_check_tells_a_wrong_gradient(
    here: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training that forgets the temperature; and a check that breaks off is a row, too."""
    completion_logprobs = likelihood.completion_logprobs

    def forgetful(model: object, packed: object, temperature: float, checkpointing: bool) -> object:
        if checkpointing:
            raise RuntimeError("a | b")
        return completion_logprobs(model, packed)  # type: ignore[arg-type]

    monkeypatch.setattr(likelihood, "completion_logprobs", forgetful)
    with pytest.raises(SystemExit) as left:
        here("gpu_check.py", "--quick", "--device", "cpu")
    table = capsys.readouterr().out
    assert left.value.code == 1
    assert "| gradients = reference, float32 | FAIL |" in table
    assert "activation checkpointing | FAIL | RuntimeError: a / b |" in table
    assert "| sampler and trainer apart, bfloat16 | FAIL |" in table
    assert "| greedy tokens = transformers', float32 | pass | 48 of 48 |" in table


def test_serve(here: Callable[..., None], tmp_path: Path) -> None:
    here("serve.py", "--quick", "--model", "nano-detective", "--out", tmp_path / "new")
    assert "4 of 4 |" in (tmp_path / "new" / "serve.md").read_text(encoding="utf-8")


def test_compare_measures_without_its_peers(here: Callable[..., None]) -> None:
    here("compare.py", "--quick")


def test_a_killed_run_ends_with_the_same_bytes(
    here: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        here("killed.py", "--quick", "--folder", tmp_path)
    said = capsys.readouterr().out
    assert left.value.code == 0, said
    assert "kill 1: " in said and "different: none" in said


def test_translate_refuses_a_folder_without_models(
    here: Callable[..., None], originals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        here("translate.py", originals, "--runs", tmp_path, "--out", tmp_path)
    assert left.value.code == 2 and "train the recipes above" in capsys.readouterr().err


def test_view(here: Callable[..., None], tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    here("view.py", "--quick", "--out", tmp_path)
    assert "on 2 runs of 1,000 rollouts" in (tmp_path / "view.md").read_text()
