"""LoRA, low-rank adaptation (Hu et al. 2021, arXiv:2106.09685, equation 3): W = W₀ + (α / r) B A, and only A and B are
trained.

The product is added into the model's weight after each update, so that every decoder and kernel sees an ordinary
matrix, and the gradient of W is brought to A and B by the chain rule: dA = (α / r) Bᵀ dW, dB = (α / r) dW Aᵀ. Without
dropout that is what layers with an adapter beside them compute (peft), and an adapter is stored as peft stores it.

Shapes: W n × k, A r × k, B n × r.
"""

from __future__ import annotations

import itertools
import json
import math
import zlib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import Parameter

from sleuth.config import WeightsConfig
from sleuth.errors import UserError


def layer_of(name: str) -> int | None:
    """The number of the layer that a parameter is in; None for those before, behind and beside the layers."""
    parts = name.split(".")
    for before, number in itertools.pairwise(parts):
        if before in ("layers", "h") and number.isdigit():
            return int(number)
    return None


def trained(shapes: Mapping[str, torch.Size], config: WeightsConfig) -> list[str]:
    """The names of the parameters that are trained (of LoRA: whose difference is), in order. Raises `UserError` if
    there are none, or a pattern matches none."""
    layers = 1 + max((layer for name in shapes if (layer := layer_of(name)) is not None), default=-1)
    first = math.ceil(config.frozen_layers * layers)
    chosen = [
        name
        for name, shape in shapes.items()
        if any(fnmatchcase(name, pattern) for pattern in config.train)
        and not any(fnmatchcase(name, pattern) for pattern in config.freeze)
        and not ((layer := layer_of(name)) is not None and layer < first)
        and not (config.lora_rank and (layer is None or len(shape) != 2))
    ]
    for key, patterns in (("train", config.train), ("freeze", config.freeze)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in shapes):
                raise UserError(
                    f"weights.{key} {pattern} matches no parameter; they are called as {next(iter(shapes))}"
                )
    if not chosen:
        raise UserError(
            f"weights.train {', '.join(config.train)} leaves nothing to train; the parameters are called as "
            f"{next(iter(shapes))}"
        )
    return chosen


class LowRank:
    """The difference of one matrix."""

    def __init__(self, name: str, parameter: Parameter, config: WeightsConfig) -> None:
        rows, columns = parameter.shape
        self.scale = config.lora_alpha / config.lora_rank
        self._parameter, self._base = parameter, parameter.detach().clone()
        # A is drawn as peft draws it, from the name alone: uniform within ±1/√k. B = 0, so W = W₀ at the start.
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        drawn = (2 * torch.rand(config.lora_rank, columns, generator=generator) - 1) / math.sqrt(columns)
        self.a = Parameter(drawn.to(parameter.device))
        self.b = Parameter(torch.zeros(rows, config.lora_rank, device=parameter.device))
        parameter.register_post_accumulate_grad_hook(self._project)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def _project(self, parameter: Tensor) -> None:
        assert parameter.grad is not None
        gradient = parameter.grad.float() * self.scale
        parameter.grad = None
        for own, part in ((self.a, self.b.T @ gradient), (self.b, gradient @ self.a.T)):
            own.grad = part if own.grad is None else own.grad + part

    def merged(self) -> Tensor:
        """W, float32."""
        return self._base.float() + self.scale * (self.b.detach() @ self.a.detach())

    @torch.no_grad()
    def publish(self) -> None:
        """Writes W into the model."""
        self._parameter.copy_(self.merged())


def write_adapter(folder: Path, adapters: Mapping[str, LowRank], config: WeightsConfig, base: str) -> None:
    """The adapter as peft reads it (`PeftModel.from_pretrained(model, folder)`)."""
    tensors: dict[str, Tensor] = {}
    for name, one in adapters.items():
        module = f"base_model.model.{name.removesuffix('.weight')}"
        tensors[f"{module}.lora_A.weight"] = one.a.detach().contiguous()
        tensors[f"{module}.lora_B.weight"] = one.b.detach().contiguous()
    described = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": config.lora_rank,
        "lora_alpha": config.lora_alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": sorted(name.removesuffix(".weight") for name in adapters),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
