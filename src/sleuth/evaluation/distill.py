"""Rejection sampling: completions that a model wrote and that are right, as examples to learn from."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from sleuth.config import Mode
from sleuth.errors import UserError
from sleuth.policy.base import Policy, Rollout, Sampling
from sleuth.policy.conversations import grader
from sleuth.policy.prompts import ask
from sleuth.puzzles.puzzle import Puzzle


def distill(
    policy: Policy,
    puzzles: Sequence[Puzzle],
    mode: Mode,
    sampling: Sampling,
    samples: int,
    keep: int,
    progress: Callable[[int], None] | None = None,
) -> list[dict[str, Any]]:
    """The rows that `sleuth.training.examples` reads: of each puzzle's solved completions, different ones only,
    the `keep` likeliest (by mean log-probability a token).

    Raises `UserError` for puzzles of a split that models are measured on, and where nothing is right.
    """
    held_out = next((puzzle for puzzle in puzzles if puzzle.split in ("val", "test")), None)
    if held_out is not None:
        raise UserError(f"{held_out.id} is of split {held_out.split}, which models are measured on; take split train")
    rows = []
    groups = policy.rollout([ask(puzzle, mode) for puzzle in puzzles], samples, sampling, progress)
    for puzzle, rollouts in zip(puzzles, groups, strict=True):
        right: dict[str, Rollout] = {}
        for rollout in rollouts:
            if grader(puzzle, mode)(rollout).correct:
                right.setdefault(rollout.text.strip(), rollout)
        request = ask(puzzle, mode)
        for text, rollout in sorted(right.items(), key=lambda item: -_likelihood(item[1]))[:keep]:
            asked = {"puzzle_id": puzzle.id, "system": request.system, "user": request.user}
            rows.append({**asked, "completion": text, "tokens": len(rollout.tokens), "logprob": _likelihood(rollout)})
    if not rows:
        raise UserError(f"none of {sum(map(len, groups))} completions is right; take more samples or an easier level")
    return rows


def _likelihood(rollout: Rollout) -> float:
    return statistics.fmean(rollout.logprobs) if rollout.logprobs else 0.0
