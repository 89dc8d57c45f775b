"""One thread that decodes, for all requests of a server: continuous batching with back-pressure.

The event loop submits jobs and gets their tokens and results by callbacks, which run in the decoding thread and must
return at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from sleuth.errors import UserError, counted
from sleuth.policy.base import Request, Sampling
from sleuth.policy.batcher import Batcher, GroupState
from sleuth.policy.chat import prompt_tokens
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import Loaded

CONTEXT = 8192
"""Tokens of prompt and completion together, of models that name no limit."""


class Busy(Exception):  # noqa: N818 - a state of the server, not a fault
    """As many completions wait as may."""


class TooLong(UserError):  # noqa: N818 - a state of the request, as Busy is one of the server
    """A prompt that, with the new tokens asked for, has no room."""


@dataclass(eq=False, slots=True)
class Job:
    """A request that is being answered."""

    group: GroupState
    on_done: Callable[[Job], None]
    """Called once, when every completion has ended or the job has failed."""
    error: str = ""


@dataclass(slots=True)
class Counts:
    """What a server has done since it started."""

    started_s: float = field(default_factory=time.monotonic)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: dict[int, int] = field(default_factory=dict)
    """Answers by HTTP status."""


class Scheduler:
    """Decodes for many requests at once.

    rows: completions decoded side by side at most. prompt, new: most tokens of a prompt and of a completion.
    queue: completions that may wait for a row.
    """

    def __init__(self, loaded: Loaded, rows: int, prompt: int, new: int, queue: int) -> None:
        """Raises `UserError` where prompt and completion exceed the model's context."""
        context = getattr(loaded.model.config, "max_position_embeddings", None) or CONTEXT
        if new >= context:
            raise UserError(f"--max-new-tokens {new} leaves no room for a prompt in a context of {context} tokens")
        self.loaded, self.context, self.counts = loaded, context, Counts()
        self.longest_prompt, self.most_new = min(prompt, context - 1), new
        self._rows, self._queue = rows, queue
        self._longest_token = max(map(len, loaded.tokenizer.get_vocab()))
        self._policy = TorchPolicy(loaded.model, loaded.tokenizer, rows)
        decoder = self._policy.decoder(rows, self.longest_prompt, new, 2)
        self._batcher = Batcher(decoder, loaded.tokenizer, self._policy.ends, lambda: self._policy.constraint)
        self._changed = threading.Condition()
        self._new, self._active, self._cancelled = list[Job](), list[Job](), list[Job]()
        self._closed, self.fault = False, ""
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
        self._thread.start()

    @property
    def running(self) -> int:
        """Completions that are being written."""
        with self._changed:
            return self._running()

    def _running(self) -> int:
        return sum(job.group.begun - len(job.group.finished) for job in self._active)

    @property
    def waiting(self) -> int:
        """Completions that have not begun."""
        with self._changed:
            return self._waiting()

    def _waiting(self) -> int:
        return sum(job.group.samples - job.group.begun for job in (*self._active, *self._new))

    def encode(self, request: Request, new: int) -> list[int]:
        """The request's prompt as tokens. Raises `TooLong` where it and so many new tokens have no room."""
        self._check_length(request)
        tokens = prompt_tokens(self.loaded.tokenizer, request)
        if not tokens:
            raise UserError("the prompt is empty")
        if len(tokens) > self.longest_prompt:
            raise TooLong(f"the prompt has {counted(len(tokens), 'token')}; at most {self.longest_prompt} have room")
        if len(tokens) + new > self.context:
            raise TooLong(
                f"a prompt of {len(tokens)} tokens and {new} new ones exceed the model's context of {self.context}; "
                "ask for fewer new tokens"
            )
        return tokens

    def _check_length(self, request: Request) -> None:
        """Raises `TooLong` for what cannot be a prompt that has room, before the long work of counting its tokens: a
        token has at most the characters of the vocabulary's longest, and a turn at least one token."""
        texts = [request.system, request.user]
        for turn in request.turns:
            texts += turn.completion, turn.said
        most = self.longest_prompt * self._longest_token
        if (characters := sum(map(len, texts))) > most or len(texts) > 2 * self.longest_prompt:
            raise TooLong(
                f"the prompt has {counted(len(texts) - 1, 'turn')} of {counted(characters, 'character')} together; at "
                f"most {self.longest_prompt} tokens have room"
            )

    def submit(
        self,
        request: Request,
        tokens: list[int],
        samples: int,
        sampling: Sampling,
        on_done: Callable[[Job], None],
        on_token: Callable[[int, int], None] | None = None,
        top_logprobs: int = 0,
    ) -> Job:
        """Puts a request in the queue. Raises `Busy` where it has no room, and `UserError` where it never will."""
        if samples > self._rows + self._queue:
            raise UserError(f"n {samples}: this server takes at most {self._rows + self._queue} completions at a time")
        group = GroupState(request, tokens, samples, sampling, on_token, top_logprobs)
        job = Job(group, on_done)
        with self._changed:
            if self.fault or self._closed:
                raise UserError(self.fault or "the server is stopping")
            if self._running() + self._waiting() + samples > self._rows + self._queue:
                raise Busy
            self._new.append(job)
            self._changed.notify()
        return job

    def cancel(self, job: Job) -> None:
        """Nobody waits for the job any more."""
        with self._changed:
            self._cancelled.append(job)
            self._changed.notify()

    def close(self) -> None:
        """Stops decoding; jobs that are not done fail."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            with torch.no_grad():
                while self._take():
                    if self._batcher.step():
                        self._finish()
        except Exception as error:  # the end of a thread: whatever it is, those who wait must hear of it
            self.fault = f"{type(error).__name__}: {error}"
        with self._changed:
            self._closed = True
            left, self._active, self._new = [*self._active, *self._new], [], []
        for job in left:
            job.error = self.fault or "the server is stopping"
            job.on_done(job)

    def _take(self) -> bool:
        """Takes in what was submitted and cancelled; waits while there is nothing to do. False: time to stop."""
        with self._changed:
            while not (self._closed or self._new or self._cancelled or self._batcher):
                self._changed.wait()
            for job in self._new:
                self._batcher.add(job.group)
                self.counts.prompt_tokens += len(job.group.prompt)
            self._active += self._new
            for job in self._cancelled:
                self._batcher.cancel(job.group)
            gone = set(map(id, self._cancelled))
            self._active = [job for job in self._active if id(job) not in gone]
            self._new, self._cancelled = [], []
            return not self._closed

    def _finish(self) -> None:
        with self._changed:
            done = [job for job in self._active if job.group.done]
            self._active = [job for job in self._active if not job.group.done]
        for job in done:
            self.counts.completion_tokens += sum(len(one.tokens) for one in job.group.finished.values())
            job.on_done(job)
