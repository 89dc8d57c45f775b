"""The torch engine: completions of a transformers model, many side by side.

Each prompt is computed once for its whole group. Rows decode together, up to `rows` of them whatever their prompts; a
row that ends is dropped and the next one waiting takes its place at once, so a long completion holds nobody up. The
arithmetic is a decoder's, in the model's own number format: `sleuth.policy.native` for bfloat16 on processors that have
what it needs, `sleuth.policy.fused` for other models of the Llama family and its kin, else `sleuth.policy.decoder`.
Sampling is `sleuth.policy.sampling`'s, from what a grammar allows `sleuth.policy.constraint`'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from sleuth.errors import UserError
from sleuth.policy import architecture, fused
from sleuth.policy.base import GIVE_UP_TOKENS, Request, Rollout, Sampling, StopReason
from sleuth.policy.constraint import Constraint, Place, narrowed
from sleuth.policy.decoder import Decoder, TransformersDecoder, after_drop
from sleuth.policy.fused import FusedDecoder
from sleuth.policy.models import end_token_id, prompt_tokens
from sleuth.policy.native import decoder as native
from sleuth.policy.sampling import Draws, draw, likeliest


class TorchPolicy:
    """A `Policy` that samples from `model`, a transformers causal language model, with its weights as they are when
    `rollout` is called: training may update them in between."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        rows: int = 128,
        ends: bool = True,
        on_token: Callable[[int], None] | None = None,
    ) -> None:
        """rows: how many completions are decoded side by side at most. ends: whether the end token ends a completion;
        without, all have the length of the limit, for measurements. on_token: called with every new token; of use
        where there is one row."""
        assert rows >= 1
        self._model, self._tokenizer, self._rows, self._on_token = model, tokenizer, rows, on_token
        self._end = end_token_id(tokenizer) if ends else None

    @cached_property
    def constraint(self) -> Constraint:
        """What grammars allow of the model's tokens. The first use takes seconds."""
        assert self._end is not None, "a grammar says where completions end"
        return Constraint(self._tokenizer, self._model.get_output_embeddings().weight.shape[0], self._end)

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
        every = [_Group(request, prompt_tokens(self._tokenizer, request), samples) for request in requests]
        groups = [group for group in every if not group.request.turns or _fits(group, new, context)]
        if not groups:
            return [[] for _ in every]
        longest = max(groups, key=lambda group: len(group.prompt))
        prompt = len(longest.prompt)
        if not _fits(longest, new, context):
            raise UserError(
                f"{longest.request.key}: a prompt of {prompt} tokens and {new} new ones "
                f"exceed the model's context of {context}; ask for fewer new tokens or smaller puzzles."
            )
        if sampling.constrain and (free := next((one for one in requests if one.grammar is None), None)):
            raise UserError(f"{free.key}: this request has no grammar, so its completions cannot be constrained to it")
        training = self._model.training
        self._model.eval()
        try:
            with torch.no_grad():
                decoder = self._decoder(min(self._rows, len(groups) * samples), prompt, new, samples)
                self._decode(decoder, groups, sampling, progress or (lambda finished: None))
        finally:
            self._model.train(training)
        return [[group.finished[sample] for sample in range(group.begun)] for group in every]

    def _decoder(self, rows: int, prompt: int, new: int, samples: int) -> Decoder[Any]:
        described = architecture.read(self._model)
        if described is not None and native.fits(described):
            return native.NativeDecoder(described, rows, prompt, new)
        if described is not None and fused.fits(described, prompt + new):
            return FusedDecoder(described, rows, prompt + new, shared=samples > 1)
        return TransformersDecoder(self._model, rows)

    def _decode(
        self, decoder: Decoder[Any], groups: list[_Group], sampling: Sampling, progress: Callable[[int], None]
    ) -> None:
        waiting, live, drawn = deque(groups), list[_Row](), 0
        while waiting or live:
            finished = 0
            while waiting and (room := decoder.room()):
                group = waiting[0]
                if group.begun == 0 and 0 < sampling.token_budget <= drawn:
                    waiting.clear()
                    break
                if group.prefix is None:
                    group.prefix, group.logits = decoder.prefill(group.prompt)
                    if not bool(torch.isfinite(group.logits).all()):
                        raise UserError(
                            "the model predicts nothing: its weights are not finite; go back to an earlier checkpoint, "
                            "or train anew with a lower learning rate"
                        )
                    if sampling.constrain and group.request.grammar:
                        group.grammar = group.request.grammar()
                        group.start = self.constraint.start(group.grammar)
                assert group.logits is not None
                newcomers = group.next_rows(room, sampling.seed)
                self._extend(newcomers, group.logits.expand(len(newcomers), -1), sampling)
                drawn += len(newcomers)
                staying = [row for row in newcomers if row.stop is None]
                finished += len(newcomers) - len(staying)
                if staying:
                    decoder.enter(group.prefix, len(staying))
                    live += staying
                if not group.waiting:
                    group.prefix = group.logits = group.start = None  # the decoder keeps it while rows need it
                    waiting.popleft()
            if live:
                drawn += len(live)
                self._extend(live, decoder.step([row.tokens[-1] for row in live]), sampling)
                if ended := [slot for slot, row in enumerate(live) if row.stop]:
                    decoder.drop(ended)
                    live = after_drop(live, ended)
                    finished += len(ended)
            if finished:
                progress(finished)

    def _extend(self, rows: list[_Row], logits_BV: torch.Tensor, sampling: Sampling) -> None:
        """Draws the next token of each row, and writes the rollout of those that end with it."""
        places = [row.place for row in rows if row.place]
        if places:
            logits_BV, allowed_BK = narrowed(logits_BV, places)
        uniforms = [row.draws.at(len(row.tokens)) for row in rows] if sampling.temperature > 0 else None
        if sampling.top_k or sampling.top_p < 1:
            logits_BV = likeliest(logits_BV, sampling.temperature, sampling.top_k, sampling.top_p)
        tokens_B, logprobs_B = draw(logits_BV, uniforms, sampling.temperature)
        if places:
            tokens_B = allowed_BK.gather(1, tokens_B[:, None])[:, 0]
        for row, token, logprob in zip(rows, tokens_B.tolist(), logprobs_B.tolist(), strict=True):
            row.tokens.append(token)
            row.logprobs.append(logprob)
            if row.place:
                row.place.take(token)
            if self._on_token is not None:
                self._on_token(token)
            if token == self._end:
                row.stop = StopReason.END
            elif sampling.until == "answers" and self._answered(row):
                row.stop = StopReason.ANSWERED
            elif len(row.tokens) == sampling.max_new_tokens:
                row.stop = StopReason.LENGTH
            elif sampling.give_up is not None and row.lost(sampling.give_up):
                row.stop = StopReason.GIVEN_UP
            if row.stop:
                row.group.finished[row.sample] = Rollout(
                    prompt_tokens=tuple(row.group.prompt),
                    tokens=tuple(row.tokens),
                    logprobs=tuple(row.logprobs),
                    stop=row.stop,
                    text=self._tokenizer.decode(row.tokens, skip_special_tokens=True),
                    grammar=row.group.grammar,
                )

    def _answered(self, row: _Row) -> bool:
        """Looked at when a line ends, since reading a completion costs more than writing its next token."""
        answered = row.group.request.answered
        if answered is None or "\n" not in self._tokenizer.decode(row.tokens[-1:]):
            return False
        return answered(self._tokenizer.decode(row.tokens, skip_special_tokens=True))


@dataclass(eq=False, slots=True)
class _Group:
    """A request and what is known of its completions."""

    request: Request
    prompt: list[int]
    waiting: int
    """Rows that have not begun; they begin in the order of their sample index."""
    prefix: Any = None
    logits: torch.Tensor | None = None
    grammar: str | None = None
    """Where completions are constrained."""
    start: Place | None = None
    finished: dict[int, Rollout] = field(default_factory=dict)
    begun: int = 0

    def next_rows(self, most: int, seed: tuple[int, ...]) -> list[_Row]:
        count = min(most, self.waiting)
        samples = range(self.begun, self.begun + count)
        self.begun += count
        self.waiting -= count
        return [
            _Row(self, sample, Draws(seed, self.request.key, sample), self.start and self.start.copy())
            for sample in samples
        ]


def _fits(group: _Group, new: int, context: int | None) -> bool:
    """Whether the prompt and so many new tokens are within the context (None: without limit)."""
    return context is None or len(group.prompt) + new <= context


@dataclass(eq=False, slots=True)
class _Row:
    """A completion being written."""

    group: _Group
    sample: int
    draws: Draws
    place: Place | None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    stop: StopReason | None = None

    def lost(self, threshold: float) -> bool:
        """Whether its last tokens were less likely than the threshold (nats) on average."""
        last = self.logprobs[-GIVE_UP_TOKENS:]
        return len(last) == GIVE_UP_TOKENS and sum(last) / GIVE_UP_TOKENS < threshold
