"""One completion, shown while it is written."""

from __future__ import annotations

from collections.abc import Callable

import torch
from transformers import TextStreamer

from sleuth.policy.base import Request, Rollout, StopReason
from sleuth.policy.models import Loaded, end_token_id, prompt_tokens


class _Writer(TextStreamer):  # type: ignore[misc]
    """Hands each finished piece of text on."""

    def __init__(self, tokenizer: object, write: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._write = write

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self._write(text)


def stream(loaded: Loaded, request: Request, max_new_tokens: int, write: Callable[[str], None]) -> Rollout:
    """The greedy completion of one request; `write` gets its text piece by piece."""
    prompt = prompt_tokens(loaded.tokenizer, request)
    end = end_token_id(loaded.tokenizer)
    inputs = torch.tensor([prompt], device=loaded.model.device)
    with torch.no_grad():
        output = loaded.model.generate(
            inputs,
            attention_mask=torch.ones_like(inputs),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=end,
            pad_token_id=end,
            streamer=_Writer(loaded.tokenizer, write),
        )
    tokens = tuple(output[0, len(prompt) :].tolist())
    stop = StopReason.END if tokens and tokens[-1] == end else StopReason.LENGTH
    text = loaded.tokenizer.decode(tokens, skip_special_tokens=True)
    return Rollout(tuple(prompt), tokens, (), stop, text)
