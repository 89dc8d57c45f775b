"""What this machine is fast at, found out by a short measurement: device, number format, threads.

A run measures once, at its start, and keeps what was found in its config.json. The number format is chosen by
processor time, which other work hardly changes; the number of threads by time on the clock, since it depends on what
other work leaves. Which numbers come out depends on the moment, so runs are equal where their config.json is.

Left out: the batch plan, which is a question of memory (`sleuth.training.memory`).
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from sleuth.errors import UserError

LARGE, SMALL = (512, 576, 1536), (32, 576, 1536)
"""Shapes (m, k, n) of the products that are measured: as in training, as in decoding."""
SMALL_COUNT = 16
"""Small products, each waiting for the one before it, for one large one: as many operations."""
MEASURED_S = 0.15
"""Seconds of one measurement."""
BFLOAT16_FACTOR = 1.5
"""bfloat16 is taken where it is so many times as fast: for less its rounding is not worth it."""
THREADS_FACTOR = 1.05
"""More threads are taken where they are so many times as fast."""


def choose_device(name: str) -> str:
    """`auto` as what it means here: the GPU that CUDA sees, else the processor. Raises `UserError` for a device that
    this machine has not."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"unknown device {name!r}; known: auto, cpu, cuda, cuda:1") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name!r} is not available: CUDA finds {torch.cuda.device_count()} here; use cpu")
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"device {name!r} is not supported; known: auto, cpu, cuda, cuda:1")
    return name


def fast_dtype(device: str) -> torch.dtype:
    """bfloat16 where its matrix products are much faster than those of float32, else float32. Compares the quickest
    rounds of one thread; on a processor by the time that the thread had it, so that other work does not count."""
    clock = time.thread_time if torch.device(device).type == "cpu" else time.perf_counter
    with _threads_kept():
        torch.set_num_threads(1)
        quickest_s = {dtype: min(rounds_s(device, dtype, clock)) for dtype in (torch.bfloat16, torch.float32)}
    return (
        torch.bfloat16 if quickest_s[torch.float32] >= BFLOAT16_FACTOR * quickest_s[torch.bfloat16] else torch.float32
    )


def fast_threads(dtype: torch.dtype) -> int:
    """The number of processor threads that makes products fastest on average: 1, 2, 4, … or all cores; fewer where
    more gain nothing. What torch is set to stays."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    best, best_s = 1, math.inf
    with _threads_kept():
        for threads in sorted({*(2**i for i in range(cores.bit_length())), cores}):
            torch.set_num_threads(threads)
            mean_s = statistics.fmean(rounds_s("cpu", dtype))
            if THREADS_FACTOR * mean_s < best_s:
                best, best_s = threads, mean_s
    return best


@contextmanager
def _threads_kept() -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def rounds_s(device: str, dtype: torch.dtype, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Seconds of each round of matrix products by `clock`, over `MEASURED_S` in all, after one that does not count."""
    operands = [
        (torch.ones((m, k), dtype=dtype, device=device), torch.ones((n, k), dtype=dtype, device=device), count)
        for (m, k, n), count in ((LARGE, 1), (SMALL, SMALL_COUNT))
    ]

    def one_round() -> float:
        started_s = clock()
        for a, b, count in operands:
            for _ in range(count):
                torch.nn.functional.linear(a, b)
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(device)
        return clock() - started_s

    one_round()
    found = [one_round()]
    while sum(found) < MEASURED_S:
        found.append(one_round())
    return found
