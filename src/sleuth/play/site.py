"""The game in the browser, served on loopback. Every answer only reads, so no request can change anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sleuth.errors import UserError
from sleuth.play.catalog import Catalog
from sleuth.web.site import make_site

APP = "play"


def play_site(catalog: Catalog) -> Starlette:
    """The page, what can be chosen, cases, and their explanations."""

    def contents(request: Request) -> Response:
        return JSONResponse(catalog.contents())

    def answering(find: Callable[[str], Any]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            try:
                return JSONResponse(find(request.query_params.get("key", "")))
            except UserError as error:
                return JSONResponse({"error": str(error)}, 404)

        return answer

    return make_site(
        APP,
        ["/"],
        [
            Route("/api/catalog", contents),
            Route("/api/case", answering(catalog.dossier)),
            Route("/api/steps", answering(catalog.steps)),
        ],
    )
