"""AdamW, or Muon beside it, on float32 master weights, whatever number format the model computes in.

bfloat16 keeps 8 bits of a weight: an update smaller than 1/512 of it would be rounded away, and at the learning rates
of fine-tuning nearly all are. So a model in bfloat16 is a rounded copy of float32 masters; gradients are added up in
float32 over the micro-batches, and the update is made on the masters. A model in float32 is its own master.

AdamW: Loshchilov & Hutter 2019, arXiv:1711.05101. Muon (`sleuth.training.muon`) updates the matrices of the layers;
embeddings, output layer and norms are AdamW's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import AdamW, Optimizer
from transformers import PreTrainedModel

from sleuth.config import OptimizerConfig, Schedule, WeightsConfig
from sleuth.training.lowrank import LowRank, trained
from sleuth.training.muon import Muon

ALL = WeightsConfig()
"""Every weight is trained."""


@dataclass(frozen=True, slots=True)
class Update:
    """What one optimizer step did."""

    grad_norm: float
    """Global norm of the gradient before clipping."""
    skipped: bool
    """The gradient was not finite: weights and optimizer state are as before."""


class MasterOptimizer:
    """Owns the gradients of `model` from its construction on: call `backward()` as often as needed, then `step`."""

    def __init__(self, model: PreTrainedModel, config: OptimizerConfig, weights: WeightsConfig = ALL) -> None:
        """Freezes what `weights` does not train. Raises `UserError` if that is everything."""
        self.config = config
        self._parameters: dict[str, Parameter] = dict(model.named_parameters())  # tied ones once
        self.masters: dict[str, Parameter] = {}
        """Name to float32 weights that are trained, on the model's device: parameters, or parts of LoRA."""
        self.adapters: dict[str, LowRank] = {}
        """Parameter name to its difference, where LoRA trains that."""
        chosen = set(trained(self.shapes, weights))
        for name, parameter in self._parameters.items():
            parameter.requires_grad_(name in chosen)
            if name not in chosen:
                continue
            if weights.lora_rank:
                self.adapters[name] = one = LowRank(name, parameter, weights)
                self.masters |= {f"{name}.lora_A": one.a, f"{name}.lora_B": one.b}
            elif parameter.dtype == torch.float32:
                self.masters[name] = parameter
            else:
                self.masters[name] = master = Parameter(parameter.detach().float())
                parameter.register_post_accumulate_grad_hook(_Accumulate(master))  # type: ignore[no-untyped-call]
        decay = config.weight_decay
        by_muon = {name: p for name, p in self.masters.items() if config.kind == "muon" and is_inner_matrix(name, p)}
        matrices = [p for name, p in self.masters.items() if p.ndim >= 2 and name not in by_muon]
        others = [p for p in self.masters.values() if p.ndim < 2]
        groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
        adamw = AdamW(groups, betas=(config.beta1, config.beta2), fused=True)
        self._factors: list[tuple[Optimizer, float]] = [(adamw, 1.0)]
        """The optimizers, each with what it makes of the learning rate."""
        self._optimizers: dict[str, Optimizer] = dict.fromkeys(self.masters, adamw)
        """By the name of the master that it updates."""
        if by_muon:
            computed_in = next(self._parameters[name].dtype for name in by_muon)
            muon = Muon(by_muon.values(), config.muon_momentum, decay, computed_in)
            self._factors.append((muon, config.muon_factor))
            self._optimizers |= dict.fromkeys(by_muon, muon)

    def step(self, learning_rate: float) -> Update:
        """Clips the gradient collected since the last call, updates masters and model, and forgets the gradient."""
        norm = float(torch.nn.utils.clip_grad_norm_(self.masters.values(), self.config.max_grad_norm))
        skipped = not math.isfinite(norm)
        if not skipped:
            for optimizer, factor in self._factors:
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate * factor
                optimizer.step()
            self.publish()
        self.forget_gradient()
        return Update(norm, skipped)

    def restart(self) -> None:
        """Forgets gradient, means and step count, not the weights: another objective begins."""
        self.forget_gradient()
        for optimizer, _ in self._factors:
            optimizer.state.clear()

    def forget_gradient(self) -> None:
        """Drops what was collected since the last step."""
        for master in self.masters.values():
            master.grad = None

    @torch.no_grad()
    def publish(self) -> None:
        """Rounds the masters into the model, in place: whoever holds a view of a weight sees the new one."""
        for name, parameter in self._parameters.items():
            if name in self.adapters:
                self.adapters[name].publish()
            elif (master := self.masters.get(name)) is not None and parameter is not master:
                parameter.copy_(master)

    @property
    def shapes(self) -> dict[str, torch.Size]:
        """Of the whole model's parameters, by name."""
        return {name: parameter.shape for name, parameter in self._parameters.items()}

    def weights(self) -> dict[str, Tensor]:
        """The whole model, float32: parameter name to what is trained, what LoRA came to, or what is frozen."""
        return {
            name: self.adapters[name].merged()
            if name in self.adapters
            else self.masters.get(name, parameter).detach().float()
            for name, parameter in self._parameters.items()
        }

    def state(self) -> dict[str, Tensor]:
        """The optimizers' state as `<name>/<part>` to tensor, no copies; of LoRA also its parts, as `<name>/master`."""
        parts = {
            f"{name}/{part}": value
            for name, master in self.masters.items()
            for part, value in self._optimizers[name].state.get(master, {}).items()
        }
        own = {
            f"{name}/master": master.detach() for name, master in self.masters.items() if name not in self._parameters
        }
        return parts | own

    def load(self, weights: dict[str, Tensor], state: dict[str, Tensor]) -> None:
        """Puts back weights and state, bit for bit; names and shapes must be this model's. State of what is not trained
        here is passed over."""
        assert weights.keys() == self._parameters.keys(), "the checkpoint is of another model"
        self.restart()
        with torch.no_grad():
            for name, master in self.masters.items():
                master.copy_(state[f"{name}/master"] if name not in self._parameters else weights[name])
            for name, parameter in self._parameters.items():
                if name not in self.masters and name not in self.adapters:
                    parameter.copy_(weights[name])
        for key, value in state.items():
            name, _, part = key.rpartition("/")
            if part != "master" and name in self.masters:
                master = self.masters[name]
                self._optimizers[name].state[master][part] = value.to(master.device)
        self.publish()


def is_inner_matrix(name: str, weight: Tensor) -> bool:
    """Whether a parameter, by its name in transformers' models, is a matrix of a layer: what Muon is for."""
    return weight.ndim == 2 and ".layers." in name


class _Accumulate:
    """Moves a parameter's gradient into its master's, in float32, as soon as a backward pass has it whole.

    The memory is kept from step to step: asking the system for it again takes longer than the sum.
    """

    def __init__(self, master: Parameter) -> None:
        self.master = master
        self.sum: Tensor | None = None

    def __call__(self, parameter: Tensor) -> None:
        assert parameter.grad is not None
        if self.sum is None:
            self.master.grad = self.sum = parameter.grad.float()
        elif self.master.grad is None:
            self.master.grad = self.sum.copy_(parameter.grad)
        else:
            self.master.grad += parameter.grad
        parameter.grad = None


def scheduled_rate(step: int, peak: float, warmup_steps: int, total_steps: int, schedule: Schedule) -> float:
    """The learning rate of step 0, 1, …: 1/(w + 1), 2/(w + 1), … of the peak, the peak after w = `warmup_steps`, then
    down to a tenth of it in the last step, on a straight line or on half a wave of the cosine, or no more down at
    all."""
    if step < warmup_steps:
        return peak * (step + 1) / (warmup_steps + 1)
    over = (step - warmup_steps) / max(1, total_steps - 1 - warmup_steps)
    match schedule:
        case "linear":
            return peak * (1 - 0.9 * over)
        case "cosine":
            return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * over)))
        case "constant":
            return peak
