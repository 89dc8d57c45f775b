"""A step that TRL made, read from its log and its table of completions as Sleuth's own loop would have told it."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sleuth.errors import UserError
from sleuth.integrations.grading import puzzle_of
from sleuth.integrations.trl.arguments import DATA
from sleuth.integrations.trl.folder import TrlFolder
from sleuth.policy.base import Rollout, StopReason
from sleuth.policy.chat import prompt_tokens
from sleuth.policy.conversations import Conversation, grade_all
from sleuth.training.batch import ScoredGroup, Task, tasks
from sleuth.training.grpo import Step, sampling_metrics
from sleuth.training.optimizer import scheduled_rate
from sleuth.training.reward import components
from sleuth.training.session import Session

NAMES = {"loss": "loss", "grad_norm": "grad_norm", "entropy": "entropy", "clip_ratio/region_mean": "clip_share"}
"""TRL's names of what Sleuth logs, too, and Sleuth's."""
WITH_VLLM = {
    "sampling/sampling_logp_difference/mean": "mismatch",
    "sampling/sampling_logp_difference/max": "mismatch_max",
}
"""The same, of runs with vLLM and `grpo.correction`."""


class Copyist:
    """Reads the steps of a session's run."""

    def __init__(self, session: Session, folder: TrlFolder) -> None:
        self._config, self._tokenizer, self._folder = session.config, session.tokenizer, folder

    def read(self, number: int) -> Step | None:
        """A step; None where TRL has not written all of it yet. Raises `UserError` where its gradient was not
        finite."""
        logged = self._folder.logged().get(number)
        table = self._table(number) if logged else None
        if logged is None or table is None:
            return None
        if not math.isfinite(float(logged["grad_norm"])):
            raise UserError(
                f"TRL's gradient was not finite in step {number}, and TRL updates all the same; start again "
                "with a lower grpo.learning_rate"
            )
        groups = self._groups(number, table)
        return Step(number, groups, self._metrics(number, groups, logged), {"step_s": float(logged["step_time"])})

    def _table(self, number: int) -> list[dict[str, Any]] | None:
        """TRL's table of completions, which it does not write in one go."""
        try:
            return list(pq.read_table(self._folder.completions(number)).to_pylist())
        except (FileNotFoundError, pa.ArrowInvalid, OSError):
            return None

    def _groups(self, number: int, table: Sequence[Mapping[str, Any]]) -> list[ScoredGroup]:
        samples = self._config.grpo.samples
        rows = [table[start : start + samples] for start in range(0, len(table), samples)]
        return [self._group(task, own) for task, own in zip(self._tasks(number), rows, strict=True)]

    def _tasks(self, number: int) -> Iterator[Task]:
        count = self._config.grpo.puzzles_per_step
        with (self._folder.path / DATA).open(encoding="utf-8") as file:
            lines = list(itertools.islice(file, (number - 1) * count, number * count))
        return tasks((puzzle_of(json.loads(line)["puzzle"]) for line in lines), self._config.mode)

    def _group(self, task: Task, rows: Sequence[Mapping[str, Any]]) -> ScoredGroup:
        """Graded again: what a file says of a completion is not taken for its grade."""
        config = self._config
        prompt = tuple(prompt_tokens(self._tokenizer, task.request))
        conversations = []
        for sample, row in enumerate(rows):
            assert row["id"] == task.request.key, "TRL asks in the order of the data"
            tokens = tuple(row["tokens"])
            cut = StopReason.LENGTH if len(tokens) >= config.sampling.max_new_tokens else StopReason.END
            stop = StopReason(row["stop"]) if "stop" in row else cut
            text, logprobs = row["completion"][-1]["content"], tuple(row.get("logprobs") or ())
            conversations.append(Conversation(task.request, sample, [Rollout(prompt, tokens, logprobs, stop, text)]))
        grade_all([conversations], [task.grade])
        longest, user = config.sampling.max_new_tokens, task.request.user
        found = [components(one.rollouts, one.score, user, config.reward, longest) for one in conversations]
        advantages = [float(row["advantage"]) for row in rows]
        rewards = [float(row["reward"]) for row in rows]
        if max(rewards) == min(rewards):
            advantages = [0.0] * len(rows)  # TRL's are of rounding size
        return ScoredGroup(
            task,
            conversations,
            found,
            rewards,
            advantages,
            [[advantage] * one.length for advantage, one in zip(advantages, conversations, strict=True)],
            [config.grpo.truncated == "keep" or not one.rollout.stop.cut for one in conversations],
        )

    def _metrics(self, number: int, groups: Sequence[ScoredGroup], logged: Mapping[str, Any]) -> dict[str, float]:
        config = self._config
        grpo = config.grpo
        names = NAMES | WITH_VLLM | ({"kl": "kl"} if grpo.kl else {})
        rate = scheduled_rate(number - 1, grpo.learning_rate, grpo.warmup_steps, grpo.steps, config.optimizer.schedule)
        return (
            sampling_metrics(groups)
            | {own: float(logged[name]) for name, own in names.items() if logged.get(name) is not None}
            | {
                "updates_skipped": 0.0,
                "not_finite": 0.0,
                "tokens_trained": float(sum(group.tokens for group in groups)),
                "learning_rate": rate,
            }
        )
