"""Models that come with Sleuth: small, complete, documented, and able to do what they are for."""

from __future__ import annotations

import pytest
import torch

from sleuth.datasets.make import PuzzleSpec
from sleuth.grading.grade import grade
from sleuth.model_names import SHIPPED
from sleuth.policy.base import Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import SHIPPED_FOLDER, load_model
from sleuth.policy.prompts import ask

MOST_BYTES = 10_000_000
"""Of all of them together."""
LEAST = {"nano-detective": 12, "nano-novice": 6}
"""How many of 16 cases each solves at least; guessing solves one."""


def test_they_are_small_and_say_how_they_were_trained() -> None:
    assert sorted(path.name for path in SHIPPED_FOLDER.iterdir()) == sorted(SHIPPED)
    assert sum(path.stat().st_size for path in SHIPPED_FOLDER.glob("*/*")) < MOST_BYTES
    assert sorted(LEAST) == sorted(SHIPPED)
    for name in SHIPPED:
        card = (SHIPPED_FOLDER / name / "README.md").read_text(encoding="utf-8")
        assert "recipes/nano.toml" in card and "Apache-2.0" in card


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_they_reason_their_way_to_answers(name: str, least: int) -> None:
    torch.set_num_threads(1)
    loaded = load_model(name, torch.float32, "cpu")
    assert loaded.name == name
    spec = PuzzleSpec("temporal-clue", "1", "val", 4, 16, "terse", "themed")
    puzzles = [spec.make(index).puzzle for index in range(16)]
    policy = TorchPolicy(loaded.model, loaded.tokenizer)
    rollouts = policy.rollout([ask(puzzle, "reason") for puzzle in puzzles], 1, Sampling(512, temperature=0.0))
    scores = [grade(puzzle, rollout.text, "reason") for puzzle, [rollout] in zip(puzzles, rollouts, strict=True)]
    assert all("So: " in rollout.text for [rollout] in rollouts)
    assert sum(score.correct for score in scores) >= least
