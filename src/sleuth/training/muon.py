"""Muon: a matrix moves along its momentum, with all singular values of it made nearly equal.

Jordan et al. 2024, kellerjordan.github.io/posts/muon. `torch.optim.Muon` does the same, always in bfloat16: on
processors without products in bfloat16 its step takes longer than the forward and backward pass of a small model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of x, x³ and x⁵: what a step makes of a singular value x."""
STEPS = 5
SMALLEST_NORM = 1e-7


class Muon(Optimizer):
    """For matrices alone. Each group's `lr` is set from outside before every step."""

    def __init__(self, matrices: Iterable[Parameter], momentum: float, weight_decay: float, dtype: torch.dtype) -> None:
        """`dtype`: number format of the products; float32, or bfloat16 where that is fast."""
        super().__init__(matrices, {"lr": 0.0, "momentum": momentum, "weight_decay": weight_decay})
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Updates every matrix that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix)
                mean = state["momentum_buffer"].lerp_(matrix.grad, 1 - momentum)
                direction = orthogonal(matrix.grad.lerp(mean, momentum), self._dtype)  # Nesterov's momentum
                rows, columns = matrix.shape
                matrix.mul_(1 - rate * group["weight_decay"])
                matrix.add_(direction, alpha=-rate * math.sqrt(max(1, rows / columns)))


def orthogonal(matrix: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """A matrix with the singular vectors of this one and singular values between about 0.7 and 1.2, by a few products
    (Newton–Schulz iteration), computed and returned in `dtype`."""
    a, b, c = COEFFICIENTS
    wide = matrix.shape[0] <= matrix.shape[1]
    x = (matrix if wide else matrix.T).to(dtype)
    x = x / x.norm().clamp(min=SMALLEST_NORM)
    for _ in range(STEPS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide else x.T
