"""What a grammar allows as the next token of a completion: bit masks of the library llguidance, and their use.

A grammar is a regular expression over text (`Request.grammar`). llguidance walks the tree of all tokens' bytes along
the expression's automaton, whose states it keeps: a mask costs microseconds once others have been in the same place.
Every tokenization of an allowed text is allowed, not only the tokenizer's own.

Programs and answer blocks leave a few tokens of tens of thousands, so masks are not laid over the logits: what is
allowed is taken out of them, and drawing and log-probabilities are over that alone.

Shapes: B rows, K most tokens allowed in one of them, V vocabulary, W = ⌈V / 32⌉ words of a bit mask, N completion
tokens, U tokens allowed before any of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, regex_to_lark
from llguidance.hf import from_tokenizer
from numpy.typing import NDArray
from torch import Tensor

from sleuth.errors import UserError

Bits = NDArray[np.uint32]
"""Masks, W words each, the token of lowest number in a word's lowest bit."""
UNFORCED = '%llguidance {"no_forcing": true}'
"""Where only one text can follow, llguidance would allow only the token that it takes to be the tokenizer's own for it.
For a tokenizer that puts spaces before lines it takes the wrong one."""
REMEMBERED = 64
"""Grammars whose automata are kept, as the trainer asks for those that the sampler had."""


class Place:
    """Where a completion stands in its grammar."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def copy(self) -> Place:
        """The same place for another completion; both go on with the same automaton."""
        return Place(self._matcher.deep_copy())

    def allowed(self) -> Bits:
        """The tokens that may come next, W words; never none. Raises `UserError` when the grammar is beyond the
        library's bounds."""
        mask = self._matcher.compute_bitmask()
        if self._matcher.is_error():
            raise _refused(self._matcher.get_error())
        return np.frombuffer(mask, dtype=np.uint32)

    def take(self, token: int) -> None:
        """Goes on past a token that is allowed here."""
        taken = self._matcher.consume_token(token)
        assert taken, self._matcher.get_error()


class Constraint:
    """The grammars of one tokenizer's completions."""

    def __init__(self, tokenizer: Any, vocabulary: int, end: int) -> None:
        """vocabulary: V, the width of the model's logits. end: the token that ends a completion. Raises `UserError` for
        a tokenizer that the library does not know."""
        try:
            self._tokenizer = from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=end)
        except ValueError as error:
            raise _refused(str(error)) from error
        # Some tokenizers put a space before every text or every line; decoding takes it away again.
        marked = self._tokenizer.decode_str(tokenizer("x\nx", add_special_tokens=False)["input_ids"])
        before = re.fullmatch(r"( *)x\n( *)x", marked)
        if before is None:
            raise UserError("this model's tokenizer does not keep text as it is; its completions cannot be constrained")
        self._first, self._later = before.groups()
        self._compiled = lru_cache(REMEMBERED)(self._compile)

    def start(self, grammar: str) -> Place:
        """Before the first token. Raises `UserError` for a grammar beyond the library's bounds."""
        return Place(self._compiled(grammar)).copy()

    def along(self, grammar: str, tokens: Sequence[int]) -> Bits:
        """What was allowed in the place of each of a completion's tokens: N × W."""
        place, masks = self.start(grammar), []
        for token in tokens:
            masks.append(place.allowed())
            place.take(token)
        return np.stack(masks)

    def _compile(self, grammar: str) -> LLMatcher:
        as_tokens = f"{self._first}(?:{grammar})".replace("\n", f"\n{self._later}")
        matcher = LLMatcher(
            self._tokenizer, LLMatcher.grammar_from_lark(f"{UNFORCED}\nstart: /{regex_to_lark(as_tokens)}/")
        )
        if matcher.is_error():
            raise _refused(matcher.get_error())
        return matcher


def narrowed(logits_BV: Tensor, places: Sequence[Place]) -> tuple[Tensor, Tensor]:
    """The logits of the tokens that are allowed in each row's place, in the tokens' order and then minus infinity up to
    the row that has most, and the tokens: `(logits_BK, tokens_BK)`."""
    rows_A, tokens_A = _tokens(np.stack([place.allowed() for place in places]))
    counts_B = np.bincount(rows_A, minlength=len(places))
    columns_A = np.arange(len(rows_A)) - (counts_B.cumsum() - counts_B)[rows_A]
    tokens_BK = np.zeros((len(places), counts_B.max()), dtype=np.int64)
    tokens_BK[rows_A, columns_A] = tokens_A
    tokens = torch.from_numpy(tokens_BK).to(logits_BV.device)
    beyond = torch.from_numpy(np.arange(tokens_BK.shape[1]) >= counts_B[:, None]).to(logits_BV.device)
    return logits_BV.gather(1, tokens).masked_fill_(beyond, -torch.inf), tokens


def columns(bits_NW: Bits) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The tokens that are allowed before any of N, in order, and which of them are before each: `(tokens_U,
    allowed_NU)`."""
    _, tokens_U = _tokens(np.bitwise_or.reduce(bits_NW, axis=0)[None])
    allowed_NU = (bits_NW[:, tokens_U // 32] >> (tokens_U % 32).astype(np.uint32)) & 1
    return tokens_U, allowed_NU.astype(np.bool_)


def _tokens(bits_BW: Bits) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and token of every set bit, in order. Most words are empty, so only the others are taken apart."""
    rows, words = bits_BW.nonzero()
    which, bit = np.unpackbits(bits_BW[rows, words].view(np.uint8).reshape(-1, 4), axis=1, bitorder="little").nonzero()
    return rows[which], words[which] * 32 + bit


def _refused(reason: str) -> UserError:
    return UserError(f"completions cannot be constrained: {reason.strip().partition(chr(10))[0][:200]}")
