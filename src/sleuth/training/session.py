"""A run while it is trained: its model, optimizer, policy and curriculum, and how far it has come."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import torch

from sleuth.config import RunConfig
from sleuth.policy.chat import fix_template
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import Loaded, load_model
from sleuth.runs.directory import REFERENCE, RunDirectory
from sleuth.runs.metrics import Phase
from sleuth.runs.mirrors import Mirrors
from sleuth.training import checkpoints
from sleuth.training.curriculum import Curriculum
from sleuth.training.likelihood import Likelihood
from sleuth.training.optimizer import MasterOptimizer


def load(config: RunConfig, name: str | None = None) -> Loaded:
    """The run's model, in the run's number format and with its threads."""
    torch.set_num_threads(config.model.threads or torch.get_num_threads())
    loaded = load_model(name or config.model.name, getattr(torch, config.model.dtype), config.model.device)
    dress(loaded.tokenizer, config)
    return loaded


def dress(tokenizer: Any, config: RunConfig) -> None:
    """Prompts as the configuration wants them, here and in what is saved."""
    if config.model.template == "plain":
        tokenizer.chat_template = None
    if config.model.template_kwargs or config.model.template_time:
        fix_template(tokenizer, config.model.template_kwargs, config.model.template_time)


class Session:
    """Opens a run at its last checkpoint, and forgets what was logged behind that."""

    def __init__(self, run: RunDirectory, made: int = 0) -> None:
        """made: GRPO steps that another engine has made, and keeps its own checkpoints of."""
        self.run, self.config = run, run.config
        self.loaded = load(run.config, run.base_model)
        self.model, self.tokenizer = self.loaded.model, self.loaded.tokenizer
        self.policy = TorchPolicy(self.model, self.tokenizer, self.config.sampling.rows)
        self.optimizer = MasterOptimizer(self.model, self.config.optimizer, self.config.weights)
        self.mirrors = Mirrors(run.config, run.path)
        self.sft_steps = self.config.sft.steps
        state: dict[str, Any] | None = checkpoints.load_latest(run.checkpoints, self.optimizer)
        self.done = self.sft_steps + made if made else int(state["step"]) if state else 0
        """Optimizer steps behind the weights: warm start first, then GRPO."""
        self.curriculum = Curriculum(self.config, state["curriculum"] if state else None)
        if self.done <= self.sft_steps:
            run.truncate_after("sft", self.done)
        else:
            run.truncate_after("grpo", self.done - self.sft_steps)
        if state:  # a process killed just after a checkpoint may not have come to removing the old ones
            checkpoints.remove_old(run.checkpoints, int(state["step"]), *self._kept())

    @property
    def before_grpo(self) -> bool:
        """Whether the weights are those that GRPO begins with."""
        return self.done == self.sft_steps

    def likelihood(self, model: Any) -> Likelihood:
        """What a model of this run's shape finds of completions, as they are sampled."""
        constraint = self.policy.constraint if self.config.sampling.constrain else None
        return Likelihood.of(model, self.config, constraint)

    def stored_reference(self) -> Likelihood:
        """The model as it was before GRPO, from the run's folder."""
        reference = load(self.config, str(self.run.path / REFERENCE)).model
        return self.likelihood(reference.requires_grad_(False))

    def save(self, step: int) -> None:
        """A checkpoint after so many steps, warm start and GRPO together."""
        started_s = time.perf_counter()
        checkpoints.save(
            self.run.checkpoints,
            step,
            self.model,
            self.tokenizer,
            self.optimizer,
            self.state(step),
            *self._kept(),
        )
        phase: Phase = "sft" if step <= self.sft_steps else "grpo"
        of_phase = step if phase == "sft" else step - self.sft_steps
        self.run.log_timings(phase, of_phase, {"checkpoint_s": time.perf_counter() - started_s})

    def _kept(self) -> tuple[int, Callable[[int], bool]]:
        """How many of the newest checkpoints stay, and which others."""
        settings = self.config.checkpoint
        return settings.keep, functools.partial(_kept_for_good, self.run.best_step(), settings.keep_every)

    def state(self, step: int) -> dict[str, Any]:
        """What a checkpoint keeps beside weights and optimizer."""
        return {"step": step, "curriculum": self.curriculum.state()}


def _kept_for_good(best: int | None, keep_every: int, step: int) -> bool:
    return step == best or (keep_every > 0 and step % keep_every == 0)
