"""Master weights and schedules."""

from __future__ import annotations

import pytest
import torch

from sleuth.config import OptimizerConfig
from sleuth.training.muon import Muon
from sleuth.training.optimizer import MasterOptimizer, scheduled_rate
from tests.tiny import tiny_llama


def _constant_gradient(model: torch.nn.Module, value: float) -> None:
    """Through a backward pass, as in training: d(Σ value · w)/dw = value."""
    (sum(p.sum() for p in model.parameters()) * value).backward()


def test_tiny_updates_add_up_behind_bfloat16() -> None:
    model = tiny_llama().to(torch.bfloat16)
    optimizer = MasterOptimizer(model, OptimizerConfig(max_grad_norm=1e9))
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
    optimizer = MasterOptimizer(model, OptimizerConfig(weight_decay=0.5, max_grad_norm=1e9))
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
    optimizer = MasterOptimizer(model, OptimizerConfig(max_grad_norm=0.5, beta1=0.0))
    _constant_gradient(model, 3.0)
    assert optimizer.step(0.01).grad_norm > 0.5
    # With beta1 = 0 AdamW's mean gradient is the clipped gradient of this step.
    squares = [float(value.square().sum()) for key, value in optimizer.state().items() if key.endswith("exp_avg")]
    assert sum(squares) ** 0.5 == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gradient_that_is_not_finite_changes_nothing(dtype: torch.dtype) -> None:
    model = tiny_llama().to(dtype)
    optimizer = MasterOptimizer(model, OptimizerConfig())
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


def _newton_schulz(value: float) -> float:
    """What Muon's five steps make of one singular value of a matrix of Frobenius norm 1."""
    for _ in range(5):
        value = 3.4445 * value - 4.7750 * value**3 + 2.0315 * value**5
    return value


def test_muon_by_hand() -> None:
    model = tiny_llama()
    optimizer = MasterOptimizer(model, OptimizerConfig(kind="muon", muon_factor=5, max_grad_norm=1e9))
    before = {name: master.detach().clone() for name, master in optimizer.masters.items()}
    square, tall, norm = (
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.0.mlp.gate_proj.weight",
        "model.norm.weight",
    )
    size, (rows, columns) = before[square].shape[0], before[tall].shape
    assert before[square].shape == (size, size) and rows > columns

    def step(first: float, second: float) -> None:
        """With a gradient of two singular values in one matrix, and a constant one in the others."""
        _constant_gradient(model, 1.0)
        grad = torch.zeros(size, size)
        grad[0, 0], grad[1, 1] = first, second
        optimizer.masters[square].grad = grad
        optimizer.step(0.01)

    step(3.0, 4.0)  # of norm 5: the singular values 0.6 and 0.8 become nearly equal
    change = (optimizer.masters[square] - before[square]).detach()
    want = torch.zeros(size, size)
    want[0, 0], want[1, 1] = -0.05 * _newton_schulz(0.6), -0.05 * _newton_schulz(0.8)
    torch.testing.assert_close(change, want, rtol=1e-4, atol=1e-6)
    assert 0.6 < _newton_schulz(0.6) < 1.3 and 0.6 < _newton_schulz(0.8) < 1.3
    # A constant matrix has one singular value; a tall one's rate is higher by the root of rows over columns.
    even = -0.05 * (rows / columns) ** 0.5 * _newton_schulz(1.0) / (rows * columns) ** 0.5
    change = (optimizer.masters[tall] - before[tall]).detach()
    torch.testing.assert_close(change, torch.full((rows, columns), even), rtol=1e-4, atol=1e-6)
    # The rest is AdamW's, at the rate itself; embeddings too.
    for name in (norm, "model.embed_tokens.weight"):
        torch.testing.assert_close(optimizer.masters[name].detach(), before[name] - 0.01, rtol=1e-5, atol=1e-6)

    # Momentum: the sum is 0.05 · (3, 4), then 0.95 of that and 0.05 · (4, -3); of which 0.95 with 0.05 of the gradient.
    middle = optimizer.masters[square].detach().clone()
    step(4.0, -3.0)
    mixed = [0.05 * new + 0.95 * (0.95 * 0.05 * old + 0.05 * new) for old, new in ((3, 4), (4, -3))]
    length = sum(value**2 for value in mixed) ** 0.5
    want = torch.zeros(size, size)
    want[0, 0], want[1, 1] = (-0.05 * _newton_schulz(value / length) for value in mixed)
    torch.testing.assert_close((optimizer.masters[square] - middle).detach(), want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (8, 8)])
def test_muon_in_bfloat16_is_that_of_torch(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    ours = torch.nn.Parameter(torch.randn(shape))
    theirs = torch.nn.Parameter(ours.detach().clone())
    optimizers = Muon([ours], 0.9, 0.1, torch.bfloat16), torch.optim.Muon([theirs], momentum=0.9, weight_decay=0.1)
    for _ in range(4):
        gradient = torch.randn(shape)
        for matrix, optimizer in zip((ours, theirs), optimizers, strict=True):
            matrix.grad = gradient.clone()
            optimizer.param_groups[0]["lr"] = 0.05
            optimizer.step()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-3)  # of changes of 0.05 in bfloat16


def test_muon_goes_on_from_its_state_to_the_bit() -> None:
    def steps(model: torch.nn.Module, optimizer: MasterOptimizer, count: int) -> None:
        for _ in range(count):
            sum(p.pow(3).sum() for p in model.parameters()).backward()  # type: ignore[attr-defined]
            optimizer.step(0.01)

    config = OptimizerConfig(kind="muon")
    model = tiny_llama().to(torch.bfloat16)
    optimizer = MasterOptimizer(model, config)
    steps(model, optimizer, 3)
    weights = {name: value.clone() for name, value in optimizer.weights().items()}
    state = {name: value.clone() for name, value in optimizer.state().items()}
    assert any(name.endswith("/momentum_buffer") for name in state)
    steps(model, optimizer, 2)

    other = tiny_llama(1).to(torch.bfloat16)
    again = MasterOptimizer(other, config)
    again.load(weights, state)
    steps(other, again, 2)
    assert all(torch.equal(again.masters[name], master) for name, master in optimizer.masters.items())
    again.restart()
    assert not again.state()
