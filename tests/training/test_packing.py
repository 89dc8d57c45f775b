"""The packed pass against plain transformers: one row per completion, nothing shared."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

from sleuth.errors import UserError
from sleuth.training import packing
from sleuth.training.packing import Group, completion_logprobs, micro_batches, pack
from tests.tiny import END, VOCABULARY, tiny_llama


def _tokens(length: int, seed: int) -> list[int]:
    return torch.randint(3, VOCABULARY, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


# Lengths differ within and between groups; completions of one token, a group of them only, groups of one completion,
# and the end token (which is the padding token, too) both inside and at the end.
GROUPS = [
    Group(_tokens(9, 1), [_tokens(5, 2), _tokens(1, 3), [*_tokens(2, 4), END], _tokens(12, 5), _tokens(11, 16)]),
    Group(_tokens(3, 6), [[END, 7, END, END], _tokens(4, 7)]),
    Group(_tokens(1, 8), [_tokens(6, 9)]),
    Group(_tokens(4, 10), [[END], [5], [6]]),
    Group(_tokens(5, 12), [[END]]),
]


def _qwen(kind: type[Qwen2Config] | type[Qwen3Config], **overrides: object) -> PreTrainedModel:
    settings = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "initializer_range": 0.2,
        "tie_word_embeddings": False,
        **overrides,
    }
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = (Qwen2ForCausalLM if kind is Qwen2Config else Qwen3ForCausalLM)(kind(**settings))
    return model.float().eval()


MODELS = {
    "llama": lambda: tiny_llama(),
    "llama-many-heads": lambda: tiny_llama(num_key_value_heads=4),
    "qwen2": lambda: _qwen(Qwen2Config),
    "qwen3": lambda: _qwen(Qwen3Config, head_dim=24),
}


def _unpacked(model: PreTrainedModel, groups: list[Group], temperature: float) -> tuple[Tensor, Tensor]:
    logprobs, entropies = [], []
    for group in groups:
        for completion in group.completions:
            row = torch.tensor([[*group.prompt_tokens, *completion]])
            logits = model(input_ids=row).logits[0, len(group.prompt_tokens) - 1 : -1] / temperature
            logp = logits.log_softmax(-1)
            logprobs.append(logp.gather(1, row[0, len(group.prompt_tokens) :, None])[:, 0])
            entropies.append(-(logp.exp() * logp).sum(-1))
    return torch.cat(logprobs), torch.cat(entropies).detach()


def _weights(count: int) -> Tensor:
    """An arbitrary loss: a weighted sum, of both signs, over the completion tokens."""
    return torch.randn(count, generator=torch.Generator().manual_seed(0))


def _gradients(model: PreTrainedModel, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_packed_equals_unpacked(name: str, temperature: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "CHUNK_TOKENS", 7)  # several chunks of logits, the last one shorter
    model = MODELS[name]()
    wanted_N, wanted_entropy_N = _unpacked(model, GROUPS, temperature)
    wanted = _gradients(model, (wanted_N * _weights(len(wanted_N))).sum())

    got_N, entropy_N = completion_logprobs(model, pack(GROUPS), temperature)
    assert got_N.dtype == entropy_N.dtype == torch.float32 and not entropy_N.requires_grad
    torch.testing.assert_close(got_N, wanted_N, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(entropy_N, wanted_entropy_N, rtol=1e-4, atol=1e-5)
    got = _gradients(model, (got_N * _weights(len(got_N))).sum())
    assert got.keys() == wanted.keys()
    for key, gradient in wanted.items():
        assert (got[key] - gradient).norm() <= 1e-4 * gradient.norm(), key


def test_bfloat16_is_near_float32() -> None:
    model = tiny_llama(initializer_range=0.05)
    wanted_N, _ = _unpacked(model, GROUPS, 1.0)
    got_N, _ = completion_logprobs(model.to(torch.bfloat16), pack(GROUPS))
    assert got_N.dtype == torch.float32
    assert (got_N - wanted_N).abs().mean() < 0.03


def test_the_prompt_is_computed_once_and_last_tokens_never() -> None:
    packed = pack(GROUPS)
    # Prompts 9 + 3 + 1 + 4 + 5 = 22; inputs 4 + 0 + 2 + 11 + 10 = 27, 3 + 3 = 6, 5, 0, 0.
    assert len(packed.tokens) == 22 + 27 + 6 + 5 == sum(group.computed_tokens for group in GROUPS)
    assert len(packed.targets) == 32 + 8 + 6 + 3 + 1 == sum(group.predicted_tokens for group in GROUPS)


def test_layout_of_a_small_pack() -> None:
    packed = pack([Group([10, 11], [[20, 21, 2], [30]]), Group([12], [[40, 41]])])
    assert packed.tokens.tolist() == [10, 11, 20, 21, 12, 40]
    assert packed.positions.tolist() == [0, 1, 2, 3, 0, 1]
    assert packed.predictors.tolist() == [1, 2, 3, 1, 4, 5]
    assert packed.targets.tolist() == [20, 21, 2, 30, 40, 41]


def test_attention_pads_little() -> None:
    lengths = [2, 100, 3, 97, 50, 2, 99, 52]
    packed = pack([Group([5] * 20, [_tokens(length, length) for length in lengths])])
    padded = sum(block.rows.numel() for block in packed.blocks)
    assert padded <= packing.PADDING_LIMIT * len(packed.tokens)


def test_the_models_own_attention_comes_back() -> None:
    model = tiny_llama()
    before = model.config._attn_implementation
    completion_logprobs(model, pack(GROUPS))
    assert model.config._attn_implementation == before != packing.ATTENTION


@pytest.mark.parametrize("max_tokens", [1, 12, 20, 10_000])
def test_micro_batches_keep_order_and_gradient(max_tokens: int) -> None:
    model = tiny_llama()
    whole_N, _ = completion_logprobs(model, pack(GROUPS))
    weights = _weights(len(whole_N))
    wanted = _gradients(model, (whole_N * weights).sum())

    batches = micro_batches(GROUPS, max_tokens)
    model.zero_grad()
    parts = []
    for batch in batches:
        computed = sum(group.computed_tokens for group in batch)
        assert computed <= max_tokens or (len(batch) == 1 and len(batch[0].completions) == 1)
        part_N, _ = completion_logprobs(model, pack(batch))
        done = sum(map(len, parts))
        (part_N * weights[done : done + len(part_N)]).sum().backward()
        parts.append(part_N.detach())
    assert (len(batches) == 1) == (max_tokens == 10_000)
    torch.testing.assert_close(torch.cat(parts), whole_N.detach(), rtol=1e-5, atol=1e-5)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert (parameter.grad - wanted[name]).norm() <= 1e-5 * wanted[name].norm(), name


def test_a_short_window_is_refused() -> None:
    model = _qwen(Qwen2Config, use_sliding_window=True, sliding_window=8, max_window_layers=0)
    with pytest.raises(UserError, match="window of 8 tokens"):
        completion_logprobs(model, pack(GROUPS))


def test_logits_that_are_not_linear_are_refused() -> None:
    model = tiny_llama()
    model.config.logits_scaling = 2.0
    with pytest.raises(UserError, match="logits_scaling"):
        completion_logprobs(model, pack(GROUPS))
