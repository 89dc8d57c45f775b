"""Sites served on loopback by a thread of the test."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette

from sleuth.serve.address import listener


@contextmanager
def served(site: Starlette) -> Iterator[str]:
    """The address of a running site, without a slash at its end."""
    bound, url = listener("127.0.0.1", 0)
    with bound:
        server = uvicorn.Server(uvicorn.Config(site, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield url
        finally:
            server.should_exit = True
            thread.join(20)


def get(url: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers in lower case, and body. The path is sent as it stands, with all its dots."""
    split = urlsplit(url)
    connection = http.client.HTTPConnection(split.netloc, timeout=20)
    try:
        target = split.path + (f"?{split.query}" if split.query else "")
        connection.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body
    finally:
        connection.close()
