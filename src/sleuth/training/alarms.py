"""What goes wrong in training, told from the metrics of the steps so far.

An alarm is raised in the step in which its condition comes true, with the figures behind it and what to try. All of
them are a function of metrics.jsonl, so a resumed run raises the same.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sleuth.config import RunConfig
from sleuth.errors import counted
from sleuth.runs.metrics import Line

WINDOW = 4
"""Steps whose mean is compared with that of the first so many."""
ENTROPY = "entropy"
"""Metric of the completions trained on: where others are always right there is nothing to be undecided about. In a step
in which no group has spread, that of all completions (`entropy_sampled`) stands for it."""
MISMATCH = {"bfloat16": 0.02, "float32": 1e-5}
"""Number format to the limit of `mismatch`, nats. It is a mean over tokens: rounding alone moves the log-probability of
a very unlikely token by a thousand times as much as that of others."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One warning."""

    step: int
    name: str
    figures: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.figures}. Try: {self.remedy}"


@dataclass(frozen=True, slots=True)
class _Course:
    """Metrics at the beginning and now, each the mean of `WINDOW` steps that have it."""

    lines: list[Line]
    config: RunConfig

    def _mean(self, lines: Sequence[Line], name: str) -> float:
        values = [value for line in lines if math.isfinite(value := self._value(line, name))]
        return statistics.fmean(values) if values else math.nan

    def _value(self, line: Line, name: str) -> float:
        other = line.values.get("entropy_sampled", math.nan) if name == ENTROPY else math.nan
        return line.values.get(name, other)

    def first(self, name: str) -> float:
        return self._mean(self.lines[:WINDOW], name)

    def now(self, name: str) -> float:
        return self._mean(self.lines[-WINDOW:], name)

    def change(self, name: str, show: str = ".3g") -> str:
        return f"{self.first(name):{show}} at first, {self.now(name):{show}} now"


def _length_collapse(c: _Course) -> str | None:
    if c.now("length_tokens") < 0.5 * c.first("length_tokens"):
        return (
            f"{c.change('length_tokens')} tokens; completions better than their group "
            f"{c.now('length_better'):.0f}, worse ones {c.now('length_worse'):.0f}"
        )
    return None


def _entropy_collapse(c: _Course) -> str | None:
    return f"{c.change(ENTROPY)} nats" if c.now(ENTROPY) < 0.1 * c.first(ENTROPY) else None


def _entropy_explosion(c: _Course) -> str | None:
    return f"{c.change(ENTROPY)} nats" if c.now(ENTROPY) > 3 * c.first(ENTROPY) + 0.3 else None


def _hollow_reward(c: _Course) -> str | None:
    if c.now("earned") > c.first("earned") + 0.02 and c.now("strict") < c.first("strict") - 0.05:
        return f"reward {c.change('earned')}; solved {c.change('strict', '.1%')}"
    return None


def _truncation(c: _Course) -> str | None:
    now = c.now("truncated")
    return c.change("truncated", ".1%") if now > 0.1 and now > c.first("truncated") + 0.1 else None


def _no_spread(c: _Course) -> str | None:
    share = c.now("groups_without_spread")
    return f"{share:.0%} of the groups of the last {WINDOW} steps have equal rewards" if share > 0.9 else None


def _mismatch(c: _Course) -> str | None:
    limit = MISMATCH["float32" if c.config.model.dtype == "float32" else "bfloat16"]
    mean = c.lines[-1].values.get("mismatch", 0.0)
    return f"{mean:.2g} nats, limit {limit:g}" if mean > limit else None


def _not_finite(c: _Course) -> str | None:
    skipped = c.lines[-1].values.get("not_finite", 0.0)
    if not skipped > 0:  # nor what is not known
        return None
    return f"{counted(round(skipped), 'update')} skipped; not_finite/ holds the weights before them"


_KINDS: dict[str, tuple[Callable[[_Course], str | None], int, str]] = {
    "length collapse": (
        _length_collapse,
        2 * WINDOW,
        "read good and bad completions; a lower learning rate, grpo.normalise constant, or grpo.kl 0.001",
    ),
    "entropy collapse": (
        _entropy_collapse,
        2 * WINDOW,
        "grpo.clip_high 0.28, a small grpo.entropy, or a lower learning rate",
    ),
    "entropy explosion": (_entropy_explosion, 2 * WINDOW, "a lower learning rate, no grpo.entropy, or grpo.kl 0.001"),
    "reward up, accuracy down": (
        _hollow_reward,
        2 * WINDOW,
        "find out what earns reward without right answers; reward.strict, or smaller weights for the other components",
    ),
    "rising truncation": (
        _truncation,
        2 * WINDOW,
        "more sampling.max_new_tokens, reward.overlong, or grpo.truncated mask",
    ),
    "vanishing spread": (
        _no_spread,
        WINDOW,
        "harder or easier puzzles (puzzles.enter), more grpo.samples, or grpo.refill",
    ),
    "sampler and trainer differ": (
        _mismatch,
        1,
        "model.dtype float32, or grpo.correction 2; in float32 this is a fault of the program, please report it",
    ),
    "gradient not finite": (_not_finite, 1, "a lower learning rate; a step's completions are in rollouts/"),
}
"""Condition, steps that it needs, and remedy."""


class AlarmWatch:
    """Sees the steps of a phase (`sft` or `grpo`), one after the other; of the warm start only gradients can raise an
    alarm."""

    def __init__(self, config: RunConfig) -> None:
        self._course = _Course([], config)
        self._raised: set[str] = set()
        """What is wrong as of the last step."""

    def see(self, line: Line) -> list[Alarm]:
        """The metrics of the next step to the alarms that it raises."""
        lines = self._course.lines
        lines.append(line)
        raised = {
            name: figures
            for name, (condition, least, _) in _KINDS.items()
            if len(lines) >= least and (figures := condition(self._course)) is not None
        }
        new = [
            Alarm(line.step, name, figures, _KINDS[name][2])
            for name, figures in raised.items()
            if name not in self._raised
        ]
        self._raised = set(raised)
        return new


def alarms(lines: Iterable[Line], config: RunConfig) -> list[Alarm]:
    """All alarms of a phase's steps, in order."""
    watch = AlarmWatch(config)
    return [alarm for line in lines for alarm in watch.see(line)]
