"""Where each token of a completion ends in its text: what places a part of the text on the tokens that write it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BLOCK, BEFORE = 16, 8
"""Tokens that are placed at a time, and at least so many before them that are decoded along: a character may be made of
several tokens, and a decoder may change what stands between two."""


def token_ends(tokenizer: Any, tokens: Sequence[int]) -> list[int]:
    """The length of the text, in characters, after each token, special tokens left out.

    That is the length of every prefix decoded, without decoding every prefix: a token is placed by what it and the
    tokens just before it are decoded to, so the work grows with the number of tokens and not with its square.
    """
    ends: list[int] = []
    for first in range(0, len(tokens), BLOCK):
        last = min(first + BLOCK, len(tokens))
        start, known = max(0, first - BEFORE), ""
        while first:
            known = _decoded(tokenizer, [tokens[start:first]])[0]
            if known.strip() or start == 0:
                break
            start = max(0, start - BEFORE)  # special tokens alone: what follows would look like the text's beginning
        shift = (ends[-1] if ends else 0) - len(known)
        texts = _decoded(tokenizer, [tokens[start:end] for end in range(first + 1, last + 1)])
        ends += [shift + len(text) for text in texts]
    return ends


def _decoded(tokenizer: Any, slices: Sequence[Sequence[int]]) -> list[str]:
    texts: list[str] = tokenizer.batch_decode([list(some) for some in slices], skip_special_tokens=True)
    return texts
