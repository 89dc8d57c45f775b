"""Asking a policy a suite in batches, with a journal and a budget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sleuth.bench.journal import Journal
from sleuth.bench.prices import Price
from sleuth.bench.result import Row, Settings
from sleuth.bench.suites import Item, Suite
from sleuth.config import Mode
from sleuth.errors import UserError, counted
from sleuth.policy.base import Policy, Request, Rollout, Sampling, StopReason
from sleuth.policy.conversations import grader
from sleuth.policy.prompts import ask
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome

BATCH = 128
"""Completions that are asked for at once: what an interruption can lose, and by what a budget can be exceeded."""
NOT_GRADED = Outcome.UNREADABLE
"""Of a completion, before it is graded."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds on what all of a result's completions may cost; None: none."""

    tokens: int | None = None
    """Of prompts and completions together."""
    usd: float | None = None

    def __post_init__(self) -> None:
        """Raises `UserError` for bounds within which nothing could be asked, or that are none."""
        if self.tokens is not None and self.tokens < 1:
            raise UserError(f"--max-tokens {self.tokens}: nothing could be asked; take more, or leave it out")
        if self.usd is not None and not (0 < self.usd < math.inf):
            raise UserError(f"--max-cost {self.usd:g}: give a number of dollars above 0, or leave it out")

    def used_up(self, prompt: int, new: int, price: Price | None) -> str:
        """Which bound so many tokens of prompts and completions reach, for people; empty while none is. Raises
        `UserError` for dollars without a price."""
        if self.tokens is not None and prompt + new >= self.tokens:
            return f"--max-tokens {self.tokens} is used up ({counted(prompt + new, 'token')})"
        if self.usd is not None:
            if price is None:
                raise UserError("--max-cost needs a price of the model; name a file that has one (--prices FILE)")
            if (cost := price.usd(prompt, new)) >= self.usd:
                return f"--max-cost {self.usd:g} is used up ({cost:.4f} dollars)"
        return ""


def run(
    policy: Policy,
    suite: Suite,
    settings: Settings,
    journal: Journal,
    budget: Budget = Budget(),
    price: Price | None = None,
    progress: Callable[[int], None] | None = None,
) -> str:
    """Asks what the journal lacks, and writes it there. Why it stopped before the end, or nothing.

    `progress` is called with the number of completions just made. Raises `UserError` for a task without the mode.
    """
    sampling = sampling_of(settings)
    asked = ((item, ask(item.puzzle, settings.mode)) for item in suite.items)
    left = (pair for pair in asked if not journal.answered(pair[0].puzzle.id, settings.samples))
    for batch in _batches(left, max(1, BATCH // settings.samples)):
        if stopped := budget.used_up(*journal.tokens, price):
            return stopped
        started_s = time.monotonic()
        groups = policy.rollout([request for _, request in batch], settings.samples, sampling, progress)
        each_s = (time.monotonic() - started_s) / (len(batch) * settings.samples)
        journal.add(
            [
                row_of(item.puzzle, settings, sample, rollout, each_s)
                for (item, _), group in zip(batch, groups, strict=True)
                for sample, rollout in enumerate(group)
            ]
        )
    return ""


def sampling_of(settings: Settings) -> Sampling:
    """What a policy is given. Raises `UserError` for settings that cannot be sampled with."""
    return Sampling(
        settings.max_new_tokens,
        settings.temperature,
        (settings.seed,),
        settings.top_k,
        settings.top_p,
        settings.until,
        constrain=settings.constrain,
    )


def row_of(puzzle: Puzzle, settings: Settings, sample: int, rollout: Rollout, seconds: float) -> Row:
    """A rollout with its grade."""
    row = Row(
        puzzle_id=puzzle.id,
        sample=sample,
        completion=rollout.text,
        stop=rollout.stop,
        fault=rollout.fault,
        outcome=NOT_GRADED if rollout.fault is None else Outcome.FAULT,
        reward=0.0,
        correct=False,
        answers={},
        right={},
        prompt_tokens=len(rollout.prompt_tokens),
        new_tokens=len(rollout.tokens),
        seconds=seconds,
    )
    return graded_row(puzzle, settings.mode, row)


def graded_row(puzzle: Puzzle, mode: Mode, row: Row) -> Row:
    """The row with the grade of its completion, whatever grade it has."""
    score = grader(puzzle, mode)(Rollout((), (), (), StopReason(row.stop), row.completion, fault=row.fault))
    return row.model_copy(
        update={
            "outcome": score.outcome,
            "reward": score.reward,
            "correct": score.correct,
            "answers": score.answers,
            "right": score.right,
            "detail": score.detail,
            "spans": tuple((span.start, span.end, span.verdict) for span in score.spans),
        }
    )


class WithinContext:
    """A policy that is not asked what its context has no room for: such a completion is empty and cut short, as it is
    the model that cannot take the puzzle."""

    def __init__(self, policy: Policy, prompt_tokens: Callable[[Request], Sequence[int]], context: int | None) -> None:
        """`context`: most tokens of a prompt and its completion; None: no limit."""
        self._policy, self._prompt_tokens, self._context = policy, prompt_tokens, context

    def rollout(
        self,
        requests: Sequence[Request],
        samples: int,
        sampling: Sampling,
        progress: Callable[[int], None] | None = None,
    ) -> list[list[Rollout]]:
        """As `Policy.rollout`."""
        prompts = [tuple(self._prompt_tokens(request)) for request in requests]
        room = [self._context is None or len(prompt) + sampling.max_new_tokens <= self._context for prompt in prompts]
        fitting = [request for request, fits in zip(requests, room, strict=True) if fits]
        found = iter(self._policy.rollout(fitting, samples, sampling, progress) if fitting else ())
        groups = []
        for prompt, fits in zip(prompts, room, strict=True):
            if fits:
                groups.append(next(found))
            else:
                groups.append([Rollout(prompt, (), (), StopReason.LENGTH, "")] * samples)
                if progress is not None:
                    progress(samples)
        return groups


def _batches(pairs: Iterator[tuple[Item, Request]], size: int) -> Iterator[list[tuple[Item, Request]]]:
    while batch := list(islice(pairs, size)):
        yield batch
