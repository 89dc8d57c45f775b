"""The C++ functions that work on tensors of one number format (`train.h`), float32 or bfloat16, on the processor.

Each reads and writes its tensors once, with float32 in registers, where the same in torch operations would pass over
them five to ten times. No gradients: `sleuth.training.kernels` has those.

Shapes: N rows, E width, F width of the feed-forward layer, D head width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sleuth.policy.native.build import bfloat16_library, library

UNIT = 16
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


def rotate(x_NHD: Tensor, heads: int, rope: tuple[Tensor, Tensor], positions_N: Tensor, sign: int = 1) -> None:
    """Rotates the first `heads` heads of each row by its position, in place; -1 rotates back. `rope` is float32 cosines
    and sines by position, each of width D / 2."""
    N, H, D = x_NHD.shape
    call("rotate", x_NHD, *rope, positions_N, N, H * D, heads, D, sign)


def gate(gate_up_N2F: Tensor, gelu: bool) -> Tensor:
    """N × F: the activation of the first half, SiLU or GELU (tanh formula), times the second."""
    rows, width = gate_up_N2F.shape
    out = gate_up_N2F.new_empty(rows, width // 2)
    call("gate", gate_up_N2F, rows, width // 2, gelu, out)
    return out
