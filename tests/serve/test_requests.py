"""What one request may ask of `sleuth serve`: bounds and refusals, in this process and without a network."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

pytest.importorskip("starlette")

from starlette.requests import ClientDisconnect

from sleuth.errors import UserError
from sleuth.policy.base import Request, Sampling
from sleuth.policy.models import Loaded
from sleuth.serve.app import make_app
from sleuth.serve.protocol import LONGEST_STOP, MOST_STOPS
from sleuth.serve.scheduler import Busy, Job, Scheduler, TooLong
from tests.tiny import tiny_llama, tiny_tokenizer

PROMPT, NEW, ROWS, QUEUE = 100, 8, 2, 3


SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/v1/chat/completions",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
}


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Scheduler]:
    started = Scheduler(Loaded(tiny_llama(), tiny_tokenizer(), "tiny", "", ""), ROWS, PROMPT, NEW, QUEUE)
    yield started
    started.close()


def post(scheduler: Scheduler, body: bytes, whole: bool = True) -> tuple[int, Any]:
    """Status and content of the answer to a body; `whole`: whether the client stays until it has sent it."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not received:
            received.append(True)
            return {"type": "http.request", "body": body, "more_body": not whole}
        if whole:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    received: list[bool] = []
    asyncio.run(make_app(scheduler, "tiny")(SCOPE, receive, send))
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], json.loads(content) if content else None


def asked(scheduler: Scheduler, **changed: Any) -> tuple[int, str]:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "temperature": 0}
    status, answer = post(scheduler, json.dumps(body | changed).encode())
    return status, answer.get("error", {}).get("message", "")


def test_a_plain_request_is_answered(scheduler: Scheduler) -> None:
    assert asked(scheduler, stop=["x" * LONGEST_STOP] * MOST_STOPS) == (200, "")


@pytest.mark.parametrize("stop", [["x"] * (MOST_STOPS + 1), ["x" * (LONGEST_STOP + 1)], "x" * (LONGEST_STOP + 1)])
@pytest.mark.parametrize("stream", [False, True])
def test_stop_strings_are_few_and_short(scheduler: Scheduler, stop: Any, stream: bool) -> None:
    assert asked(scheduler, stop=stop, stream=stream) == (
        400,
        f"stop: at most {MOST_STOPS} strings of at most {LONGEST_STOP} characters each",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"messages": [{"role": "user", "content": "\ud800"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a\udfffb"}]}]},
        {"model": "\ud800"},
        {"stop": ["\ud800"]},
        {"\ud800": 1},
    ],
)
def test_half_a_character_is_refused_wherever_it_stands(scheduler: Scheduler, changed: dict[str, Any]) -> None:
    status, said = asked(scheduler, **changed)
    assert status == 400 and "half of a surrogate pair" in said


def test_a_character_of_two_escapes_is_one(scheduler: Scheduler) -> None:
    assert asked(scheduler, messages=[{"role": "user", "content": "😀"}])[0] == 200


def test_a_body_that_is_not_utf8_is_refused(scheduler: Scheduler) -> None:
    assert post(scheduler, b'{"model": "\xed\xa0\x80"}')[0] == 400


def test_a_client_that_leaves_while_it_sends_is_no_fault(scheduler: Scheduler) -> None:
    before = scheduler.counts.requests.get(499, 0)
    assert post(scheduler, b"{", whole=False)[0] == 499
    assert scheduler.counts.requests[499] == before + 1


@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_a_stream_that_nobody_begins_to_read_is_not_written(
    scheduler: Scheduler, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client leaves before the first event, by either way in which a server tells: the request says so (before
    version 2.4 of its protocol), or sending fails."""
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    received: list[bool] = []
    cancelled: list[Job] = []

    async def receive() -> dict[str, Any]:
        if not received:
            received.append(True)
            return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if version == "2.4":
            raise OSError
        await asyncio.Event().wait()

    def cancel(job: Job) -> None:
        cancelled.append(job)
        Scheduler.cancel(scheduler, job)

    monkeypatch.setattr(scheduler, "cancel", cancel)
    scope = SCOPE | {"asgi": {"version": "3.0", "spec_version": version}}
    with scheduler._changed, contextlib.suppress(ClientDisconnect):  # nothing is decoded meanwhile
        asyncio.run(make_app(scheduler, "tiny")(scope, receive, send))
    assert len(cancelled) == 1


def test_messages_quote_little_of_what_was_given(scheduler: Scheduler) -> None:
    for changed in ({"model": "x" * 10_000}, {"x" * 10_000: 1}):
        assert len(asked(scheduler, **changed)[1]) < 200


class _NoTokens(Scheduler):
    """Fails where a prompt is made into tokens."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.__dict__.update(scheduler.__dict__)
        self.loaded = None  # type: ignore[assignment]


def test_a_prompt_that_is_far_too_long_is_refused_before_its_tokens_are_counted(scheduler: Scheduler) -> None:
    turn = [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]
    for messages in ([{"role": "user", "content": "a" * 2_000_000}], turn * PROMPT + turn[:1]):
        status, said = asked(_NoTokens(scheduler), messages=messages)
        assert status == 400 and f"at most {PROMPT} tokens have room" in said


def test_a_prompt_of_the_longest_tokens_has_room(scheduler: Scheduler) -> None:
    """As many of the vocabulary's longest token as may be: the bound of characters refuses nothing that fits."""
    text = "<|endoftext|>" * (PROMPT - 40)
    assert len(scheduler.encode(Request("chat", "", text), 1)) <= PROMPT
    with pytest.raises(TooLong, match=r"the prompt has \d+ tokens"):
        scheduler.encode(Request("chat", "", "<|endoftext|>" * PROMPT), 1)


def test_no_more_completions_wait_than_may(scheduler: Scheduler) -> None:
    """Also of the first request, which finds nothing that waits."""
    request = Request("chat", "", "Hi")
    tokens, sampling = scheduler.encode(request, NEW), Sampling(NEW, seed=(1,))
    ended: list[Job] = []

    def submit(samples: int) -> Job:
        return scheduler.submit(request, tokens, samples, sampling, ended.append)

    with pytest.raises(UserError, match=f"n {ROWS + QUEUE + 1}: this server takes at most {ROWS + QUEUE}"):
        submit(ROWS + QUEUE + 1)
    with scheduler._changed, torch.no_grad():  # nothing is decoded meanwhile
        first = submit(ROWS + QUEUE - 1)
        second = submit(1)
        with pytest.raises(Busy):
            submit(1)
    deadline_s = time.monotonic() + 20
    while len(ended) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.001)
    assert set(map(id, ended)) == {id(first), id(second)} and not first.error
    assert scheduler.running == scheduler.waiting == 0
