"""Losses and advantages against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from sleuth.training.advantages import EPSILON, group_advantages, part_advantages
from sleuth.training.losses import policy_loss, sft_loss


def test_advantages_of_two_groups() -> None:
    # Rewards 1 0 0 1: mean 1/2, every deviation 1/2, so population std 1/2 and advantages ±(1/2) / (1/2 + eps).
    # Rewards 1 0 0 0: mean 1/4; variance (9/16 + 3 · 1/16) / 4 = 3/16, std √3/4; 3/4 / (√3/4) = √3 and −1/√3.
    advantages_BG = group_advantages(torch.tensor([[1.0, 0, 0, 1], [1, 0, 0, 0]]))
    half = 0.5 / (0.5 + EPSILON)
    std = math.sqrt(3) / 4
    wanted = [[half, -half, -half, half], [0.75 / (std + EPSILON)] + [-0.25 / (std + EPSILON)] * 3]
    torch.testing.assert_close(advantages_BG, torch.tensor(wanted))
    assert abs(advantages_BG[1, 0] - math.sqrt(3)) < 1e-3


def test_equal_rewards_give_exact_zeros() -> None:
    # 0.1 is no binary fraction: its mean over 7 is rounded, and a deviation of 1e-9 must not become an advantage.
    advantages_BG = group_advantages(torch.tensor([[0.1] * 7, [0.0] * 7]))
    assert advantages_BG.tolist() == [[0.0] * 7, [0.0] * 7]


def test_advantages_of_parts_at_their_places() -> None:
    # First parts 1 1 0: mean 2/3, so 1/3, 1/3, −2/3. Second parts 0 and 1 (the third completion has none): mean 1/2.
    # Deviation of the five differences: squares 1/9 + 1/9 + 4/9 + 1/4 + 1/4 = 7/6, over 5: 7/30.
    deviation = math.sqrt(7 / 30) + EPSILON
    found = part_advantages([[1, 0], [1, 1], [0]])
    wanted = [[1 / 3, -1 / 2], [1 / 3, 1 / 2], [-2 / 3]]
    for found_K, wanted_K in zip(found, wanted, strict=True):
        assert found_K == pytest.approx([value / deviation for value in wanted_K])


def test_equal_parts_and_no_parts_give_exact_zeros() -> None:
    assert part_advantages([[1, 0], [1, 0], [1]]) == [[0, 0], [0, 0], [0]]
    assert part_advantages([[], []]) == [[], []]


def test_clipped_ratio_by_hand() -> None:
    # Ratios and advantages, clip 0.2:   ρ     A    ρA    clamp·A   min    gradient
    #                                   1.5   +1   1.5     1.2     1.2    cut
    #                                   1.5   −1  −1.5    −1.2    −1.5    flows: dL/dlogp = −ρA = 1.5
    #                                   0.5   +1   0.5     0.8     0.5    flows: −0.5
    #                                   0.5   −2  −1.0    −1.6    −1.6    cut
    #                                   1.0   +3   3.0     3.0     3.0    flows: −3
    # Sum of min: 1.2 − 1.5 + 0.5 − 1.6 + 3 = 1.6; loss −1.6 / 10 = −0.16; 2 of 10 tokens are cut.
    logprobs_N = torch.log(torch.tensor([1.5, 1.5, 0.5, 0.5, 1.0])).requires_grad_()
    loss, stats = policy_loss(
        logprobs_N,
        torch.zeros(5),
        torch.tensor([1.0, -1, 1, -2, 3]),
        clip=0.2,
        kl_weight=0.0,
        reference_logprobs_N=None,
        normaliser=10,
    )
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-0.16)
    assert stats == {"clip_share": pytest.approx(0.2)}
    assert logprobs_N.grad is not None
    # At ratio 1 min and clamp tie; torch halves the gradient between the two, and both are −A.
    torch.testing.assert_close(logprobs_N.grad, torch.tensor([0.0, 1.5, -0.5, 0.0, -3.0]) / 10)


def test_kl_by_hand() -> None:
    # Reference minus policy: ln 2 and −ln 2. k3 = e^d − d − 1: 2 − ln 2 − 1 = 0.30685 and 0.5 + ln 2 − 1 = 0.19315;
    # their sum is 0.5, over 4 tokens 0.125. With advantages 0 the loss is 0.5 · 0.125. d k3 / d logp = 1 − e^d: −1
    # and 0.5.
    logprobs_N = torch.tensor([-2.0, -1.0], requires_grad=True)
    difference_N = torch.tensor([math.log(2), -math.log(2)])
    loss, stats = policy_loss(
        logprobs_N,
        logprobs_N.detach(),
        torch.zeros(2),
        clip=0.2,
        kl_weight=0.5,
        reference_logprobs_N=logprobs_N.detach() + difference_N,
        normaliser=4,
    )
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.0625)
    assert stats["kl"] == pytest.approx(0.125)
    assert logprobs_N.grad is not None
    torch.testing.assert_close(logprobs_N.grad, torch.tensor([-1.0, 0.5]) * 0.5 / 4)


def test_parts_of_a_batch_add_up() -> None:
    generator = torch.Generator().manual_seed(0)
    new, old, advantages, reference = torch.randn(4, 9, generator=generator)

    def loss(part: slice) -> tuple[float, dict[str, float]]:
        value, stats = policy_loss(
            new[part],
            old[part],
            advantages[part],
            clip=0.2,
            kl_weight=0.1,
            reference_logprobs_N=reference[part],
            normaliser=9,
        )
        return float(value), stats

    whole, first, second = loss(slice(0, 9)), loss(slice(0, 4)), loss(slice(4, 9))
    assert whole[0] == pytest.approx(first[0] + second[0], rel=1e-5)
    for name, value in whole[1].items():
        assert value == pytest.approx(first[1][name] + second[1][name], rel=1e-5)


def test_sft_loss_by_hand() -> None:
    # −(ln ½ + ln ¼) over 3 tokens, the third in another micro-batch: 3 ln 2 / 3 = ln 2.
    assert float(sft_loss(torch.log(torch.tensor([0.5, 0.25])), 3)) == pytest.approx(math.log(2))
