"""What the model before GRPO makes of completions, by hand."""

import math

import pytest
import torch

from sleuth.policy.base import Rollout, StopReason
from sleuth.training.reference import divergence_from, fluency


def rollout(logprobs: list[float]) -> Rollout:
    return Rollout((1,), (5,) * len(logprobs), tuple(logprobs), StopReason.END, "")


def test_by_hand() -> None:
    # Drawn with probabilities 1/2, 1/2 and 1/4, of which the reference finds 1/4, 1/2 and 1/2. With d the log
    # of the reference's over the policy's: -ln 2, 0, ln 2; k3 = e^d - d - 1: 1/2 + ln 2 - 1, 0, 2 - ln 2 - 1; their
    # mean is (1/2) / 3.
    drawn = [[rollout([math.log(0.5), math.log(0.5)])], [rollout([math.log(0.25)])]]
    found = [[torch.tensor([0.25, 0.5]).log()], [torch.tensor([0.5]).log()]]
    assert divergence_from(found, drawn) == pytest.approx(1 / 6)
    # The first completion's mean is -(2 ln 2 + ln 2) / 2, the second's -ln 2: -5/4 ln 2 over both.
    assert fluency(found) == pytest.approx(-1.25 * math.log(2))
