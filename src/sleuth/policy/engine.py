"""The torch engine: completions of a transformers model, many side by side.

Each prompt is computed once for its whole group. Rows decode together, up to `rows` of them whatever their prompts
(`sleuth.policy.batcher`). The arithmetic is a decoder's, in the model's own number format: `sleuth.policy.native` for
bfloat16 on processors that have what it needs, `sleuth.policy.fused` for other models of the Llama family and its kin,
else `sleuth.policy.decoder`. Tokens are sampled by `sleuth.policy.sampling`, from what a grammar allows by
`sleuth.policy.constraint`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch

from sleuth.errors import UserError
from sleuth.policy import architecture, fused
from sleuth.policy.base import Request, Rollout, Sampling
from sleuth.policy.batcher import Batcher, GroupState
from sleuth.policy.chat import end_token_id, end_token_ids, prompt_tokens
from sleuth.policy.constraint import Constraint
from sleuth.policy.decoder import Decoder, TransformersDecoder
from sleuth.policy.fused import FusedDecoder
from sleuth.policy.native import decoder as native


class TorchPolicy:
    """A `Policy` that samples from `model`, a transformers causal language model, with its weights as they are when
    `rollout` is called: training may update them in between."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        rows: int = 128,
        ends: bool = True,
        on_token: Callable[[int, int], None] | None = None,
    ) -> None:
        """rows: how many completions are decoded side by side at most. ends: whether the end token ends a completion;
        without, all have the length of the limit, for measurements. on_token: called with (sample, token) for
        every new token; of use where there is one request."""
        assert rows >= 1
        self._model, self._tokenizer, self._rows, self._on_token = model, tokenizer, rows, on_token
        self.end = end_token_id(tokenizer) if ends else None
        """The token that ends a turn; None where nothing ends a completion."""
        self.ends = end_token_ids(tokenizer, model) if ends else frozenset[int]()
        """All tokens that end a completion."""

    @cached_property
    def constraint(self) -> Constraint:
        """What grammars allow of the model's tokens. The first use takes seconds."""
        assert self.end is not None, "a grammar says where completions end"
        return Constraint(self._tokenizer, self._model.get_output_embeddings().weight.shape[0], self.end)

    def rollout(
        self,
        requests: Sequence[Request],
        samples: int,
        sampling: Sampling,
        progress: Callable[[int], None] | None = None,
    ) -> list[list[Rollout]]:
        """As `Policy.rollout`. Raises `UserError` when a first prompt and its completion exceed the model's context, or
        when there is no grammar to constrain a completion to."""
        assert samples >= 1 and sampling.max_new_tokens >= 1
        new = sampling.max_new_tokens
        context = getattr(self._model.config, "max_position_embeddings", None)
        every = [
            GroupState(request, prompt_tokens(self._tokenizer, request), samples, sampling, self._on_token)
            for request in requests
        ]
        groups = [group for group in every if not group.request.turns or _fits(group.prompt, new, context)]
        if not groups:
            return [[] for _ in every]
        longest = max(groups, key=lambda group: len(group.prompt))
        prompt = len(longest.prompt)
        if not _fits(longest.prompt, new, context):
            raise UserError(
                f"{longest.request.key}: a prompt of {prompt} tokens and {new} new ones "
                f"exceed the model's context of {context}; ask for fewer new tokens or smaller puzzles."
            )
        rows = self._model.get_input_embeddings().weight.shape[0]
        for group in groups:
            if not 0 <= min(group.prompt) <= max(group.prompt) < rows:
                raise UserError(
                    f"{group.request.key}: its prompt has the token {max(group.prompt)}, and the model's embedding "
                    f"{rows} rows; tokenizer and weights do not belong together"
                )
        if sampling.constrain and (free := next((one for one in requests if one.grammar is None), None)):
            raise UserError(f"{free.key}: this request has no grammar, so its completions cannot be constrained to it")
        training = self._model.training
        self._model.eval()
        try:
            with torch.no_grad():
                decoder = self.decoder(min(self._rows, len(groups) * samples), prompt, new, samples)
                batcher = Batcher(decoder, self._tokenizer, self.ends, lambda: self.constraint, sampling.token_budget)
                for group in groups:
                    batcher.add(group)
                while batcher:
                    if (finished := batcher.step()) and progress is not None:
                        progress(finished)
        finally:
            self._model.train(training)
        return [[group.finished[sample] for sample in range(group.begun)] for group in every]

    def decoder(self, rows: int, prompt: int, new: int, samples: int) -> Decoder[Any]:
        """The fastest decoder that the model and the machine allow, for at most so many rows side by side, tokens of a
        prompt and new tokens; `samples` above 1 lets rows share the keys and values of a prompt."""
        described = architecture.read(self._model)
        if described is not None and native.fits(described):
            return native.NativeDecoder(described, rows, prompt, new)
        if described is not None and fused.fits(described, prompt + new):
            return FusedDecoder(described, rows, prompt + new, shared=samples > 1)
        return TransformersDecoder(self._model, rows)


def _fits(prompt: list[int], new: int, context: int | None) -> bool:
    """Whether the prompt and so many new tokens are within the context (None: without limit)."""
    return context is None or len(prompt) + new <= context
