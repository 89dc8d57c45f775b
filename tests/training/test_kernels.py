"""Attention of the C++ kernels against its definition in float64, over prompts and completions longer than the blocks
of keys in which it works, with tiles (AMX) and with vectors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sleuth.policy.native import build
from sleuth.training import kernels
from sleuth.training.packing import Group, Packed, pack

HEADS = H, K = 6, 2
D = 32
SCALE = 0.2
BUILDS = {"tiles": build.TILE_NEEDS, "vectors": frozenset[str]()}


def defined(packed: Packed, qkv_TND: Tensor) -> Tensor:
    """softmax(q kᵀ · scale) v, each segment behind its group's prompt."""
    out = torch.empty(len(qkv_TND), H, D, dtype=torch.float64)
    segments = packed.segments.tolist()
    for first, count in packed.groups.tolist():
        prompt = slice(segments[first][0], sum(segments[first]))
        for start, length in segments[first : first + count]:
            own = qkv_TND[start : start + length]
            seen = own if start == prompt.start else torch.cat([qkv_TND[prompt], own])
            keys, values = (seen[:, at : at + K].repeat_interleave(H // K, 1) for at in (H, H + K))
            scores = torch.einsum("qhd,khd->hqk", own[:, :H], keys) * SCALE
            hidden = torch.ones(length, len(seen), dtype=torch.bool).triu(1 + len(seen) - length)
            weights = scores.masked_fill(hidden, -torch.inf).softmax(-1)
            out[start : start + length] = torch.einsum("hqk,khd->qhd", weights, values)
    return out.flatten(1)


@pytest.mark.parametrize("products", BUILDS)
def test_attention_is_what_it_says(products: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (build.NEEDS | BUILDS[products]).issubset(build._processor_flags()):
        pytest.skip("this processor has no such instructions")
    loaded = build._load(tiles=products == "tiles")
    assert loaded is not None
    monkeypatch.setattr(kernels, "library", lambda: loaded)
    lengths = [(300, (1, 40, 291)), (5, (600,)), (256, (256, 33))]
    groups = [Group([1] * prompt, [[1] * length for length in completions]) for prompt, completions in lengths]
    packed = pack(groups, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    qkv = torch.randn(len(packed.tokens), H + 2 * K, D, generator=generator).bfloat16().requires_grad_()
    out = kernels.rotary_attention(qkv, HEADS, None, packed, SCALE)
    grad = torch.randn(out.shape, generator=generator).bfloat16()
    out.backward(grad)
    exact = qkv.detach().double().requires_grad_()
    wanted = defined(packed, exact)
    wanted.backward(grad.double())
    assert qkv.grad is not None and exact.grad is not None
    torch.testing.assert_close(out.double(), wanted.detach(), rtol=0.02, atol=0.02)
    torch.testing.assert_close(qkv.grad.double(), exact.grad, rtol=0.03, atol=0.05)
    assert float((qkv.grad.double() - exact.grad).norm() / exact.grad.norm()) < 0.005
