"""One model, three ways to ask it: our engine directly, `sleuth serve` behind Inspect, and our provider of Inspect."""

from __future__ import annotations

from pathlib import Path

import pytest

from sleuth.bench.commands import bench_models
from sleuth.bench.models import Interface
from sleuth.bench.result import Result, read_result
from sleuth.bench.run import Budget
from sleuth.datasets.files import write_puzzles
from sleuth.datasets.make import PuzzleSpec
from sleuth.policy.base import StopReason
from tests.bench.test_bench import SETTINGS
from tests.serve.test_serve import Server
from tests.tiny import tiny_folder

pytest.importorskip("inspect_ai")
pytest.importorskip("starlette")

CONTEXT = 900


def test_three_ways_one_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the row, but for seconds; among them a puzzle for which the model has no room."""
    folder = tiny_folder(tmp_path / "model", max_position_embeddings=CONTEXT)
    specs = (PuzzleSpec("knights-and-knaves", "1", "test", 5, 1), PuzzleSpec("zebra", "1", "test", 5, 1))
    puzzles = [spec.make(index).puzzle for spec in specs for index in range(3)]
    write_puzzles(tmp_path / "some.jsonl", puzzles)
    server = Server(folder, "--rows", "4", prompt=CONTEXT - 1)
    try:
        monkeypatch.setenv("TINY_BASE_URL", server.url)
        monkeypatch.setenv("TINY_API_KEY", "none")
        names = [str(folder), "openai-api/tiny/tiny", f"sleuth/{folder}"]
        bench_models(
            names,
            str(tmp_path / "some.jsonl"),
            "small",
            SETTINGS.model_copy(update={"max_new_tokens": 24}),
            Budget(),
            None,
            Interface(retries=0, timeout_s=60, connections=4),
            "cpu",
            tmp_path / "out",
            1,
        )
    finally:
        server.stop()
    results = [read_result(path) for path in sorted((tmp_path / "out").glob("*.json"))]
    by_name = {result.model.name: result for result in results}
    first, *others = (by_name[name] for name in names)
    assert [by_name[name].model.kind for name in names] == ["engine", "interface", "interface"]
    assert {row.stop for row in first.rows} >= {StopReason.LENGTH} and len({row.new_tokens for row in first.rows}) > 1
    for other in others:
        assert other.complete and _plain(other) == _plain(first)


def _plain(result: Result) -> tuple[object, ...]:
    """What must be equal: rows without their times and counts of what was not asked, and the figures."""
    rows = [
        row.model_dump(exclude={"seconds", "reasoning_tokens"} | (set() if row.new_tokens else {"prompt_tokens"}))
        for row in result.rows
    ]
    return rows, result.summary.model_dump(exclude={"spent"})
