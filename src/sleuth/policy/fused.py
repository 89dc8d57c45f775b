"""The decoder made of torch operations, for Llama and its kin: fused projections, and prompts that rows share.

The weights of q, k and v, and of gate and up, are copied side by side when the decoder is made, once per call of
`TorchPolicy.rollout`, so that it works with the weights as training left them. In bfloat16 on a CPU all are copied,
into the layout that the product reads fastest; the copies live as long as the decoder.

Where every prompt has several rows, its keys and values are kept once and met by the queries of all of them in one
matrix product (as in "Hydragen", Juravsky et al. 2024, here with one softmax over both parts); a row keeps only its own
tokens. Where a prompt has one row, both lie in the row's cache, for scaled-dot-product attention.

In float32 on a processor for which the C++ library is built, what lies between the matrix products is C++
(`sleuth.policy.native.functions`), attention included; a prompt is then always kept once.

Shapes: B rows, P prompt tokens, T cached tokens, H query heads, K key/value heads, R = H / K, D head size, E hidden
size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch.nn import functional

from sleuth.policy.architecture import Architecture, Layer
from sleuth.policy.decoder import after_drop
from sleuth.policy.native import functions

WIDTH = 16
"""Attention looks at a multiple of so many cached tokens: oneDNN prepares each new shape anew."""
TYPICAL_ROWS = 32
"""What oneDNN lays weights out for."""
BLOCK = 64
"""Caches grow by at least so many tokens."""
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "silu": functional.silu,
    "tanh": lambda x: functional.gelu(x, approximate="tanh"),
}

Attend: TypeAlias = Callable[[int, torch.Tensor], torch.Tensor]
"""(layer, queries, keys and values side by side: N×A×D, A = H + 2 K) -> N×(H D)"""


@dataclass(frozen=True)
class Prefix:
    """A prompt's keys and values, one K×P×D tensor per layer."""

    keys: list[torch.Tensor]
    values: list[torch.Tensor]
    tokens: int

    @cached_property
    def addresses(self) -> list[list[int]]:
        """Of each layer: where its keys and its values lie."""
        return [[one.data_ptr() for one in pair] for pair in zip(self.keys, self.values, strict=True)]


class _Linear:
    """One or several projections of the same input, computed as one."""

    def __init__(self, *parts: Any) -> None:
        first = parts[0].weight
        weight = first if len(parts) == 1 else torch.cat([part.weight for part in parts])
        self._bias = None if parts[0].bias is None else torch.cat([part.bias for part in parts])
        # oneDNN lays a bfloat16 weight out anew in every product unless it is given in that layout. The two operations
        # are those of torch's own compiler, not public, so they are used only where they are found.
        self._packed = first.device.type == "cpu" and first.dtype == torch.bfloat16 and _can_pack()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, TYPICAL_ROWS) if self._packed else weight

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self._packed:
            y: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
            return y
        return functional.linear(x, self._weight, self._bias)


def _can_pack() -> bool:
    """Whether torch has the operations, and the processor what they need."""
    needed = ("_is_mkldnn_bf16_supported", "_reorder_linear_weight", "_linear_pointwise")
    return (
        torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and all(hasattr(torch.ops.mkldnn, name) for name in needed)
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


class _Layer:
    def __init__(
        self, layer: Layer, architecture: Architecture, rope: dict[str, tuple[torch.Tensor, torch.Tensor]]
    ) -> None:
        def factor(norm: torch.Tensor | None) -> torch.Tensor | None:
            return None if norm is None else architecture.factor(norm)

        self.norm, self.mlp_norm = architecture.factor(layer.norm), architecture.factor(layer.mlp_norm)
        self.after_attention, self.after_mlp = factor(layer.after_attention), factor(layer.after_mlp)
        self.q_norm, self.k_norm = factor(layer.q_norm), factor(layer.k_norm)
        self.rope = None if layer.rope is None else rope[layer.rope]
        self.qkv = _Linear(layer.q, layer.k, layer.v)
        self.out = _Linear(layer.out)
        self.gate_up = _Linear(layer.gate, layer.up)
        self.down = _Linear(layer.down)


def fits(architecture: Architecture, length: int) -> bool:
    """Whether `FusedDecoder` computes what this model computes for sequences of `length` tokens."""
    return all(layer.window is None or layer.window >= length for layer in architecture.layers)


def _native(architecture: Architecture) -> bool:
    """Whether the C++ functions for float32 are to be had, and made for these sizes."""
    weight = architecture.embedding
    sizes = weight.shape[1], architecture.head_size, architecture.layers[0].gate.out_features
    return (
        weight.dtype == torch.float32
        and functions.available(weight)
        and all(size % functions.WIDTH_UNIT == 0 for size in sizes)
    )


class FusedDecoder:
    """A `Decoder` for models that `sleuth.policy.architecture` describes.

    rows: how many are decoded side by side at most. length: tokens of the longest prompt and its completion.
    shared: whether rows of one prompt share its keys and values.
    """

    def __init__(self, architecture: Architecture, rows: int, length: int, shared: bool) -> None:
        self._embedding, self._head = architecture.embedding, _Linear(architecture.head)
        self._embedding_scale = architecture.embedding_scale
        self._device, self._dtype = self._embedding.device, self._embedding.dtype
        self._native = _native(architecture)
        self._rows, self._shared = rows, shared or self._native
        self._heads, self._kv_heads = architecture.heads, architecture.kv_heads
        self._head_size, self._scale = architecture.head_size, architecture.scale
        self._epsilon, self._activation = architecture.epsilon, ACTIVATIONS[architecture.activation]
        self._gelu = architecture.activation == "tanh"
        self._norm = architecture.factor(architecture.norm)
        half = self._head_size // 2
        rope = {}
        for name, (cos, sin) in architecture.rope(length).items():  # both halves of a table are equal
            if self._native:
                rope[name] = cos[:, :half].contiguous(), sin[:, :half].contiguous()
            else:
                rope[name] = cos, torch.cat([-sin[:, :half], sin[:, half:]], -1)  # signed for `roll`
        self._layers = [_Layer(layer, architecture, rope) for layer in architecture.layers]
        self._keys = [self._empty(rows, 0) for _ in self._layers]
        self._values = [self._empty(rows, 0) for _ in self._layers]
        self._prefixes: list[Prefix] = []
        self._own: list[int] = []  # tokens in each row's cache
        self._groups: list[tuple[Prefix, slice | torch.Tensor]] = []
        self._addresses = torch.empty(0, dtype=torch.long)
        """Layers × 2 × rows: where the keys and the values of each row's prompt lie."""

    def room(self) -> int:
        return self._rows - len(self._own)

    def prefill(self, tokens: Sequence[int]) -> tuple[Prefix, torch.Tensor]:
        prefix = Prefix([], [], len(tokens))

        def attend(layer: int, qkv_PAD: torch.Tensor) -> torch.Tensor:
            q_PHD, k_PKD, v_PKD = self._parts(qkv_PAD)
            q_HPD, k_KPD, v_KPD = (tensor.transpose(0, 1).contiguous() for tensor in (q_PHD, k_PKD, v_PKD))
            prefix.keys.append(k_KPD)
            prefix.values.append(v_KPD)
            context_HPD = functional.scaled_dot_product_attention(
                q_HPD[None], k_KPD[None], v_KPD[None], is_causal=True, scale=self._scale, enable_gqa=True
            )[0]
            return context_HPD.transpose(0, 1).flatten(1)

        hidden_PE = self._forward(self._ids(tokens), torch.arange(len(tokens), device=self._device), attend)
        return prefix, self._head(hidden_PE[-1:])[0]

    def enter(self, prefix: Prefix, count: int) -> None:
        first = len(self._own)
        assert first + count <= self._rows
        self._prefixes += [prefix] * count
        if self._shared:
            self._own += [0] * count
        else:
            self._own += [prefix.tokens] * count
            self._grow(prefix.tokens)
            for caches, parts in ((self._keys, prefix.keys), (self._values, prefix.values)):
                for cache_BKTD, part_KPD in zip(caches, parts, strict=True):
                    cache_BKTD[first : first + count, :, : prefix.tokens] = part_KPD
        self._regroup()

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        rows, own = len(self._own), torch.tensor(self._own, device=self._device)
        assert len(tokens) == rows
        self._grow(max(self._own) + 1)
        if self._native:
            return self._step_native(tokens, own)
        # Where each row's new key lies when rows, heads and tokens are one axis.
        heads = torch.arange(rows * self._kv_heads, device=self._device).view(rows, self._kv_heads)
        place_BK = heads * self._keys[0].shape[2] + own[:, None]
        width = min(-(-(max(self._own) + 1) // WIDTH) * WIDTH, self._keys[0].shape[2])
        unseen_BT = torch.arange(width, device=self._device) > own[:, None]
        positions = own
        if self._shared:
            lengths = torch.tensor([prefix.tokens for prefix in self._prefixes], device=self._device)
            positions = own + lengths
            longest = max(prefix.tokens for prefix in self._prefixes)
            beyond_BP = torch.arange(longest, device=self._device) >= lengths[:, None]
            unseen_BT = torch.cat([beyond_BP, unseen_BT], -1)
            # Added to the scores: minus infinity where a row has no token. The scores are one tensor for all layers,
            # zeros at first, so that no place holds what is not a number.
            hidden_B11T = torch.zeros_like(unseen_BT, dtype=self._dtype).masked_fill_(unseen_BT, -torch.inf)
            hidden_B11T = hidden_B11T[:, None, None]
            repeats = self._heads // self._kv_heads
            scores_BKRT = hidden_B11T.new_zeros(rows, self._kv_heads, repeats, longest + width)
        else:
            seen_B11T = ~unseen_BT[:, None, None]

        def attend(layer: int, qkv_BAD: torch.Tensor) -> torch.Tensor:
            q_BHD, k_BKD, v_BKD = self._parts(qkv_BAD)
            keys, values = self._keys[layer], self._values[layer]
            keys.view(-1, self._head_size).index_copy_(0, place_BK.flatten(), k_BKD.flatten(0, 1))
            values.view(-1, self._head_size).index_copy_(0, place_BK.flatten(), v_BKD.flatten(0, 1))
            k_BKTD, v_BKTD = keys[:rows, :, :width], values[:rows, :, :width]
            if self._shared:
                return self._attend_shared(layer, q_BHD, k_BKTD, v_BKTD, hidden_B11T, scores_BKRT)
            return functional.scaled_dot_product_attention(
                q_BHD[:, :, None], k_BKTD, v_BKTD, attn_mask=seen_B11T, scale=self._scale, enable_gqa=True
            ).flatten(1)

        hidden_BE = self._forward(self._ids(tokens), positions, attend)
        self._own = [count + 1 for count in self._own]
        return self._head(hidden_BE)

    def _step_native(self, tokens: Sequence[int], own_B: torch.Tensor) -> torch.Tensor:
        prompts_B = torch.tensor([prefix.tokens for prefix in self._prefixes])

        def attend(layer: int, qkv_BAD: torch.Tensor) -> torch.Tensor:
            keys, values, addresses = self._keys[layer], self._values[layer], self._addresses[layer]
            return functions.attend(qkv_BAD, keys, values, own_B, addresses, prompts_B, self._heads, self._scale)

        hidden_BE = self._forward(self._ids(tokens), own_B + prompts_B, attend)
        self._own = [count + 1 for count in self._own]
        return self._head(hidden_BE)

    def drop(self, slots: Sequence[int]) -> None:
        rows = len(self._own)
        kept = after_drop(list(range(rows)), slots)
        for slot, source in enumerate(kept):
            if slot != source:
                for cache_BKTD in (*self._keys, *self._values):
                    cache_BKTD[slot, :, : self._own[source]] = cache_BKTD[source, :, : self._own[source]]
        self._own = [self._own[source] for source in kept]
        self._prefixes = [self._prefixes[source] for source in kept]
        self._regroup()

    def _attend_shared(
        self,
        layer: int,
        q_BHD: torch.Tensor,
        k_BKTD: torch.Tensor,
        v_BKTD: torch.Tensor,
        hidden_B11T: torch.Tensor,
        scores_BKRT: torch.Tensor,
    ) -> torch.Tensor:
        """One softmax over the prompt (its columns first, as wide as the longest) and the row's own tokens."""
        rows, kv_heads, width, size = k_BKTD.shape
        q_BKRD = (q_BHD * self._scale).view(rows, kv_heads, -1, size)
        repeats, longest = q_BKRD.shape[2], hidden_B11T.shape[-1] - width
        # Keys times queries, not the reverse: the product would first copy keys that are transposed.
        own = torch.bmm(k_BKTD.flatten(0, 1), q_BKRD.flatten(0, 1).mT)
        scores_BKRT[..., longest:] = own.view(rows, kv_heads, width, repeats).mT
        for prefix, members in self._groups:
            part_KNP = torch.bmm(_heads_first(q_BKRD[members]), prefix.keys[layer].mT)
            scores_BKRT[members, ..., : prefix.tokens] = _rows_first(part_KNP, repeats)
        weights_BKRT = scores_BKRT.add_(hidden_B11T).softmax(-1)  # which computes in float32 and rounds at the end
        own = torch.bmm(weights_BKRT[..., longest:].reshape(rows * kv_heads, repeats, width), v_BKTD.flatten(0, 1))
        context_BKRD = own.view(rows, kv_heads, repeats, size)
        for prefix, members in self._groups:
            part_KND = torch.bmm(_heads_first(weights_BKRT[members, ..., : prefix.tokens]), prefix.values[layer])
            context_BKRD[members] += _rows_first(part_KND, repeats)
        return context_BKRD.view(rows, -1)

    def _forward(self, ids_N: torch.Tensor, positions_N: torch.Tensor, attend: Attend) -> torch.Tensor:
        """The layers, as `LlamaModel` computes them, for N tokens: rows of a step or positions of a prompt."""
        x_NE = self._embedding[ids_N]
        if self._embedding_scale != 1:
            x_NE = x_NE * self._embedding_scale
        normed_NE = self._rms_norm(x_NE, self._layers[0].norm)
        next_norms = [*(layer.norm for layer in self._layers[1:]), self._norm]
        for number, (layer, next_norm) in enumerate(zip(self._layers, next_norms, strict=True)):
            qkv_NAD = layer.qkv(normed_NE).view(len(ids_N), -1, self._head_size)
            if layer.q_norm is not None and layer.k_norm is not None:
                q, k, v = self._parts(qkv_NAD)
                qkv_NAD = torch.cat([self._rms_norm(q, layer.q_norm), self._rms_norm(k, layer.k_norm), v], 1)
            if layer.rope is not None:
                qkv_NAD = self._rotated(qkv_NAD, layer.rope, positions_N)
            added_NE = layer.out(attend(number, qkv_NAD))
            if layer.after_attention is not None:
                added_NE = self._rms_norm(added_NE, layer.after_attention)
            x_NE, normed_NE = self._add_norm(x_NE, added_NE, layer.mlp_norm)
            added_NE = layer.down(self._gated(layer.gate_up(normed_NE)))
            if layer.after_mlp is not None:
                added_NE = self._rms_norm(added_NE, layer.after_mlp)
            x_NE, normed_NE = self._add_norm(x_NE, added_NE, next_norm)
        return normed_NE

    def _parts(self, qkv_NAD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries, keys and values, which lie side by side: A = H + 2 K."""
        q, k, v = torch.split(qkv_NAD, [self._heads, self._kv_heads, self._kv_heads], 1)
        return q, k, v

    def _rotated(
        self, qkv_NAD: torch.Tensor, rope: tuple[torch.Tensor, torch.Tensor], positions_N: torch.Tensor
    ) -> torch.Tensor:
        """Queries and keys rotated by their positions, and the values beside them; `qkv_NAD` may be changed."""
        rotated = self._heads + self._kv_heads
        if self._native:
            functions.rotate(qkv_NAD, rotated, rope, positions_N)
            return qkv_NAD
        qk = qkv_NAD[:, :rotated]
        cos_N1D, sin_N1D = (table[positions_N, None] for table in rope)
        qk = torch.addcmul(qk * cos_N1D, qk.roll(self._head_size // 2, -1), sin_N1D)
        return torch.cat([qk, qkv_NAD[:, rotated:]], 1)

    def _gated(self, gate_up: torch.Tensor) -> torch.Tensor:
        if self._native:
            return functions.gate(gate_up, self._gelu)
        gate, up = gate_up.chunk(2, -1)
        return self._activation(gate) * up

    def _add_norm(
        self, x: torch.Tensor, added: torch.Tensor, weight: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Their sum, and it under the norm."""
        if self._native:
            x, normed, _ = functions.norm(x, added, weight, self._epsilon)
            return x, normed
        x = x + added
        return x, self._rms_norm(x, weight)

    def _rms_norm(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Over the last axis; weight in float32."""
        if self._native:
            return functions.norm(x.contiguous(), None, weight, self._epsilon)[1]
        x_float = x.float()
        scale = x_float.square().mean(-1, keepdim=True).add_(self._epsilon).rsqrt_()
        return (x_float * scale * weight).to(x.dtype)

    def _grow(self, tokens: int) -> None:
        """Makes place for `tokens` in every row. New places hold zeros: masked ones still meet a factor of 0."""
        have = self._keys[0].shape[2]
        if tokens <= have:
            return
        want = max(-(-tokens // BLOCK) * BLOCK, have + BLOCK)
        for caches in (self._keys, self._values):
            for layer, cache_BKTD in enumerate(caches):
                caches[layer] = self._empty(self._rows, want)
                caches[layer][:, :, :have] = cache_BKTD

    def _empty(self, rows: int, tokens: int) -> torch.Tensor:
        shape = (rows, self._kv_heads, tokens, self._head_size)
        return torch.zeros(shape, dtype=self._dtype, device=self._device)

    def _regroup(self) -> None:
        """Which slots continue which prompt: a slice where they are neighbours, which spares copies."""
        if self._native:
            addresses = torch.tensor([prefix.addresses for prefix in self._prefixes], dtype=torch.long)
            self._addresses = addresses.view(-1, len(self._layers), 2).permute(1, 2, 0).contiguous()
            return
        if not self._shared:
            return
        slots: dict[int, list[int]] = {}
        for slot, prefix in enumerate(self._prefixes):
            slots.setdefault(id(prefix), []).append(slot)
        self._groups = [
            (
                self._prefixes[members[0]],
                slice(members[0], members[-1] + 1)
                if members[-1] - members[0] + 1 == len(members)
                else self._ids(members),
            )
            for members in slots.values()
        ]

    def _ids(self, values: Sequence[int]) -> torch.Tensor:
        return torch.tensor(values, device=self._device)


def _heads_first(x_NKRT: torch.Tensor) -> torch.Tensor:
    """K × (N R) × T: the rows of a prompt side by side, per key/value head."""
    rows, kv_heads, repeats, width = x_NKRT.shape
    return x_NKRT.transpose(0, 1).reshape(kv_heads, rows * repeats, width)


def _rows_first(x_KMT: torch.Tensor, repeats: int) -> torch.Tensor:
    """The reverse of `_heads_first`: N × K × R × T."""
    return x_KMT.view(len(x_KMT), -1, repeats, x_KMT.shape[-1]).transpose(0, 1)
