"""From a model's name to a server that runs until Ctrl-C."""

from __future__ import annotations

import ipaddress
import os

import uvicorn

from sleuth.errors import UserError
from sleuth.policy.models import Loaded
from sleuth.progress import say
from sleuth.serve.app import LOOPBACK, make_app
from sleuth.serve.scheduler import Scheduler

KEY = "SLEUTH_API_KEY"
"""Environment variable of the key that clients must present."""


BACKLOG = 2048
"""Connections that the system keeps until they are taken up."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to this host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def serve(loaded: Loaded, name: str, host: str, port: int, rows: int, prompt: int, new: int, queue: int) -> None:
    """Serves until it is interrupted. Raises `UserError` for a port that is taken, and for a host that others reach
    without a key."""
    key = os.environ.get(KEY, "")
    local = is_loopback(host)
    if not local and not key:
        raise UserError(f"--host {host}: others can reach it; set {KEY} to a key that clients must present")
    scheduler = Scheduler(loaded, rows, prompt, new, queue)
    app = make_app(scheduler, name, key, LOOPBACK if local else ("*",))
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)
    server = uvicorn.Server(config)
    try:
        socket = config.bind_socket()
    except SystemExit:
        raise UserError(f"{host}:{port} cannot be bound; take another --port (0: any that is free)") from None
    socket.listen(BACKLOG)  # before anybody is told where
    bound = socket.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    say(f"{name} is served at http://{shown}:{bound}/v1 (Ctrl-C stops)")
    try:
        server.run(sockets=[socket])
    finally:
        scheduler.close()
        socket.close()
