"""One completion, shown while it is written."""

from __future__ import annotations

from collections.abc import Callable

import torch
from transformers import TextStreamer

from sleuth.policy.base import Request, Rollout, Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import Loaded


class _Writer(TextStreamer):  # type: ignore[misc]
    """Hands each finished piece of text on."""

    def __init__(self, tokenizer: object, write: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_special_tokens=True)
        self._write = write

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self._write(text)


def stream(loaded: Loaded, request: Request, sampling: Sampling, write: Callable[[str], None]) -> Rollout | None:
    """The completion of one request that `TorchPolicy` gives; `write` gets its text piece by piece. None where a
    conversation has no room for another turn; raises `UserError` when a first prompt and its completion exceed the
    model's context."""
    writer = _Writer(loaded.tokenizer, write)
    policy = TorchPolicy(
        loaded.model, loaded.tokenizer, rows=1, on_token=lambda sample, token: writer.put(torch.tensor([token]))
    )
    [rollouts] = policy.rollout([request], 1, sampling)
    writer.end()
    return rollouts[0] if rollouts else None
