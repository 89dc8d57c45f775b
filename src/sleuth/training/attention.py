"""Attention over a packed batch: each block of segments sees the prompt they share and, causally, itself.

Block by block: in bfloat16 as batched matrix products, whose probabilities are kept for the backward pass; in float32
by PyTorch's fused attention, which is the faster there.

Left out: sliding windows that would hide something, attention sinks and capped scores (refused with a clear error),
dropout.

Shapes: T tokens, H heads, K heads of keys and values, R = H / K, D head width; in a block, S segments of at most L
tokens behind a shared prefix of P tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from sleuth.errors import UserError
from sleuth.training.packing import Block, Packed


class _Products(torch.autograd.Function):
    """softmax(q kᵀ · scale) v, T×H×D, by batched matrix products."""

    @staticmethod
    def forward(
        ctx: Any, q_THD: Tensor, k_TKD: Tensor, v_TKD: Tensor, blocks: tuple[Block, ...], scale: float
    ) -> Tensor:
        out_THD = torch.empty_like(q_THD, memory_format=torch.contiguous_format)
        kept = []
        for block in blocks:
            q, k, v = _side_by_side(q_THD, k_TKD, v_TKD, block)
            scores = _scaled_bmm(q, k.transpose(1, 2), scale)
            L = len(block.future)
            scores.view(-1, L, scores.shape[-1])[..., -L:].masked_fill_(block.future, -torch.inf)
            probs = torch.softmax(scores, dim=-1)
            kept.append(probs)
            _scatter(out_THD, torch.bmm(probs, v), block)
        ctx.save_for_backward(q_THD, k_TKD, v_TKD, *kept)
        ctx.blocks, ctx.scale = blocks, scale
        return out_THD

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad_THD,) = grads
        q_THD, k_TKD, v_TKD, *kept = ctx.saved_tensors
        dq_THD = torch.empty_like(q_THD, memory_format=torch.contiguous_format)
        # A prompt's keys and values gather gradients from all blocks behind it: summed in float32.
        dk_TKD = torch.zeros(k_TKD.shape, dtype=torch.float32, device=k_TKD.device)
        dv_TKD = torch.zeros_like(dk_TKD)
        for block, probs in zip(ctx.blocks, kept, strict=True):
            q, k, v = _side_by_side(q_THD, k_TKD, v_TKD, block)
            grad = _queries(grad_THD, block, k_TKD.shape[1], zero_padding=True)
            dprobs = torch.bmm(grad, v.transpose(1, 2))
            dscores = torch._softmax_backward_data(dprobs, probs, -1, probs.dtype)
            _scatter(dq_THD, _scaled_bmm(dscores, k, ctx.scale), block)
            _add_keys(dk_TKD, _scaled_bmm(dscores.transpose(1, 2), q, ctx.scale), block)
            _add_keys(dv_TKD, torch.bmm(probs.transpose(1, 2), grad), block)
        return dq_THD, dk_TKD.to(k_TKD.dtype), dv_TKD.to(v_TKD.dtype), None, None


def fused_attention(q_THD: Tensor, k_TKD: Tensor, v_TKD: Tensor, blocks: tuple[Block, ...], scale: float) -> Tensor:
    """softmax(q kᵀ · scale) v, T×H×D, by PyTorch's fused attention."""
    rows = [_fused(*_side_by_side(q_THD, k_TKD, v_TKD, block), block, scale) for block in blocks]
    out_THD = torch.empty_like(q_THD, memory_format=torch.contiguous_format)
    for block, found in zip(blocks, rows, strict=True):
        _scatter(out_THD, found, block)
    return out_THD


def _fused(q: Tensor, k: Tensor, v: Tensor, block: Block, scale: float) -> Tensor:
    """(S·K) × (R·L) × D of a block's queries, keys and values as `_side_by_side` lays them out."""
    L = len(block.future)
    causal = k.shape[1] == q.shape[1] == L
    visible = None
    if not causal:
        prefix = block.future.new_ones(L, k.shape[1] - L)
        visible = torch.cat([prefix, ~block.future], 1).repeat(q.shape[1] // L, 1)
    attend = functional.scaled_dot_product_attention
    return attend(q[:, None], k[:, None], v[:, None], attn_mask=visible, is_causal=causal, scale=scale)[:, 0]


def _scaled_bmm(a: Tensor, b: Tensor, scale: float) -> Tensor:
    """scale · a b: cheaper within the product than as a pass over the result."""
    return torch.baddbmm(a.new_empty(1), a, b, beta=0, alpha=scale)


def _queries(x_THD: Tensor, block: Block, K: int, zero_padding: bool = False) -> Tensor:
    """T×H×D to (S·K) × (R·L) × D: the R query heads of a key head are rows of one product."""
    S, L = block.rows.shape
    _, H, D = x_THD.shape
    x = x_THD.index_select(0, block.rows.flatten())
    if zero_padding and block.real is not None:
        padded = torch.ones(S * L, dtype=torch.bool, device=x.device)
        padded[block.real] = False
        x = x.masked_fill_(padded[:, None, None], 0)
    return x.view(S, L, K, H // K, D).permute(0, 2, 3, 1, 4).reshape(S * K, H // K * L, D)


def _keys(x_TKD: Tensor, block: Block) -> Tensor:
    """T×K×D to (S·K) × (P+L) × D."""
    S, L = block.rows.shape
    _, K, D = x_TKD.shape
    own = x_TKD.index_select(0, block.rows.flatten()).view(S, L, K, D)
    both = torch.cat([x_TKD[block.prefix].expand(S, -1, K, D), own], dim=1)
    return both.transpose(1, 2).reshape(S * K, -1, D)


def _side_by_side(q_THD: Tensor, k_TKD: Tensor, v_TKD: Tensor, block: Block) -> tuple[Tensor, Tensor, Tensor]:
    return _queries(q_THD, block, k_TKD.shape[1]), _keys(k_TKD, block), _keys(v_TKD, block)


def _scatter(out_THD: Tensor, rows: Tensor, block: Block) -> None:
    """The inverse of `_queries`; padding is dropped."""
    S, L = block.rows.shape
    _, H, D = out_THD.shape
    K = rows.shape[0] // S
    x = rows.view(S, K, H // K, L, D).permute(0, 3, 1, 2, 4).reshape(S * L, H, D)
    index = block.rows.flatten()
    if block.real is not None:
        x, index = x[block.real], index[block.real]
    out_THD[index] = x


def _add_keys(out_TKD: Tensor, rows: Tensor, block: Block) -> None:
    """The inverse of `_keys` for gradients: the prefix's are summed over the segments, padding's are 0."""
    S, L = block.rows.shape
    _, K, D = out_TKD.shape
    both = rows.view(S, K, -1, D).transpose(1, 2)
    P = both.shape[1] - L
    out_TKD[block.prefix] += both[:, :P].sum(0, dtype=out_TKD.dtype)
    own, index = both[:, P:].reshape(S * L, K, D), block.rows.flatten()
    if block.real is not None:
        own, index = own[block.real], index[block.real]
    out_TKD[index] += own


def _attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    packed: Packed | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface: query 1×H×T×D, key and value 1×K×T×D to 1×T×H×D."""
    assert packed is not None and attention_mask is None and query.shape[0] == 1
    window = kwargs.get("sliding_window")
    if window is not None and packed.longest > window:
        raise UserError(
            f"training needs full attention: a sequence is longer than the model's window of {window} tokens"
        )
    if kwargs.get("softcap") is not None or kwargs.get("s_aux") is not None:
        raise UserError("training does not know this model's attention (capped scores or sinks); take another model")
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if q.dtype == torch.float32:
        return fused_attention(q, k, v, packed.blocks, scale)[None], None
    out_THD = _Products.apply(q, k, v, packed.blocks, scale)  # type: ignore[no-untyped-call]
    return out_THD[None], None


ATTENTION = "sleuth_packed"
AttentionInterface.register(ATTENTION, _attention)


@contextmanager
def packed_attention(model: PreTrainedModel) -> Iterator[None]:
    """The model's own attention comes back afterwards: the sampler uses the same model."""
    before = model.config._attn_implementation
    model.set_attn_implementation(ATTENTION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@contextmanager
def checkpointed_layers(model: PreTrainedModel) -> Iterator[None]:
    """Within it, what a layer of the model computes is not kept for the backward pass but computed again there, from
    what entered the layer. Raises `UserError` for a model whose layers transformers does not mark as such."""

    def again() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), packed_attention(model)  # the model's own attention is back by then

    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise UserError(f"{type(model).__name__} has no layers to checkpoint; unset optimizer.activation_checkpointing")
    for layer in layers:
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False, context_fn=again)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
