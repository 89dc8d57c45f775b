"""Losses and advantages against values worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from sleuth.config import GrpoConfig, Normalise
from sleuth.training.advantages import EPSILON, group_advantages, span_advantages
from sleuth.training.losses import policy_loss, sft_loss, token_weight


def test_advantages_of_two_groups() -> None:
    # Rewards 1 0 0 1: mean 1/2, every deviation 1/2, so population std 1/2 and advantages ±(1/2) / (1/2 + eps).
    # Rewards 1 0 0 0: mean 1/4; variance (9/16 + 3 · 1/16) / 4 = 3/16, std √3/4; 3/4 / (√3/4) = √3 and −1/√3.
    advantages_BG = group_advantages(torch.tensor([[1.0, 0, 0, 1], [1, 0, 0, 0]]))
    half = 0.5 / (0.5 + EPSILON)
    std = math.sqrt(3) / 4
    wanted = [[half, -half, -half, half], [0.75 / (std + EPSILON)] + [-0.25 / (std + EPSILON)] * 3]
    torch.testing.assert_close(advantages_BG, torch.tensor(wanted))
    assert abs(advantages_BG[1, 0] - math.sqrt(3)) < 1e-3


def test_deviation_of_a_sample_divides_by_one_fewer() -> None:
    """As in TRL: of 1, 0, 0, 1 the squares add up to 1, so the deviation is the root of a third."""
    advantages_BG = group_advantages(torch.tensor([[1.0, 0, 0, 1]]), sample_deviation=True)
    half = 0.5 / (math.sqrt(1 / 3) + EPSILON)
    torch.testing.assert_close(advantages_BG, torch.tensor([[half, -half, -half, half]]))


def test_equal_rewards_give_exact_zeros() -> None:
    # 0.1 is no binary fraction: its mean over 7 is rounded, and a deviation of 1e-9 must not become an advantage.
    advantages_BG = group_advantages(torch.tensor([[0.1] * 7, [0.0] * 7]))
    assert advantages_BG.tolist() == [[0.0] * 7, [0.0] * 7]


def test_advantages_without_deviation_and_against_the_others() -> None:
    # Rewards 1 0 0 1: over the mean ±1/2; over the mean of the other three, 1/3 or 2/3: 2/3, −2/3.
    rewards_BG = torch.tensor([[1.0, 0, 0, 1], [1, 1, 1, 1]])
    half = torch.tensor([[0.5, -0.5, -0.5, 0.5], [0, 0, 0, 0]])
    torch.testing.assert_close(group_advantages(rewards_BG, deviation=False), half)
    others = group_advantages(rewards_BG, deviation=False, leave_one_out=True)
    torch.testing.assert_close(others, half * 4 / 3)
    assert span_advantages([[1], [0]], deviation=False) == [[0.5], [-0.5]]


def test_advantages_of_parts_at_their_places() -> None:
    # First parts 1 1 0: mean 2/3, so 1/3, 1/3, −2/3. Second parts 0 and 1 (the third completion has none): mean 1/2.
    # Deviation of the five differences: squares 1/9 + 1/9 + 4/9 + 1/4 + 1/4 = 7/6, over 5: 7/30.
    deviation = math.sqrt(7 / 30) + EPSILON
    found = span_advantages([[1, 0], [1, 1], [0]])
    wanted = [[1 / 3, -1 / 2], [1 / 3, 1 / 2], [-2 / 3]]
    for found_K, wanted_K in zip(found, wanted, strict=True):
        assert found_K == pytest.approx([value / deviation for value in wanted_K])


def test_equal_parts_and_no_parts_give_exact_zeros() -> None:
    assert span_advantages([[1, 0], [1, 0], [1]]) == [[0, 0], [0, 0], [0]]
    assert span_advantages([[], []]) == [[], []]


def loss_of(
    logprobs: list[float],
    old: list[float],
    advantages: list[float],
    weights: list[float],
    lengths: list[int] | None = None,
    tokens: int = 1,
    others: dict[str, Any] | None = None,
    **keys: Any,
) -> tuple[float, dict[str, float], Tensor]:
    """Loss, stats, and the gradient of the log-probabilities."""
    logprobs_N = torch.tensor(logprobs, requires_grad=True)
    config = GrpoConfig.model_validate(keys)
    rest = (torch.tensor(old), torch.tensor(advantages), torch.tensor(weights), lengths or [len(old)], config)
    loss, stats = policy_loss(logprobs_N, *rest, tokens=tokens, **(others or {}))
    loss.backward()  # type: ignore[no-untyped-call]
    assert logprobs_N.grad is not None
    return float(loss.detach()), stats, logprobs_N.grad


def logs(*values: float) -> list[float]:
    return [math.log(value) for value in values]


def test_clipped_ratio_by_hand() -> None:
    # Ratios and advantages, clip 0.2:   ρ     A    ρA    clamp·A   min    gradient
    #                                   1.5   +1   1.5     1.2     1.2    cut
    #                                   1.5   −1  −1.5    −1.2    −1.5    flows: dL/dlogp = −ρA = 1.5
    #                                   0.5   +1   0.5     0.8     0.5    flows: −0.5
    #                                   0.5   −2  −1.0    −1.6    −1.6    cut
    #                                   1.0   +3   3.0     3.0     3.0    flows: −3
    # Sum of min: 1.2 − 1.5 + 0.5 − 1.6 + 3 = 1.6; loss −1.6 / 10 = −0.16; 2 of 10 tokens are cut.
    # Drift: k3 of ln ρ, ρ − ln ρ − 1: 2 (1.5 − ln 1.5 − 1) + 2 (0.5 − ln 0.5 − 1) + 0 = −2 ln 0.75.
    loss, stats, grad = loss_of(logs(1.5, 1.5, 0.5, 0.5, 1), [0.0] * 5, [1.0, -1, 1, -2, 3], [0.1] * 5, tokens=10)
    assert loss == pytest.approx(-0.16)
    assert stats["clip_share"] == pytest.approx(0.2)
    assert stats["drift"] == pytest.approx(-2 * math.log(0.75) / 10, rel=1e-4)
    # At ratio 1 min and clamp tie; torch halves the gradient between the two, and both are −A.
    torch.testing.assert_close(grad, torch.tensor([0.0, 1.5, -0.5, 0.0, -3.0]) / 10)


def test_the_upper_end_of_the_clip_may_be_another() -> None:
    # DAPO: ρ 1.25 is within 1.28, ρ 1.5 is not; the lower end stays at 0.8.
    loss, stats, grad = loss_of(logs(1.25, 1.5, 0.5), [0.0] * 3, [1.0, 1, -1], [1.0] * 3, clip_high=0.28, tokens=3)
    assert loss == pytest.approx(-(1.25 + 1.28 - 0.8))
    torch.testing.assert_close(grad, torch.tensor([-1.25, 0, 0]))
    assert stats["clip_share"] == pytest.approx(2 / 3)


def test_one_ratio_for_a_completion_by_hand() -> None:
    # GSPO, equation 7: ratios 1.44 and 1 have the geometric mean 1.2, cut at 1.1 where A > 0; 0.81 and 1 have 0.9.
    # Equation 5, two completions of two tokens, weights 1 / (2 · 2): −(1.1 · 1 + 0.9 · 2) / 2 = −1.45.
    # Gradient of s A / 2 with respect to each log π of the second: −s A / (2 |y|) = −0.9 · 2 / 4 = −0.45.
    loss, stats, grad = loss_of(
        logs(1.44, 1, 0.81, 1), [0.0] * 4, [1.0, 1, 2, 2], [0.25] * 4, [2, 2], tokens=4, loss="gspo", clip=0.1
    )
    assert loss == pytest.approx(-1.45)
    torch.testing.assert_close(grad, torch.tensor([0.0, 0, -0.45, -0.45]))
    assert stats["clip_share"] == 0.5


def test_clipped_weights_by_hand() -> None:
    # CISPO, equation 4: the gradient is −clamp(ρ) A, cut off nowhere; the loss is −Σ clamp(ρ) A log π.
    loss, stats, grad = loss_of(logs(1.5, 0.5, 1), [0.0] * 3, [1.0, -2, 1], [1.0] * 3, tokens=3, loss="cispo")
    torch.testing.assert_close(grad, torch.tensor([-1.2, 1.6, -1.0]))
    assert loss == pytest.approx(-(1.2 * math.log(1.5) - 1.6 * math.log(0.5)), rel=1e-5)
    assert stats["clip_share"] == pytest.approx(2 / 3)


def test_reinforce_by_hand() -> None:
    _, stats, grad = loss_of([-1.0, -2.0], [-1.0, -2.0], [0.5, -3], [0.5, 0.25], loss="reinforce")
    torch.testing.assert_close(grad, torch.tensor([-0.25, 0.75]))
    assert stats == {"clip_share": 0, "drift": 0}


@pytest.mark.parametrize("loss", ["clip", "gspo", "cispo", "reinforce"])
def test_all_losses_have_the_policy_gradient_on_policy(loss: str) -> None:
    """Where nothing has moved, −w A, per completion for one ratio a completion."""
    _, _, grad = loss_of([-1.0, -2, -3], [-1.0, -2, -3], [2.0, 2, -1], [0.5, 0.5, 0.25], [2, 1], loss=loss)
    torch.testing.assert_close(grad, torch.tensor([-1.0, -1.0, 0.25]))


def test_correction_by_hand() -> None:
    # The trainer gives a token three times the sampler's probability, another half of it; at most 2.
    sampled = torch.tensor([-1.0 - math.log(3), -1.0 + math.log(2)])
    others = {"sampled_logprobs_N": sampled}
    _, _, grad = loss_of([-1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [1.0, 1.0], correction=2.0, others=others)
    torch.testing.assert_close(grad, torch.tensor([-2.0, -0.5]))


@pytest.mark.parametrize(
    ("estimator", "loss", "grads"), [("k3", 0.5, (-1, 0.5)), ("k2", math.log(2) ** 2, (-0.6931, 0.6931))]
)
def test_kl_by_hand(estimator: str, loss: float, grads: tuple[float, float]) -> None:
    # Reference minus policy: ln 2 and −ln 2. k3 = e^d − d − 1: 2 − ln 2 − 1 = 0.30685 and 0.5 + ln 2 − 1 = 0.19315,
    # 0.5 together; d k3 / d logp = 1 − e^d: −1 and 0.5. k2 = d² / 2: (ln 2)² together; d k2 / d logp = −d.
    # Weight 0.5, over 4 tokens.
    others = {"reference_logprobs_N": torch.tensor([-2.0 + math.log(2), -1.0 - math.log(2)]), "kl": 0.5}
    at = [-2.0, -1.0]
    found, stats, grad = loss_of(at, at, [0.0, 0.0], [0.25, 0.25], tokens=4, kl_estimator=estimator, others=others)
    assert found == pytest.approx(0.5 * loss / 4)
    assert stats["kl"] == pytest.approx(loss / 4)
    torch.testing.assert_close(grad, torch.tensor(grads) * 0.5 / 4, rtol=1e-4, atol=1e-6)


def test_entropy_by_hand() -> None:
    others = {"entropy_N": torch.tensor([2.0, 4.0])}
    found, _, _ = loss_of([-1.0, -1.0], [-1.0, -1.0], [0.0, 0.0], [0.5, 0.25], entropy=0.1, others=others)
    assert found == pytest.approx(-0.1 * (1 + 1))


def test_weights_of_tokens_by_hand() -> None:
    # Two groups: completions of 1 and 3 tokens, and of 2 and 2; 8 tokens, 4 completions, at most 5 new tokens.
    whole = {"tokens": 8, "groups": 2, "completions": 4, "longest": 5}
    places = [(4, 1), (4, 3), (4, 2), (4, 2)]

    def weights(how: Normalise) -> list[float]:
        return [token_weight(how, of_group=group, of_completion=own, **whole) for group, own in places]

    assert weights("batch") == [1 / 8] * 4
    assert weights("group") == [1 / 8] * 4
    assert weights("completion") == [1 / 4, 1 / 12, 1 / 8, 1 / 8]
    assert weights("constant") == [1 / 20] * 4


def test_parts_of_a_batch_add_up() -> None:
    generator = torch.Generator().manual_seed(0)
    new, old, advantages, reference, weights = torch.randn(5, 9, generator=generator)
    config = GrpoConfig(kl=0.1)

    def loss(part: slice) -> tuple[float, dict[str, float]]:
        rest = (old[part], advantages[part], weights[part].abs(), [1] * len(new[part]), config)
        value, stats = policy_loss(new[part], *rest, tokens=9, reference_logprobs_N=reference[part])
        return float(value), stats

    whole, first, second = loss(slice(0, 9)), loss(slice(0, 4)), loss(slice(4, 9))
    assert whole[0] == pytest.approx(first[0] + second[0], rel=1e-5)
    for name, value in whole[1].items():
        assert value == pytest.approx(first[1][name] + second[1][name], rel=1e-5)


def test_sft_loss_by_hand() -> None:
    # −(ln ½ + ln ¼) over 3 tokens, the third in another micro-batch: 3 ln 2 / 3 = ln 2.
    assert float(sft_loss(torch.log(torch.tensor([0.5, 0.25])), 3)) == pytest.approx(math.log(2))
