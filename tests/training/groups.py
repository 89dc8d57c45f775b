"""Groups of completions for the tests of the packed pass."""

from __future__ import annotations

import torch

from sleuth.training.packing import Group
from tests.tiny import END, VOCABULARY


def random_tokens(length: int, seed: int) -> list[int]:
    return torch.randint(3, VOCABULARY, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


# Lengths on both sides of multiples of 32 and 64, and very short ones, different within and between groups; completions
# of one token, a group of them only, groups of one completion, and the end token (which is the padding token, too) both
# inside and at the end.
GROUPS = [
    Group(
        random_tokens(9, 1),
        [
            random_tokens(5, 2),
            random_tokens(1, 3),
            [*random_tokens(2, 4), END],
            random_tokens(12, 5),
            random_tokens(11, 16),
        ],
    ),
    Group(random_tokens(70, 20), [random_tokens(45, 21), random_tokens(33, 22), random_tokens(2, 23)]),
    Group(random_tokens(3, 6), [[END, 7, END, END], random_tokens(4, 7)]),
    Group(random_tokens(1, 8), [random_tokens(6, 9)]),
    Group(random_tokens(4, 10), [[END], [5], [6]]),
    Group(random_tokens(5, 12), [[END]]),
]
