"""Conversations: a completion, and where it does not settle the puzzle (`settled`), those that come after.

Evaluation and training ask again in the same way, with a message as a further turn: in mode `program` where the reader
or the solver knows that a completion is no answer, with what they said of it; in mode `reason` where the puzzle is not
solved. A conversation ends when it is settled, when it was asked again as often as may be, or where the model's context
has no room for another turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from sleuth.config import Mode
from sleuth.grading.worker import grade_safely
from sleuth.policy.base import Policy, Request, Rollout, Sampling
from sleuth.policy.prompts import ask_again, settled
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome, Score, failed

Grader = Callable[[Rollout], Score]
Progress = Callable[[int], None] | None
"""Takes the number of completions that were just made."""


def grader(puzzle: Puzzle, mode: Mode) -> Grader:
    """Grades rollouts about a puzzle, whatever a completion does to the grader."""

    def grade(rollout: Rollout) -> Score:
        if rollout.fault is not None:
            return failed(puzzle, Outcome.FAULT, f"{rollout.fault}: {rollout.text}")
        return grade_safely(puzzle, rollout.text, mode, rollout.stop.cut)

    return grade


@dataclass(slots=True)
class Conversation:
    """One sample of a request: its completions in order, at least one, and their grades."""

    request: Request
    """What the last of them completes: its turns are those before."""
    sample: int
    """Which of the first request's completions it began with."""
    rollouts: list[Rollout] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    ended: bool = False

    @property
    def rollout(self) -> Rollout:
        """The last completion."""
        return self.rollouts[-1]

    @property
    def score(self) -> Score:
        """What the conversation came to: the grade of its last completion."""
        return self.scores[-1]

    @property
    def length(self) -> int:
        """New tokens of all turns."""
        return sum(len(rollout.tokens) for rollout in self.rollouts)

    def grade(self, grader: Grader) -> None:
        """Grades the last completion, where that was not done."""
        if len(self.scores) < len(self.rollouts):
            self.scores.append(grader(self.rollout))
            self.ended = settled(self.request.mode, self.score)


def begin(
    policy: Policy, requests: Sequence[Request], samples: int, sampling: Sampling, progress: Progress = None
) -> list[list[Conversation]]:
    """`samples` conversations of every request, each with its first completion, none of it graded; none of the requests
    that `sampling.token_budget` leaves out."""
    return [
        [Conversation(request, sample, [rollout]) for sample, rollout in enumerate(group)]
        for request, group in zip(requests, policy.rollout(requests, samples, sampling, progress), strict=True)
    ]


def go_on(policy: Policy, conversations: Sequence[Conversation], sampling: Sampling, progress: Progress = None) -> None:
    """Asks again in every conversation whose last completion did not settle it: it gets another one, or ends
    where the model's context has no room for that. What was begun is brought to its end, whatever the token budget."""
    again = [one for one in conversations if not one.ended]
    requests = [ask_again(one.request, one.sample, one.rollout, one.score) for one in again]
    groups = policy.rollout(requests, 1, replace(sampling, token_budget=0), progress)
    for one, request, group in zip(again, requests, groups, strict=True):
        one.ended = not group
        for rollout in group:
            one.request = request
            one.rollouts.append(rollout)
    if progress is not None:
        progress(len(conversations) - sum(map(len, groups)))


def converse(
    policy: Policy,
    requests: Sequence[Request],
    graders: Sequence[Grader],
    samples: int,
    sampling: Sampling,
    retries: int,
    progress: Progress = None,
) -> list[list[Conversation]]:
    """`begin`, and `go_on` at most `retries` times, everything graded. `graders` grade a completion of each request.

    What `progress` is called with adds up to (1 + retries) times the number of conversations.
    """
    every = begin(policy, requests, samples, sampling, progress)
    grade_all(every, graders)
    for _ in range(retries):
        go_on(policy, list(chain(*every)), sampling, progress)
        grade_all(every, graders)
    return every


def grade_all(every: Sequence[Sequence[Conversation]], graders: Sequence[Grader]) -> None:
    """Grades the last completion of every conversation, where that was not done; those of a request come together."""
    for group, grade in zip(every, graders, strict=True):
        for conversation in group:
            conversation.grade(grade)
