"""Descriptions of models against their configurations and the modules themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from sleuth.policy.architecture import Architecture, read
from tests.policy.families import FAMILIES, tiny_family


def described(family: str, **overrides: Any) -> Architecture:
    architecture = read(tiny_family(family, **overrides))
    assert architecture is not None
    return architecture


@pytest.mark.parametrize("family", FAMILIES)
def test_sizes(family: str) -> None:
    architecture = described(family, head_dim=24, num_attention_heads=4, num_key_value_heads=2)
    assert (architecture.heads, architecture.kv_heads, architecture.head_size) == (4, 2, 24)
    assert architecture.embedding_scale == (8 if family == "Gemma3" else 1)  # the root of 64, its hidden size
    assert architecture.scale == 24**-0.5  # for Gemma `query_pre_attn_scalar`, here 24 too
    assert architecture.activation == ("tanh" if family == "Gemma3" else "silu")
    assert [layer.q.out_features for layer in architecture.layers] == [96, 96]


def test_embedding_scale_is_rounded_as_the_model_rounds_it() -> None:
    architecture = read(tiny_family("Gemma3", hidden_size=48).to(torch.bfloat16))
    assert architecture is not None
    assert architecture.embedding_scale == 6.9375  # the root of 48 is 6.928; bfloat16 counts in steps of 1/32 there


@pytest.mark.parametrize(
    ("family", "overrides", "windows"),
    [
        ("Llama", {}, [None, None]),
        ("SmolLM3", {}, [None, None]),
        ("SmolLM3", {"use_sliding_window": True, "sliding_window": 9}, [None, 9]),
        ("Mistral", {"sliding_window": 9}, [9, 9]),
        ("Mistral", {"sliding_window": None}, [None, None]),
        ("Qwen2", {"sliding_window": 9}, [None, None]),
        ("Qwen2", {"sliding_window": 9, "use_sliding_window": True, "max_window_layers": 1}, [None, 9]),
        ("Qwen3", {"sliding_window": 9, "use_sliding_window": True, "max_window_layers": 1}, [None, 9]),
        ("Gemma3", {"sliding_window": 9}, [9, None]),
    ],
)
def test_windows(family: str, overrides: dict[str, Any], windows: list[int | None]) -> None:
    assert [layer.window for layer in described(family, **overrides).layers] == windows


def test_layers_without_rotation() -> None:
    assert [layer.rope for layer in described("SmolLM3").layers] == ["all", None]


def test_each_kind_of_layer_has_its_rotation() -> None:
    """Position 1 is turned by 1 in the first pair of values, whatever the base, by base^(-2 / 16) in the second."""
    kinds = ("sliding_attention", "full_attention")
    bases = dict(zip(kinds, (100.0, 10_000.0), strict=True))
    rope = {kind: {"rope_type": "default", "rope_theta": base} for kind, base in bases.items()}
    architecture = described("Gemma3", rope_parameters=rope)
    assert tuple(layer.rope for layer in architecture.layers) == kinds
    tables = architecture.rope(5)
    for kind, base in bases.items():
        cos, sin = tables[kind]
        assert cos.shape == sin.shape == (5, 16)
        angles = torch.tensor([1.0, base ** (-2 / 16)])
        torch.testing.assert_close(cos[1, :2], angles.cos())
        torch.testing.assert_close(sin[1, :2], angles.sin())


@pytest.mark.parametrize("family", FAMILIES)
def test_norms_are_what_values_are_multiplied_by(family: str) -> None:
    model = tiny_family(family)
    architecture = read(model)
    assert architecture is not None
    first, block = architecture.layers[0], model.model.layers[0]
    x = torch.linspace(-1, 2, 64)
    normed = x / (x.square().mean() + architecture.epsilon).sqrt()
    norms = {block.input_layernorm: first.norm, model.model.norm: architecture.norm}
    if family == "Gemma3":
        norms |= {
            block.post_attention_layernorm: first.after_attention,
            block.pre_feedforward_layernorm: first.mlp_norm,
            block.post_feedforward_layernorm: first.after_mlp,
        }
    else:
        assert first.after_attention is None and first.after_mlp is None
        norms[block.post_attention_layernorm] = first.mlp_norm
    with torch.no_grad():
        for module, weight in norms.items():
            assert weight is not None
            torch.testing.assert_close(normed * architecture.factor(weight), module(x))
    assert (first.q_norm is not None) == (first.k_norm is not None) == (family in ("Qwen3", "Gemma3"))


def test_weights_are_the_models_own() -> None:
    model = tiny_family("Qwen2")
    architecture = read(model)
    assert architecture is not None
    assert architecture.embedding is model.model.embed_tokens.weight and architecture.head is model.lm_head
    assert architecture.layers[1].q is model.model.layers[1].self_attn.q_proj


class Heir(LlamaForCausalLM):  # type: ignore[misc]
    """May compute anything."""


def test_what_a_description_cannot_say() -> None:
    rope = {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 2.0}
    assert read(tiny_family("Llama", rope_parameters=rope)) is None
    assert read(tiny_family("Gemma3", rope_parameters={"full_attention": rope})) is None
    assert read(tiny_family("Llama", hidden_act="gelu")) is None
    assert read(tiny_family("Gemma3", final_logit_softcapping=30.0)) is None
    assert read(tiny_family("Gemma3", attn_logit_softcapping=50.0)) is None
    assert read(tiny_family("Gemma3", use_bidirectional_attention=True)) is None
    assert read(Heir(tiny_family("Llama").config)) is None
    model = tiny_family("Llama")
    model.model.norm.to(torch.bfloat16)
    assert read(model) is None
