"""What a policy is: something that writes completions for prompts.

No torch here: scripted policies, API models and the torch engine share these types. A policy gets one `Request`
per puzzle and returns a *group*, `samples` rollouts, for each, in the order of the requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from sleuth.config import LOWEST_TEMPERATURE, Mode, Until
from sleuth.errors import UserError


class StopReason(StrEnum):
    """Why a completion ended."""

    END = "end"
    """The model wrote its end token (it is the last of the rollout's tokens)."""
    LENGTH = "length"
    """The limit of new tokens was reached."""
    ANSWERED = "answered"
    """All questions were answered, and `Sampling.until` says that this is enough."""
    STOP_STRING = "stop string"
    """One of `Sampling.stop` appeared; the text ends before it."""
    GIVEN_UP = "given up"
    """Its last tokens were too unlikely for `Sampling.give_up`."""
    FAULT = "fault"
    """There is no completion: what was asked failed (`Rollout.fault`)."""

    @property
    def cut(self) -> bool:
        """Whether the completion was not brought to its end."""
        return self in (StopReason.LENGTH, StopReason.GIVEN_UP)


class Fault(StrEnum):
    """Why a policy that is reached over an interface has no completion. A fault says nothing of what the model can do,
    so it is never a wrong answer: it is counted apart, and asked again."""

    RATE_LIMIT = "rate limit"
    """Too many requests, or a quota that is used up (HTTP status 429)."""
    SERVER_ERROR = "server error"
    """Status 500 and above, or no connection."""
    TIMEOUT = "timeout"
    """No reply within the time allowed."""
    CUT_STREAM = "cut stream"
    """The connection ended within the reply."""
    EMPTY = "empty"
    """A reply without any text that does not say that the limit of tokens was reached."""
    MALFORMED = "malformed"
    """A reply that is not what the interface promises."""
    REFUSAL = "refusal"
    """The provider's filter, not the model, declined to answer."""
    WRONG_KEY = "wrong key"
    """Not authorised (status 401 or 403)."""
    BAD_REQUEST = "bad request"
    """The interface does not take the request (another status between 400 and 499)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A completion that was not the last of its conversation, and what the user said to it."""

    completion: str
    said: str
    tokens: tuple[int, ...] = ()
    """The completion as it was sampled, so that later prompts hold these very tokens; empty where a script wrote it,
    whose text becomes tokens for the first time."""


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt, as roles rather than as tokens: every model has its own template."""

    key: str
    """Names the prompt in the seed of every draw; the puzzle's id, at the start of a conversation."""
    system: str
    """Instructions of the mode."""
    user: str
    """The puzzle's text."""
    answered: Callable[[str], bool] | None = None
    """Whether a completion that stands so far answers all; None where that cannot be said before its end."""
    turns: tuple[Turn, ...] = ()
    """The conversation after `user`, where it has begun."""
    mode: Mode = "answer"
    """How the puzzle is asked, which says what is asked again, and with which words."""

    grammar: Callable[[], str] | None = None
    """Makes, when it is called, a regular expression that a completion matches as a whole where everything in it can be
    read; in the syntax that Python and Rust share, with line breaks as they are. None where completions are free."""


GIVE_UP_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Sampling:
    """How completions are drawn."""

    max_new_tokens: int
    temperature: float = 1.0
    """0 is greedy decoding."""
    seed: tuple[int, ...] = (0,)
    """Run seed and step. A draw is a function of (seed, request key, sample index, position) and of nothing else."""
    top_k: int = 0
    """Only so many of the likeliest tokens are drawn from; 0: all."""
    top_p: float = 1.0
    """Only the fewest of the likeliest tokens that have this probability together, at the temperature and after
    `top_k`; 1: all. Not for training: a token that is left out has no probability here, but one for the trainer."""
    until: Until = "end"
    """`answers`: a completion ends with the line that makes it `Request.answered`, too."""
    token_budget: int = 0
    """After sampling this many new tokens for a batch, start no further group and finish those that were started. 0: no
    limit. Whether a group starts depends on the groups before it, never on its own length, so no group is biased."""
    give_up: float | None = None
    """A completion ends when the mean log-probability (nats) of its last `GIVE_UP_TOKENS` tokens is below this."""
    stop: tuple[str, ...] = ()
    """A completion ends where one of these texts appears, and its text ends before it. Not for training: the tokens of
    the text are sampled, and kept."""
    constrain: bool = False
    """Only tokens are drawn that go on towards a text of `Request.grammar`, and the end token only where the text is
    one; log-probabilities are those of the distribution over these tokens. A policy without tokens is not held to
    it."""
    first: int = 0
    """Index of the first sample of every request: above 0 where another process writes those before it."""

    def __post_init__(self) -> None:
        """Raises `UserError` for what cannot be drawn."""
        if self.max_new_tokens < 1:
            raise UserError("a completion has at least one token")
        if not all(self.stop):
            raise UserError("a stop string has at least one character")
        if self.token_budget < 0:
            raise UserError("a token budget is 0 (none) or more")
        if not 0 <= self.temperature < math.inf or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise UserError("temperature (a finite number) and top-k are 0 or more, top-p is above 0 and at most 1")
        if 0 < self.temperature < LOWEST_TEMPERATURE:
            raise UserError(f"temperature {self.temperature:g}: take {LOWEST_TEMPERATURE} or more, or 0 (greedy)")
        if self.temperature == 0 and (self.top_k or self.top_p < 1):
            raise UserError("top-k and top-p need a temperature above 0; without a temperature nothing is sampled")


@dataclass(frozen=True, slots=True)
class Rollout:
    """One completion, token in, token out: the tokens are never made again from the text."""

    prompt_tokens: tuple[int, ...]
    tokens: tuple[int, ...]
    """New tokens, the end token included when there is one."""
    logprobs: tuple[float, ...]
    """Natural log-probability of each new token under the policy as it sampled (at the sampling temperature, from what
    `constrain`, `top_k` and `top_p` leave; at temperature 0, under temperature 1). Empty where the policy has none to
    tell (an API, a script)."""
    stop: StopReason
    text: str
    """The new tokens as text, without special tokens."""
    grammar: str | None = field(default=None, repr=False)
    """What its tokens were constrained to (`Request.grammar`, made); None where they were free."""
    fault: Fault | None = None
    """What failed, where it stopped by a `StopReason.FAULT`; its text is then what is known of it, for people."""


class Policy(Protocol):
    """Writes completions."""

    def rollout(
        self,
        requests: Sequence[Request],
        samples: int,
        sampling: Sampling,
        progress: Callable[[int], None] | None = None,
    ) -> list[list[Rollout]]:
        """`samples` rollouts of every request, none of those that `sampling.token_budget` left out or whose
        conversation has no room for another turn in the model's context; `progress` is called with the number of
        rollouts finished since its last call."""
        ...
