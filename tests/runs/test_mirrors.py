"""Mirrors: what arrives elsewhere, and that a mirror which fails ends nothing."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sleuth.config import MirrorConfig, RunConfig
from sleuth.errors import UserError
from sleuth.runs.mirrors import Mirrors, check_mirrors


def config(**keys: Any) -> RunConfig:
    return RunConfig(mirror=MirrorConfig(**keys))


def test_tensorboard_gets_every_finite_value(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    mirrors = Mirrors(config(tensorboard=True), tmp_path)
    mirrors.log("grpo", 3, {"reward": 0.5, "loss": math.nan})
    mirrors.close()
    read = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    assert read.Tags()["scalars"] == ["grpo/reward"]
    assert [(event.step, event.value) for event in read.Scalars("grpo/reward")] == [(3, 0.5)]


class Service(ModuleType):
    """Stands for trackio and Weights & Biases, with the calls that both have."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.begun: list[dict[str, Any]] = []
        self.logged: list[dict[str, float]] = []
        self.down = False
        self.ended = 0

    def init(self, **settings: Any) -> Service:
        self.begun.append(settings)
        return self

    def log(self, values: dict[str, float]) -> None:
        if self.down:
            raise ConnectionError("nobody there")
        self.logged.append(values)

    def finish(self) -> None:
        self.ended += 1


@pytest.mark.parametrize("name", ["trackio", "wandb"])
def test_a_service_gets_metrics_until_it_fails(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(name)
    monkeypatch.setitem(sys.modules, name, service)
    mirrors = Mirrors(config(**{name: "deduction"}), tmp_path)
    assert service.begun[0]["project"] == "deduction" and service.begun[0]["config"]["mode"] == "program"
    mirrors.log("eval", 8, {"strict": 0.25})
    service.down = True
    mirrors.log("eval", 16, {"strict": 0.5})
    service.down = False
    mirrors.log("eval", 24, {"strict": 0.75})
    assert service.logged == [{"eval/strict": 0.25, "eval/step": 8}]
    assert f"mirror.{name} is off from here on: ConnectionError: nobody there" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "key"), [("trackio", "name"), ("wandb", "id")])
def test_each_run_of_a_process_is_one_of_its_own(
    name: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(name)
    monkeypatch.setitem(sys.modules, name, service)
    for folder in ("a/demo", "b/demo", "a/demo"):  # two runs, and the first again
        Mirrors(config(**{name: "deduction"}), tmp_path / folder).close()
    assert service.ended == 3
    first, second, again = (settings[key] for settings in service.begun)
    assert first == again != second


def test_a_library_that_is_not_there_is_said_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"mirror.wandb needs the package wandb: pip install wandb"):
        check_mirrors(config(wandb="deduction"))
    check_mirrors(config())
