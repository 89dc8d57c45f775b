"""A site on loopback: its files, its routes, and what keeps other web pages out.

Completions, names and files are untrusted, so the content security policy allows this site's own scripts and styles
and nothing else. A page of another origin reaches nothing: the host is checked (it could give a name of its own the
address of loopback), and so is where a request comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sleuth.progress import say
from sleuth.serve.address import BACKLOG, LOOPBACK, listener
from sleuth.web import STATIC

HOST = "127.0.0.1"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The content security policy of every answer."""
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # The files change with the version, and the data with the run.
    "Cache-Control": "no-cache",
}


class Guard:
    """Puts the headers on every answer and refuses what another site's page sends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if _is_foreign(Headers(scope=scope)):
            refused = PlainTextResponse("This address answers its own pages only.", 403)
            await refused(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)


def _is_foreign(headers: Headers) -> bool:
    """Whether a page of another origin sent a request. Following a link from one is fine."""
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{headers.get('host', '')}":
        return True
    from_elsewhere = headers.get("sec-fetch-site", "none") in ("cross-site", "same-site")
    return from_elsewhere and headers.get("sec-fetch-mode") != "navigate"


def make_site(app: str, pages: Sequence[str], routes: Sequence[BaseRoute]) -> Starlette:
    """A site of the built files of `app`, whose `index.html` answers for every path of `pages`, and of more routes."""
    folder = STATIC / app

    async def page(request: Request) -> Response:
        return FileResponse(folder / "index.html")

    return Starlette(
        routes=[
            *(Route(path, page) for path in pages),
            *routes,
            Mount("/static", StaticFiles(directory=folder)),
        ],
        middleware=[Middleware(Guard), Middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK))],
    )


def run_site(site: Starlette, what: str, port: int) -> None:
    """Serves until Ctrl-C; 0 takes a free port. Raises `UserError` for a port that is taken."""
    bound, url = listener(HOST, port)
    with bound:
        bound.listen(BACKLOG)  # before anybody is told where
        say(f"{what}: {url} (Ctrl-C stops)")
        config = uvicorn.Config(site, log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[bound])
