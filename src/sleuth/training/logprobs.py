"""Log-probabilities of the completion tokens of a packed batch, with gradient.

On processors for which the C++ kernels are made, models that `sleuth.policy.architecture` describes go through
`sleuth.training.packed_forward`; all others, through transformers' own forward pass.

Where completions were constrained to a grammar, the distributions are those over what it allowed: only the logits of
tokens that it allowed somewhere in the batch are computed, for they are few.

Shapes: T tokens computed, N completion tokens predicted, U tokens of the vocabulary that are allowed somewhere (all,
where nothing is constrained), C rows of a chunk, E hidden width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sleuth.errors import UserError
from sleuth.policy import architecture
from sleuth.policy.constraint import columns
from sleuth.policy.native import functions
from sleuth.training import kernels, packed_forward
from sleuth.training.attention import checkpointed_layers, packed_attention
from sleuth.training.packing import Packed

CHUNK_TOKENS = 1024
"""Rows of logits that exist at one time: 1024 × 49,152 values in bfloat16 are 100 MB."""
NOT_ALLOWED = -1e30
"""Logit of a token that could not be drawn: its probability and its gradient are exactly 0, and, unlike minus infinity,
it makes 0 of its part in the entropy."""


class _TokenLogprobs(torch.autograd.Function):
    """Log-probabilities of tokens from hidden states, without ever holding N × U values.

    The logits of a chunk are computed, reduced and dropped, and computed again in the backward pass.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_NE: Tensor,
        weight_UE: Tensor,
        bias_U: Tensor | None,
        targets_N: Tensor,
        temperature: float,
        allowed_NU: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        chunks = []
        for rows in _chunks(len(hidden_NE)):
            logits = _logits(hidden_NE[rows], weight_UE, bias_U, allowed_NU, rows)
            measure = kernels.logprobs if functions.available(weight_UE) else _logprobs
            chunks.append(measure(logits, targets_N[rows], temperature))
        logprobs_N, entropy_N, normalisers_N = (torch.cat(parts) for parts in zip(*chunks, strict=True))
        ctx.save_for_backward(hidden_NE, weight_UE, bias_U, targets_N, normalisers_N, entropy_N, allowed_NU)
        ctx.temperature = temperature
        ctx.set_materialize_grads(False)
        return logprobs_N, entropy_N

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden_NE, weight_UE, bias_U, targets_N, normalisers_N, entropy_N, allowed_NU = ctx.saved_tensors
        grad_N = torch.zeros_like(entropy_N) if grads[0] is None else grads[0].contiguous()
        entropy_grad_N = torch.zeros_like(entropy_N) if grads[1] is None else grads[1].contiguous()
        native = functions.available(weight_UE) and grads[1] is None
        dhidden = []
        dweight_UE = torch.zeros(weight_UE.shape, dtype=torch.float32, device=weight_UE.device)
        dbias_U = None if bias_U is None else torch.zeros_like(bias_U, dtype=torch.float32)
        for rows in _chunks(len(hidden_NE)):
            hidden, targets, normaliser, grad = hidden_NE[rows], targets_N[rows], normalisers_N[rows], grad_N[rows]
            dlogits = _logits(hidden, weight_UE, bias_U, allowed_NU, rows)
            if native:
                kernels.logprobs_backward(dlogits, targets, normaliser, grad, ctx.temperature)
            else:
                entropies = entropy_N[rows], entropy_grad_N[rows]
                _logprobs_backward(dlogits, targets, normaliser, grad, ctx.temperature, *entropies)
            if dbias_U is not None:
                dbias_U += dlogits.sum(0, dtype=torch.float32)
            dhidden.append(dlogits @ weight_UE)
            dweight_UE += dlogits.T @ hidden
        dbias = None if bias_U is None or dbias_U is None else dbias_U.to(bias_U.dtype)
        return torch.cat(dhidden), dweight_UE.to(weight_UE.dtype), dbias, None, None, None


def _chunks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, CHUNK_TOKENS):
        yield slice(start, min(start + CHUNK_TOKENS, rows))


def _logits(
    hidden_CE: Tensor, weight_UE: Tensor, bias_U: Tensor | None, allowed_NU: Tensor | None, rows: slice
) -> Tensor:
    logits_CU = torch.nn.functional.linear(hidden_CE, weight_UE, bias_U)
    return logits_CU if allowed_NU is None else logits_CU.masked_fill_(~allowed_NU[rows], NOT_ALLOWED)


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
    if described is not None and packed_forward.fits(described, packed):
        hidden_TE = packed_forward.hidden_states(described, packed, checkpointing)
    else:
        with packed_attention(model), checkpointed_layers(model) if checkpointing else nullcontext():
            hidden_TE = model.base_model(
                input_ids=packed.tokens[None], position_ids=packed.positions[None], use_cache=False, packed=packed
            ).last_hidden_state[0]
    head = model.get_output_embeddings()
    weight, bias, targets_N, allowed_NU = head.weight, head.bias, packed.targets, None
    if packed.allowed is not None:
        tokens_U, allowed_NU = (torch.from_numpy(found).to(weight.device) for found in columns(packed.allowed))
        weight, bias = weight.index_select(0, tokens_U), None if bias is None else bias[tokens_U]
        targets_N = torch.searchsorted(tokens_U, targets_N)
    logprobs_N, entropy_N = _TokenLogprobs.apply(  # type: ignore[no-untyped-call]
        hidden_TE[packed.predictors], weight, bias, targets_N, temperature, allowed_NU
    )
    return logprobs_N, entropy_N
