"""The C++ functions that work on tensors on the processor: those for float32 and bfloat16, and attention of decoding.

Each reads and writes its tensors once, with float32 in registers, where the same in torch operations would pass over
them five to ten times. No gradients: `sleuth.training.kernels` has those.

Shapes: N rows, E width, F width of the feed-forward layer, H query heads, K key/value heads, D head width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sleuth.policy.native.build import bfloat16_library, library

WIDTH_UNIT = 16
"""Widths that the functions take are multiples of it."""


def available(weight: Tensor) -> bool:
    """Whether they work where this weight is, in its number format."""
    if weight.device.type != "cpu":
        return False
    if weight.dtype == torch.float32:
        return library() is not None
    return weight.dtype == torch.bfloat16 and bfloat16_library() is not None


def call(name: str, values: Tensor, *arguments: float | Tensor | None) -> None:
    """The function of this name for the number format of `values`, which is its first argument. Tensors are
    contiguous."""
    loaded = library()
    assert loaded is not None
    suffix = "f32" if values.dtype == torch.float32 else "bf16"
    getattr(loaded, f"sleuth_{name}_{suffix}")(*(address(one) for one in (values, *arguments)))


def address(argument: float | Tensor | None) -> float | None:
    """What C++ takes: of a tensor its address, for which the caller must hold it."""
    if not isinstance(argument, Tensor):
        return argument
    assert argument.is_contiguous()
    return argument.data_ptr()


def norm(x: Tensor, y: Tensor | None, factor: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """x + y, its RMS norm (root mean square) over the last axis times the float32 factor, and 1 / RMS of each row."""
    width = x.shape[-1]
    rows = x.numel() // width
    added = x if y is None else torch.empty_like(x)
    normed, scale = torch.empty_like(x), torch.empty(rows)
    call("norm", x, y, factor, rows, width, epsilon, added, normed, scale)
    return added, normed, scale


def rotate(x_NAD: Tensor, heads: int, rope: tuple[Tensor, Tensor], positions_N: Tensor, sign: int = 1) -> None:
    """Rotates the first `heads` heads of each row by its position, in place; -1 rotates back. `rope` is float32 cosines
    and sines by position, each of width D / 2."""
    N, A, D = x_NAD.shape
    call("rotate", x_NAD, *rope, positions_N, N, A * D, heads, D, sign)


def gate(gate_up_N2F: Tensor, gelu: bool) -> Tensor:
    """N × F: the activation of the first half, SiLU or GELU (tanh formula), times the second."""
    rows, width = gate_up_N2F.shape
    out = gate_up_N2F.new_empty(rows, width // 2)
    call("gate", gate_up_N2F, rows, width // 2, gelu, out)
    return out


def attend(
    qkv_NAD: Tensor,
    keys_NKTD: Tensor,
    values_NKTD: Tensor,
    own_N: Tensor,
    prompts_2N: Tensor,
    prompt_tokens_N: Tensor,
    heads: int,
    scale: float,
) -> Tensor:
    """N × (H D): attention in float32 of each row's new token over its prompt, its `own_N` tokens before and itself.
    `qkv_NAD` are its rotated queries, key and value, A = H + 2 K; the last two are put behind the own ones.

    `prompts_2N`: addresses of each prompt's keys and of its values, both K × P × D, P being its `prompt_tokens_N`.
    """
    loaded = library()
    assert loaded is not None
    rows, _, size = qkv_NAD.shape
    kv_heads, capacity = keys_NKTD.shape[1:3]
    out = qkv_NAD.new_empty(rows, heads * size)
    loaded.sleuth_attend(
        *(address(one) for one in (qkv_NAD, keys_NKTD, values_NKTD, capacity, own_N, *prompts_2N, prompt_tokens_N)),
        *(rows, heads, kv_heads, size, scale, address(out)),
    )
    return out
