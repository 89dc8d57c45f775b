"""Many completions of a few prompts as one flat sequence of real tokens: each prompt is computed once.

In GRPO (Group Relative Policy Optimization) the completions of a group share their prompt. Here a prompt is a segment
of its own, attends to itself causally, and its completions attend to it and, causally, to themselves; the matrix
products of the model see one sequence of T tokens without any padding. Only attention pads, within blocks of segments
of similar length. Masks come from positions, never from token values.

A completion's last token predicts nothing, so it is a target but never an input. Positions whose hidden states
predict a completion token are the prompt's last and all of the completion but its last.

Left out: sliding-window attention, attention sinks and capped logits (refused with a clear error), dropout.

Shapes: T tokens computed, N completion tokens predicted, H heads, K heads of keys and values, R = H / K, D head width,
V vocabulary, E hidden width; in a block, S segments of at most L tokens behind a shared prefix of P tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, PreTrainedModel

from sleuth.errors import UserError

PADDING_LIMIT = 1.25
"""Rows of an attention block, padding included, per real row."""
CHUNK_TOKENS = 512
"""Rows of logits that exist at one time: 512 × 49,152 float32 values are 100 MB."""


@dataclass(frozen=True, slots=True)
class Group:
    """A prompt and the completions to be trained on; none of them empty."""

    prompt_tokens: Sequence[int]
    completions: Sequence[Sequence[int]]

    @property
    def computed_tokens(self) -> int:
        """Tokens that go through the model."""
        return len(self.prompt_tokens) + sum(len(tokens) - 1 for tokens in self.completions)

    @property
    def predicted_tokens(self) -> int:
        """Completion tokens: those that losses are about."""
        return sum(map(len, self.completions))


@dataclass(frozen=True, slots=True)
class Block:
    """Segments that attend side by side: to the prefix they share, then causally to themselves."""

    prefix: slice
    """Rows of the flat sequence that every segment sees whole; empty for a prompt."""
    rows: Tensor
    """S × L rows of the flat sequence; a segment shorter than L repeats its last row."""
    real: Tensor | None
    """Positions in rows.flatten() that are no padding; None if all are."""
    future: Tensor
    """L × L bool, True where a query must not look among its own. Keys that pad come after every real query."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch as one flat sequence."""

    tokens: Tensor
    """T."""
    positions: Tensor
    """T; every completion counts on from its prompt."""
    predictors: Tensor
    """N rows of the flat sequence whose hidden states predict the completion tokens, in the order of the groups, their
    completions and their tokens."""
    targets: Tensor
    """N completion tokens."""
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class _Segment:
    prefix: tuple[int, int]
    start: int
    length: int


def pack(groups: Sequence[Group], device: torch.device | str = "cpu") -> Packed:
    """Lays out the groups one after the other: prompt, then its completions without their last tokens.

    A group of one completion is a plain causal sequence.
    """
    tokens: list[int] = []
    positions: list[int] = []
    predictors: list[int] = []
    targets: list[int] = []
    segments: list[_Segment] = []
    for group in groups:
        prompt_start, prompt_length = len(tokens), len(group.prompt_tokens)
        assert prompt_length and group.completions and all(group.completions), "a prompt or a completion has no tokens"
        tokens += group.prompt_tokens
        positions += range(prompt_length)
        prefix = (prompt_start, prompt_start + prompt_length)
        for completion in group.completions:
            start, inputs = len(tokens), len(completion) - 1
            tokens += completion[:-1]
            positions += range(prompt_length, prompt_length + inputs)
            predictors += [prefix[1] - 1, *range(start, start + inputs)]
            targets += completion
            if inputs and len(group.completions) > 1:
                segments.append(_Segment(prefix, start, inputs))
        alone = len(tokens) - prompt_start if len(group.completions) == 1 else prompt_length
        segments.append(_Segment((0, 0), prompt_start, alone))

    def tensor(values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    return Packed(
        tensor(tokens), tensor(positions), tensor(predictors), tensor(targets), tuple(_blocks(segments, device))
    )


def _blocks(segments: Sequence[_Segment], device: torch.device | str) -> Iterator[Block]:
    """Segments of one prefix and of similar length, side by side."""
    ordered = sorted(segments, key=lambda s: (s.prefix, s.length, s.start))
    for _, alike in groupby(ordered, key=lambda s: s.prefix):
        block: list[_Segment] = []
        for segment in alike:
            real = sum(s.length for s in block) + segment.length
            if block and segment.length * (len(block) + 1) > PADDING_LIMIT * real:
                yield _block(block, device)
                block = []
            block.append(segment)
        yield _block(block, device)


def _block(segments: Sequence[_Segment], device: torch.device | str) -> Block:
    prefix = slice(*segments[0].prefix)
    starts_S = torch.tensor([s.start for s in segments], device=device)
    lengths_S = torch.tensor([s.length for s in segments], device=device)
    steps_L = torch.arange(int(lengths_S.max()), device=device)
    rows = starts_S[:, None] + torch.minimum(steps_L, lengths_S[:, None] - 1)
    real_SL = steps_L < lengths_S[:, None]
    future = steps_L > steps_L[:, None]
    return Block(prefix, rows, None if bool(real_SL.all()) else real_SL.flatten().nonzero().flatten(), future)


def micro_batches(groups: Sequence[Group], max_tokens: int) -> list[list[Group]]:
    """Splits a batch into parts of at most `max_tokens` computed tokens, keeping the order of groups and completions.

    A group above the limit is split by completions, its prompt computed in every part; a single completion with its
    prompt is never split, whatever the limit.
    """
    batches: list[list[Group]] = []
    room = 0
    for group in groups:
        for part in _parts(group, max_tokens):
            if part.computed_tokens > room:
                batches.append([])
                room = max_tokens
            batches[-1].append(part)
            room -= part.computed_tokens
    return batches


def _parts(group: Group, max_tokens: int) -> Iterator[Group]:
    first = 0
    used = len(group.prompt_tokens)
    for index, completion in enumerate(group.completions):
        inputs = len(completion) - 1
        if index > first and used + inputs > max_tokens:
            yield Group(group.prompt_tokens, group.completions[first:index])
            first, used = index, len(group.prompt_tokens)
        used += inputs
    yield Group(group.prompt_tokens, group.completions[first:])


class _PackedAttention(torch.autograd.Function):
    """softmax(q kᵀ · scale) v block by block, as batched matrix products.

    On CPU in bfloat16 this is faster, forward and backward, than PyTorch's fused attention. Probabilities are kept for
    the backward pass in the format of the inputs.
    """

    @staticmethod
    def forward(
        ctx: Any, q_THD: Tensor, k_TKD: Tensor, v_TKD: Tensor, blocks: tuple[Block, ...], scale: float
    ) -> Tensor:
        out_THD = torch.empty_like(q_THD, memory_format=torch.contiguous_format)
        kept = []
        for block in blocks:
            q, k, v = _side_by_side(q_THD, k_TKD, v_TKD, block)
            scores = _scaled_bmm(q, k.transpose(1, 2), scale)
            L = len(block.future)
            scores.view(-1, L, scores.shape[-1])[..., -L:].masked_fill_(block.future, -torch.inf)
            probs = torch.softmax(scores, dim=-1)
            kept.append(probs)
            _scatter(out_THD, torch.bmm(probs, v), block)
        ctx.save_for_backward(q_THD, k_TKD, v_TKD, *kept)
        ctx.blocks, ctx.scale = blocks, scale
        return out_THD

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad_THD,) = grads
        q_THD, k_TKD, v_TKD, *kept = ctx.saved_tensors
        dq_THD = torch.empty_like(q_THD, memory_format=torch.contiguous_format)
        # A prompt's keys and values gather gradients from all blocks behind it: summed in float32.
        dk_TKD = torch.zeros(k_TKD.shape, dtype=torch.float32, device=k_TKD.device)
        dv_TKD = torch.zeros_like(dk_TKD)
        for block, probs in zip(ctx.blocks, kept, strict=True):
            q, k, v = _side_by_side(q_THD, k_TKD, v_TKD, block)
            grad = _queries(grad_THD, block, k_TKD.shape[1], zero_padding=True)
            dprobs = torch.bmm(grad, v.transpose(1, 2))
            dscores = torch._softmax_backward_data(dprobs, probs, -1, probs.dtype)
            _scatter(dq_THD, _scaled_bmm(dscores, k, ctx.scale), block)
            _add_keys(dk_TKD, _scaled_bmm(dscores.transpose(1, 2), q, ctx.scale), block)
            _add_keys(dv_TKD, torch.bmm(probs.transpose(1, 2), grad), block)
        return dq_THD, dk_TKD.to(k_TKD.dtype), dv_TKD.to(v_TKD.dtype), None, None


def _scaled_bmm(a: Tensor, b: Tensor, scale: float) -> Tensor:
    """scale · a b: cheaper within the product than as a pass over the result."""
    return torch.baddbmm(a.new_empty(1), a, b, beta=0, alpha=scale)


def _queries(x_THD: Tensor, block: Block, K: int, zero_padding: bool = False) -> Tensor:
    """T×H×D to (S·K) × (R·L) × D: the R query heads of a key head are rows of one product."""
    S, L = block.rows.shape
    _, H, D = x_THD.shape
    x = x_THD[block.rows.flatten()]
    if zero_padding and block.real is not None:
        padded = torch.ones(S * L, dtype=torch.bool, device=x.device)
        padded[block.real] = False
        x = x.masked_fill_(padded[:, None, None], 0)
    return x.view(S, L, K, H // K, D).permute(0, 2, 3, 1, 4).reshape(S * K, H // K * L, D)


def _keys(x_TKD: Tensor, block: Block) -> Tensor:
    """T×K×D to (S·K) × (P+L) × D."""
    S, L = block.rows.shape
    _, K, D = x_TKD.shape
    own = x_TKD[block.rows.flatten()].view(S, L, K, D)
    both = torch.cat([x_TKD[block.prefix].expand(S, -1, K, D), own], dim=1)
    return both.transpose(1, 2).reshape(S * K, -1, D)


def _side_by_side(q_THD: Tensor, k_TKD: Tensor, v_TKD: Tensor, block: Block) -> tuple[Tensor, Tensor, Tensor]:
    return _queries(q_THD, block, k_TKD.shape[1]), _keys(k_TKD, block), _keys(v_TKD, block)


def _scatter(out_THD: Tensor, rows: Tensor, block: Block) -> None:
    """The inverse of `_queries`; padding is dropped."""
    S, L = block.rows.shape
    _, H, D = out_THD.shape
    K = rows.shape[0] // S
    x = rows.view(S, K, H // K, L, D).permute(0, 3, 1, 2, 4).reshape(S * L, H, D)
    index = block.rows.flatten()
    if block.real is not None:
        x, index = x[block.real], index[block.real]
    out_THD[index] = x


def _add_keys(out_TKD: Tensor, rows: Tensor, block: Block) -> None:
    """The inverse of `_keys` for gradients: the prefix's are summed over the segments, padding's are 0."""
    S, L = block.rows.shape
    _, K, D = out_TKD.shape
    both = rows.view(S, K, -1, D).transpose(1, 2)
    P = both.shape[1] - L
    out_TKD[block.prefix] += both[:, :P].sum(0, dtype=out_TKD.dtype)
    own, index = both[:, P:].reshape(S * L, K, D), block.rows.flatten()
    if block.real is not None:
        own, index = own[block.real], index[block.real]
    out_TKD[index] += own


def _attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    packed: Packed | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface: query 1×H×T×D, key and value 1×K×T×D to 1×T×H×D."""
    assert packed is not None and attention_mask is None and query.shape[0] == 1
    window = kwargs.get("sliding_window")
    if window is not None and int(packed.positions.max()) >= window:
        raise UserError(
            f"training needs full attention: a sequence is longer than the model's window of {window} tokens"
        )
    if kwargs.get("softcap") is not None or kwargs.get("s_aux") is not None:
        raise UserError("training does not know this model's attention (capped scores or sinks); take another model")
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    out_THD = _PackedAttention.apply(q, k, v, packed.blocks, scale)  # type: ignore[no-untyped-call]
    return out_THD[None], None


ATTENTION = "sleuth_packed"
AttentionInterface.register(ATTENTION, _attention)


@contextmanager
def _packed_attention(model: PreTrainedModel) -> Iterator[None]:
    """The model's own attention comes back afterwards: the sampler uses the same model."""
    before = model.config._attn_implementation
    model.set_attn_implementation(ATTENTION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


class _TokenLogprobs(torch.autograd.Function):
    """Log-probabilities of tokens from hidden states, without ever holding N × V values.

    The logits of a chunk are computed, reduced and dropped, and computed again in the backward pass.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden_NE: Tensor, weight_VE: Tensor, bias_V: Tensor | None, targets_N: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        logprobs, entropies, normalisers = [], [], []
        for hidden, targets in zip(
            torch.split(hidden_NE, CHUNK_TOKENS), torch.split(targets_N, CHUNK_TOKENS), strict=True
        ):
            logits = torch.nn.functional.linear(hidden, weight_VE, bias_V).float().div_(temperature)
            chosen = logits.gather(1, targets[:, None])[:, 0]
            top = logits.amax(1, keepdim=True)
            weights = (logits - top).exp_()
            total = weights.sum(1)
            normaliser = total.log() + top[:, 0]
            logprobs.append(chosen - normaliser)
            entropies.append(normaliser - torch.linalg.vecdot(weights, logits) / total)
            normalisers.append(normaliser)
        normalisers_N = torch.cat(normalisers)
        ctx.save_for_backward(hidden_NE, weight_VE, bias_V, targets_N, normalisers_N)
        ctx.temperature = temperature
        entropy_N = torch.cat(entropies)
        ctx.mark_non_differentiable(entropy_N)
        return torch.cat(logprobs), entropy_N

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad_N = grads[0] / ctx.temperature
        hidden_NE, weight_VE, bias_V, targets_N, normalisers_N = ctx.saved_tensors
        dhidden = []
        dweight_VE = torch.zeros(weight_VE.shape, dtype=torch.float32, device=weight_VE.device)
        dbias_V = None if bias_V is None else torch.zeros_like(bias_V, dtype=torch.float32)
        for hidden, targets, normaliser, grad in zip(
            *(torch.split(x, CHUNK_TOKENS) for x in (hidden_NE, targets_N, normalisers_N, grad_N)), strict=True
        ):
            logits = torch.nn.functional.linear(hidden, weight_VE, bias_V).float().div_(ctx.temperature)
            dlogits = logits.sub_(normaliser[:, None]).exp_().mul_(-grad[:, None])
            dlogits.scatter_add_(1, targets[:, None], grad[:, None])
            if dbias_V is not None:
                dbias_V += dlogits.sum(0)
            dlogits = dlogits.to(hidden.dtype)
            dhidden.append(dlogits @ weight_VE)
            dweight_VE += dlogits.T @ hidden
        dbias = None if bias_V is None or dbias_V is None else dbias_V.to(bias_V.dtype)
        return torch.cat(dhidden), dweight_VE.to(weight_VE.dtype), dbias, None, None


def completion_logprobs(model: PreTrainedModel, packed: Packed, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Natural log-probabilities of the N completion tokens at the temperature, and the entropies (in nats, without
    gradient) of the distributions they were drawn from; both float32, in the order of `packed.targets`.

    Works with every causal model that goes through transformers' attention interface; raises `UserError` for one that
    does more to its logits than a linear map.
    """
    for key in ("final_logit_softcapping", "logits_scaling", "logit_scale"):
        if getattr(model.config, key, None) not in (None, 1.0):
            raise UserError(f"training does not know {key!r} of {type(model).__name__}; take another model")
    with _packed_attention(model):
        hidden_TE = model.base_model(
            input_ids=packed.tokens[None], position_ids=packed.positions[None], use_cache=False, packed=packed
        ).last_hidden_state[0]
    head = model.get_output_embeddings()
    logprobs_N, entropy_N = _TokenLogprobs.apply(  # type: ignore[no-untyped-call]
        hidden_TE[packed.predictors], head.weight, head.bias, packed.targets, temperature
    )
    return logprobs_N, entropy_N
