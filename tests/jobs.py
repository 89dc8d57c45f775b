"""Functions for worker processes to run, in a module that imports next to nothing."""

from __future__ import annotations

import os
import signal
import time


def end_itself(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def pid_slowly(number: int) -> int:
    """The first at once, the others not in a test's time."""
    if number:
        time.sleep(600)
    return os.getpid()


def pid_after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()
