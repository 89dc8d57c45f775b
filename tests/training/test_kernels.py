"""The C++ kernels against definitions in float64. Attention over prompts and completions longer than the blocks of keys
in which it works, with tiles (AMX) and with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sleuth.policy.native import build, functions
from sleuth.training import kernels
from sleuth.training.packing import Group, Packed, pack
from tests.policy.builds import loaded

HEADS = H, K = 6, 2
D = 32
SCALE = 0.2
Function: TypeAlias = Callable[..., tuple[Tensor, ...]]
BUILDS = {"tiles": build.TILES, "vectors": build.BFLOAT16}


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
    library = loaded(BUILDS[products])
    monkeypatch.setattr(kernels, "bfloat16_library", lambda: library)
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


@pytest.fixture(params=["float32", "float32 with AVX2", "bfloat16"])
def dtype(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.dtype:
    """Number formats that this processor has kernels for; vectors of AVX2 are also tested where there are longer
    ones."""
    if request.param.endswith("AVX2"):
        library = loaded(build.FLOAT32)
        monkeypatch.setattr(functions, "library", lambda: library)
    found: torch.dtype = torch.bfloat16 if request.param == "bfloat16" else torch.float32
    if not functions.available(torch.empty(0, dtype=found)):
        pytest.skip("THE C++ KERNELS ARE NOT TO BE HAD HERE: what they compute is not tested")
    return found


def compare(dtype: torch.dtype, kernel: Function, definition: Function, *shapes: tuple[int, ...]) -> None:
    """Results and gradients, of random tensors of these shapes; float32 keeps six digits, bfloat16 two."""
    generator = torch.Generator().manual_seed(1)
    inputs = [(2 * torch.randn(shape, generator=generator)).to(dtype).requires_grad_() for shape in shapes]
    exact = [one.detach().double().requires_grad_() for one in inputs]
    found, wanted = kernel(*inputs), definition(*exact)
    rtol, atol = (1e-5, 1e-5) if dtype == torch.float32 else (0.02, 0.05)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=rtol, atol=atol)
    weights = [torch.randn(one.shape, generator=generator).to(one.dtype) for one in found]
    torch.autograd.backward(found, weights)
    torch.autograd.backward(wanted, [one.double() for one in weights])
    for one, other in zip(inputs, exact, strict=True):
        assert one.grad is not None and other.grad is not None
        distance = float((one.grad.double() - other.grad).norm() / other.grad.norm())
        assert distance < (1e-6 if dtype == torch.float32 else 0.01)


def rms_norm(x: Tensor, factor: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + 0.1).sqrt() * factor


@pytest.mark.parametrize("width", [16, 48, 144])
def test_norms(dtype: torch.dtype, width: int) -> None:
    factor = torch.linspace(-1, 2, width, requires_grad=True)
    exact = factor.detach().double().requires_grad_()
    shape = 7, width
    compare(dtype, lambda x: (kernels.norm(x, factor, 0.1),), lambda x: (rms_norm(x, exact),), shape)
    compare(
        dtype,
        lambda x, y: kernels.add_norm(x, y, factor, 0.1),
        lambda x, y: (x + y, rms_norm(x + y, exact)),
        *(shape, shape),
    )
    assert factor.grad is not None and exact.grad is not None
    assert float((factor.grad - exact.grad).norm() / exact.grad.norm()) < 0.01


@pytest.mark.parametrize("gelu", [False, True])
def test_gates(dtype: torch.dtype, gelu: bool) -> None:
    def definition(x: Tensor) -> tuple[Tensor]:
        gate, up = x.chunk(2, -1)
        return ((functional.gelu(gate, approximate="tanh") if gelu else functional.silu(gate)) * up,)

    compare(dtype, lambda x: (kernels.gated(x, gelu),), definition, (5, 96))


@pytest.mark.parametrize("size", [16, 48, 64])
def test_rotation(dtype: torch.dtype, size: int) -> None:
    packed = pack([Group([1, 2], [[1, 2, 3], [1, 2]])])
    angles = torch.arange(packed.longest)[:, None] * torch.linspace(0.1, 2, size // 2)
    rope = angles.cos(), angles.sin()

    def definition(x: Tensor) -> tuple[Tensor]:
        low, high = x[:, :3].chunk(2, -1)
        cos, sin = (table[packed.positions, None].double() for table in rope)
        return (torch.cat([torch.cat([low * cos - high * sin, high * cos + low * sin], -1), x[:, 3:]], 1),)

    compare(dtype, lambda x: (kernels.rotated(x, 3, rope, packed),), definition, (len(packed.tokens), 4, size))


def test_what_is_not_a_number_stays_so(dtype: torch.dtype) -> None:
    """A lost number must reach the guard that leaves the update out."""
    logits = torch.zeros(1, 40, dtype=dtype)
    logits[0, 20] = torch.nan
    found = kernels.logprobs(logits, torch.tensor([3]), 1.0)
    assert all(one.isnan().all() for one in found)
    kernels.logprobs_backward(logits, torch.tensor([3]), torch.zeros(1), torch.ones(1), 1.0)
    assert logits.isnan().tolist()[0].index(True) == 20


@pytest.mark.parametrize("vocabulary", [7, 16, 131])
def test_logprobs(dtype: torch.dtype, vocabulary: int) -> None:
    """With logits of which one has no weight, one nearly all, and one row that hardly differs."""
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(4, vocabulary, generator=generator).mul_(3).to(dtype)
    logits[1, 2], logits[2, 5], logits[3] = -1e30, 60, 0.5
    targets = torch.tensor([0, vocabulary - 1, 5, 3])
    exact = logits.double().requires_grad_()
    logprobs = (exact / 0.7).log_softmax(-1)
    found = kernels.logprobs(logits, targets, 0.7)
    chosen = logprobs.gather(1, targets[:, None])[:, 0]
    entropies = -(logprobs.exp() * logprobs).sum(-1)
    for one, other in zip(found, (chosen, entropies, (exact / 0.7).logsumexp(-1)), strict=True):
        torch.testing.assert_close(one.double(), other.detach(), rtol=1e-5, atol=1e-5)
    grad = torch.tensor([1.0, -2.0, 0.5, 3.0])
    torch.autograd.backward(chosen, grad.double())
    kernels.logprobs_backward(logits, targets, found[2], grad, 0.7)
    near = 1e-5 if dtype == torch.float32 else 0.02
    assert exact.grad is not None
    torch.testing.assert_close(logits.double(), exact.grad, rtol=near, atol=near)
