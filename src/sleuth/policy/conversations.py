"""Conversations: a completion, and where it answers nothing, those that come after.

Evaluation and training ask again in the same way: of a mode in which the reader or the solver knows that a completion
is no answer, with what they said of it as a further turn. A conversation ends with an answer (right or wrong), when it
was asked again as often as may be, or where the model's context has no room for another turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sleuth.policy.base import Policy, Request, Rollout, Sampling
from sleuth.policy.prompts import ask_again
from sleuth.puzzles.score import ANSWERED, Score

Grader = Callable[[Rollout], Score]


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

    def add(self, rollout: Rollout, score: Score) -> None:
        self.rollouts.append(rollout)
        self.scores.append(score)
        self.ended = score.outcome in ANSWERED


def converse(
    policy: Policy,
    requests: Sequence[Request],
    graders: Sequence[Grader],
    samples: int,
    sampling: Sampling,
    retries: int,
    progress: Callable[[int], None] | None = None,
) -> list[list[Conversation]]:
    """`samples` conversations of every request, none of those that `sampling.token_budget` leaves out: a conversation
    that was begun is brought to its end. `graders` grade a completion of each request; `retries`: how often one is
    asked again at most.

    What `progress` is called with adds up to (1 + retries) times the number of conversations.
    """
    every = []
    for request, grade, group in zip(
        requests, graders, policy.rollout(requests, samples, sampling, progress), strict=True
    ):
        every.append([Conversation(request, sample) for sample in range(len(group))])
        for conversation, rollout in zip(every[-1], group, strict=True):
            conversation.add(rollout, grade(rollout))
    flat = [(conversation, grade) for group, grade in zip(every, graders, strict=True) for conversation in group]
    later = replace(sampling, token_budget=0)
    for _ in range(retries):
        again = [(conversation, grade) for conversation, grade in flat if not conversation.ended]
        next_requests = [ask_again(one.request, one.sample, one.rollout, one.score) for one, _ in again]
        groups = policy.rollout(next_requests, 1, later, progress)
        for (conversation, grade), request, group in zip(again, next_requests, groups, strict=True):
            for rollout in group:
                conversation.request = request
                conversation.add(rollout, grade(rollout))
            conversation.ended |= not group
        if progress is not None:
            progress(len(flat) - sum(map(len, groups)))
    return every
