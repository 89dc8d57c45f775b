"""A real model at a real case, watched in a real browser: `sleuth play --browser --run` and its export."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("transformers")

import torch

from sleuth.config import RunConfig
from sleuth.evaluation.evaluate import evaluate
from sleuth.evaluation.summary import summarise
from sleuth.grading import grade
from sleuth.policy.base import Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import load_model
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.puzzle import Puzzle
from sleuth.runs.directory import RunDirectory
from sleuth.runs.rows import EvaluationRow
from tests.browser import browser, opened, serious_findings

CONFIG = RunConfig.model_validate(
    {"name": "watched", "mode": "reason", "model": {"name": "nano-detective"}, "sft": {"examples": 0}}
)


@cache
def puzzles() -> list[Puzzle]:
    return [make_puzzle("temporal-clue", "1", "test", 0, number, "terse").puzzle for number in range(2)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run of the model that comes with Sleuth, evaluated on two cases."""
    run = RunDirectory.create(tmp_path_factory.mktemp("watched") / "run", CONFIG)
    loaded = load_model("nano-detective", torch.float32, "cpu")
    rows = evaluate(TorchPolicy(loaded.model, loaded.tokenizer), puzzles(), "reason", Sampling(384, 0.0, (0,)))
    run.write_evaluation("before", rows, summarise(rows).as_json())
    return run


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as running:
        yield running


def watched(page: Any, row: EvaluationRow) -> None:
    """The completion appears sentence by sentence, each with the judge's mark, and in the end what came of it."""
    score = grade(puzzles()[0], row.completion, "reason")
    verdicts = [span.verdict for span in sorted(score.spans, key=lambda span: span.start)]
    assert len(verdicts) > 5
    page.wait_for_selector("#notebook [role=gridcell]")
    page.get_by_text("Watch a model try this case").click()
    page.get_by_role("button", name="Before training").click()
    page.get_by_role("button", name="Next sentence").click()  # it stops going on by itself
    marks = page.locator(".completion .piece b")
    seen = marks.count()
    page.get_by_role("button", name="Next sentence").click()
    assert 0 < seen < len(verdicts) and marks.count() == seen + 1
    page.get_by_role("button", name="All of it").click()
    assert [mark.inner_text().split()[-1] for mark in marks.all()] == verdicts
    text = page.locator(".completion").evaluate(
        "box => [...box.querySelectorAll('b')].forEach(b => b.remove()) || box.textContent"
    )
    assert text == row.completion
    said = page.locator(".watch [role=status]").inner_text()
    assert f"{row.outcome}, {row.length_tokens} tokens" in said
    assert said.count("✓") == sum(row.right.values())


def test_a_real_model_is_watched_from_a_server_and_from_disk(run: RunDirectory, chromium: Any, tmp_path: Path) -> None:
    row = run.read_evaluation("before")[0]
    command = [sys.executable, "-m", "sleuth", "play", "temporal-clue", "--level", "1", "--run", str(run.path)]
    with subprocess.Popen([*command, "--browser", "--port", "0"], stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        url = next(found[0] for line in server.stderr if (found := re.search(r"http://[\d.:]+", line)))
        with opened(chromium, f"{url}/#run/0") as page:
            watched(page, row)
            assert serious_findings(page) == []
        server.send_signal(signal.SIGINT)
    subprocess.run([*command, "--export", str(tmp_path / "game"), "--count", "1"], check=True, capture_output=True)
    with opened(chromium, f"{(tmp_path / 'game' / 'index.html').as_uri()}#run/0") as page:
        watched(page, row)
