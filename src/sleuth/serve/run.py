"""From a model to a server that runs until Ctrl-C."""

from __future__ import annotations

import uvicorn

from sleuth.policy.models import Loaded
from sleuth.progress import say
from sleuth.serve.address import Address
from sleuth.serve.app import LOOPBACK, make_app
from sleuth.serve.scheduler import Scheduler

BACKLOG = 2048
"""Connections that the system keeps until they are taken up."""


def serve(loaded: Loaded, name: str, address: Address, rows: int, prompt: int, new: int, queue: int) -> None:
    """Serves until it is interrupted. Raises `UserError` where prompt and completion exceed the model's context."""
    scheduler = Scheduler(loaded, rows, prompt, new, queue)
    app = make_app(scheduler, name, address.key, LOOPBACK if address.local else ("*",))
    address.listener.listen(BACKLOG)  # before anybody is told where
    say(f"{name} is served at {address.url} (Ctrl-C stops)")
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    try:
        uvicorn.Server(config).run(sockets=[address.listener])
    finally:
        scheduler.close()
