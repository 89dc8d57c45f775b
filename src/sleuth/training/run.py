"""One training run, from a configuration to a run directory: warm start, GRPO, evaluations, checkpoints.

Everything drawn is keyed by seeds and steps, so a run that was stopped anywhere goes on from its last checkpoint as if
it had not been. Puzzles of training are dealt out by `sleuth.training.curriculum`, from split `train`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from sleuth.config import RunConfig
from sleuth.errors import UserError, counted
from sleuth.progress import say
from sleuth.runs.directory import MODEL, RunDirectory
from sleuth.runs.settings import change
from sleuth.training import checkpoints
from sleuth.training.choice import choose
from sleuth.training.evaluations import Evaluations
from sleuth.training.lowrank import write_adapter
from sleuth.training.session import Session
from sleuth.training.step_log import StepLog
from sleuth.training.warm_start import warm_start

ADAPTER = "adapter"
"""Folder of what LoRA trained."""
ENGINES = {"sleuth": "sleuth.training.reinforce", "trl": "sleuth.integrations.trl.stage"}
"""What runs GRPO (`engine.kind`), to the module that does: it is imported where it is used."""


class Engine(Protocol):
    """A module of `ENGINES`."""

    def steps_made(self, run: RunDirectory) -> int:
        """GRPO steps of which the engine keeps checkpoints in a form of its own."""
        ...

    def reinforce(self, session: Session, log: StepLog, evaluations: Evaluations) -> None:
        """Trains from where the session stands to the end of GRPO."""
        ...


def train(run: RunDirectory) -> None:
    """Trains until the run is finished, from wherever it stands. Ctrl-C leaves a run that goes on by calling it again.

    Raises `UserError` for a run that another process is training, a model that can't be loaded or a full disk.
    """
    with run.held():
        engine = cast(Engine, importlib.import_module(ENGINES[run.config.engine.kind]))
        session = Session(run, engine.steps_made(run))
        try:
            _stages(session, engine)
        finally:
            session.mirrors.close()


def train_to_end(config: RunConfig, path: Path, begin: Callable[[], RunDirectory]) -> RunDirectory:
    """The finished run with these settings in the folder `path`: what is there goes on, else `begin` makes it.

    Raises `UserError` for a run that is there with other settings, and as `train` does.
    """
    run = RunDirectory.open(path) if (path / "config.json").exists() else begin()
    if changed := change(run.config, config):
        raise UserError(f"{path} was made with {changed}; set it back, or name another folder with --out")
    if not run.finished:
        train(run)
    return run


def _stages(session: Session, engine: Engine) -> None:
    _say_what_is_trained(session)
    sft, grpo = session.sft_steps, session.config.grpo.steps
    log, evaluations = StepLog(session), Evaluations(session)
    evaluations.baselines()
    choose(session)
    if session.done == 0:
        evaluations.stage("before")
    if session.done < sft:
        warm_start(session, log)
    if sft and grpo:
        evaluations.stage("after-sft", sft)
    if grpo:
        engine.reinforce(session, log, evaluations)
    evaluations.stage("after-grpo" if grpo else "after-sft", sft + grpo)
    if adapters := session.optimizer.adapters:
        write_adapter(session.run.path / ADAPTER, adapters, session.config.weights, session.run.base_model)
    checkpoints.export(session.run.path / MODEL, session.model, session.tokenizer, session.optimizer)


def _say_what_is_trained(session: Session) -> None:
    config, loaded = session.config, session.loaded
    sft, grpo = session.sft_steps, config.grpo.steps
    about = f" ({loaded.quantisation} weights)" if loaded.quantisation else ""
    say(f"{loaded.name}{about}, {config.model.dtype}, {config.model.threads} threads, {config.model.device}")
    batch = f"{config.grpo.puzzles_per_step} x {counted(config.grpo.samples, 'completion')}"
    named = ", ".join(f"{source.family} level {source.level}" for source in config.puzzles.sources)
    say(
        f"{named}, mode {config.mode}: {counted(sft, 'warm-start step')} of "
        f"{counted(config.sft.batch_size, 'example')}, "
        f"{counted(grpo, 'GRPO step')} of {batch}"
    )
    if session.done:
        say(f"resuming after step {session.done} of {sft + grpo}")
