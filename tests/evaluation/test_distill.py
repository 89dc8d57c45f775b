"""Rejection sampling with a scripted policy."""

from __future__ import annotations

from collections.abc import Sequence

from sleuth import make
from sleuth.evaluation.distill import distill
from sleuth.policy.base import Request, Rollout, Sampling, StopReason


class Script:
    """Writes the same four completions for every puzzle, with given mean log-probabilities."""

    def __init__(self, texts: Sequence[tuple[str, float]]) -> None:
        self.texts = texts

    def rollout(
        self, requests: Sequence[Request], samples: int, sampling: Sampling, progress: object = None
    ) -> list[list[Rollout]]:
        one = [Rollout((1,), (5, 6), (logprob, logprob), StopReason.END, text) for text, logprob in self.texts]
        return [one[:samples] for _ in requests]


def test_right_different_and_likeliest() -> None:
    [puzzle] = make("temporal-clue", level="1", count=1)
    right = "\n".join(f"{letter}. {answer}" for letter, answer in puzzle.answers.items())
    script = Script([(right, -2.0), ("A. nobody", -0.1), (f"{right}\n", -1.0), (f"So:\n{right}", -1.5)])
    rows = distill(script, [puzzle], "answer", Sampling(4), samples=4, keep=5)
    # Two of the three right ones are the same text; the likelier of the two left comes first.
    assert [row["completion"] for row in rows] == [f"So:\n{right}", right]
    assert rows[0] == {
        "puzzle_id": puzzle.id,
        "system": rows[0]["system"],
        "user": puzzle.prompt,
        "completion": f"So:\n{right}",
        "tokens": 2,
        "logprob": -1.5,
    }
    assert len(distill(script, [puzzle], "answer", Sampling(4), samples=4, keep=1)) == 1
