"""Master weights and schedules."""

from __future__ import annotations

import pytest
import torch

from sleuth.config import OptimizerConfig
from sleuth.training.optimizer import MasterAdamW, scheduled_rate
from tests.tiny import tiny_llama


def _constant_gradient(model: torch.nn.Module, value: float) -> None:
    """Through a backward pass, as in training: d(Σ value · w)/dw = value."""
    (sum(p.sum() for p in model.parameters()) * value).backward()


def test_tiny_updates_add_up_behind_bfloat16() -> None:
    model = tiny_llama().to(torch.bfloat16)
    optimizer = MasterAdamW(model, OptimizerConfig(max_grad_norm=1e9))
    weight = model.model.norm.weight  # all ones: the next bfloat16 numbers below and above are 0.0039 and 0.0078 away
    for _ in range(100):
        _constant_gradient(model, 1.0)
        optimizer.step(1e-4)  # Adam's step is the learning rate when the gradient is always the same
        assert weight.grad is None
    # 100 · 1e-4 = 0.01: 0.99 to the nearest bfloat16; any single update of 1e-4 rounds back to 1.
    torch.testing.assert_close(
        optimizer.masters["model.norm.weight"].detach(), torch.full((64,), 0.99), rtol=0, atol=1e-5
    )
    assert set(weight.float().tolist()) == {float(torch.tensor(0.99).bfloat16())}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_step_by_hand(dtype: torch.dtype) -> None:
    model = tiny_llama().to(dtype)
    optimizer = MasterAdamW(model, OptimizerConfig(weight_decay=0.5, max_grad_norm=1e9))
    before = {name: master.detach().clone() for name, master in optimizer.masters.items()}
    for part in (0.25, 0.5):  # two micro-batches
        _constant_gradient(model, part)
    update = optimizer.step(0.01)
    # The gradient is 0.75 everywhere, so its norm is 0.75 · √(number of weights), tied ones counted once; Adam's first
    # step is the sign of the gradient times the rate. Matrices shrink first, by 0.5 · 0.01 of themselves.
    count = sum(master.numel() for master in before.values())
    assert update.grad_norm == pytest.approx(0.75 * count**0.5, rel=1e-5)
    assert not update.skipped
    for name, master in optimizer.masters.items():
        decayed = before[name] * (1 - 0.5 * 0.01) if before[name].ndim == 2 else before[name]
        torch.testing.assert_close(master.detach(), decayed - 0.01, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(dict(model.named_parameters())[name].detach(), master.detach().to(dtype))


def test_clipping_scales_the_whole_gradient() -> None:
    model = tiny_llama()
    optimizer = MasterAdamW(model, OptimizerConfig(max_grad_norm=0.5, beta1=0.0))
    _constant_gradient(model, 3.0)
    assert optimizer.step(0.01).grad_norm > 0.5
    # With beta1 = 0 AdamW's mean gradient is the clipped gradient of this step.
    squares = [float(value.square().sum()) for key, value in optimizer.state().items() if key.endswith("exp_avg")]
    assert sum(squares) ** 0.5 == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gradient_that_is_not_finite_changes_nothing(dtype: torch.dtype) -> None:
    model = tiny_llama().to(dtype)
    optimizer = MasterAdamW(model, OptimizerConfig())
    _constant_gradient(model, 1.0)
    optimizer.step(0.01)
    before = {name: value.clone() for name, value in (optimizer.state() | dict(model.named_parameters())).items()}
    _constant_gradient(model, float("nan"))
    assert optimizer.step(0.01).skipped
    after = optimizer.state() | dict(model.named_parameters())
    assert all(torch.equal(after[name], value) for name, value in before.items())
    _constant_gradient(model, 1.0)
    assert not optimizer.step(0.01).skipped  # nothing of the bad gradient is left


def test_schedules_by_hand() -> None:
    assert [scheduled_rate(step, 3.0, 2, 4, "linear") for step in range(4)] == pytest.approx([1.0, 2.0, 3.0, 0.3])
    # Warm-up of 1, then steps 1, 2, 3 of 4: from 10 to 1 in two equal strides of 4.5.
    assert [scheduled_rate(step, 10.0, 1, 4, "linear") for step in range(4)] == pytest.approx([5.0, 10.0, 5.5, 1.0])
    assert scheduled_rate(0, 10.0, 0, 1, "linear") == 10.0
