"""Many completions of a few prompts as one flat sequence of real tokens: each prompt is computed once.

In GRPO (Group Relative Policy Optimization) the completions of a group share their prompt. Here a prompt is a segment
of its own, attends to itself causally, and its completions attend to it and, causally, to themselves; the matrix
products of the model see one sequence of T tokens without any padding. Only attention pads, within blocks of segments
of similar length. Masks come from positions, never from token values.

A completion's last token predicts nothing, so it is a target but never an input. Positions whose hidden states
predict a completion token are the prompt's last and all of the completion but its last.

Shapes: T tokens computed, N completion tokens predicted; in a block, S segments of at most L tokens behind a shared
prefix of P tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from sleuth.policy.constraint import Bits, Constraint

PADDING_LIMIT = 1.25
"""Rows of an attention block, padding included, per real row."""


@dataclass(frozen=True, slots=True)
class Group:
    """A prompt and the completions to be trained on; none of them empty."""

    prompt_tokens: Sequence[int]
    completions: Sequence[Sequence[int]]
    grammar: str | None = None
    """What their tokens were constrained to (`Rollout.grammar`)."""

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


@dataclass(frozen=True)
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
    segments: Tensor
    """S × 2: where each prompt and each completion begins and how many tokens it has, in the order of the sequence; a
    group of one completion is one segment."""
    groups: Tensor
    """G × 2: each group's first segment, its prompt, and how many segments it has."""
    longest: int
    """Tokens of the longest sequence that is computed: one more than the highest position, known without asking the
    device."""
    allowed: Bits | None = None
    """N bit masks of the tokens that each completion token was drawn from; None: from all."""

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The segments laid side by side, for attention in torch operations."""
        spans = [(start, length) for start, length in self.segments.tolist()]
        found: list[_Segment] = []
        for first, count in self.groups.tolist():
            start, length = spans[first]
            found.append(_Segment((0, 0), start, length))
            found += [_Segment((start, start + length), *span) for span in spans[first + 1 : first + count]]
        return tuple(_blocks(found, self.tokens.device))


@dataclass(frozen=True, slots=True)
class _Segment:
    prefix: tuple[int, int]
    start: int
    length: int


def pack(groups: Sequence[Group], device: torch.device | str = "cpu", constraint: Constraint | None = None) -> Packed:
    """Lays out the groups one after the other: prompt, then its completions without their last tokens.

    A group of one completion is a plain causal sequence. With `constraint`, every group has a grammar, and what it
    allowed is worked out again.
    """
    tokens: list[int] = []
    positions: list[int] = []
    predictors: list[int] = []
    targets: list[int] = []
    spans: list[tuple[int, int]] = []
    members: list[tuple[int, int]] = []
    for group in groups:
        first = len(spans)
        prompt_start, prompt_length = len(tokens), len(group.prompt_tokens)
        assert prompt_length and group.completions and all(group.completions), "a prompt or a completion has no tokens"
        tokens += group.prompt_tokens
        positions += range(prompt_length)
        alone = len(group.completions) == 1
        spans.append((prompt_start, prompt_length + len(group.completions[0]) - 1 if alone else prompt_length))
        for completion in group.completions:
            start, inputs = len(tokens), len(completion) - 1
            tokens += completion[:-1]
            positions += range(prompt_length, prompt_length + inputs)
            predictors += [prompt_start + prompt_length - 1, *range(start, start + inputs)]
            targets += completion
            if inputs and not alone:
                spans.append((start, inputs))
        members.append((first, len(spans) - first))

    def tensor(values: Sequence[object]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    return Packed(
        tokens=tensor(tokens),
        positions=tensor(positions),
        predictors=tensor(predictors),
        targets=tensor(targets),
        segments=tensor(spans),
        groups=tensor(members),
        longest=max(positions) + 1,
        allowed=None if constraint is None else _allowed(groups, constraint),
    )


def _allowed(groups: Sequence[Group], constraint: Constraint) -> Bits:
    masks = []
    for group in groups:
        assert group.grammar is not None
        masks += [constraint.along(group.grammar, completion) for completion in group.completions]
    return np.concatenate(masks)


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
            yield replace(group, completions=group.completions[first:index])
            first, used = index, len(group.prompt_tokens)
        used += inputs
    yield replace(group, completions=group.completions[first:])
