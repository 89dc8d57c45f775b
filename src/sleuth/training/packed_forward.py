"""A model's forward pass over a packed batch, by the C++ kernels: fewer and larger products, and nothing between them
that passes over memory twice.

Shapes: T tokens, E hidden width, N = H + 2 K heads of queries, keys and values, D head width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from sleuth.policy.architecture import Architecture, Layer
from sleuth.policy.native import functions
from sleuth.training import kernels
from sleuth.training.attention import fused_attention
from sleuth.training.packing import Packed


def fits(architecture: Architecture, packed: Packed) -> bool:
    """Whether `hidden_states` computes what this model computes for this batch."""
    weight, gate = architecture.embedding, architecture.layers[0].gate
    return (
        functions.available(weight)
        and all(
            size % functions.WIDTH_UNIT == 0 for size in (weight.shape[1], architecture.head_size, gate.out_features)
        )
        and all(layer.window is None or layer.window >= packed.longest for layer in architecture.layers)
    )


def hidden_states(architecture: Architecture, packed: Packed, checkpointing: bool = False) -> Tensor:
    """T × E, behind the last norm, with gradient. checkpointing: the backward pass computes each layer again, from what
    entered it."""
    tables = {
        name: tuple(table[:, : architecture.head_size // 2].float().contiguous() for table in pair)
        for name, pair in architecture.rope(packed.longest).items()
    }
    x_TE = architecture.embed(packed.tokens)
    epsilon = architecture.epsilon
    normed_TE = kernels.norm(x_TE, architecture.factor(architecture.layers[0].norm), epsilon)
    next_norms = [*(layer.norm for layer in architecture.layers[1:]), architecture.norm]
    for layer, next_norm in zip(architecture.layers, next_norms, strict=True):
        arguments = architecture, layer, next_norm, packed, tables, x_TE, normed_TE
        if checkpointing:
            x_TE, normed_TE = checkpoint(_layer, *arguments, use_reentrant=False, preserve_rng_state=False)
        else:
            x_TE, normed_TE = _layer(*arguments)
    return normed_TE


def _layer(
    architecture: Architecture,
    layer: Layer,
    next_norm: Tensor,
    packed: Packed,
    tables: dict[str, tuple[Tensor, ...]],
    x_TE: Tensor,
    normed_TE: Tensor,
) -> tuple[Tensor, Tensor]:
    """One layer, up to the norm that the next one begins with: the residual stream, and what it is under the norm."""
    epsilon = architecture.epsilon
    y_TE = _attention(architecture, layer, normed_TE, packed, tables)
    if layer.after_attention is not None:
        y_TE = kernels.norm(y_TE, architecture.factor(layer.after_attention), epsilon)
    x_TE, normed_TE = kernels.add_norm(x_TE, y_TE, architecture.factor(layer.mlp_norm), epsilon)

    gate_up_T2F = _linear(normed_TE, layer.gate, layer.up)
    y_TE = _linear(kernels.gated(gate_up_T2F, architecture.activation == "tanh"), layer.down)
    if layer.after_mlp is not None:
        y_TE = kernels.norm(y_TE, architecture.factor(layer.after_mlp), epsilon)
    return kernels.add_norm(x_TE, y_TE, architecture.factor(next_norm), epsilon)


def _attention(
    architecture: Architecture,
    layer: Layer,
    normed_TE: Tensor,
    packed: Packed,
    tables: dict[str, tuple[Tensor, ...]],
) -> Tensor:
    H, K, D = architecture.heads, architecture.kv_heads, architecture.head_size
    qkv_TND = _linear(normed_TE, layer.q, layer.k, layer.v).view(-1, H + 2 * K, D)
    if layer.q_norm is not None and layer.k_norm is not None:
        q, k, v = torch.split(qkv_TND, [H, K, K], 1)
        q = kernels.norm(q, architecture.factor(layer.q_norm), architecture.epsilon)
        k = kernels.norm(k, architecture.factor(layer.k_norm), architecture.epsilon)
        qkv_TND = torch.cat([q, k, v], 1)
    rope = None
    if layer.rope is not None:
        cos, sin = tables[layer.rope]
        rope = cos, sin
    if qkv_TND.dtype == torch.float32:
        if rope is not None:
            qkv_TND = kernels.rotated(qkv_TND, H + K, rope, packed)
        q, k, v = torch.split(qkv_TND, [H, K, K], 1)
        return _linear(fused_attention(q, k, v, packed.blocks, architecture.scale).flatten(1), layer.out)
    context = kernels.rotary_attention(qkv_TND, (H, K), rope, packed, architecture.scale)
    return _linear(context, layer.out)


def _linear(x: Tensor, *parts: torch.nn.Linear) -> Tensor:
    """One or several projections of the same input, computed as one."""
    if len(parts) == 1:
        return functional.linear(x, parts[0].weight, parts[0].bias)
    biases: list[Tensor] = [part.bias for part in parts if part.bias is not None]
    return functional.linear(x, torch.cat([part.weight for part in parts]), torch.cat(biases) if biases else None)
