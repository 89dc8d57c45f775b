"""Log-probabilities of the completion tokens of a packed batch, with gradient.

In bfloat16 on processors for which the C++ kernels are made, models that `sleuth.policy.architecture` describes go
through `sleuth.training.stack`; all others, through transformers' own forward pass.

Shapes: T tokens computed, N completion tokens predicted, V vocabulary, E hidden width.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sleuth.errors import UserError
from sleuth.policy import architecture
from sleuth.training import kernels, stack
from sleuth.training.attention import checkpointed_layers, packed_attention
from sleuth.training.packing import Packed

CHUNK_TOKENS = 1024
"""Rows of logits that exist at one time: 1024 × 49,152 values in bfloat16 are 100 MB."""


class _TokenLogprobs(torch.autograd.Function):
    """Log-probabilities of tokens from hidden states, without ever holding N × V values.

    The logits of a chunk are computed, reduced and dropped, and computed again in the backward pass.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden_NE: Tensor, weight_VE: Tensor, bias_V: Tensor | None, targets_N: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        chunks = []
        for hidden, targets in zip(*(torch.split(x, CHUNK_TOKENS) for x in (hidden_NE, targets_N)), strict=True):
            logits = torch.nn.functional.linear(hidden, weight_VE, bias_V)
            measure = kernels.logprobs if kernels.available(weight_VE) else _logprobs
            chunks.append(measure(logits, targets, temperature))
        logprobs_N, entropy_N, normalisers_N = (torch.cat(parts) for parts in zip(*chunks, strict=True))
        ctx.save_for_backward(hidden_NE, weight_VE, bias_V, targets_N, normalisers_N, entropy_N)
        ctx.temperature = temperature
        ctx.set_materialize_grads(False)
        return logprobs_N, entropy_N

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden_NE, weight_VE, bias_V, targets_N, normalisers_N, entropy_N = ctx.saved_tensors
        grad_N = torch.zeros_like(entropy_N) if grads[0] is None else grads[0].contiguous()
        entropy_grad_N = torch.zeros_like(entropy_N) if grads[1] is None else grads[1].contiguous()
        native = kernels.available(weight_VE) and grads[1] is None
        dhidden = []
        dweight_VE = torch.zeros(weight_VE.shape, dtype=torch.float32, device=weight_VE.device)
        dbias_V = None if bias_V is None else torch.zeros_like(bias_V, dtype=torch.float32)
        rows = (hidden_NE, targets_N, normalisers_N, grad_N, entropy_N, entropy_grad_N)
        for hidden, targets, normaliser, grad, entropy, entropy_grad in zip(
            *(torch.split(x, CHUNK_TOKENS) for x in rows), strict=True
        ):
            dlogits = torch.nn.functional.linear(hidden, weight_VE, bias_V)
            if native:
                kernels.logprobs_backward(dlogits, targets, normaliser, grad, ctx.temperature)
            else:
                _logprobs_backward(dlogits, targets, normaliser, grad, ctx.temperature, entropy, entropy_grad)
            if dbias_V is not None:
                dbias_V += dlogits.sum(0, dtype=torch.float32)
            dhidden.append(dlogits @ weight_VE)
            dweight_VE += dlogits.T @ hidden
        dbias = None if bias_V is None or dbias_V is None else dbias_V.to(bias_V.dtype)
        return torch.cat(dhidden), dweight_VE.to(weight_VE.dtype), dbias, None, None


def _logprobs(logits_CV: Tensor, targets_C: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    """As `kernels.logprobs`, for every number format and device."""
    logits = logits_CV.float().div_(temperature)
    top = logits.amax(1, keepdim=True)
    weights = (logits - top).exp_()
    total = weights.sum(1)
    normaliser = total.log() + top[:, 0]
    chosen = logits.gather(1, targets_C[:, None])[:, 0]
    return chosen - normaliser, normaliser - torch.linalg.vecdot(weights, logits) / total, normaliser


def _logprobs_backward(
    logits_CV: Tensor,
    targets_C: Tensor,
    normalisers_C: Tensor,
    grad_C: Tensor,
    temperature: float,
    entropy_C: Tensor,
    entropy_grad_C: Tensor,
) -> None:
    """As `kernels.logprobs_backward`, for every number format and device, and with the gradient of the entropies H:
    dH / dlogits = −p (log p + H) / temperature."""
    grad, entropy_grad = grad_C[:, None] / temperature, entropy_grad_C[:, None] / temperature
    logprobs_CV = (logits_CV.float() / temperature).sub_(normalisers_C[:, None])
    factor_CV = -grad - entropy_grad * (logprobs_CV + entropy_C[:, None])
    dlogits = logprobs_CV.exp_().mul_(factor_CV)
    dlogits.scatter_add_(1, targets_C[:, None], grad)
    logits_CV.copy_(dlogits)


def completion_logprobs(
    model: PreTrainedModel, packed: Packed, temperature: float = 1.0, checkpointing: bool = False
) -> tuple[Tensor, Tensor]:
    """Natural log-probabilities of the N completion tokens at the temperature, and the entropies (in nats) of the
    distributions they were drawn from; both float32, with gradient, in the order of `packed.targets`. checkpointing:
    the backward pass computes each layer again instead of finding its activations in memory.

    Works with every causal model that goes through transformers' attention interface; raises `UserError` for one that
    does more to its logits than a linear map.
    """
    for key in ("final_logit_softcapping", "logits_scaling", "logit_scale"):
        if getattr(model.config, key, None) not in (None, 1.0):
            raise UserError(f"training does not know {key!r} of {type(model).__name__}; take another model")
    described = architecture.read(model)
    if described is not None and stack.fits(described, packed):
        hidden_TE = stack.hidden_states(described, packed, checkpointing)
    else:
        with packed_attention(model), checkpointed_layers(model) if checkpointing else nullcontext():
            hidden_TE = model.base_model(
                input_ids=packed.tokens[None], position_ids=packed.positions[None], use_cache=False, packed=packed
            ).last_hidden_state[0]
    head = model.get_output_embeddings()
    logprobs_N, entropy_N = _TokenLogprobs.apply(  # type: ignore[no-untyped-call]
        hidden_TE[packed.predictors], head.weight, head.bias, packed.targets, temperature
    )
    return logprobs_N, entropy_N
