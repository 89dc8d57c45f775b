"""The decoder whose arithmetic is C++ (`decode.cpp`): bfloat16 on processors with AMX.

Weights are copied into the order in which the products read them when the decoder is made, once per call of
`TorchPolicy.rollout`, so that it works with the weights as training left them; the copies live as long as the decoder.
A prompt's keys and values are kept once for all its rows; a row keeps its own tokens in a slot, and slots are used
again when rows end. Memory for keys and values is asked for at its full length and taken page by page as tokens come.

Differs from `sleuth.policy.fused` in rounding: the residual stream, scores and logits stay in float32.

Shapes: B rows, V vocabulary.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sleuth.policy.architecture import Architecture, Layer
from sleuth.policy.decoder import after_drop
from sleuth.policy.native.build import BatchArguments, BlockArguments, LayerArguments, ModelArguments, bfloat16_library

PADDED = 32
"""Caches hold a multiple of so many tokens, and operands of products are padded to so many values."""
TILE = 512
"""bfloat16 values in a tile."""
BLOCK = 16
"""Rows of one prompt whose attention is computed together."""
LARGEST_HEAD = 512
"""Head size, as in `decode.cpp`."""
MOST_THREADS = 64
"""As `decode.cpp` has scratch memory for."""


def fits(architecture: Architecture) -> bool:
    """Whether this processor and this model are what `decode.cpp` is made for."""
    weight = architecture.embedding
    in_place = weight.device.type == "cpu" and weight.dtype == torch.bfloat16
    return in_place and suits(architecture) and bfloat16_library() is not None


def suits(architecture: Architecture) -> bool:
    """Whether the model's parts and sizes are, wherever its weights are."""
    layer = architecture.layers[0]
    sizes = architecture.head_size, architecture.embedding.shape[1], layer.gate.out_features
    return (
        all(part.bias is None for part in (layer.out, layer.gate, layer.up, layer.down, architecture.head))
        and all(size % 16 == 0 for size in sizes)
        and architecture.head_size <= LARGEST_HEAD
    )


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prompt's keys and values in all layers, as tiles."""

    keys: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    tokens: int

    @property
    def addresses(self) -> tuple[int, int]:
        return self.keys.ctypes.data, self.values.ctypes.data


class NativeDecoder:
    """A `Decoder`.

    rows: how many are decoded side by side at most. prompt, new: most tokens of a prompt and of a completion.
    """

    def __init__(self, architecture: Architecture, rows: int, prompt: int, new: int) -> None:
        loaded = bfloat16_library()
        assert loaded is not None
        self._library, self._threads = loaded, min(torch.get_num_threads(), MOST_THREADS)
        self._model = _Model(architecture, loaded, prompt + new)
        self._rows, self._vocabulary = rows, len(architecture.embedding)
        self._prompt, self._new = _up(prompt), _up(new)
        shape = self._model.arguments
        tiles, blocks = _up(shape.head_size) // PADDED, shape.head_size // 16
        # Values per token of all layers and key/value heads: keys, values.
        heads = shape.layers * shape.kv_heads
        self._per_token = heads * tiles * TILE // 16, heads * blocks * TILE // PADDED
        self._own = [np.zeros((rows, size * self._new), np.uint16) for size in self._per_token]
        self._free = list(range(rows))[::-1]
        self._live: list[_Row] = []
        self._logits = torch.empty(rows, self._vocabulary)
        self._workspace = np.zeros(0, np.uint8)

    def room(self) -> int:
        return self._rows - len(self._live)

    def prefill(self, tokens: Sequence[int]) -> tuple[Prefix, torch.Tensor]:
        count = len(tokens)
        keys, values = (np.zeros(size * self._prompt, np.uint16) for size in self._per_token)
        prefix = Prefix(keys, values, count)
        logits = torch.empty(1, self._vocabulary)
        positions = np.arange(count, dtype=np.int32)
        self._forward(
            tokens,
            positions,
            places=positions,
            logits_rows=[-1] * (count - 1) + [0],
            keys=[prefix.keys.ctypes.data] * count,
            values=[prefix.values.ctypes.data] * count,
            blocks=[(0, count, prefix)],
            logits=logits,
            prompt=True,
        )
        return prefix, logits[0]

    def enter(self, prefix: Prefix, count: int) -> None:
        assert count <= len(self._free)
        self._live += [_Row(prefix, self._free.pop()) for _ in range(count)]

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        assert len(tokens) == len(self._live) <= self._rows
        # Rows of one prompt must be neighbours: the products of a block share its keys and values.
        order = sorted(range(len(self._live)), key=lambda index: id(self._live[index].prefix))
        rows = [self._live[index] for index in order]
        blocks: list[tuple[int, int, Prefix]] = []
        for _, members in itertools.groupby(range(len(rows)), key=lambda index: id(rows[index].prefix)):
            first, *others = members
            blocks.append((first, 1 + len(others), rows[first].prefix))
        self._forward(
            [tokens[index] for index in order],
            [row.prefix.tokens + row.own for row in rows],
            places=[row.own for row in rows],
            logits_rows=order,
            keys=[self._own[0][row.slot].ctypes.data for row in rows],
            values=[self._own[1][row.slot].ctypes.data for row in rows],
            blocks=blocks,
            logits=self._logits,
            prompt=False,
        )
        for row in rows:
            row.own += 1
        return self._logits[: len(rows)]

    def drop(self, slots: Sequence[int]) -> None:
        self._free += [self._live[slot].slot for slot in slots]
        self._live = after_drop(self._live, slots)

    def _forward(
        self,
        tokens: Sequence[int],
        positions: Sequence[int] | np.ndarray[Any, Any],
        *,
        places: Sequence[int] | np.ndarray[Any, Any],
        logits_rows: Sequence[int],
        keys: Sequence[int],
        values: Sequence[int],
        blocks: Sequence[tuple[int, int, Prefix]],
        logits: torch.Tensor,
        prompt: bool,
    ) -> None:
        integers = [np.array(numbers, np.int32) for numbers in (tokens, positions, logits_rows, places)]
        pointers = [np.array(addresses, np.uint64) for addresses in (keys, values)]
        pieces = [
            BlockArguments(start, min(BLOCK, first + count - start), prefix.tokens, *prefix.addresses)
            for first, count, prefix in blocks
            for start in range(first, first + count, BLOCK)
        ]
        parts = (BlockArguments * len(pieces))(*pieces)
        batch = BatchArguments(
            len(tokens),
            len(pieces),
            *(array.ctypes.data for array in integers),
            *(array.ctypes.data for array in pointers),
            self._new,
            self._prompt,
            int(prompt),
            ctypes.addressof(parts),
            logits.data_ptr(),
        )
        model = ctypes.byref(self._model.arguments)
        size = self._library.sleuth_workspace(model, len(tokens), self._threads, self._prompt, self._new)
        if size > self._workspace.nbytes:
            self._workspace = np.zeros(size, np.uint8)
        self._library.sleuth_forward(model, ctypes.byref(batch), self._threads, self._workspace.ctypes.data)


@dataclass(slots=True)
class _Row:
    prefix: Prefix
    slot: int
    own: int = 0
    """Tokens in its slot."""


class _Model:
    """A model's weights as `decode.cpp` wants them; owns what `arguments` points to."""

    def __init__(self, architecture: Architecture, loaded: ctypes.CDLL, length: int) -> None:
        self._architecture, self._library, self._kept = architecture, loaded, list[torch.Tensor]()
        half = architecture.head_size // 2
        # Both halves of a table are equal.
        self._rope = {
            name: tuple(self._float(table[:, :half]) for table in tables)
            for name, tables in architecture.rope(length).items()
        }
        self._layers = (LayerArguments * len(architecture.layers))(
            *(self._layer(layer) for layer in architecture.layers)
        )
        vocabulary, hidden = architecture.embedding.shape
        self.arguments = ModelArguments(
            layers=len(architecture.layers),
            hidden=hidden,
            heads=architecture.heads,
            kv_heads=architecture.kv_heads,
            head_size=architecture.head_size,
            intermediate=architecture.layers[0].gate.out_features,
            vocabulary=vocabulary,
            gelu=int(architecture.activation == "tanh"),
            epsilon=architecture.epsilon,
            scale=architecture.scale,
            embedding_scale=architecture.embedding_scale,
            layer=ctypes.addressof(self._layers),
            embedding=self._keep(architecture.embedding.detach().contiguous()),
            norm=self._norm(architecture.norm),
            head=self._pack(architecture.head.weight),
        )

    def _layer(self, layer: Layer) -> LayerArguments:
        parts = (layer.q, layer.k, layer.v)
        biases: list[torch.Tensor] = [part.bias for part in parts if part.bias is not None]
        cos, sin = self._rope[layer.rope] if layer.rope else (None, None)
        return LayerArguments(
            norm=self._norm(layer.norm),
            mlp_norm=self._norm(layer.mlp_norm),
            after_attention=self._norm(layer.after_attention),
            after_mlp=self._norm(layer.after_mlp),
            q_norm=self._norm(layer.q_norm),
            k_norm=self._norm(layer.k_norm),
            qkv_bias=self._float(torch.cat(biases) if biases else None),
            cos=cos,
            sin=sin,
            qkv=self._pack(torch.cat([part.weight for part in parts])),
            out=self._pack(layer.out.weight),
            gate_up=self._pack(layer.gate.weight, layer.up.weight),
            down=self._pack(layer.down.weight),
            window=layer.window or 0,
        )

    def _pack(self, *weights: torch.Tensor) -> int:
        """The address of a matrix as tiles, or of several of one shape whose columns alternate by 16."""
        n, k = weights[0].shape
        size = self._library.sleuth_packed(n, k)
        packed = torch.empty(len(weights) * size, dtype=torch.bfloat16)
        for number, weight in enumerate(weights):
            source, target = weight.detach().contiguous(), packed.data_ptr() + number * TILE * 2 * (_up(k) // PADDED)
            self._library.sleuth_pack(source.data_ptr(), n, k, len(weights), target)
        return self._keep(packed)

    def _norm(self, weight: torch.Tensor | None) -> int | None:
        return None if weight is None else self._float(self._architecture.factor(weight))

    def _float(self, values: torch.Tensor | None) -> int | None:
        """The address of float32 values, zeros behind them up to a multiple of 16 columns."""
        if values is None:
            return None
        flat = values.detach().float().contiguous()
        padded = torch.zeros(flat.numel() + 16)
        padded[: flat.numel()] = flat.flatten()
        return self._keep(padded)

    def _keep(self, tensor: torch.Tensor) -> int:
        self._kept.append(tensor)
        return tensor.data_ptr()


def _up(count: int) -> int:
    return -(-count // PADDED) * PADDED
