"""Sampling tokens: one uniform number per row, looked up in the cumulative distribution.

The number is a function of (seed, request key, sample, position) alone, so that a completion does not depend on what is
computed beside it (in float32, up to a draw that falls within rounding of a boundary: about one in a hundred thousand
tokens). torch.multinomial does the same from one global stream and takes thirty times as long for a large vocabulary.

Shapes: B rows, V vocabulary.
"""

from __future__ import annotations

import ctypes
import hashlib

import torch
from torch.nn import functional

from sleuth.policy.native.build import library

CHUNK = 256
"""Tokens whose probabilities are summed first; the search looks at V / 256 sums, then inside one chunk."""


class Draws:
    """The uniform numbers of one completion, by position."""

    def __init__(self, seed: tuple[int, ...], key: str, sample: int) -> None:
        self._state = hashlib.blake2b(repr((seed, key, sample)).encode(), digest_size=8)

    def at(self, position: int) -> float:
        """A multiple of 2^-53 in [0, 1)."""
        state = self._state.copy()
        state.update(position.to_bytes(8, "little"))
        return (int.from_bytes(state.digest(), "little") >> 11) * 2.0**-53


def likeliest(logits_BV: torch.Tensor, temperature: float, top_k: int, top_p: float) -> torch.Tensor:
    """The logits, minus infinity where `Sampling.top_k` and `top_p` leave a token out, so that `sample_tokens` samples
    from the rest. Of equal ones, those of lower number are likelier. At least one token stays."""
    sorted_BV, order_BV = logits_BV.sort(dim=-1, descending=True, stable=True)
    if top_k:
        sorted_BV, order_BV = sorted_BV[:, :top_k], order_BV[:, :top_k]
    if top_p < 1:
        upto_BV = (sorted_BV.double() / temperature).softmax(-1).cumsum(-1)
        before_BV = functional.pad(upto_BV[:, :-1], (1, 0))
        sorted_BV = sorted_BV.masked_fill(before_BV >= top_p, -torch.inf)
    return torch.full_like(logits_BV, -torch.inf).scatter_(-1, order_BV, sorted_BV)


def sample_tokens(
    logits_BV: torch.Tensor, uniforms: list[float] | None, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """One token per row and its natural log-probability in float32: `(tokens_B, logprobs_B)`.

    `uniforms` is one number in [0, 1) per row; at temperature 0 it is not looked at, the likeliest token is taken and
    its log-probability is that under temperature 1. A token of probability 0 is never drawn.
    """
    native = library() if logits_BV.device.type == "cpu" and logits_BV.dtype == torch.float32 else None
    if native is not None:
        return _sample_natively(native, logits_BV.contiguous(), uniforms, temperature)
    scale = temperature or 1.0
    highest_B1, tokens_B1 = logits_BV.max(-1, keepdim=True)
    highest_B1 = highest_B1.float()
    # In place from here on: with tens of thousands of tokens each fresh tensor costs more than its arithmetic.
    weights_BV = logits_BV.to(torch.float32, copy=True).sub_(highest_B1)
    if scale != 1:
        weights_BV.div_(scale)
    weights_BV.exp_()
    padding = -weights_BV.shape[1] % CHUNK
    if padding:
        weights_BV = functional.pad(weights_BV, (0, padding))
    weights_BCK = weights_BV.view(len(weights_BV), -1, CHUNK)
    chunks_BC = weights_BCK.sum(-1).double().cumsum(-1)
    totals_B1 = chunks_BC[:, -1:]
    if temperature > 0:
        assert uniforms is not None and len(uniforms) == len(logits_BV)
        sought_B1 = torch.tensor(uniforms, dtype=torch.float64, device=logits_BV.device)[:, None] * totals_B1
        chunk_B1 = _search(chunks_BC, sought_B1)
        before_B1 = chunks_BC.gather(1, (chunk_B1 - 1).clamp(min=0)) * (chunk_B1 > 0)
        inside_BK = weights_BCK[torch.arange(len(chunk_B1), device=chunk_B1.device), chunk_B1[:, 0]].double().cumsum(-1)
        tokens_B1 = chunk_B1 * CHUNK + _search(inside_BK, sought_B1 - before_B1)
    logprobs_B1 = (logits_BV.gather(1, tokens_B1).double() - highest_B1) / scale - totals_B1.log()
    return tokens_B1[:, 0], logprobs_B1[:, 0].float()


def _sample_natively(
    native: ctypes.CDLL, logits_BV: torch.Tensor, uniforms: list[float] | None, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same in C++ (`sample.cpp`)."""
    rows, vocabulary = logits_BV.shape
    tokens_B, logprobs_B = torch.empty(rows, dtype=torch.long), torch.empty(rows)
    uniforms_B = torch.tensor(uniforms, dtype=torch.float64) if temperature > 0 else None
    assert uniforms_B is None or len(uniforms_B) == rows
    native.sleuth_draw(
        logits_BV.data_ptr(),
        None if uniforms_B is None else uniforms_B.data_ptr(),
        *(rows, vocabulary, 1 / (temperature or 1.0)),
        tokens_B.data_ptr(),
        logprobs_B.data_ptr(),
    )
    return tokens_B, logprobs_B


def _search(cumulative_BN: torch.Tensor, sought_B1: torch.Tensor) -> torch.Tensor:
    """The first place whose cumulative weight exceeds what is sought; rounding never carries it past the last one."""
    totals_B1 = cumulative_BN[:, -1:]
    below_B1 = torch.minimum(sought_B1, torch.nextafter(totals_B1, torch.zeros_like(totals_B1)))
    return torch.searchsorted(cumulative_BN, below_B1, right=True)
