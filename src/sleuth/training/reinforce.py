"""The second stage of a run: GRPO on the curriculum's puzzles, with everything it stores."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sleuth.evaluation.summary import summarise
from sleuth.policy.base import Rollout
from sleuth.runs.directory import REFERENCE, RunDirectory
from sleuth.runs.rows import RolloutRow, rollout_row
from sleuth.training import checkpoints
from sleuth.training.batch import ScoredGroup, tasks
from sleuth.training.evaluations import Evaluations
from sleuth.training.grpo import Learner, Step, train_grpo
from sleuth.training.likelihood import Likelihood
from sleuth.training.memory import give_back
from sleuth.training.reference import frozen_copy
from sleuth.training.screen import Progress, Sample, progress
from sleuth.training.session import Session
from sleuth.training.step_log import StepLog
from sleuth.training.token_ends import token_ends


def steps_made(run: RunDirectory) -> int:
    """None, since the session knows its own checkpoints (`sleuth.training.run.Engine`)."""
    return 0


def reinforce(session: Session, log: StepLog, evaluations: Evaluations) -> None:
    """Trains from where the session stands to the end of the stage."""
    total = session.config.grpo.steps
    if session.before_grpo:
        session.optimizer.restart()

    def ends(rollout: Rollout) -> list[int]:
        return token_ends(session.tokenizer, rollout.tokens)

    learner = Learner(session.likelihood(session.model), session.policy, session.optimizer, _reference(session), ends)
    done = session.done - session.sft_steps
    with progress("GRPO", total, done) as screen:
        recorder = Recorder(session, log, evaluations, screen)
        mode = session.config.mode
        train_grpo(learner, lambda step: tasks(session.curriculum.asked(step), mode), session.config, recorder, done)
    session.done = session.sft_steps + total


def store_reference(session: Session) -> None:
    """Keeps the model as it is before GRPO, where training or an evaluation needs it."""
    config = session.config
    if session.before_grpo and (config.needs_reference or config.eval.reference):
        checkpoints.export_as_is(session.run.path / REFERENCE, session.model, session.tokenizer)


def _reference(session: Session) -> Likelihood | None:
    """The model as it was before GRPO, where training needs it in every step."""
    store_reference(session)
    if not session.config.needs_reference:
        return None
    return session.likelihood(frozen_copy(session.model)) if session.before_grpo else session.stored_reference()


class Recorder:
    """Stores what a step came to (`sleuth.training.grpo.Recorder`)."""

    def __init__(self, session: Session, log: StepLog, evaluations: Evaluations, screen: Progress) -> None:
        self._session, self._log, self._evaluations, self._screen = session, log, evaluations, screen
        self.groups: Sequence[ScoredGroup] = ()
        """Of the newest step."""

    def log(self, step: Step) -> None:
        session, number, total = self._session, step.number, self._session.config.grpo.steps
        self.groups = step.groups
        rows = _rows(session, step)
        session.run.write_rollouts("grpo", number, rows)
        summary = summarise(rows, session.config.grpo.retries, session.config.mode)
        outcomes = [(group.task.puzzle, one.score.correct) for group in step.groups for one in group.conversations]
        metrics = {**summary.as_metrics(), **step.metrics, **session.curriculum.learn(outcomes)}
        self._log.metrics("grpo", number, metrics)
        session.run.log_timings("grpo", number, step.timings)
        reward, solved, length = summary.share.mean, summary.strict.mean, summary.length_tokens.mean
        entropy = metrics.get("entropy_sampled", math.nan)
        line = (
            f"GRPO {number}/{total}  reward {reward:.3f}  solved {solved:.3f}  "
            f"tokens {length:.0f}  entropy {entropy:.3f}  {sum(step.timings.values()):.1f} s"
        )
        figures = {
            "reward": (reward, f"{reward:.1%}"),
            "solved": (solved, f"{solved:.1%}"),
            "length": (length, f"{length:.0f} tokens"),
            "entropy": (entropy, f"{entropy:.3f} nats"),
        }
        self._screen.step(line, figures, _speed(step), _sample(rows))
        self._log.alarms("grpo", number, metrics, self._screen.alarm)
        give_back()

    def evaluate(self, step: int) -> None:
        session = self._session
        self._log.metrics("eval", step, self._evaluations.during(step, self.groups))
        if step and session.run.best_step() == session.sft_steps + step:
            self.save(step)
        give_back()

    def save(self, step: int) -> None:
        self._session.save(self._session.sft_steps + step)


def _speed(step: Step) -> str:
    """Tokens of the step over the seconds of sampling them, and over those of training on them."""
    tokens, parts = step.metrics["tokens_sampled"], []
    for name, words in (("sample_s", "sampling"), ("train_s", "training")):
        if seconds := step.timings.get(name, 0.0):
            parts.append(f"{words} {tokens / seconds:,.0f}")
    return f"tokens per second: {', '.join(parts)}" if parts else ""


def _sample(rows: Sequence[RolloutRow]) -> Sample:
    """The first completion of the step."""
    row = rows[0]
    return Sample(f"{row.puzzle_id} #{row.sample}: {row.outcome}, reward {row.reward:.2f}", row.completion, row.spans)


def _rows(session: Session, step: Step) -> list[RolloutRow]:
    mode = session.config.mode
    return [
        rollout_row(
            group.task.puzzle,
            mode,
            one,
            "grpo",
            step.number,
            advantage if any(group.advantages) else None,
            step.ratios.get((group.task.request.key, one.sample), ()),
        )
        for group in step.groups
        for one, advantage in zip(group.conversations, group.advantages, strict=True)
    ]
