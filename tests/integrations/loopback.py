"""A model behind the chat endpoint of the OpenAI API, on loopback, that knows what to say."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def answering(known: Mapping[str, str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that says what is known of the last message, in one piece or as a stream. Its address (with `/v1`), and
    what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(request := json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            about = {"id": "1", "created": 1, "model": request["model"]}
            said = {"role": "assistant", "content": known[request["messages"][-1]["content"]]}
            usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
            if request.get("stream"):
                about["object"] = "chat.completion.chunk"
                chunks = [
                    about | {"choices": [{"index": 0, "delta": said, "finish_reason": None}]},
                    about | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
                    about | {"choices": [], "usage": usage},
                ]
                lines = [*(json.dumps(chunk) for chunk in chunks), "[DONE]"]
                self.reply("text/event-stream", "".join(f"data: {line}\n\n" for line in lines))
                return
            choice = {"index": 0, "message": said, "finish_reason": "stop"}
            whole = about | {"object": "chat.completion", "choices": [choice], "usage": usage}
            self.reply("application/json", json.dumps(whole))

        def reply(self, kind: str, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
        server.shutdown()
