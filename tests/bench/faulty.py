"""A chat endpoint on loopback that fails on purpose: a real server with real sockets, for clients that must notice."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str], str]
"""From the user's message to what the model says."""

WAYS = (
    "rate limit",
    "server error",
    "no server",
    "timeout",
    "cut reply",
    "cut stream",
    "ended stream",
    "empty",
    "no JSON",
    "a bare string",
    "no choices",
    "refusal",
    "filtered",
    "wrong key",
    "bad request",
)
"""What can be injected; each ends a request without a completion. Also: `too long`, `uncounted`, `thought`. A request
that asks for a stream is answered with one; the two ways to cut it need such a request."""


class Faulty(ThreadingHTTPServer):
    """Answers as it is told: `plan` maps a user's message to the ways in which its requests go, one after the other;
    after the last of them it is answered. `asked` holds the messages of all requests, in order."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer: Answer, plan: dict[str, list[str]], everywhere: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.plan, self.everywhere = answer, plan, everywhere
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.over = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def way(self, message: str, body: dict[str, Any]) -> str:
        """How a request goes; "": it is answered."""
        with self.lock:
            self.asked.append(message)
            self.bodies.append(body)
            return self.everywhere or (self.plan[message].pop(0) if self.plan.get(message) else "")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has left is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Faulty

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = body["messages"][-1]["content"]
        way = self.server.way(message, body)
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if way == "no server":
            self._hang_up()
        elif way == "timeout":
            self.server.over.wait(30)
            self.close_connection = True
        elif way == "cut reply":
            text = json.dumps(_reply(body, self.server.answer(message)))
            self._send(200, text[: len(text) // 2], length=len(text))
            self._hang_up()
        elif body.get("stream") and way in ("", "cut stream", "ended stream"):
            self._stream(way, body, self.server.answer(message))
        elif way == "no JSON":
            self._send(200, "<html>busy</html>")
        elif way == "a bare string":
            self._send(200, '"hello"')
        elif way == "no choices":
            self._send(200, json.dumps(_reply(body, "") | {"choices": []}))
        elif status := {"rate limit": 429, "server error": 500, "wrong key": 401, "bad request": 400}.get(way):
            self._send(status, json.dumps({"error": {"message": f"{way}, key {key}", "type": way, "code": None}}))
        elif way == "too long":
            error = {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}
            self._send(400, json.dumps({"error": error}))
        else:
            self._send(200, json.dumps(_spoiled(way, _reply(body, self.server.answer(message)))))

    def _stream(self, way: str, body: dict[str, Any], text: str) -> None:
        """Events, cut after half of the text: within a chunked reply, or at the end of one whose length is that of its
        connection, which to HTTP is whole."""
        said = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
        half = len(text) // 2
        choices = [
            {"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in (text[:half], text[half:])
        ]
        choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        events = [json.dumps(said | {"choices": [choice]}) for choice in choices]
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        events += [json.dumps(said | {"choices": [], "usage": usage}), "[DONE]"]
        chunked = way != "ended stream"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Connection", "close")))
        self.end_headers()
        for event in events[:1] if way else events:
            data = f"data: {event}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
            self.wfile.flush()
        if way:
            self._hang_up()
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, text: str, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode()) if length is None else length))
        if not self.server.plan.get("retry"):
            self.send_header("x-should-retry", "false")  # the official client's own retries take seconds
        self.end_headers()
        self.wfile.write(text.encode())


def _reply(body: dict[str, Any], text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def _spoiled(way: str, reply: dict[str, Any]) -> dict[str, Any]:
    [choice] = reply["choices"]
    if way == "empty":
        choice["message"]["content"] = ""
    elif way == "refusal":
        choice["message"] |= {"content": None, "refusal": "I would rather not."}
    elif way == "filtered":
        choice |= {"finish_reason": "content_filter"}
        choice["message"]["content"] = ""
    elif way == "uncounted":
        del reply["usage"]
    elif way == "thought":
        reply["usage"] |= {"completion_tokens_details": {"reasoning_tokens": 15}}
    return reply


@contextmanager
def serving(answer: Answer, plan: dict[str, list[str]] | None = None, everywhere: str = "") -> Iterator[Faulty]:
    """A server that runs for a while. `everywhere`: how every request goes."""
    server = Faulty(answer, plan or {}, everywhere)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
