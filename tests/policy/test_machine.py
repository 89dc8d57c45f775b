"""What is chosen at the start of a run: devices by name, number format and threads by what was measured."""

from __future__ import annotations

import pytest
import torch

from sleuth.errors import UserError
from sleuth.policy import machine
from sleuth.policy.machine import choose_device, fast_dtype, fast_threads, rounds_s


@pytest.mark.parametrize(
    ("gpus", "name", "chosen"),
    [(0, "auto", "cpu"), (2, "auto", "cuda"), (2, "cpu", "cpu"), (2, "cuda", "cuda"), (2, "cuda:1", "cuda:1")],
)
def test_devices(gpus: int, name: str, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert choose_device(name) == chosen


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gpu", "unknown device 'gpu'"),
        ("cuda:2", "CUDA finds 2"),
        ("meta", "not supported"),
    ],
)
def test_devices_that_are_not_there_are_refused(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=said) as refused:
        choose_device(name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("bfloat16_s", "float32_s", "chosen"),
    [
        ([0.9, 0.1], [0.2, 0.3], torch.bfloat16),  # the quickest count: half of the other
        ([0.15, 0.9], [0.2, 0.9], torch.float32),  # faster, but not by enough
        ([0.3], [0.1], torch.float32),
    ],
)
def test_bfloat16_where_it_is_much_faster(
    bfloat16_s: list[float], float32_s: list[float], chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {torch.bfloat16: bfloat16_s, torch.float32: float32_s}
    monkeypatch.setattr(machine, "rounds_s", lambda device, dtype, clock: found[dtype])
    assert fast_dtype("cpu") is chosen


@pytest.mark.parametrize(
    ("cores", "mean_s", "chosen"),
    [
        (2, {1: 1.0, 2: 0.6}, 2),
        (2, {1: 1.0, 2: 0.98}, 1),  # not worth a core
        (6, {1: 1.0, 2: 0.6, 4: 0.5, 6: 0.3}, 6),
        (6, {1: 1.0, 2: 0.6, 4: 0.5, 6: 0.8}, 4),
        (1, {1: 1.0}, 1),
    ],
)
def test_threads_that_pay(cores: int, mean_s: dict[int, float], chosen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    monkeypatch.setattr(machine, "rounds_s", lambda device, dtype: [mean_s[torch.get_num_threads()]])
    before = torch.get_num_threads()
    assert fast_threads(torch.float32) == chosen
    assert torch.get_num_threads() == before


def test_a_measurement() -> None:
    assert min(rounds_s("cpu", torch.float32)) > 0


def test_other_work_does_not_change_the_number_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other work takes the processor away during every product of bfloat16, but not the thread's processor time."""
    products = {torch.bfloat16: (1.0, 0.1), torch.float32: (0.2, 0.2)}
    clock_s = {"wall": 0.0, "thread": 0.0}

    def linear(a: torch.Tensor, b: torch.Tensor) -> None:
        wall_s, thread_s = products[a.dtype]
        clock_s["wall"] += wall_s
        clock_s["thread"] += thread_s

    monkeypatch.setattr(torch.nn.functional, "linear", linear)
    monkeypatch.setattr(machine.time, "perf_counter", lambda: clock_s["wall"])
    monkeypatch.setattr(machine.time, "thread_time", lambda: clock_s["thread"])
    assert fast_dtype("cpu") is torch.bfloat16
