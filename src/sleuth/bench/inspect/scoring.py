"""Our grade as a scorer of Inspect, and our interval as its metric.

Inspect reduces the epochs of a sample to their mean first, so a metric sees one value for each puzzle, and `share` is
the interval of `sleuth.evaluation.statistics`, clustered by puzzle. Samples that ended in an error have no score.
"""

from __future__ import annotations

import asyncio
from typing import cast

from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.scorer._metric import Value
from inspect_ai.solver import TaskState

from sleuth.bench.inspect.programs import run_in_sandbox
from sleuth.config import Mode
from sleuth.evaluation.statistics import share_interval
from sleuth.evaluation.summary import UNREAD
from sleuth.grading.python import grade_run, program_to_run
from sleuth.grading.worker import grade_safely
from sleuth.policy.base import StopReason
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome
from sleuth.puzzles.score import Score as Graded


@metric
def share() -> Metric:
    """Mean over puzzles with its 95 % interval (`low`, `high`) and their number `n`. Twins of `sleuth-bench@1` are left
    out, as in its figures.
    """

    def found(scores: list[SampleScore]) -> Value:
        values = {
            str(score.sample_id): [float(cast(float, score.score.value))]
            for score in scores
            if (score.sample_metadata or {}).get("variant", "base") == "base"
        }
        if not values:
            return {"mean": float("nan"), "low": float("nan"), "high": float("nan"), "n": 0}
        interval = share_interval(values)
        return {"mean": interval.mean, "low": interval.low, "high": interval.high, "n": interval.n}

    return found


@scorer(metrics={"solved": [share()], "answers": [share()], "readable": [share()]})
def deduction(mode: Mode = "answer", sandboxed: bool = False) -> Scorer:
    """Grades a completion against its puzzle: `solved` (every question right), `answers` (share of questions right) and
    `readable` (an answer could be read), each within 0 and 1. sandboxed: programs of mode `python` run in the sandbox
    of their sample, instead of under bubblewrap."""

    async def score(state: TaskState, target: Target) -> Score:
        puzzle = Puzzle.model_validate(state.metadata["puzzle"])
        text, stop = completion_of(state.output)
        if sandboxed:
            found = await _grade_in_sandbox(puzzle, text, stop.cut)
        else:
            found = await asyncio.to_thread(grade_safely, puzzle, text, mode, stop.cut)
        unread = found.outcome in UNREAD
        return Score(
            value={"solved": float(found.correct), "answers": found.reward, "readable": float(not unread)},
            answer="\n".join(f"{letter}. {answer}" for letter, answer in found.answers.items() if answer is not None),
            explanation=found.detail or str(found.outcome),
            reason="invalid_response_format" if unread and found.outcome is not Outcome.TRUNCATED else None,
            metadata={"outcome": str(found.outcome), "right": dict(found.right)},
        )

    return score


async def _grade_in_sandbox(puzzle: Puzzle, text: str, truncated: bool) -> Graded:
    program = program_to_run(puzzle, text, truncated)
    if isinstance(program, Graded):
        return program
    ran = await run_in_sandbox(program)
    return await asyncio.to_thread(grade_run, puzzle, ran, truncated, False, grade_safely)


def completion_of(output: ModelOutput) -> tuple[str, StopReason]:
    """The text of a reply, and why it ended. A prompt for which a model has no room has an empty one, as it has where
    our engine is asked directly: what stands in the reply is the message of its server."""
    if output.stop_reason == "model_length" and output.usage is None:
        return "", StopReason.LENGTH
    cut = output.stop_reason in ("max_tokens", "model_length")
    return output.completion, StopReason.LENGTH if cut else StopReason.END
