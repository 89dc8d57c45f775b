"""Where tokens end in the text: as every prefix decoded says, for tokenizers of several kinds and texts of any sort."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.policy.nano import learn
from sleuth.training.token_ends import BLOCK, token_ends
from tests.tiny import tiny_tokenizer

SAMPLE = ["In the hall,\nAda was seen.\n\n1. in( Ada, Hall)\n", "Ünïcödé, 猫 and 🕵️‍♀️ !\n  two  blanks\n"]


@cache
def tokenizer(kind: str) -> Any:
    return tiny_tokenizer() if kind == "bytes" else learn(SAMPLE, ("Ada", "Hall"), 340)


def prefixes(kind: str, tokens: list[int]) -> list[int]:
    """Each prefix decoded: exact, and quadratic."""
    own = tokenizer(kind)
    return [len(own.decode(tokens[:count], skip_special_tokens=True)) for count in range(1, len(tokens) + 1)]


@pytest.mark.parametrize("kind", ["bytes", "nano"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_as_every_prefix_decoded(kind: str, data: st.DataObject) -> None:
    own = tokenizer(kind)
    text = data.draw(st.text(max_size=60) | st.lists(st.sampled_from(SAMPLE), max_size=6).map("".join))
    tokens = own(text, add_special_tokens=False)["input_ids"]
    assert token_ends(own, tokens) == prefixes(kind, tokens)


@pytest.mark.parametrize("kind", ["bytes", "nano"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_of_tokens_that_no_text_has(kind: str, data: st.DataObject) -> None:
    """As a model samples them: halves of characters, special tokens anywhere."""
    own = tokenizer(kind)
    tokens = data.draw(st.lists(st.integers(0, len(own) - 1), max_size=5 * BLOCK))
    assert token_ends(own, tokens) == prefixes(kind, tokens)


@pytest.mark.parametrize("kind", ["bytes", "nano"])
def test_special_tokens_for_longer_than_a_block(kind: str) -> None:
    own = tokenizer(kind)
    tokens = own("Ada", add_special_tokens=False)["input_ids"]
    tokens = tokens + [own.eos_token_id] * (3 * BLOCK) + own(" in\n Hall", add_special_tokens=False)["input_ids"]
    assert token_ends(own, tokens) == prefixes(kind, tokens)
    assert token_ends(own, []) == []


def test_the_work_grows_with_the_tokens() -> None:
    decoded: list[int] = []

    class Counting:
        def batch_decode(self, slices: list[list[int]], skip_special_tokens: bool) -> list[str]:
            decoded.extend(map(len, slices))
            return ["x" * len(some) for some in slices]

    assert token_ends(Counting(), range(1000)) == list(range(1, 1001))
    assert sum(decoded) < 25 * 1000
