"""What the engine asks of a decoder, and the one that works for every architecture: transformers' own forward pass.

A decoder holds the keys and values of the rows it decodes side by side. A prompt is computed once (`prefill`), then
rows that continue it enter, step together and are dropped. `sleuth.policy.native` and
`sleuth.policy.fused` are the fast ones, for Llama and its kin.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import torch

Prefix = TypeVar("Prefix")
Row = TypeVar("Row")


class Decoder(Protocol[Prefix]):
    """Rows live in slots 0, 1, ...; all calls are made under `torch.no_grad`."""

    def room(self) -> int:
        """How many rows may enter now."""
        ...

    def prefill(self, tokens: Sequence[int]) -> tuple[Prefix, torch.Tensor]:
        """A prompt's keys and values, and the logits (shape V) of what follows it."""
        ...

    def enter(self, prefix: Prefix, count: int) -> None:
        """`count` rows that continue this prompt take the next slots."""
        ...

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Appends one token to every row, in the order of slots; logits (B × V) of what follows."""
        ...

    def drop(self, slots: Sequence[int]) -> None:
        """Frees these slots, highest first; into each the row of the last slot moves."""
        ...


def after_drop(rows: list[Row], slots: Sequence[int]) -> list[Row]:
    """The rows in their slots after `Decoder.drop(slots)`."""
    kept = list(rows)
    for slot in sorted(slots, reverse=True):
        last = kept.pop()
        if slot < len(kept):
            kept[slot] = last
    return kept


class TransformersDecoder:
    """Rows of one prompt at a time, so that all have the same length and no architecture needs padding."""

    def __init__(self, model: Any, rows: int) -> None:
        self._model, self._rows, self._count = model, rows, 0
        self._cache: Any = None

    def room(self) -> int:
        return 0 if self._count else self._rows

    def prefill(self, tokens: Sequence[int]) -> tuple[Any, torch.Tensor]:
        output = self._forward([list(tokens)], None)
        return output.past_key_values, output.logits[0, -1]

    def enter(self, prefix: Any, count: int) -> None:
        assert not self._count
        self._cache, self._count = copy.deepcopy(prefix), count  # the prompt is needed again when rows are left over
        self._cache.batch_repeat_interleave(count)

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        output = self._forward([[token] for token in tokens], self._cache)
        self._cache = output.past_key_values
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def drop(self, slots: Sequence[int]) -> None:
        kept = after_drop(list(range(self._count)), slots)
        self._count = len(kept)
        if kept:
            self._cache.batch_select_indices(torch.tensor(kept, device=self._model.device))
        else:
            self._cache = None

    def _forward(self, tokens: list[list[int]], cache: Any) -> Any:
        inputs = torch.tensor(tokens, device=self._model.device)
        return self._model(input_ids=inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
