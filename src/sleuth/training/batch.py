"""The batch of a GRPO step: sampled, scored, and each sample compared with its group.

A sample is a conversation: one completion, or with `grpo.retries` several, where those before the last gave no answer
and the solver's message was the next turn. The whole conversation is what is drawn, so it has one reward and one
advantage, which goes on the tokens of all its turns and on nothing that it was told (trajectory-level credit, as in
StarPO: Wang et al. 2025, RAGEN, arXiv:2504.20073). A turn that failed is credited, too, where what followed came right:
against the others of its group, which is an unbiased estimate, and less than an answer at once (`grpo.retry_discount`).
No bonus for coming right late (as SCoRe has for improving on itself: Kumar et al. 2024, arXiv:2409.12917): only what
gives no answer is ever asked again, so a model that answers at once loses nothing.

Shapes: B groups, G conversations each, T completion tokens of all turns of one.
"""

from __future__ import annotations

import itertools
import statistics
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sleuth.config import RunConfig
from sleuth.policy.base import Policy, Request, Rollout, Sampling
from sleuth.policy.constraint import Constraint
from sleuth.policy.conversations import Conversation, converse
from sleuth.puzzles.score import Part, Score
from sleuth.training.advantages import group_advantages, part_advantages
from sleuth.training.losses import divergence
from sleuth.training.reference import reference_logprobs
from sleuth.training.reward import components, earned


@dataclass(frozen=True, slots=True)
class Task:
    """A puzzle as the loop sees it: what is asked, and how a completion is graded."""

    request: Request
    score: Callable[[Rollout], Score]


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """One puzzle's conversations in one step."""

    task: Task
    conversations: Sequence[Conversation]
    components: Sequence[dict[str, float]]
    """What each conversation's reward is made of."""
    rewards: Sequence[float]
    """What each earned."""
    advantages: Sequence[float]
    """Of the whole conversations."""
    token_advantages: Sequence[Sequence[float]]
    """Of their tokens, those of all turns in order: what the loss takes."""
    trained: Sequence[bool]
    """Whether each is trained on."""

    @property
    def spread(self) -> bool:
        """Whether any token is better or worse than others; if not, the group has nothing to teach."""
        return any(any(advantages) for advantages in itertools.compress(self.token_advantages, self.trained))

    @property
    def tokens(self) -> int:
        """Completion tokens that are trained on."""
        return sum(one.length for one in itertools.compress(self.conversations, self.trained))


TokenEnds = Callable[[Rollout], Sequence[int]]
"""A rollout to the length of its text after each of its tokens, in characters."""


def sample_batch(
    policy: Policy,
    tasks: Iterator[Task],
    config: RunConfig,
    step: int,
    kl: float,
    reference: PreTrainedModel | None,
    ends: TokenEnds | None,
    constraint: Constraint | None = None,
) -> tuple[list[ScoredGroup], dict[str, float]]:
    """The groups of a step, and the seconds that sampling and scoring took.

    `config.grpo.puzzles_per_step` tasks, and of `config.grpo.refill` more as many as have nothing to teach. kl: the
    weight of the penalty to the reference in this step. The reference is looked at where a reward needs it, `ends`
    where parts are credited, the constraint where sampling is constrained.
    """
    grpo, drawn = config.grpo, config.sampling
    groups: list[ScoredGroup] = []
    timings = {"sample_s": 0.0, "score_s": 0.0}

    def graded(task: Task, rollout: Rollout) -> Score:
        started_s = time.perf_counter()
        score = task.score(rollout)
        taken_s = time.perf_counter() - started_s
        timings["score_s"] += taken_s
        timings["sample_s"] -= taken_s  # it is within the time of the conversations
        return score

    wanted, left, tokens = grpo.puzzles_per_step, grpo.refill, 0
    while wanted > 0:
        started_s = time.perf_counter()
        some = list(itertools.islice(tasks, wanted))
        sampling = Sampling(
            drawn.max_new_tokens,
            drawn.temperature,
            (config.seed, step),
            until=drawn.until,
            token_budget=drawn.token_budget and max(1, drawn.token_budget - tokens),
            give_up=drawn.give_up,
            constrain=drawn.constrain,
        )
        graders = [lambda rollout, task=task: graded(task, rollout) for task in some]
        requests = [task.request for task in some]
        every_BG = converse(policy, requests, graders, grpo.samples, sampling, grpo.retries)
        sampled_s = time.perf_counter()
        begun = [(task, group) for task, group in zip(some, every_BG, strict=True) if group]
        groups += score_groups(begun, config, kl, reference, ends, constraint)
        timings["sample_s"] += sampled_s - started_s
        timings["score_s"] += time.perf_counter() - sampled_s
        tokens = sum(one.length for group in groups for one in group.conversations)
        spent = 0 < drawn.token_budget <= tokens
        wanted = 0 if spent else min(left, grpo.puzzles_per_step - sum(group.spread for group in groups))
        left -= wanted
    return groups, timings


def score_groups(
    begun: Sequence[tuple[Task, Sequence[Conversation]]],
    config: RunConfig,
    kl: float,
    reference: PreTrainedModel | None,
    ends: TokenEnds | None,
    constraint: Constraint | None = None,
) -> list[ScoredGroup]:
    """Rewards and advantages of sampled groups; arguments as of `sample_batch`."""
    grpo, drawn, weights = config.grpo, config.sampling, config.reward
    in_reward = kl if grpo.kl_in == "reward" else 0.0
    every_BGT = None
    if reference is not None and (in_reward > 0 or weights.fluency > 0):
        conversations_BG = [conversations for _, conversations in begun]
        every_BGT = _by_conversation(
            reference_logprobs(
                reference,
                by_prompt(conversations_BG),
                drawn.temperature,
                config.optimizer.micro_batch_tokens,
                constraint,
            ),
            conversations_BG,
        )
    groups = []
    for number, (task, conversations) in enumerate(begun):
        found_G, rewards_G = [], []
        for sample, one in enumerate(conversations):
            reference_T = None if every_BGT is None else every_BGT[number][sample]
            found = components(
                one.rollouts,
                one.score,
                task.request.user,
                weights,
                drawn.max_new_tokens,
                None if reference_T is None else float(reference_T.mean()),
                grpo.retry_discount,
            )
            reward = earned(found, weights)
            if reference_T is not None and in_reward > 0:
                sampled_T = torch.tensor([logprob for rollout in one.rollouts for logprob in rollout.logprobs])
                found["kl"] = float(divergence(reference_T - sampled_T, grpo.kl_estimator).sum())
                reward -= in_reward * found["kl"]
            found_G.append(found)
            rewards_G.append(reward)
        whole = group_advantages(torch.tensor([rewards_G]), grpo.deviation, grpo.leave_one_out)[0].tolist()
        by_token = _token_advantages(conversations, whole, config, ends)
        if grpo.min_deviation > 0 and statistics.pstdev(rewards_G) <= grpo.min_deviation:
            whole, by_token = [0.0] * len(whole), [[0.0] * len(one) for one in by_token]
        trained = [grpo.truncated == "keep" or not one.rollout.stop.cut for one in conversations]
        groups.append(ScoredGroup(task, conversations, found_G, rewards_G, whole, by_token, trained))
    return groups


Item = TypeVar("Item")


def turns_by_prompt(turns_G: Sequence[Sequence[Item]]) -> list[list[Item]]:
    """What there is of each turn of a group's conversations, that of one prompt together: of the first turns, then of
    the later ones one by one, conversation by conversation, since each has a prompt of its own."""
    return [[first for first, *_ in turns_G], *([turn] for _, *later in turns_G for turn in later)]


def by_prompt(conversations_BG: Iterable[Sequence[Conversation]]) -> list[list[Rollout]]:
    """All completions of a batch, those of one prompt together."""
    return [
        some for conversations in conversations_BG for some in turns_by_prompt([one.rollouts for one in conversations])
    ]


def _by_conversation(
    values: Sequence[Sequence[Tensor]], conversations_BG: Sequence[Sequence[Conversation]]
) -> list[list[Tensor]]:
    """Values of tokens in the order of `by_prompt`, those of each conversation joined in the order of its turns."""
    rest = iter(values)
    found = []
    for conversations in conversations_BG:
        first = next(rest)
        later = [[next(rest)[0] for _ in one.rollouts[1:]] for one in conversations]
        found.append([torch.cat([one, *others]) for one, others in zip(first, later, strict=True)])
    return found


def _token_advantages(
    conversations: Sequence[Conversation], advantages: Sequence[float], config: RunConfig, ends: TokenEnds | None
) -> list[list[float]]:
    """Those of whole conversations on all their tokens, and those of parts on all tokens that write some of them.

    Parts are compared within a turn: first completions with first ones, second with second ones.
    """
    by_token = [[one] * conversation.length for conversation, one in zip(conversations, advantages, strict=True)]
    if config.reward.spans == 0:
        return by_token
    assert ends is not None
    starts = [0] * len(conversations)
    for turn in range(max(len(one.rollouts) for one in conversations)):
        numbers = [number for number, one in enumerate(conversations) if len(one.rollouts) > turn]
        scores = [conversations[number].scores[turn] for number in numbers]
        parts_GK = [[(part, part.value) for part in score.parts if part.value is not None] for score in scores]
        values_GK = [[value for _, value in parts_K] for parts_K in parts_GK]
        advantages_GK = part_advantages(values_GK, config.grpo.deviation)
        for number, parts_K, own_K in zip(numbers, parts_GK, advantages_GK, strict=True):
            rollout = conversations[number].rollouts[turn]
            if any(own_K):
                credit = [(part, config.reward.spans * value) for (part, _), value in zip(parts_K, own_K, strict=True)]
                _add_credit(by_token[number], starts[number], ends(rollout), credit)
            starts[number] += len(rollout.tokens)
    return by_token


def _add_credit(
    advantages_T: list[float], start: int, ends_T: Sequence[int], credit: Sequence[tuple[Part, float]]
) -> None:
    """Adds what parts are credited with to the tokens that write some of them; those of their turn begin at `start`."""
    for part, advantage in credit:
        last = bisect_left(ends_T, part.end)
        for t in range(bisect_right(ends_T, part.start), min(last + 1, len(ends_T))):
            advantages_T[start + t] += advantage
