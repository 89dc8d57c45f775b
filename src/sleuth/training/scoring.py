"""What the completions of a step earn, and how each compares with its group.

The whole conversation is what is drawn, so it has one reward and one advantage, which goes on the tokens of all its
turns and on nothing that it was told (trajectory-level credit, as in StarPO: Wang et al. 2025, RAGEN,
arXiv:2504.20073). A turn that failed is credited, too, where what followed came right: against the others of its group,
which is an unbiased estimate, and less than an answer at once (`grpo.retry_discount`). No bonus for coming right late
(as SCoRe has for improving on itself: Kumar et al. 2024, arXiv:2409.12917): only what gives no answer is ever asked
again, so a model that answers at once loses nothing.

With `grpo.learn_from` `right`, solved ones are learned as they are: rejection sampling in every step, as in RAFT (Dong
et al. 2023, arXiv:2304.06767), which Xiong et al. 2025 (arXiv:2504.11343) compare with GRPO; with large batches and
many updates, rounds of expert iteration (Anthony et al. 2017, arXiv:1705.08439).

Shapes: B groups, G conversations each, T completion tokens of all turns of one.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import torch
from torch import Tensor

from sleuth.config import RunConfig
from sleuth.policy.conversations import Conversation
from sleuth.training.advantages import group_advantages
from sleuth.training.batch import ScoredGroup, Task, by_prompt
from sleuth.training.credit import TokenEnds, token_advantages
from sleuth.training.likelihood import Likelihood
from sleuth.training.losses import divergence
from sleuth.training.reward import components, earned


def score_groups(
    begun: Sequence[tuple[Task, Sequence[Conversation]]],
    config: RunConfig,
    kl: float,
    reference: Likelihood | None,
    ends: TokenEnds | None,
) -> list[ScoredGroup]:
    """Rewards and advantages of groups that were sampled and graded. kl: the weight of the penalty to the reference in
    this step; the reference is looked at where a reward needs it, `ends` where parts are credited."""
    grpo, weights = config.grpo, config.reward
    in_reward = kl if grpo.kl_in == "reward" else 0.0
    every_BGT = None
    if reference is not None and (in_reward > 0 or weights.fluency > 0):
        conversations_BG = [conversations for _, conversations in begun]
        every_BGT = _by_conversation(reference.of_rollouts(by_prompt(conversations_BG)), conversations_BG)
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
                config.sampling.max_new_tokens,
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
        rewards_1G = torch.tensor([rewards_G])
        right_G = [one.score.correct for one in conversations]
        if grpo.learn_from == "right":
            whole = list(map(float, right_G))
        else:
            whole = group_advantages(rewards_1G, grpo.deviation, grpo.leave_one_out, grpo.sample_deviation)[0].tolist()
        by_token = token_advantages(conversations, whole, config, ends)
        if grpo.min_deviation > 0 and statistics.pstdev(rewards_G) <= grpo.min_deviation:
            whole, by_token = [0.0] * len(whole), [[0.0] * len(one) for one in by_token]
        trained = [
            (grpo.truncated == "keep" or not one.rollout.stop.cut) and (grpo.learn_from == "all" or right)
            for one, right in zip(conversations, right_G, strict=True)
        ]
        groups.append(ScoredGroup(task, conversations, found_G, rewards_G, whole, by_token, trained))
    return groups


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
