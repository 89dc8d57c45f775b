"""What the fast decoders need to know of a transformers model: one description for the Llama family and its kin.

Llama (SmolLM2 among them), SmolLM3, Mistral, Qwen 2, Qwen 3 and Gemma 3 are the same stack of layers with small
differences: biases, norms of queries and keys, norms after a block, two rotary embeddings, windows of attention. `read`
writes them down. Tensors are the model's own, so a description follows the training of its model.

Shapes: E hidden size, H query heads, K key/value heads, D head size, F width of the feed-forward layer, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    Gemma3ForCausalLM,
    LlamaForCausalLM,
    MistralForCausalLM,
    Qwen2ForCausalLM,
    Qwen3ForCausalLM,
    SmolLM3ForCausalLM,
)

MODELS = (LlamaForCausalLM, SmolLM3ForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)
STATIC_ROPE = ("default", "linear", "llama3", "yarn")
"""Rotary embeddings that do not depend on the length of what was read."""
ACTIVATIONS = {"silu": "silu", "gelu_pytorch_tanh": "tanh"}
"""transformers' name to ours: SiLU, or GELU by its tanh formula."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. Norms are their weights; see `Architecture.factor`."""

    norm: torch.Tensor
    q: torch.nn.Linear
    k: torch.nn.Linear
    v: torch.nn.Linear
    q_norm: torch.Tensor | None
    """D: queries and keys are normed head by head before they are rotated."""
    k_norm: torch.Tensor | None
    rope: str | None
    """Which rotary embedding; None: positions play no part."""
    window: int | None
    """How many tokens a query sees, its own included; None: all."""
    out: torch.nn.Linear
    after_attention: torch.Tensor | None
    """E: norm of what attention adds to the residual stream."""
    mlp_norm: torch.Tensor
    gate: torch.nn.Linear
    up: torch.nn.Linear
    down: torch.nn.Linear
    after_mlp: torch.Tensor | None


@dataclass(frozen=True, slots=True)
class Architecture:
    """A decoder-only model with rotary embeddings and gated feed-forward layers."""

    layers: tuple[Layer, ...]
    embedding: torch.Tensor
    """V × E"""
    embedding_scale: float
    embed: torch.nn.Embedding
    """Tokens to embeddings, scaled; the padding token's gets no gradient."""
    norm: torch.Tensor
    head: torch.nn.Linear
    heads: int
    kv_heads: int
    head_size: int
    scale: float
    """What scores are multiplied by."""
    epsilon: float
    activation: str
    norm_offset: float
    """1 for Gemma, whose norms count from there, else 0."""
    rotary: Any
    """The model's rotary module."""

    def factor(self, norm: torch.Tensor) -> torch.Tensor:
        """What a norm multiplies by, float32, with gradient."""
        return norm.float() + self.norm_offset

    def rope(self, length: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Cosines and sines for `length` positions by the names that layers use, each length × D, in the number format
        that the model computes them in."""
        positions = torch.arange(length, device=self.embedding.device)[None]
        tables = {}
        for name in {layer.rope for layer in self.layers if layer.rope}:
            kind = () if name == "all" else (name,)
            cos, sin = self.rotary(self.embedding, positions, *kind)
            tables[name] = (cos[0], sin[0])
        return tables


def read(model: Any) -> Architecture | None:
    """The description of a model, or None where it computes something that a description cannot say."""
    config, gemma = model.config, type(model) is Gemma3ForCausalLM
    activation = getattr(config, "hidden_activation" if gemma else "hidden_act", None)
    if (
        not (gemma or type(model) in MODELS)
        or activation not in ACTIVATIONS
        or len({(weight.dtype, weight.device) for weight in model.parameters()}) != 1
        or not _static_rope(config.rope_parameters)
        or getattr(config, "use_bidirectional_attention", False)
        or getattr(config, "attn_logit_softcapping", None)
        or getattr(config, "final_logit_softcapping", None)
    ):
        return None
    body = model.model
    attention = body.layers[0].self_attn
    return Architecture(
        layers=tuple(_layer(layer, gemma, config) for layer in body.layers),
        embedding=body.embed_tokens.weight,
        embedding_scale=float(torch.tensor(body.embed_tokens.scalar_embed_scale, dtype=model.dtype)) if gemma else 1.0,
        embed=body.embed_tokens,
        norm=body.norm.weight,
        head=model.lm_head,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_size=attention.head_dim,
        scale=attention.scaling,
        epsilon=config.rms_norm_eps,
        activation=ACTIVATIONS[activation],
        norm_offset=1.0 if gemma else 0.0,
        rotary=body.rotary_emb,
    )


def _static_rope(parameters: dict[str, Any]) -> bool:
    """Whether all rotary embeddings are static: one, or one for each type of layer."""
    kinds = [parameters] if "rope_type" in parameters else list(parameters.values())
    return all(kind is not None and kind["rope_type"] in STATIC_ROPE for kind in kinds)


def _layer(layer: Any, gemma: bool, config: Any) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    # Mistral's window is the configuration's, the others' the layer's.
    window = config.sliding_window if config.model_type == "mistral" else getattr(attention, "sliding_window", None)
    if gemma:
        rope = attention.layer_type
    else:
        rope = "all" if getattr(attention, "use_rope", True) else None
    q_norm, k_norm = getattr(attention, "q_norm", None), getattr(attention, "k_norm", None)
    return Layer(
        norm=layer.input_layernorm.weight,
        q=attention.q_proj,
        k=attention.k_proj,
        v=attention.v_proj,
        q_norm=None if q_norm is None else q_norm.weight,
        k_norm=None if k_norm is None else k_norm.weight,
        rope=rope,
        window=window,
        out=attention.o_proj,
        after_attention=layer.post_attention_layernorm.weight if gemma else None,
        mlp_norm=(layer.pre_feedforward_layernorm if gemma else layer.post_attention_layernorm).weight,
        gate=mlp.gate_proj,
        up=mlp.up_proj,
        down=mlp.down_proj,
        after_mlp=layer.post_feedforward_layernorm.weight if gemma else None,
    )
