"""From a model to a server that runs until Ctrl-C."""

from __future__ import annotations

import uvicorn

from sleuth.policy.models import Loaded
from sleuth.progress import say
from sleuth.serve.address import BACKLOG, LOOPBACK, Address
from sleuth.serve.app import make_app
from sleuth.serve.scheduler import Scheduler


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
