"""Drawing: worked-out draws, and frequencies against the softmax."""

from __future__ import annotations

import math

import pytest
import torch

from sleuth.policy import sampling
from sleuth.policy.native.library import library
from sleuth.policy.sampling import CHUNK, Draws, draw


@pytest.fixture(autouse=True, params=["torch", "C++"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs by both."""
    if request.param == "torch":
        monkeypatch.setattr(sampling, "library", lambda: None)
    elif library() is None:
        pytest.skip("THE C++ LIBRARY IS NOT TO BE HAD HERE: its draws are not tested")


def test_draw_is_the_place_in_the_cumulative_sum() -> None:
    logits = torch.tensor([[0.5, 0.25, 0.0, 0.25]]).log()
    for uniform, token in ((0.0, 0), (0.499, 0), (0.501, 1), (0.749, 1), (0.751, 3), (1 - 2**-53, 3)):
        tokens, logprobs = draw(logits, [uniform], 1.0)
        assert tokens.tolist() == [token]
        assert logprobs.item() == pytest.approx(math.log([0.5, 0.25, 0.0, 0.25][token]))


def test_edges_belong_to_the_next_token_and_nothing_else_takes_weight_zero() -> None:
    logits = torch.tensor([[0.0, 0.5, 0.0, 0.5]]).log()
    assert draw(logits, [0.0], 1.0)[0].tolist() == [1]
    assert draw(logits, [0.5], 1.0)[0].tolist() == [3]


def test_temperature_is_exact() -> None:
    logits = torch.tensor([[3.0, 1.0]])  # at temperature 2 the odds are e to 1
    edge = math.e / (1 + math.e)
    assert draw(logits, [edge - 1e-6], 2.0)[0].tolist() == [0]
    assert draw(logits, [edge + 1e-6], 2.0)[0].tolist() == [1]
    assert draw(logits, [0.0], 2.0)[1].item() == pytest.approx(math.log(edge))


def test_greedy_takes_the_highest_and_tells_its_probability_at_temperature_one() -> None:
    tokens, logprobs = draw(torch.tensor([[0.0, math.log(3.0), 0.0]]), None, 0.0)
    assert tokens.tolist() == [1]
    assert logprobs.item() == pytest.approx(math.log(3 / 5))


@pytest.mark.parametrize("vocabulary", [3, CHUNK, CHUNK + 1, 5 * CHUNK + 7])
def test_every_draw_has_weight_whatever_the_vocabulary(vocabulary: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((200, vocabulary), generator=generator) * 30
    logits[:, 1::2] = -torch.inf
    uniforms = [*torch.rand(198, generator=generator).tolist(), 0.0, 1 - 2**-53]
    tokens, logprobs = draw(logits, uniforms, 1.0)
    assert not (tokens % 2).any()
    expected = logits.double().log_softmax(-1).gather(1, tokens[:, None])[:, 0]
    torch.testing.assert_close(logprobs.double(), expected, atol=1e-5, rtol=1e-5)
    before = torch.tensor([row[:token].sum() for row, token in zip(logits.double().softmax(-1), tokens, strict=True)])
    assert (before <= torch.tensor(uniforms, dtype=torch.float64) + 1e-6).all()
    assert (before + expected.exp() >= torch.tensor(uniforms, dtype=torch.float64) - 1e-6).all()


def test_logits_are_left_as_they_were() -> None:
    logits = torch.randn(4, 10)
    kept = logits.clone()
    draw(logits, [0.5] * 4, 0.7)
    assert torch.equal(logits, kept)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_frequencies_follow_the_softmax(temperature: float) -> None:
    """Pearson's chi-square statistic over 20,000 draws by key, six tokens, one in a second chunk."""
    draws = 20_000
    logits = torch.full((CHUNK + 1,), -torch.inf)
    places = [0, 3, 4, 100, CHUNK - 1, CHUNK]
    logits[places] = torch.tensor([1.0, 0.0, -1.0, 0.5, 0.2, -0.5])
    uniforms = [Draws((1, sample // 100), "puzzle", sample % 100).at(7) for sample in range(draws)]
    tokens, _ = draw(logits.expand(draws, -1), uniforms, temperature)
    counts = torch.bincount(tokens, minlength=CHUNK + 1)[places].double()
    expected = (logits / temperature).softmax(-1)[places].double() * draws
    assert counts.sum() == draws
    assert ((counts - expected) ** 2 / expected).sum() < 20.52  # exceeded once in a thousand, five degrees of freedom


def test_draws_hang_on_every_part_of_their_key_alone() -> None:
    def at(seed: tuple[int, ...], key: str, sample: int, position: int) -> float:
        return Draws(seed, key, sample).at(position)

    values = [at((0,), "a", 0, 0), at((1,), "a", 0, 0), at((0, 0), "a", 0, 0), at((0,), "b", 0, 0)]
    values += [at((0,), "a", 1, 0), at((0,), "a", 0, 1)]
    assert len(set(values)) == 6
    assert all(0 <= value < 1 for value in values)
    later = Draws((0,), "a", 0)
    assert [later.at(1), later.at(0)] == [values[5], values[0]]  # in any order
