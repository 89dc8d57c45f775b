"""Where a server listens: checked before anything heavy is loaded."""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass

from sleuth.errors import UserError

KEY = "SLEUTH_API_KEY"
"""Environment variable of the key that clients must present."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names under which a server on loopback answers."""
BACKLOG = 2048
"""Connections that the system keeps until they are taken up."""


@dataclass(frozen=True, slots=True)
class Address:
    """A bound socket that does not listen yet, and who may come."""

    listener: socket.socket
    url: str
    """The API's base URL."""
    key: str
    """What clients must present; "" asks for none."""
    local: bool
    """Whether only this machine can reach it."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to this host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> Address:
    """Binds a port; 0 takes one that is free. Raises `UserError` for a port that is taken, and for a host that others
    reach without a key."""
    key, local = os.environ.get(KEY, ""), is_loopback(host)
    if not local and not key:
        raise UserError(f"--host {host}: others can reach it; set {KEY} to a key that clients must present")
    bound, url = listener(host, port)
    return Address(bound, f"{url}/v1", key, local)


def listener(host: str, port: int) -> tuple[socket.socket, str]:
    """A bound socket that does not listen yet, and its URL; port 0 takes one that is free. Raises `UserError` for a
    port that is taken."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host.strip("[]"), port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise UserError(f"{host}:{port} cannot be bound ({error}); take another --port (0: any that is free)") from None
    shown = f"[{host.strip('[]')}]" if ":" in host else host
    return bound, f"http://{shown}:{bound.getsockname()[1]}"
