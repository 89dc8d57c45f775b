"""The reward for TRL: `reward_funcs: [sleuth.integrations.trl.reward]`.

TRL calls it with lists, one item for each completion, and with the columns of `train.jsonl`. It returns what Sleuth's
own engine would give (`sleuth.training.reward`). For TRL's log it also tells how completions ended (`sleuth/strict`,
`sleuth/outcome/…`), what lines or sentences are worth (`sleuth/spans/…`), and every component of the reward
(`sleuth/reward/…`); for TRL's table of completions, which puzzle each is about, its tokens and its outcome.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sleuth.config import Mode, RewardConfig
from sleuth.evaluation.summary import summarise
from sleuth.integrations.grading import grade_text, puzzle_of
from sleuth.policy.base import Request, Rollout, StopReason
from sleuth.policy.conversations import Conversation
from sleuth.runs.rows import evaluation_rows
from sleuth.training.reward import components, earned

Messages = Sequence[Mapping[str, str]]


def reward(
    prompts: Sequence[Messages],
    completions: Sequence[Messages],
    completion_ids: Sequence[Sequence[int]],
    *,
    id: Sequence[str],
    puzzle: Sequence[str],
    mode: Sequence[Mode],
    reward: Sequence[str],
    max_new_tokens: Sequence[int],
    log_extra: Callable[[str, list[Any]], None],
    log_metric: Callable[[str, float], None],
    stop: Sequence[str] | None = None,
    logprobs_sampled: Sequence[Sequence[float]] | None = None,
    **_: Any,
) -> list[float]:
    """What each completion earns.

    id, puzzle (JSON text), mode, reward (the recipe's section, JSON text) and max_new_tokens are columns of the data.
    stop and logprobs_sampled: of Sleuth's own sampler, where it sampled. Without it, a completion as long as the limit
    counts as cut off.
    """
    rows, rewards, every = [], [], []
    for i, tokens in enumerate(completion_ids):
        if stop is not None:
            ended = StopReason(stop[i])
        else:
            ended = StopReason.LENGTH if len(tokens) >= max_new_tokens[i] else StopReason.END
        text = completions[i][-1]["content"]
        score = grade_text(puzzle[i], text, mode[i], ended.cut)
        rollout = Rollout((), tuple(tokens), (), ended, text)
        weights = RewardConfig.model_validate_json(reward[i])
        found = components([rollout], score, prompts[i][-1]["content"], weights, max_new_tokens[i])
        one = Conversation(Request(id[i], "", ""), 0, [rollout], [score])
        rows += evaluation_rows([puzzle_of(puzzle[i])], mode[i], [[one]])
        rewards.append(earned(found, weights))
        every.append(found)
    for name, value in summarise(rows, mode=mode[0]).as_metrics().items():
        log_metric(f"sleuth/{name}", value)
    for name in every[0]:
        log_metric(f"sleuth/reward/{name}", statistics.fmean(found[name] for found in every))
    log_extra("id", list(id))
    log_extra("outcome", [str(row.outcome) for row in rows])
    log_extra("strict", [row.correct for row in rows])
    log_extra("tokens", [list(tokens) for tokens in completion_ids])
    if stop is not None:
        log_extra("stop", list(stop))
    if logprobs_sampled is not None:
        log_extra("logprobs", [list(logprobs) for logprobs in logprobs_sampled])
    return rewards
