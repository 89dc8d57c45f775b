"""How batches are laid out."""

from __future__ import annotations

import numpy as np

from sleuth.policy.constraint import Constraint
from sleuth.training import packing
from sleuth.training.packing import Group, micro_batches, pack
from tests.tiny import END, VOCABULARY, tiny_tokenizer
from tests.training.groups import GROUPS, random_tokens


def test_the_prompt_is_computed_once_and_last_tokens_never() -> None:
    packed = pack(GROUPS)
    # Prompts 9 + 70 + 3 + 1 + 4 + 5 = 92; inputs 4 + 0 + 2 + 11 + 10 = 27, 44 + 32 + 1 = 77, 3 + 3 = 6, 5, 0, 0.
    assert len(packed.tokens) == 92 + 27 + 77 + 6 + 5 == sum(group.computed_tokens for group in GROUPS)
    assert len(packed.targets) == 32 + 80 + 8 + 6 + 3 + 1 == sum(group.predicted_tokens for group in GROUPS)


def test_layout_of_a_small_pack() -> None:
    packed = pack([Group([10, 11], [[20, 21, 2], [30]]), Group([12], [[40, 41]])])
    assert packed.tokens.tolist() == [10, 11, 20, 21, 12, 40]
    assert packed.positions.tolist() == [0, 1, 2, 3, 0, 1]
    assert packed.predictors.tolist() == [1, 2, 3, 1, 4, 5]
    assert packed.targets.tolist() == [20, 21, 2, 30, 40, 41]
    # The prompt, and the completion with inputs; then prompt and completion as one.
    assert packed.segments.tolist() == [[0, 2], [2, 2], [4, 2]]
    assert packed.groups.tolist() == [[0, 2], [2, 1]]


def test_attention_pads_little() -> None:
    lengths = [2, 100, 3, 97, 50, 2, 99, 52]
    packed = pack([Group([5] * 20, [random_tokens(length, length) for length in lengths])])
    padded = sum(block.rows.numel() for block in packed.blocks)
    assert padded <= packing.PADDING_LIMIT * len(packed.tokens)


def test_parts_of_a_group_keep_its_grammar_and_every_token_its_mask() -> None:
    tokenizer = tiny_tokenizer()
    a, b, c = tokenizer("abc", add_special_tokens=False)["input_ids"]
    groups = [Group([5] * 9, [[a, END], [b, c, END], [b]], "a|bc"), Group([6], [[c]], "c")]
    parts = micro_batches(groups, 11)
    assert [[len(group.completions) for group in part] for part in parts] == [[1], [2], [1]]
    constraint = Constraint(tokenizer, VOCABULARY, END)
    whole = pack(groups, constraint=constraint).allowed
    some = [pack(part, constraint=constraint).allowed for part in parts]
    assert whole is not None and whole.shape == (7, 9)
    assert (np.concatenate([masks for masks in some if masks is not None]) == whole).all()
    assert pack(groups).allowed is None
