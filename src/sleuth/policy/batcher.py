"""Continuous batching: rows of many requests decode side by side, and a row that ends makes room for the next at once.

`TorchPolicy` fills one batcher with a list of requests and runs it dry; `sleuth.serve` keeps one running and adds
requests as they come. Every group has its own `Sampling`, and every token is a function of its group's seed and key,
so what else is in the batch changes nothing.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from sleuth.errors import UserError
from sleuth.grading.thinking import left_open
from sleuth.policy.base import GIVE_UP_TOKENS, Request, Rollout, Sampling, StopReason
from sleuth.policy.constraint import Constraint, Place, narrowed
from sleuth.policy.decoder import Decoder, after_drop
from sleuth.policy.sampling import Draws, likeliest, sample_tokens

PROMPT_END_TOKENS = 16
"""Enough for the tag of thinking with which a chat template may end a prompt."""
TopLogprobs = tuple[tuple[int, float], ...]
"""Tokens with their natural log-probabilities, likeliest first."""


@dataclass(eq=False, slots=True)
class GroupState:
    """A request, how its completions are sampled, and what is known of them."""

    request: Request
    prompt: list[int]
    samples: int
    sampling: Sampling
    on_token: Callable[[int, int], None] | None = None
    """Called with (sample, token) for every new token."""
    top_logprobs: int = 0
    """How many likeliest tokens are kept for every position in `tops`."""
    grammar: str | None = None
    """Where completions are constrained: the pattern that they match."""
    finished: dict[int, Rollout] = field(default_factory=dict)
    """Sample to its rollout, as they end."""
    tops: dict[int, list[TopLogprobs]] = field(default_factory=dict)
    begun: int = 0
    """Samples that have begun, in order."""
    prefix: Any = None
    logits: torch.Tensor | None = None
    start: Place | None = None
    cancelled: bool = False

    @property
    def done(self) -> bool:
        """Whether every sample has ended."""
        return len(self.finished) == self.samples


@dataclass(eq=False, slots=True)
class _Row:
    """A completion being written."""

    group: GroupState
    sample: int
    draws: Draws
    place: Place | None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    stop: StopReason | None = None
    text: str | None = None
    """Set where a stop string cut it."""

    def lost(self, threshold: float) -> bool:
        """Whether its last tokens were less likely than the threshold (nats) on average."""
        last = self.logprobs[-GIVE_UP_TOKENS:]
        return len(last) == GIVE_UP_TOKENS and sum(last) / GIVE_UP_TOKENS < threshold


class Batcher:
    """Decodes groups that were added, a token for every live row at each `step`. To be used under `torch.no_grad`."""

    def __init__(
        self,
        decoder: Decoder[Any],
        tokenizer: Any,
        ends: Collection[int],
        constraint: Callable[[], Constraint],
        token_budget: int = 0,
    ) -> None:
        """ends: the tokens that end a completion; none lets all run to their limit. constraint: makes what grammars
        allow, called where a group is constrained. token_budget: as `Sampling.token_budget`, over all groups."""
        self._decoder, self._tokenizer, self._ends, self._constraint = decoder, tokenizer, ends, constraint
        self._budget, self._sampled = token_budget, 0
        self._waiting, self._live = deque[GroupState](), list[_Row]()

    def __bool__(self) -> bool:
        """Whether anything is left to do."""
        return bool(self._waiting or self._live)

    def add(self, group: GroupState) -> None:
        """Puts a group behind those that wait."""
        self._waiting.append(group)

    def cancel(self, group: GroupState) -> None:
        """Nobody wants the group's completions any more; its rows leave at the next step."""
        group.cancelled = True

    def step(self) -> int:
        """Lets waiting rows in, then writes one token of every live row. Returns how many completions ended.

        Raises `UserError` where the model's weights are not finite.
        """
        self._leave([slot for slot, row in enumerate(self._live) if row.group.cancelled])
        finished = self._admit()
        if self._live:
            self._sampled += len(self._live)
            self._extend(self._live, self._decoder.step([row.tokens[-1] for row in self._live]))
            ended = [slot for slot, row in enumerate(self._live) if row.stop]
            self._leave(ended)
            finished += len(ended)
        return finished

    def _leave(self, slots: Sequence[int]) -> None:
        if slots:
            self._decoder.drop(slots)
            self._live = after_drop(self._live, slots)

    def _admit(self) -> int:
        finished = 0
        while self._waiting and (room := self._decoder.room()):
            group = self._waiting[0]
            if group.cancelled:
                self._waiting.popleft()
                continue
            if group.begun == 0 and 0 < self._budget <= self._sampled:
                self._waiting.clear()
                break
            logits = self._prefill(group)
            newcomers = self._next_rows(group, room)
            self._extend(newcomers, logits.expand(len(newcomers), -1))
            self._sampled += len(newcomers)
            staying = [row for row in newcomers if row.stop is None]
            finished += len(newcomers) - len(staying)
            if staying:
                self._decoder.enter(group.prefix, len(staying))
                self._live += staying
            if group.begun == group.samples:
                group.prefix = group.logits = group.start = None  # the decoder keeps it while rows need it
                self._waiting.popleft()
        return finished

    def _prefill(self, group: GroupState) -> torch.Tensor:
        """The logits behind the group's prompt, computed once."""
        if group.logits is None:
            group.prefix, group.logits = self._decoder.prefill(group.prompt)
            if not bool(torch.isfinite(group.logits).all()):
                raise UserError(
                    "the model predicts nothing: its weights are not finite; go back to an earlier checkpoint, or "
                    "train anew with a lower learning rate"
                )
            if group.sampling.constrain and group.request.grammar:
                group.grammar = group.request.grammar()
                group.start = self._constraint().start(group.grammar)
        return group.logits

    def _next_rows(self, group: GroupState, most: int) -> list[_Row]:
        count = min(most, group.samples - group.begun)
        samples = range(group.begun, group.begun + count)
        group.begun += count
        return [_Row(group, sample, _draws(group, sample), group.start and group.start.copy()) for sample in samples]

    def _extend(self, rows: list[_Row], logits_BV: torch.Tensor) -> None:
        """Samples the next token of each row, and writes the rollout of those that end with it."""
        ways = [_way(row.group.sampling) for row in rows]
        if len(set(ways)) == 1:
            self._extend_alike(rows, logits_BV)
            return
        order = sorted(range(len(rows)), key=lambda slot: ways[slot])
        for _, members in itertools.groupby(order, key=lambda slot: ways[slot]):
            slots = list(members)
            self._extend_alike([rows[slot] for slot in slots], logits_BV[torch.tensor(slots)])

    def _extend_alike(self, rows: list[_Row], logits_BV: torch.Tensor) -> None:
        """As `_extend`, for rows that are sampled in the same way."""
        sampling = rows[0].group.sampling
        full_BV = logits_BV
        places = [row.place for row in rows if row.place]
        if places:
            logits_BV, allowed_BK = narrowed(logits_BV, places)
        uniforms = [row.draws.at(len(row.tokens)) for row in rows] if sampling.temperature > 0 else None
        if sampling.top_k or sampling.top_p < 1:
            logits_BV = likeliest(logits_BV, sampling.temperature, sampling.top_k, sampling.top_p)
        tokens_B, logprobs_B = sample_tokens(logits_BV, uniforms, sampling.temperature)
        if places:
            tokens_B = allowed_BK.gather(1, tokens_B[:, None])[:, 0]
        for slot, row in enumerate(rows):
            if row.group.top_logprobs:
                row.group.tops.setdefault(row.sample, []).append(_top(full_BV[slot], row.group.top_logprobs))
        for row, token, logprob in zip(rows, tokens_B.tolist(), logprobs_B.tolist(), strict=True):
            row.tokens.append(token)
            row.logprobs.append(logprob)
            if row.place:
                row.place.take(token)
            if row.group.on_token is not None:
                row.group.on_token(row.sample, token)
            row.stop = self._stop(row)
            if row.stop:
                row.group.finished[row.sample] = self._rollout(row)

    def _stop(self, row: _Row) -> StopReason | None:
        sampling = row.group.sampling
        if row.tokens[-1] in self._ends:
            return StopReason.END
        if sampling.stop and self._cut(row):
            return StopReason.STOP_STRING
        if sampling.until == "answers" and self._answered(row):
            return StopReason.ANSWERED
        if len(row.tokens) == sampling.max_new_tokens:
            return StopReason.LENGTH
        if sampling.give_up is not None and row.lost(sampling.give_up):
            return StopReason.GIVEN_UP
        return None

    def _rollout(self, row: _Row) -> Rollout:
        assert row.stop is not None
        text = self._tokenizer.decode(row.tokens, skip_special_tokens=True) if row.text is None else row.text
        prompt, grammar = tuple(row.group.prompt), row.group.grammar
        return Rollout(prompt, tuple(row.tokens), tuple(row.logprobs), row.stop, text, grammar)

    def _answered(self, row: _Row) -> bool:
        """Looked at when a line ends, since reading a completion costs more than writing its next token."""
        answered = row.group.request.answered
        if answered is None or "\n" not in self._tokenizer.decode(row.tokens[-1:]):
            return False
        opened = left_open(self._tokenizer.decode(row.group.prompt[-PROMPT_END_TOKENS:]))
        return answered(opened + self._tokenizer.decode(row.tokens, skip_special_tokens=True))

    def _cut(self, row: _Row) -> bool:
        """Whether a stop string has appeared; the row's text then ends before it."""
        longest = max(map(len, row.group.sampling.stop))
        # A token is at least a part of a character, and no character takes more than four.
        tail = self._tokenizer.decode(row.tokens[-4 * longest - 1 :], skip_special_tokens=True)
        if not any(text in tail for text in row.group.sampling.stop):
            return False
        text = self._tokenizer.decode(row.tokens, skip_special_tokens=True)
        places = [place for stop in row.group.sampling.stop if (place := text.find(stop)) >= 0]
        if not places:
            return False
        row.text = text[: min(places)]
        return True


def _draws(group: GroupState, sample: int) -> Draws:
    return Draws(group.sampling.seed, group.request.key, group.sampling.first + sample)


def _way(sampling: Sampling) -> tuple[float, int, float, bool]:
    """Equal for rows whose tokens can be drawn in one call."""
    return sampling.temperature, sampling.top_k, sampling.top_p, sampling.constrain


def _top(logits_V: torch.Tensor, count: int) -> TopLogprobs:
    logprobs, tokens = logits_V.float().log_softmax(-1).topk(min(count, len(logits_V)))
    return tuple(zip(tokens.tolist(), logprobs.tolist(), strict=True))
