"""The web application: chat completions, models, health and metrics.

Model output and requests are untrusted: bodies are bounded, hosts are checked (another web page cannot reach a server
on loopback under a name of its own), keys are compared in constant time and never written anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sleuth.errors import UserError, shortened
from sleuth.policy.base import Rollout
from sleuth.serve.address import LOOPBACK
from sleuth.serve.protocol import Answers, ChatRequest, event, fault, finish_reason, read_chat_request
from sleuth.serve.scheduler import Busy, Job, Scheduler, TooLong
from sleuth.serve.text import TextStream

LARGEST_BODY_BYTES = 10_000_000
CLOSED = 499
"""Status, in the metrics alone, where the client has closed the connection: nobody reads the answer."""
END_OF_STREAM = "data: [DONE]\n\n"


class _Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    def __init__(self, status: int, message: str, kind: str = "invalid_request_error", code: str | None = None) -> None:
        super().__init__(message)
        self.response = JSONResponse(
            fault(message, kind, code), status, headers={"Retry-After": "1"} if status == 429 else None
        )


def make_app(scheduler: Scheduler, name: str, key: str = "", hosts: tuple[str, ...] = LOOPBACK) -> Starlette:
    """The application that serves one model under a name. `key`: what clients must present; "" asks for none."""
    server = _Server(scheduler, name, key)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(scheduler.close)

    return Starlette(
        routes=[
            Route("/health", server.health),
            Route("/metrics", server.metrics),
            Route("/v1/models", server.models),
            Route("/v1/chat/completions", server.chat, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
        lifespan=lifespan,
    )


class _Server:
    def __init__(self, scheduler: Scheduler, name: str, key: str) -> None:
        self._scheduler, self._name, self._key = scheduler, name, key
        self._created = int(time.time())

    async def health(self, request: HttpRequest) -> Response:
        """Whether the server can answer. Needs no key."""
        fault_of = self._scheduler.fault
        return JSONResponse({"status": fault_of or "ok"}, 503 if fault_of else 200)

    async def metrics(self, request: HttpRequest) -> Response:
        """Counters and gauges in the text format of Prometheus."""
        scheduler, counts = self._scheduler, self._scheduler.counts
        lines = [
            "# TYPE sleuth_uptime_seconds gauge",
            f"sleuth_uptime_seconds {time.monotonic() - counts.started_s:.3f}",
            "# TYPE sleuth_completions_running gauge",
            f"sleuth_completions_running {scheduler.running}",
            "# TYPE sleuth_completions_waiting gauge",
            f"sleuth_completions_waiting {scheduler.waiting}",
            "# TYPE sleuth_tokens_total counter",
            f'sleuth_tokens_total{{kind="prompt"}} {counts.prompt_tokens}',
            f'sleuth_tokens_total{{kind="completion"}} {counts.completion_tokens}',
            "# TYPE sleuth_requests_total counter",
            *(f'sleuth_requests_total{{status="{status}"}} {n}' for status, n in sorted(counts.requests.items())),
        ]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    async def models(self, request: HttpRequest) -> Response:
        """The one model."""
        try:
            self._check_key(request)
        except _Refused as refused:
            return self._counted(refused.response)
        entry = {"id": self._name, "object": "model", "created": self._created, "owned_by": "sleuth"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def chat(self, request: HttpRequest) -> Response:
        """One request, whole or as a stream."""
        try:
            self._check_key(request)
            asked = read_chat_request(await _body(request))
            if asked.model != self._name:
                message = f"the model {shortened(asked.model)!r} is not here; this server has {self._name!r}"
                raise _Refused(404, message, code="model_not_found")
            job, events, answers = await self._submit(asked)
        except TooLong as error:
            return self._counted(_Refused(400, str(error), code="context_length_exceeded").response)
        except UserError as error:
            refused = _Refused(503 if self._scheduler.fault else 400, str(error))
            return self._counted(refused.response)
        except _Refused as refusal:
            return self._counted(refusal.response)
        except ClientDisconnect:
            return self._counted(Response(status_code=CLOSED))
        if asked.stream:
            self._count(200)
            return _Stream(self._stream(asked, job, events, answers), lambda: self._leave(job))
        return self._counted(await self._whole(request, asked, job, events, answers))

    def _check_key(self, request: HttpRequest) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._key and not hmac.compare_digest(given.encode(), self._key.encode()):
            raise _Refused(401, "a wrong API key, or none", "authentication_error", "invalid_api_key")

    async def _submit(self, asked: ChatRequest) -> tuple[Job, asyncio.Queue[tuple[int, int] | None], Answers]:
        """Puts a request in the queue. Its events: (sample, token), and None when it is done."""
        loop, events = asyncio.get_running_loop(), asyncio.Queue[tuple[int, int] | None]()
        scheduler = self._scheduler
        sampling, request = asked.sampling(scheduler.most_new), asked.request()
        # A long prompt takes milliseconds to encode, in which other streams go on.
        tokens = await asyncio.to_thread(scheduler.encode, request, sampling.max_new_tokens)

        def put(token: tuple[int, int] | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens
                loop.call_soon_threadsafe(events.put_nowait, token)

        streams_text = asked.stream
        try:
            job = scheduler.submit(
                request,
                tokens,
                asked.samples,
                sampling,
                on_done=lambda job: put(None),
                on_token=(lambda sample, token: put((sample, token))) if streams_text else None,
                top_logprobs=(asked.top_logprobs or 0) if asked.logprobs else 0,
            )
        except Busy:
            raise _Refused(429, "too many requests are waiting; try again later", "rate_limit_error") from None
        return job, events, Answers(asked, scheduler.loaded.tokenizer)

    async def _whole(
        self,
        request: HttpRequest,
        asked: ChatRequest,
        job: Job,
        events: asyncio.Queue[tuple[int, int] | None],
        answers: Answers,
    ) -> Response:
        done = asyncio.ensure_future(events.get())
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait({done, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                self._leave(job)
                return Response(status_code=CLOSED)
        finally:
            done.cancel()
            gone.cancel()
        if job.error:
            return JSONResponse(fault(job.error, "server_error"), 500)
        tops = job.group.tops if asked.logprobs else None
        return JSONResponse(answers.whole(len(job.group.prompt), _rollouts(job), tops))

    async def _stream(
        self, asked: ChatRequest, job: Job, events: asyncio.Queue[tuple[int, int] | None], answers: Answers
    ) -> AsyncIterator[str]:
        """Events as tokens come; all that has come since the last one goes into one piece of text for each sample."""
        tokenizer, stop = self._scheduler.loaded.tokenizer, job.group.sampling.stop
        texts = [TextStream(tokenizer, stop) for _ in range(asked.samples)]
        for index in range(asked.samples):
            yield answers.chunk(index, {"role": "assistant", "content": ""})
        done = False
        while not done:
            some = [await events.get()]
            while not events.empty():
                some.append(events.get_nowait())
            done = None in some
            pieces = dict[int, str]()
            for sample, token in filter(None, some):
                pieces[sample] = pieces.get(sample, "") + texts[sample].add(token)
            for sample, piece in pieces.items():
                if piece:
                    yield answers.chunk(sample, {"content": piece})
        if job.error:
            yield event(fault(job.error, "server_error"))
            return
        for index, rollout in enumerate(_rollouts(job)):
            logprobs = None
            if asked.logprobs:
                logprobs = answers.logprobs(rollout.tokens, rollout.logprobs, job.group.tops.get(index))
            delta = {"content": rest} if (rest := texts[index].rest(rollout.text)) else {}
            yield answers.chunk(index, delta, finish_reason(rollout.stop), logprobs)
        if asked.stream_options and asked.stream_options.include_usage:
            yield answers.usage_chunk(len(job.group.prompt), _rollouts(job))
        yield END_OF_STREAM

    def _leave(self, job: Job) -> None:
        """Nobody reads on: what is not done need not be."""
        if not job.group.done:
            self._scheduler.cancel(job)

    def _counted(self, response: Response) -> Response:
        self._count(response.status_code)
        return response

    def _count(self, status: int) -> None:
        requests = self._scheduler.counts.requests
        requests[status] = requests.get(status, 0) + 1


class _Stream(StreamingResponse):
    """Server-sent events. `left` is called however it ends; the generator never hears of a client that leaves before
    the first event."""

    def __init__(self, events: AsyncIterator[str], left: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._left()


def _rollouts(job: Job) -> list[Rollout]:
    return [job.group.finished[sample] for sample in range(job.group.samples)]


async def _body(request: HttpRequest) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY_BYTES:
            raise _Refused(413, f"a body of more than {LARGEST_BODY_BYTES} bytes")
    return bytes(body)


async def _gone(request: HttpRequest) -> None:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
