"""Sampling the batch of a GRPO step, and filling it up where groups have nothing to teach."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from itertools import chain

from sleuth.config import RunConfig
from sleuth.policy.base import Policy, Sampling
from sleuth.policy.conversations import Conversation, begin, go_on, grade_all
from sleuth.training.batch import ScoredGroup, Task
from sleuth.training.credit import TokenEnds
from sleuth.training.likelihood import Likelihood
from sleuth.training.scoring import score_groups
from sleuth.training.stopwatch import Stopwatch


def sample_batch(
    policy: Policy,
    tasks: Iterator[Task],
    config: RunConfig,
    step: int,
    kl: float,
    reference: Likelihood | None,
    ends: TokenEnds | None,
    watch: Stopwatch,
) -> list[ScoredGroup]:
    """The groups of a step: of `config.grpo.puzzles_per_step` tasks, and of `config.grpo.refill` more as many as have
    nothing to teach. Further arguments as of `score_groups`; the watch takes `sample_s` and `score_s`."""
    grpo, budget = config.grpo, config.sampling.token_budget
    groups: list[ScoredGroup] = []
    wanted, left, tokens = grpo.puzzles_per_step, grpo.refill, 0
    while wanted > 0:
        some = list(itertools.islice(tasks, wanted))
        every_BG = _conversations(policy, some, config, step, tokens, watch)
        with watch("score_s"):
            begun = [(task, group) for task, group in zip(some, every_BG, strict=True) if group]
            groups += score_groups(begun, config, kl, reference, ends)
        tokens = sum(one.length for group in groups for one in group.conversations)
        spent = 0 < budget <= tokens
        wanted = 0 if spent else min(left, grpo.puzzles_per_step - sum(group.spread for group in groups))
        left -= wanted
    return groups


def _conversations(
    policy: Policy, tasks: Sequence[Task], config: RunConfig, step: int, tokens: int, watch: Stopwatch
) -> list[list[Conversation]]:
    """Sampled and graded by turns. tokens: how many of the step's budget are spent."""
    drawn = config.sampling
    sampling = Sampling(
        drawn.max_new_tokens,
        drawn.temperature,
        (config.seed, step),
        until=drawn.until,
        token_budget=drawn.token_budget and max(1, drawn.token_budget - tokens),
        give_up=drawn.give_up,
        constrain=drawn.constrain,
    )
    graders = [task.grade for task in tasks]
    with watch("sample_s"):
        every_BG = begin(policy, [task.request for task in tasks], config.grpo.samples, sampling)
    with watch("score_s"):
        grade_all(every_BG, graders)
    for _ in range(config.grpo.retries):
        with watch("sample_s"):
            go_on(policy, list(chain(*every_BG)), sampling)
        with watch("score_s"):
            grade_all(every_BG, graders)
    return every_BG
