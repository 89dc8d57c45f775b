"""SamplingOptions: worked-out draws, and frequencies against the softmax."""

from __future__ import annotations

import math

import pytest
import torch
from transformers.generation import TopKLogitsWarper, TopPLogitsWarper

from sleuth.errors import UserError
from sleuth.policy import sampling
from sleuth.policy.base import Sampling
from sleuth.policy.native.build import FLOAT32, library
from sleuth.policy.sampling import CHUNK, Draws, likeliest, sample_tokens
from tests.policy.builds import loaded


@pytest.fixture(autouse=True, params=["torch", "C++", "C++ with AVX2"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs by all."""
    if request.param == "torch":
        monkeypatch.setattr(sampling, "library", lambda: None)
    elif request.param.endswith("AVX2"):
        found = loaded(FLOAT32)
        monkeypatch.setattr(sampling, "library", lambda: found)
    elif library() is None:
        pytest.skip("THE C++ LIBRARY IS NOT TO BE HAD HERE: its draws are not tested")


def test_draw_is_the_place_in_the_cumulative_sum() -> None:
    logits = torch.tensor([[0.5, 0.25, 0.0, 0.25]]).log()
    for uniform, token in ((0.0, 0), (0.499, 0), (0.501, 1), (0.749, 1), (0.751, 3), (1 - 2**-53, 3)):
        tokens, logprobs = sample_tokens(logits, [uniform], 1.0)
        assert tokens.tolist() == [token]
        assert logprobs.item() == pytest.approx(math.log([0.5, 0.25, 0.0, 0.25][token]))


def test_edges_belong_to_the_next_token_and_nothing_else_takes_weight_zero() -> None:
    logits = torch.tensor([[0.0, 0.5, 0.0, 0.5]]).log()
    assert sample_tokens(logits, [0.0], 1.0)[0].tolist() == [1]
    assert sample_tokens(logits, [0.5], 1.0)[0].tolist() == [3]


def test_temperature_is_exact() -> None:
    logits = torch.tensor([[3.0, 1.0]])  # at temperature 2 the odds are e to 1
    edge = math.e / (1 + math.e)
    assert sample_tokens(logits, [edge - 1e-6], 2.0)[0].tolist() == [0]
    assert sample_tokens(logits, [edge + 1e-6], 2.0)[0].tolist() == [1]
    assert sample_tokens(logits, [0.0], 2.0)[1].item() == pytest.approx(math.log(edge))


def test_greedy_takes_the_highest_and_tells_its_probability_at_temperature_one() -> None:
    tokens, logprobs = sample_tokens(torch.tensor([[0.0, math.log(3.0), 0.0]]), None, 0.0)
    assert tokens.tolist() == [1]
    assert logprobs.item() == pytest.approx(math.log(3 / 5))


def test_a_logit_that_is_not_a_number_leaves_no_probability() -> None:
    logits = torch.zeros(1, 40)
    logits[0, 20] = torch.nan
    assert sample_tokens(logits, None, 0.0)[1].isnan().all()


@pytest.mark.parametrize("vocabulary", [3, CHUNK, CHUNK + 1, 5 * CHUNK + 7])
def test_every_draw_has_weight_whatever_the_vocabulary(vocabulary: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((200, vocabulary), generator=generator) * 30
    logits[:, 1::2] = -torch.inf
    uniforms = [*torch.rand(198, generator=generator).tolist(), 0.0, 1 - 2**-53]
    tokens, logprobs = sample_tokens(logits, uniforms, 1.0)
    assert not (tokens % 2).any()
    expected = logits.double().log_softmax(-1).gather(1, tokens[:, None])[:, 0]
    torch.testing.assert_close(logprobs.double(), expected, atol=1e-5, rtol=1e-5)
    before = torch.tensor([row[:token].sum() for row, token in zip(logits.double().softmax(-1), tokens, strict=True)])
    assert (before <= torch.tensor(uniforms, dtype=torch.float64) + 1e-6).all()
    assert (before + expected.exp() >= torch.tensor(uniforms, dtype=torch.float64) - 1e-6).all()


def test_logits_are_left_as_they_were() -> None:
    logits = torch.randn(4, 10)
    kept = logits.clone()
    sample_tokens(logits, [0.5] * 4, 0.7)
    assert torch.equal(logits, kept)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_frequencies_follow_the_softmax(temperature: float) -> None:
    """Pearson's chi-square statistic over 20,000 draws by key, six tokens, one in a second chunk."""
    draws = 20_000
    logits = torch.full((CHUNK + 1,), -torch.inf)
    places = [0, 3, 4, 100, CHUNK - 1, CHUNK]
    logits[places] = torch.tensor([1.0, 0.0, -1.0, 0.5, 0.2, -0.5])
    uniforms = [Draws((1, sample // 100), "puzzle", sample % 100).at(7) for sample in range(draws)]
    tokens, _ = sample_tokens(logits.expand(draws, -1), uniforms, temperature)
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


def kept(probabilities: list[float], temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> list[int]:
    left = likeliest(torch.tensor([probabilities], dtype=torch.float64).log(), temperature, top_k, top_p)[0]
    return left.isfinite().nonzero().flatten().tolist()


def test_what_top_k_and_top_p_leave() -> None:
    assert kept([0.1, 0.4, 0.2, 0.3], top_k=2) == [1, 3]
    assert kept([0.1, 0.4, 0.2, 0.3], top_k=9) == [0, 1, 2, 3]
    assert kept([0.25, 0.25, 0.25, 0.25], top_k=3) == [0, 1, 2]  # of equals, the first
    # 0.4 is less than 0.41, 0.4 + 0.3 is not; 0.69 and 0.71 lie on both sides of 0.7.
    assert kept([0.1, 0.4, 0.2, 0.3], top_p=0.39) == [1]
    assert kept([0.1, 0.4, 0.2, 0.3], top_p=0.41) == [1, 3]
    assert kept([0.1, 0.4, 0.2, 0.3], top_p=0.69) == [1, 3]
    assert kept([0.1, 0.4, 0.2, 0.3], top_p=0.71) == [1, 2, 3]
    # Of the three likeliest, 4/9 and 3/9 of the probability are 0.78: top_p counts what top_k left.
    assert kept([0.1, 0.4, 0.2, 0.3], top_k=3, top_p=0.77) == [1, 3]
    assert kept([0.1, 0.4, 0.2, 0.3], top_p=0.77) == [1, 2, 3]
    # At temperature 1/2 the weights are 16 : 9 : 4 : 1 of 30; the first two have 0.83.
    assert kept([0.1, 0.4, 0.2, 0.3], temperature=0.5, top_p=0.82) == [1, 3]
    assert kept([0.3, 0.0, 0.7], top_p=1e-9) == [2]


def test_the_cut_is_transformers_own() -> None:
    logits = torch.randn(50, 3 * CHUNK + 5, generator=torch.Generator().manual_seed(0)) * 3
    expected = TopPLogitsWarper(0.8)(None, TopKLogitsWarper(40)(None, logits / 0.7)).isfinite()
    assert torch.equal(likeliest(logits, 0.7, 40, 0.8).isfinite(), expected)
    assert expected.sum(-1).float().std() > 0


def test_frequencies_after_the_cut_follow_what_is_left() -> None:
    """Pearson's chi-square statistic; the tokens left are drawn as their share of what is left, and told so."""
    draws = 20_000
    probabilities = torch.zeros(CHUNK + 1)
    probabilities[[0, 3, 4, 100, CHUNK]] = torch.tensor([0.4, 0.25, 0.05, 0.1, 0.2])
    left = likeliest(probabilities.log()[None], 1.0, 4, 0.9)
    expected = torch.tensor([0.4, 0.25, 0.1, 0.2]) / 0.95
    uniforms = [Draws((1, sample // 100), "puzzle", sample % 100).at(7) for sample in range(draws)]
    tokens, logprobs = sample_tokens(left.expand(draws, -1), uniforms, 1.0)
    places = [0, 3, 100, CHUNK]
    counts = torch.bincount(tokens, minlength=CHUNK + 1)[places].double()
    assert counts.sum() == draws
    assert ((counts - expected * draws) ** 2 / (expected * draws)).sum() < 16.27  # once in a thousand, three degrees
    torch.testing.assert_close(logprobs[tokens == CHUNK][0].exp(), expected[3])


@pytest.mark.parametrize(
    "settings",
    [
        {"max_new_tokens": 0},
        {"temperature": -0.1},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"temperature": 0.0, "top_k": 5},
        {"temperature": 0.0, "top_p": 0.9},
    ],
)
def test_settings_without_a_distribution_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UserError):
        Sampling(**{"max_new_tokens": 5} | settings)  # type: ignore[arg-type]
