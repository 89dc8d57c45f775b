"""Metrics shown elsewhere while a run goes on: TensorBoard, trackio, Weights & Biases. Each is a library of its own,
needed only where its key is set. The run's own folder stays the truth; a mirror that fails is dropped with a word.
Steps that a killed run makes again are shown twice where a service takes nothing back."""

from __future__ import annotations

import hashlib
import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.progress import say

PACKAGES = {"tensorboard": "tensorboard", "trackio": "trackio", "wandb": "wandb"}


@dataclass(frozen=True, slots=True)
class Mirror:
    """One of them, begun."""

    show: Callable[[str, int, Mapping[str, float]], None]
    """Takes phase, step and values."""
    end: Callable[[], object]


def check_mirrors(config: RunConfig) -> None:
    """Raises `UserError` for a mirror whose library is not installed."""
    for name, package in PACKAGES.items():
        if getattr(config.mirror, name) and importlib.util.find_spec(package) is None:
            raise UserError(f"mirror.{name} needs the package {package}: pip install {package}")


class Mirrors:
    """All mirrors of a run, until `close`."""

    def __init__(self, config: RunConfig, path: Path) -> None:
        self._mirrors: dict[str, Mirror] = {}
        for name, make in (("tensorboard", _tensorboard), ("trackio", _trackio), ("wandb", _wandb)):
            if getattr(config.mirror, name) and (mirror := self._tried(name, make, config, path)) is not None:
                self._mirrors[name] = mirror

    def close(self) -> None:
        """Ends all, so that another run of this process has its own."""
        for name, mirror in list(self._mirrors.items()):
            self._tried(name, mirror.end)
        self._mirrors.clear()

    def log(self, phase: str, step: int, values: Mapping[str, float]) -> None:
        """Shows a line of metrics."""
        finite = {f"{phase}/{name}": value for name, value in values.items() if math.isfinite(value)}
        for name, mirror in list(self._mirrors.items()):
            self._tried(name, mirror.show, phase, step, finite)

    def _tried(self, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Exception as error:  # a foreign service: whatever it raises must not end a training
            self._mirrors.pop(name, None)
            reason = (str(error).splitlines() or [""])[0]
            say(f"mirror.{name} is off from here on: {type(error).__name__}: {reason}")
            return None


def _tensorboard(config: RunConfig, path: Path) -> Mirror:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(path / "tensorboard"))

    def log(phase: str, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return Mirror(log, writer.close)


def _identity(config: RunConfig, path: Path) -> str:
    """Another for every run, the same when it is resumed where it was."""
    return f"{config.name}-{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"


def _trackio(config: RunConfig, path: Path) -> Mirror:
    import trackio

    name = _identity(config, path)
    trackio.init(project=config.mirror.trackio, name=name, config=config.model_dump(mode="json"), resume="allow")
    return Mirror(lambda phase, step, values: trackio.log({**values, f"{phase}/step": step}), trackio.finish)


def _wandb(config: RunConfig, path: Path) -> Mirror:
    import wandb

    run = wandb.init(
        project=config.mirror.wandb,
        name=config.name,
        config=config.model_dump(mode="json"),
        dir=str(path),
        id=_identity(config, path),
        resume="allow",
    )
    return Mirror(lambda phase, step, values: run.log({**values, f"{phase}/step": step}), run.finish)
