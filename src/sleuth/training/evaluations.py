"""The evaluations of a run: before, between and after the stages, and during GRPO.

The suites come from split `test` (stages) and `val` (during GRPO).
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Sequence

from sleuth.config import Mode
from sleuth.datasets.make import make_slots
from sleuth.evaluation.evaluate import conversations, evaluate_baselines
from sleuth.evaluation.summary import summarise
from sleuth.policy.base import Sampling
from sleuth.policy.conversations import Conversation
from sleuth.progress import bar, say, track
from sleuth.puzzles.puzzle import Puzzle
from sleuth.runs.rows import EvaluationRow, evaluation_rows
from sleuth.training.batch import ScoredGroup, by_prompt
from sleuth.training.curriculum import is_of, name_of, suite_slots
from sleuth.training.memory import give_back
from sleuth.training.reference import divergence_from, fluency
from sleuth.training.session import Session


class Evaluations:
    """Asks a session's policy its suites."""

    def __init__(self, session: Session) -> None:
        self._session, self._run, self._config = session, session.run, session.config
        self._suite = self._made("test", self._config.eval.count)

    @functools.cached_property
    def _held_out(self) -> list[Puzzle]:
        """The suite of evaluations during training."""
        return self._made("val", self._config.eval.every_count)

    def _made(self, split: str, count: int) -> list[Puzzle]:
        slots = suite_slots(self._config.puzzles, split, self._config.eval.seed, count)
        return list(track(make_slots(slots), f"making {split} puzzles", count))

    def _asked(
        self, puzzles: Sequence[Puzzle], advance: Callable[[int], None] | None = None
    ) -> list[list[Conversation]]:
        """Greedy completions, asked for again as often as in training."""
        drawn = self._config.sampling
        sampling = Sampling(drawn.max_new_tokens, temperature=0.0, until=drawn.until, constrain=drawn.constrain)
        mode, retries = self._config.mode, self._config.grpo.retries
        return conversations(self._session.policy, puzzles, mode, sampling, 1, advance, retries)

    def baselines(self) -> None:
        """Guessing and the solver, unless that was done."""
        if {"guessing", "solver"} <= set(self._run.evaluation_names()):
            return
        for name, rows in evaluate_baselines(self._suite, self._config.seed).items():
            self._store(name, rows)

    def stage(self, name: str, step: int = 0) -> None:
        """Evaluates the weights as they are, unless that was done before or they are of another step than this, warm
        start and GRPO counted together."""
        if name in self._run.evaluation_names() or self._session.done != step:
            return
        started_s = time.perf_counter()
        with bar(f"evaluation '{name}'", len(self._suite) * (1 + self._config.grpo.retries)) as advance:
            rows = evaluation_rows(self._suite, self._config.mode, self._asked(self._suite, advance))
        grpo_step = max(0, step - self._session.sft_steps)
        self._run.log_timings("eval", grpo_step, {"evaluate_s": time.perf_counter() - started_s})
        self._store(name, rows, self._config.grpo.retries, self._config.mode)
        give_back()

    def during(self, step: int, groups: Sequence[ScoredGroup]) -> dict[str, float]:
        """Metrics of the held-out suite after a GRPO step, whose groups these are (none before the first)."""
        started_s = time.perf_counter()
        asked = self._asked(self._held_out)
        rows = evaluation_rows(self._held_out, self._config.mode, asked)
        metrics = summarise(rows, self._config.grpo.retries, self._config.mode).as_metrics()
        for source in self._config.puzzles.mixture:
            own = {puzzle.id for puzzle in self._held_out if is_of(puzzle, source)}
            if rights := [row.correct for row in rows if row.puzzle_id in own]:
                metrics[f"source/{name_of(source)}"] = statistics.fmean(rights)
        if self._config.eval.reference:
            metrics |= self._against_reference(asked, groups)
        self._run.log_timings("eval", step, {"evaluate_s": time.perf_counter() - started_s})
        return metrics

    def _against_reference(
        self, asked: Sequence[Sequence[Conversation]], groups: Sequence[ScoredGroup]
    ) -> dict[str, float]:
        """By a reference that is in memory only now: how fluent it finds the evaluation's completions, and how far the
        policy is from it, told from what the newest step drew."""
        reference = self._session.stored_reference()
        measures = {"fluency": fluency(reference.of_rollouts(by_prompt(asked)))}
        if groups:
            rollouts_BG = by_prompt(group.conversations for group in groups)
            measures["kl"] = divergence_from(reference.of_rollouts(rollouts_BG), rollouts_BG)
        return measures

    def _store(self, name: str, rows: Sequence[EvaluationRow], retries: int = 0, mode: Mode = "answer") -> None:
        summary = summarise(rows, retries, mode)
        self._run.write_evaluation(name, rows, summary.as_json())
        share, strict = summary.share, summary.strict
        say(
            f"{name}: {share.mean:.1%} of answers right [{share.low:.1%}, {share.high:.1%}], {strict.mean:.1%} of "
            f"puzzles solved [{strict.low:.1%}, {strict.high:.1%}], readable {summary.readable.mean:.1%}"
        )
