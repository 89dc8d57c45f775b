"""Autograd functions whose arithmetic is C++ (`sleuth/policy/native/train.cpp`): what lies between matrix products.

Each reads and writes its tensors once, bfloat16 in memory and float32 in registers, where the same in torch operations
would pass over them five to ten times.

Shapes: T tokens, E hidden width, F width of the feed-forward layer, H query heads, K key/value heads, D head width,
V vocabulary, C rows of a chunk.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from sleuth.policy.native.build import library
from sleuth.training.packing import Packed


def available(weight: Tensor) -> bool:
    """Whether the kernels work where this weight is, in its number format."""
    return weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and library() is not None


def _functions() -> ctypes.CDLL:
    loaded = library()
    assert loaded is not None
    return loaded


def _address(tensor: Tensor | None) -> int | None:
    """For a tensor that the caller holds: an address does not keep it alive."""
    assert tensor is None or tensor.is_contiguous()
    return None if tensor is None else tensor.data_ptr()


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


def rotary_attention(
    qkv_TND: Tensor, heads: tuple[int, int], rope: tuple[Tensor, Tensor] | None, packed: Packed, scale: float
) -> Tensor:
    """T × (H D): attention over a packed batch of queries, keys and values (N = H + 2 K), which are rotated first.
    `heads` is (H, K); `rope` is float32 cosines and sines by position, each of width D / 2."""
    out: Tensor = _RotaryAttention.apply(qkv_TND, heads, rope, packed, scale)  # type: ignore[no-untyped-call]
    return out


def logprobs(logits_CV: Tensor, targets_C: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    """Of bfloat16 logits over the temperature: log-probabilities of the targets, entropies and log normalisers, C each,
    float32. No gradient."""
    rows, vocabulary = logits_CV.shape
    results = [torch.empty(rows) for _ in range(3)]
    _functions().sleuth_logprobs(
        _address(logits_CV), _address(targets_C), rows, vocabulary, temperature, *map(_address, results)
    )
    return results[0], results[1], results[2]


def logprobs_backward(
    logits_CV: Tensor, targets_C: Tensor, normalisers_C: Tensor, grad_C: Tensor, temperature: float
) -> None:
    """Turns the logits, in place, into the gradient of Σ grad · logprob."""
    rows, vocabulary = logits_CV.shape
    _functions().sleuth_logprobs_backward(
        *map(_address, (logits_CV, targets_C, normalisers_C, grad_C)), rows, vocabulary, temperature
    )


def _norm_forward(x: Tensor, y: Tensor | None, factor: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    width = x.shape[-1]
    rows = x.numel() // width
    added = x if y is None else torch.empty_like(x)
    normed, scale = torch.empty_like(x), torch.empty(rows)
    _functions().sleuth_norm(
        *map(_address, (x, y, factor)), rows, width, epsilon, *map(_address, (added, normed, scale))
    )
    return added, normed, scale


def _norm_backward(
    added: Tensor, factor: Tensor, scale: Tensor, dnormed: Tensor, passed: Tensor | None
) -> tuple[Tensor, Tensor]:
    width = added.shape[-1]
    dnormed, passed = dnormed.contiguous(), None if passed is None else passed.contiguous()
    dadded, dfactor = torch.empty_like(added), torch.empty(width)
    _functions().sleuth_norm_backward(
        *map(_address, (added, factor, scale, dnormed, passed)),
        added.numel() // width,
        width,
        _address(dadded),
        _address(dfactor),
    )
    return dadded, dfactor


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor, epsilon: float) -> Tensor:
        x = x.contiguous()
        _, normed, scale = _norm_forward(x, None, factor, epsilon)
        ctx.save_for_backward(x, factor, scale)
        return normed

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, factor, scale = ctx.saved_tensors
        return *_norm_backward(x, factor, scale, grads[0], None), None


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_TE: Tensor, y_TE: Tensor, factor_E: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        added, normed, scale = _norm_forward(x_TE, y_TE, factor_E, epsilon)
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
        rows, width = gate_up_T2F.shape
        out = gate_up_T2F.new_empty(rows, width // 2)
        _functions().sleuth_gate(_address(gate_up_T2F), rows, width // 2, gelu, _address(out))
        ctx.save_for_backward(gate_up_T2F)
        ctx.gelu = gelu
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (gate_up_T2F,) = ctx.saved_tensors
        rows, width = gate_up_T2F.shape
        dout, dgate_up = grads[0].contiguous(), torch.empty_like(gate_up_T2F)
        _functions().sleuth_gate_backward(
            _address(gate_up_T2F), _address(dout), rows, width // 2, ctx.gelu, _address(dgate_up)
        )
        return dgate_up, None


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
        _rotate(qkv_TND, sum(heads), rope, packed.positions, 1)
        (T, _, D), (H, K) = qkv_TND.shape, heads
        out, normalisers_TH = qkv_TND.new_empty(T, H * D), torch.empty(T, H)
        spans = packed.segments, packed.groups
        _functions().sleuth_attention(
            *map(_address, (qkv_TND, *spans)), len(packed.groups), H, K, D, scale, *map(_address, (out, normalisers_TH))
        )
        ctx.save_for_backward(qkv_TND, normalisers_TH, out)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        qkv_TND, normalisers_TH, out = ctx.saved_tensors
        packed, (H, K), D = ctx.packed, ctx.heads, qkv_TND.shape[2]
        dout, dqkv_TND = grads[0].contiguous(), torch.empty_like(qkv_TND)
        _functions().sleuth_attention_backward(
            *map(_address, (qkv_TND, packed.segments, packed.groups)),
            *(len(packed.groups), H, K, D, ctx.scale),
            *map(_address, (normalisers_TH, out, dout, dqkv_TND)),
        )
        _rotate(dqkv_TND, H + K, ctx.rope, packed.positions, -1)
        return dqkv_TND, None, None, None, None


def _rotate(qkv_TND: Tensor, rotated: int, rope: tuple[Tensor, Tensor] | None, positions_T: Tensor, sign: int) -> None:
    if rope is None:
        return
    T, N, D = qkv_TND.shape
    _functions().sleuth_rotate(*map(_address, (qkv_TND, *rope, positions_T)), T, N * D, rotated, D, sign)
