"""Autograd functions whose arithmetic is C++ (`sleuth.policy.native`): what lies between matrix products.

Shapes: T tokens, E hidden width, F width of the feed-forward layer, H query heads, K key/value heads, D head width,
V vocabulary, C rows of a chunk.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sleuth.policy.native import functions
from sleuth.policy.native.build import bfloat16_library
from sleuth.policy.native.functions import address, call
from sleuth.training.packing import Packed


def add_norm(x_TE: Tensor, y_TE: Tensor, factor_E: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """x + y, and its RMS norm (root mean square) times the float32 factor."""
    added, normed = _AddNorm.apply(x_TE, y_TE, factor_E, epsilon)  # type: ignore[no-untyped-call]
    return added, normed


def norm(x: Tensor, factor: Tensor, epsilon: float) -> Tensor:
    """RMS norm over the last axis times the float32 factor."""
    normed: Tensor = _Norm.apply(x, factor, epsilon)  # type: ignore[no-untyped-call]
    return normed


def gated(gate_up_T2F: Tensor, gelu: bool) -> Tensor:
    """T × F: the activation of the first half, SiLU or GELU (tanh formula), times the second."""
    out: Tensor = _Gated.apply(gate_up_T2F, gelu)  # type: ignore[no-untyped-call]
    return out


def rotated(qkv_TND: Tensor, heads: int, rope: tuple[Tensor, Tensor], packed: Packed) -> Tensor:
    """A copy whose first `heads` heads are rotated by the positions of their tokens. `rope` is float32 cosines and
    sines by position, each of width D / 2."""
    out: Tensor = _Rotated.apply(qkv_TND, heads, rope, packed)  # type: ignore[no-untyped-call]
    return out


def rotary_attention(
    qkv_TND: Tensor, heads: tuple[int, int], rope: tuple[Tensor, Tensor] | None, packed: Packed, scale: float
) -> Tensor:
    """T × (H D): attention over a packed batch of queries, keys and values (N = H + 2 K) in bfloat16, which are rotated
    first. `heads` is (H, K); `rope` as of `rotated`."""
    out: Tensor = _RotaryAttention.apply(qkv_TND, heads, rope, packed, scale)  # type: ignore[no-untyped-call]
    return out


def logprobs(logits_CV: Tensor, targets_C: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    """Of logits over the temperature: log-probabilities of the targets, entropies and log normalisers, C each, float32.
    No gradient."""
    results = [torch.empty(len(logits_CV)) for _ in range(3)]
    call("logprobs", logits_CV, targets_C, *logits_CV.shape, temperature, *results)
    return results[0], results[1], results[2]


def logprobs_backward(
    logits_CV: Tensor, targets_C: Tensor, normalisers_C: Tensor, grad_C: Tensor, temperature: float
) -> None:
    """Turns the logits, in place, into the gradient of Σ grad · logprob."""
    call("logprobs_backward", logits_CV, targets_C, normalisers_C, grad_C, *logits_CV.shape, temperature)


def _norm_backward(
    added: Tensor, factor: Tensor, scale: Tensor, dnormed: Tensor, passed: Tensor | None
) -> tuple[Tensor, Tensor]:
    width = added.shape[-1]
    dnormed, passed = dnormed.contiguous(), None if passed is None else passed.contiguous()
    dadded, dfactor = torch.empty_like(added), torch.empty(width)
    rows = added.numel() // width
    call("norm_backward", added, factor, scale, dnormed, passed, rows, width, dadded, dfactor)
    return dadded, dfactor


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor, epsilon: float) -> Tensor:
        x = x.contiguous()
        _, normed, scale = functions.norm(x, None, factor, epsilon)
        ctx.save_for_backward(x, factor, scale)
        return normed

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, factor, scale = ctx.saved_tensors
        return *_norm_backward(x, factor, scale, grads[0], None), None


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_TE: Tensor, y_TE: Tensor, factor_E: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        added, normed, scale = functions.norm(x_TE, y_TE, factor_E, epsilon)
        ctx.save_for_backward(added, factor_E, scale)
        return added, normed

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        dadded, dnormed = grads
        added, factor_E, scale = ctx.saved_tensors
        dx, dfactor = _norm_backward(added, factor_E, scale, dnormed, dadded)
        return dx, dx, dfactor, None


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate_up_T2F: Tensor, gelu: bool) -> Tensor:
        ctx.save_for_backward(gate_up_T2F)
        ctx.gelu = gelu
        return functions.gate(gate_up_T2F, gelu)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (gate_up_T2F,) = ctx.saved_tensors
        rows, width = gate_up_T2F.shape
        dgate_up = torch.empty_like(gate_up_T2F)
        call("gate_backward", gate_up_T2F, grads[0].contiguous(), rows, width // 2, ctx.gelu, dgate_up)
        return dgate_up, None


class _Rotated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv_TND: Tensor, heads: int, rope: tuple[Tensor, Tensor], packed: Packed) -> Tensor:
        ctx.heads, ctx.rope, ctx.packed = heads, rope, packed
        out = qkv_TND.clone(memory_format=torch.contiguous_format)  # autograd forbids to rotate the input
        functions.rotate(out, heads, rope, packed.positions)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        dqkv_TND = grads[0].clone(memory_format=torch.contiguous_format)
        functions.rotate(dqkv_TND, ctx.heads, ctx.rope, ctx.packed.positions, -1)
        return dqkv_TND, None, None, None


class _RotaryAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        qkv_TND: Tensor,
        heads: tuple[int, int],
        rope: tuple[Tensor, Tensor] | None,
        packed: Packed,
        scale: float,
    ) -> Tensor:
        ctx.heads, ctx.rope, ctx.packed, ctx.scale = heads, rope, packed, scale
        qkv_TND = qkv_TND.clone()  # autograd forbids to rotate the input
        if rope is not None:
            functions.rotate(qkv_TND, sum(heads), rope, packed.positions)
        (T, _, D), (H, K) = qkv_TND.shape, heads
        out, normalisers_TH = qkv_TND.new_empty(T, H * D), torch.empty(T, H)
        spans = packed.segments, packed.groups
        loaded = bfloat16_library()
        assert loaded is not None
        loaded.sleuth_attention(
            *map(address, (qkv_TND, *spans)), len(packed.groups), H, K, D, scale, *map(address, (out, normalisers_TH))
        )
        ctx.save_for_backward(qkv_TND, normalisers_TH, out)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        qkv_TND, normalisers_TH, out = ctx.saved_tensors
        packed, (H, K), D = ctx.packed, ctx.heads, qkv_TND.shape[2]
        dout, dqkv_TND = grads[0].contiguous(), torch.empty_like(qkv_TND)
        loaded = bfloat16_library()
        assert loaded is not None
        loaded.sleuth_attention_backward(
            *map(address, (qkv_TND, packed.segments, packed.groups)),
            *(len(packed.groups), H, K, D, ctx.scale),
            *map(address, (normalisers_TH, out, dout, dqkv_TND)),
        )
        if ctx.rope is not None:
            functions.rotate(dqkv_TND, H + K, ctx.rope, packed.positions, -1)
        return dqkv_TND, None, None, None, None
