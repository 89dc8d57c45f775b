"""One process of a run on TRL: `python -m sleuth.integrations.trl.worker RUN STEP`, by itself or under torchrun.

It trains from the newest checkpoint of the run's folder `trl` to the end of a step (of Sleuth's), with the settings of
`grpo.yaml`, TRL's own trainer and Sleuth's learning rates. On a processor Sleuth's decoder samples, with the random
numbers that Sleuth's own engine would use; on graphics cards vLLM does.

Its standard input is a pipe from the process that started it. When that ends, so does this one; a line on it asks for
an end, with a checkpoint, after the step that is being made.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import distributed
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl import GRPOTrainer
from trl.scripts.grpo import make_parser

from datasets import Dataset
from sleuth.config import RunConfig
from sleuth.integrations.grading import puzzle_of
from sleuth.integrations.trl.arguments import DATA, SETTINGS, on_cpu
from sleuth.integrations.trl.data import messages
from sleuth.integrations.trl.folder import TrlFolder
from sleuth.integrations.trl.parts import parts
from sleuth.integrations.trl.rewards import reward
from sleuth.policy.base import Rollout, Sampling
from sleuth.policy.chat import end_token_ids
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import load_model
from sleuth.policy.prompts import ask
from sleuth.runs.directory import RunDirectory
from sleuth.training.optimizer import scheduled_rate

Columns = dict[str, list[Any]]
"""Of completions, as TRL takes them."""


def main(run: Path, until: int) -> NoReturn:
    """Trains to the end of step `until`, then ends the process."""
    asked = threading.Event()
    threading.Thread(target=_watch, args=(asked,), daemon=True).start()
    config = RunDirectory.open(run).config
    folder = TrlFolder(run, config)
    torch.set_num_threads(max(1, config.model.threads // config.engine.processes))
    _, arguments, model_arguments, _ = make_parser().parse_args_and_config(["--config", str(folder.path / SETTINGS)])
    loaded = load_model(model_arguments.model_name_or_path, torch.float32, "cpu")
    loaded.model.generation_config.eos_token_id = sorted(end_token_ids(loaded.tokenizer, loaded.model))
    lines = (folder.path / DATA).read_text(encoding="utf-8").split("\n")
    data = Dataset.from_list([json.loads(line) for line in lines if line])
    optimizer = _optimizer(loaded.model, config)
    rates = LambdaLR(optimizer, lambda update: _rate(config, update))
    trainer = GRPOTrainer(
        loaded.model,
        reward_funcs=[reward],
        args=arguments,
        train_dataset=data,
        processing_class=loaded.tokenizer,
        callbacks=[_Steps(folder, config, until, asked)],
        optimizers=(optimizer, rates),
        rollout_func=_Sampler(config, data, loaded.tokenizer) if on_cpu(config) else None,
    )
    made = folder.steps_made()
    trainer.train(resume_from_checkpoint=str(folder.checkpoint(made)) if made else None)
    _leave()


def _leave() -> NoReturn:
    """Ends the process once all have come this far, and without destructors. The one of a process group joins a thread
    while it holds the interpreter's lock, and now and then the thread waits for that lock (seen with torch 2.13)."""
    if distributed.is_initialized():
        distributed.barrier()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _watch(asked: threading.Event) -> None:
    """Ends the process with its parent."""
    while line := os.read(sys.stdin.fileno(), 64):
        if b"\n" in line:
            asked.set()
    os._exit(1)


def _rate(config: RunConfig, update: int) -> float:
    grpo = config.grpo
    step = update // grpo.updates_per_batch
    return scheduled_rate(step, grpo.learning_rate, grpo.warmup_steps, grpo.steps, config.optimizer.schedule)


def _optimizer(model: Any, config: RunConfig) -> AdamW:
    """As Sleuth's (`sleuth.training.optimizer`): weight decay on matrices only. Its rate of 1 is a factor of the
    schedule's."""
    settings = config.optimizer
    matrices = [weight for weight in model.parameters() if weight.ndim >= 2]
    others = [weight for weight in model.parameters() if weight.ndim < 2]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return AdamW(groups, lr=1.0, betas=(settings.beta1, settings.beta2), fused=True)


class _Sampler:
    """`rollout_func` of TRL's trainer: Sleuth's decoder. Every draw is keyed by seed, step, puzzle and sample, so the
    number of processes changes none, even where it cuts groups."""

    def __init__(self, config: RunConfig, data: Dataset, tokenizer: Any) -> None:
        self._config, self._data, self._tokenizer = config, data, tokenizer
        self._rounded: Any = None
        """The model in bfloat16, where it samples in that."""

    def __call__(self, prompts: list[Any], trainer: GRPOTrainer) -> Columns:
        config, state = self._config, trainer.state
        grpo, drawn = config.grpo, config.sampling
        step = state.global_step // grpo.updates_per_batch + 1
        puzzles = self._data.select(range((step - 1) * grpo.puzzles_per_step, step * grpo.puzzles_per_step))
        policy = TorchPolicy(self._model(trainer), self._tokenizer, drawn.rows)
        rollouts: list[Rollout] = []
        for part in parts(trainer.accelerator.process_index * len(prompts), len(prompts), grpo.samples):
            requests = []
            for place, row in enumerate(puzzles.select(range(part.puzzle, part.puzzle + part.puzzles))):
                request = ask(puzzle_of(row["puzzle"]), config.mode)
                asked = prompts[len(rollouts) + place * part.samples]
                assert messages(request) == asked, "TRL asks in the order of the data"
                requests.append(replace(request, key=row["id"]))
            sampling = Sampling(drawn.max_new_tokens, drawn.temperature, (config.seed, step), first=part.first)
            for group in policy.rollout(requests, part.samples, sampling):
                rollouts += group
        logprobs = [list(one.logprobs) for one in rollouts]
        return {
            "prompt_ids": [list(one.prompt_tokens) for one in rollouts],
            "completion_ids": [list(one.tokens) for one in rollouts],
            "logprobs": logprobs,
            "logprobs_sampled": logprobs,
            "stop": [str(one.stop) for one in rollouts],
        }

    @torch.no_grad()
    def _model(self, trainer: GRPOTrainer) -> Any:
        """The model with its present weights, in the number format that the run samples in."""
        model = trainer.accelerator.unwrap_model(trainer.model)
        if self._config.model.dtype != "bfloat16":
            return model
        if self._rounded is None:
            self._rounded = copy.deepcopy(model).to(torch.bfloat16).requires_grad_(False)
        for rounded, weight in zip(self._rounded.parameters(), model.parameters(), strict=True):
            rounded.copy_(weight)
        return self._rounded


class _Steps(TrainerCallback):  # type: ignore[misc]  # of a library without types
    """Logs steps, ends the training at one, and seals checkpoints."""

    def __init__(self, folder: TrlFolder, config: RunConfig, until: int, asked: threading.Event) -> None:
        self._folder, self._updates, self._keep = folder, config.grpo.updates_per_batch, config.checkpoint.keep
        self._until, self._asked = until, asked

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        if state.global_step % self._updates == 0:
            step = state.global_step // self._updates
            if _any(self._asked.is_set()) or step >= self._until:
                control.should_save = control.should_training_stop = True
        return control

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if state.is_world_process_zero and logs and "loss" in logs:
            self._folder.log(state.global_step // self._updates, logs)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if distributed.is_initialized():
            distributed.barrier()  # each process writes its random state
        if state.is_world_process_zero:
            self._folder.seal(state.global_step // self._updates, self._keep)


def _any(here: bool) -> bool:
    """Whether it is so in any process."""
    if not distributed.is_initialized():
        return here
    device = "cpu" if distributed.get_backend() == "gloo" else torch.device("cuda", torch.cuda.current_device())
    flag = torch.tensor(int(here), device=device)
    distributed.all_reduce(flag, distributed.ReduceOp.MAX)
    return bool(flag.item())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
