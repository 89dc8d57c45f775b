"""What a report is made of, read once from the run directory, and the words and colours for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sleuth.evaluation.summary import EvaluationSummary, summarise
from sleuth.puzzles.score import Outcome
from sleuth.report.axes import MOST_POINTS, Spending, sums
from sleuth.runs.directory import RunDirectory
from sleuth.runs.metrics import Line, seconds_of
from sleuth.runs.rows import EvaluationRow

STAGES = {"before": "Before training", "after-sft": "After warm start", "after-grpo": "After GRPO"}
"""Evaluations of the model that is trained, in the order of a run."""

POLICIES = {"guessing": "Guessing", **STAGES, "solver": "Solver"}
"""All evaluations that have a name of their own, in the order of the tables."""

OUTCOMES = {
    Outcome.CORRECT: ("every question right", "var(--good)", "✓"),
    Outcome.PARTLY: ("some questions right", "var(--fair)", "◐"),
    Outcome.WRONG: ("no question right", "var(--bad)", "✗"),
    Outcome.CONTRADICTORY: ("the statements contradict each other", "var(--odd)", "✗"),
    Outcome.AMBIGUOUS: ("the statements leave several worlds", "var(--odd-2)", "✗"),
    Outcome.UNDECIDED: ("a bound on work, time or memory was exceeded", "var(--odd-3)", "✗"),
    Outcome.UNREADABLE: ("no answer could be read", "var(--grey)", "?"),
    Outcome.TRUNCATED: ("cut off at the length limit", "var(--grey-2)", "…"),
    Outcome.FAULT: ("no completion: the interface failed", "var(--grey-2)", "!"),
}
"""Meaning, colour and sign of each outcome, in the order in which they are stacked."""


@dataclass(frozen=True)
class Facts:
    """All that a report is made of, read once."""

    run: RunDirectory
    metrics: list[Line]
    timings: list[Line]
    evaluations: dict[str, list[EvaluationRow]]
    """By name, in the order of the tables; empty ones are left out."""
    summaries: dict[str, EvaluationSummary]

    def course(self, phase: str, name: str) -> list[tuple[int, float]]:
        """(step, value) of a metric."""
        return [(line.step, line.values[name]) for line in self.metrics if line.phase == phase and name in line.values]

    def steps_done(self, phase: str) -> int:
        return max((line.step for line in self.metrics if line.phase == phase), default=0)

    @property
    def stages(self) -> list[str]:
        """The evaluated stages of the model, in order."""
        return [name for name in STAGES if name in self.summaries]

    def seconds(self, phase: str | None = None) -> float:
        """Time spent, in one phase or in all."""
        return sum(seconds_of(line.values) for line in self.timings if phase in (None, line.phase))

    @cached_property
    def spending(self) -> Spending:
        """What the run had spent by each step."""
        seconds = {
            phase: [(line.step, seconds_of(line.values)) for line in self.timings if line.phase == phase]
            for phase in ("sft", "grpo", "eval")
        }
        tokens = sums(self.course("grpo", "tokens_sampled"))
        return Spending(self.run.config, tokens, {phase: sums(spent) for phase, spent in seconds.items()})

    @property
    def thinned(self) -> bool:
        """Whether a phase has more steps than its curves have points."""
        return any(sum(line.phase == phase for line in self.metrics) > MOST_POINTS for phase in ("sft", "grpo", "eval"))


def read_facts(run: RunDirectory) -> Facts:
    """Reads a run. Raises `UserError` if a file of it can't be read."""
    found = run.evaluation_names()
    ordered = [name for name in POLICIES if name in found] + [name for name in found if name not in POLICIES]
    evaluations = {name: rows for name in ordered if (rows := run.read_evaluation(name))}
    retries = run.config.grpo.retries
    summaries = {
        name: summarise(rows, retries, run.config.mode) if name in STAGES else summarise(rows)
        for name, rows in evaluations.items()
    }
    return Facts(run, run.read_metrics(), run.read_timings(), evaluations, summaries)


def within(name: str) -> str:
    """The name of a policy within a sentence."""
    return name[0].lower() + name[1:]
