"""The batch of a GRPO step: what is asked, and what came of it.

A sample is a conversation: one completion, or with `grpo.retries` several, where those before the last gave no answer
(or, in mode `reason`, did not solve the puzzle) and were told so in the next turn.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sleuth.config import Mode
from sleuth.policy.base import Request, Rollout
from sleuth.policy.conversations import Conversation, Grader, grader
from sleuth.policy.prompts import ask
from sleuth.puzzles.puzzle import Puzzle


@dataclass(frozen=True, slots=True)
class Task:
    """A puzzle as the loop sees it: what is asked, and how a completion is graded."""

    puzzle: Puzzle
    request: Request
    """Its key names the draws: two tasks of a step have different ones, though they may be of one puzzle."""
    grade: Grader


def tasks(puzzles: Iterable[Puzzle], mode: Mode) -> Iterator[Task]:
    """What a step asks. A fixed set may hold fewer puzzles than that: asked twice, one has other draws."""
    times = Counter[str]()
    for puzzle in puzzles:
        request = ask(puzzle, mode)
        if times[puzzle.id]:
            request = replace(request, key=f"{puzzle.id}#{times[puzzle.id]}")
        times[puzzle.id] += 1
        yield Task(puzzle, request, grader(puzzle, mode))


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """One puzzle's conversations in one step."""

    task: Task
    conversations: Sequence[Conversation]
    components: Sequence[dict[str, float]]
    """What each conversation's reward is made of."""
    rewards: Sequence[float]
    """What each earned."""
    advantages: Sequence[float]
    """Of the whole conversations."""
    token_advantages: Sequence[Sequence[float]]
    """Of their tokens, those of all turns in order: what the loss takes."""
    trained: Sequence[bool]
    """Whether each is trained on."""

    @property
    def spread(self) -> bool:
        """Whether any token is better or worse than others; if not, the group has nothing to teach."""
        return any(any(advantages) for advantages in itertools.compress(self.token_advantages, self.trained))

    @property
    def tokens(self) -> int:
        """Completion tokens that are trained on."""
        return sum(one.length for one in itertools.compress(self.conversations, self.trained))


Item = TypeVar("Item")


def turns_by_prompt(turns_G: Sequence[Sequence[Item]]) -> list[list[Item]]:
    """What there is of each turn of a group's conversations, that of one prompt together: of the first turns, then of
    the later ones one by one, conversation by conversation, since each has a prompt of its own."""
    return [[first for first, *_ in turns_G], *([turn] for _, *later in turns_G for turn in later)]


def by_prompt(conversations_BG: Iterable[Sequence[Conversation]]) -> list[list[Rollout]]:
    """All completions of a batch, those of one prompt together."""
    return [
        some for conversations in conversations_BG for some in turns_by_prompt([one.rollouts for one in conversations])
    ]
