"""One training run, from a configuration to a run directory: warm start, GRPO, evaluations, checkpoints.

Everything drawn is keyed by seeds and steps, so a run that was stopped anywhere goes on from its last checkpoint as if
it had not been. Puzzles of the warm start are numbers 0 … of split `train`; GRPO goes on behind them, a new number
every time (at level 1 two numbers may by chance give the same puzzle). The suites of evaluations come from `val`
(during training) and `test` (before, between, after).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sleuth.config import PuzzlesConfig, RunConfig
from sleuth.datasets.make import Order, make_puzzles
from sleuth.evaluation.evaluate import completion, evaluate, evaluate_baselines, graded
from sleuth.evaluation.summary import summarise
from sleuth.policy import nano
from sleuth.policy.asking import ask
from sleuth.policy.base import Rollout, Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.machine import choose_device, fast_dtype, fast_threads
from sleuth.policy.models import Loaded, load_model, load_shape
from sleuth.progress import bar, clock, say, track
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.targets import target
from sleuth.runs.directory import Phase, RunDirectory
from sleuth.runs.rows import EvaluationRow, RolloutRow
from sleuth.training import checkpoints
from sleuth.training.grpo import ScoredGroup, Task, frozen_copy, train_grpo
from sleuth.training.memory import Lengths, fitted, give_back
from sleuth.training.optimizer import MasterAdamW
from sleuth.training.packing import Group
from sleuth.training.sft import encode, train_sft

MODEL = "model"
"""Folder of the finished model in a run."""
INITIAL = "initial"
"""Folder of a nano model as it is before training."""
LENGTH_MARGIN = 1.25
"""The longest puzzle of a level over one of them."""


def puzzle_order(puzzles: PuzzlesConfig, split: str, seed: int, count: int) -> Order:
    """The order for puzzles of a run's family, level and style."""
    return Order(puzzles.family, puzzles.level, split, seed, count, puzzles.style)


def settled(config: RunConfig) -> RunConfig:
    """The configuration with what this machine decides filled in: device, number format and threads. Raises `UserError`
    for a device that it has not."""
    device, dtype = choose_device(config.model.device), config.model.dtype
    if dtype == "auto":
        dtype = "bfloat16" if fast_dtype(device) is torch.bfloat16 else "float32"
    threads = config.model.threads or fast_threads(getattr(torch, dtype))
    chosen = {"device": device, "dtype": dtype, "threads": threads}
    return config.model_copy(update={"model": config.model.model_copy(update=chosen)})


def start(config: RunConfig, path: Path) -> RunDirectory:
    """A new run directory, with all that is decided at the start in its configuration.

    Raises `UserError` for puzzles that can't be made, a folder that is not empty, a device or a model that is not to be
    had, and a run that does not fit into memory.
    """
    puzzle_order(config.puzzles, "train", config.puzzles.seed, 1).check()
    RunDirectory.check_new(path)
    config = settled(config)
    made = nano.make(config) if config.model.kind == "nano" else None
    model, tokenizer = made or load_shape(config.model.name, getattr(torch, config.model.dtype))
    config, said = fitted(config, model, _lengths(config, tokenizer))
    for line in said:
        say(line)
    run = RunDirectory.create(path, config)
    if made is not None:
        _keep_initial(run, *made)
    return run


def _keep_initial(run: RunDirectory, model: Any, tokenizer: Any) -> None:
    checkpoints.export(run.path / INITIAL, model, tokenizer, MasterAdamW(model, run.config.optimizer))


def _lengths(config: RunConfig, tokenizer: Any) -> Lengths:
    """Judged from the first puzzle, with something to spare: others are longer."""
    puzzle = puzzle_order(config.puzzles, "train", config.puzzles.seed, 1).make(0).puzzle
    example = encode(tokenizer, ask(puzzle, config.mode), target(puzzle, config.mode))
    return Lengths(
        prompt=int(LENGTH_MARGIN * len(example.prompt_tokens)), target=int(LENGTH_MARGIN * example.predicted_tokens)
    )


def train(run: RunDirectory) -> None:
    """Trains until the run is finished, from wherever it stands. Ctrl-C leaves a run that goes on by calling it again.

    Raises `UserError` for a model that can't be loaded or a full disk.
    """
    _Training(run).finish()


def finished(run: RunDirectory) -> bool:
    """Whether nothing is left to do: the model is written last."""
    return (run.path / MODEL / checkpoints.WEIGHTS).exists()


def load(config: RunConfig, name: str | None = None) -> Loaded:
    """The run's model, in the run's number format and with its threads."""
    torch.set_num_threads(config.model.threads or torch.get_num_threads())
    return load_model(name or config.model.name, getattr(torch, config.model.dtype), config.model.device)


class _Training:
    def __init__(self, run: RunDirectory) -> None:
        self.run, self.config = run, run.config
        self.loaded = load(run.config, self._initial())
        self.model, self.tokenizer = self.loaded.model, self.loaded.tokenizer
        self.policy = TorchPolicy(self.model, self.tokenizer, self.config.sampling.rows)
        self.optimizer = MasterAdamW(self.model, self.config.optimizer)
        self.sft_steps = -(-self.config.sft.examples // self.config.sft.batch_size)
        state: dict[str, Any] | None = checkpoints.load_latest(run.checkpoints, self.optimizer)
        self.done = int(state["step"]) if state else 0
        """Optimizer steps behind the weights: warm start first, then GRPO."""
        if self.done <= self.sft_steps:
            run.truncate_after("sft", self.done)
        else:
            run.truncate_after("grpo", self.done - self.sft_steps)

    def _initial(self) -> str | None:
        """The folder of a nano model. It is there since the run's start, unless that was cut short."""
        if self.config.model.kind == "pretrained":
            return None
        folder = self.run.path / INITIAL
        if not folder.exists():
            _keep_initial(self.run, *nano.make(self.config))
        return str(folder)

    def finish(self) -> None:
        sft, grpo = self.sft_steps, self.config.grpo.steps
        about = f" ({self.loaded.quantisation} weights)" if self.loaded.quantisation else ""
        say(
            f"{self.loaded.name}{about}, {self.config.model.dtype}, "
            f"{self.config.model.threads} threads, {self.config.model.device}"
        )
        puzzles, batch = self.config.puzzles, f"{self.config.grpo.puzzles_per_step} x {self.config.grpo.samples}"
        say(
            f"{puzzles.family} level {puzzles.level}, mode {self.config.mode}: {sft} warm-start steps of "
            f"{self.config.sft.batch_size} examples, {grpo} GRPO steps of {batch} completions"
        )
        if self.done:
            say(f"going on after step {self.done} of {sft + grpo}")
        self.suite = self._suite("test", self.config.eval.count)
        self._evaluate_baselines()
        if self.done == 0:
            self._evaluate("before")
        if self.done < sft:
            self._warm_start()
        if sft and grpo:
            self._evaluate("after-sft", stage=sft)
        if grpo:
            self._reinforce()
        self._evaluate("after-grpo" if grpo else "after-sft", stage=sft + grpo)
        checkpoints.export(self.run.path / MODEL, self.model, self.tokenizer, self.optimizer)

    # Evaluations

    def _suite(self, split: str, count: int) -> list[Puzzle]:
        order = puzzle_order(self.config.puzzles, split, self.config.eval.seed, count)
        return list(track(make_puzzles(order), f"making {split} puzzles", count))

    def _sampling(self) -> Sampling:
        return Sampling(self.config.sampling.max_new_tokens, temperature=0.0, until=self.config.sampling.until)

    def _store(self, name: str, rows: Sequence[EvaluationRow]) -> None:
        summary = summarise(rows)
        self.run.write_evaluation(name, rows, summary.as_json())
        share, strict = summary.share, summary.strict
        say(
            f"{name}: {share.mean:.1%} of answers right [{share.low:.1%}, {share.high:.1%}], {strict.mean:.1%} of "
            f"puzzles wholly right [{strict.low:.1%}, {strict.high:.1%}], readable {summary.readable.mean:.1%}"
        )

    def _evaluate_baselines(self) -> None:
        if {"guessing", "solver"} <= set(self.run.evaluation_names()):
            return
        for name, rows in evaluate_baselines(self.suite, self.config.seed).items():
            self._store(name, rows)

    def _evaluate(self, name: str, stage: int = 0) -> None:
        """Evaluates the weights as they are, unless that was done before or they are of another stage."""
        if name in self.run.evaluation_names() or self.done != stage:
            return
        started_s = time.perf_counter()
        with bar(f"evaluation '{name}'", len(self.suite)) as advance:
            rows = evaluate(self.policy, self.suite, self.config.mode, self._sampling(), progress=advance)
        self.run.log_timings("eval", max(0, stage - self.sft_steps), {"evaluate_s": time.perf_counter() - started_s})
        self._store(name, rows)
        give_back()

    # Warm start

    def _warm_start(self) -> None:
        order = puzzle_order(self.config.puzzles, "train", self.config.puzzles.seed, self.config.sft.examples)
        mode = self.config.mode
        # A nano model needs more examples than a low level has puzzles that differ in more than names.
        puzzles = make_puzzles(order, different=self.config.model.kind != "nano")
        examples: list[Group] = [
            encode(self.tokenizer, ask(puzzle, mode), target(puzzle, mode))
            for puzzle in track(puzzles, "making examples", order.count)
        ]
        with bar("warm start", self.sft_steps) as advance:
            advance(self.done)

            def on_step(step: int, metrics: dict[str, float], timings: dict[str, float]) -> None:
                self.run.log_metrics("sft", step, metrics)
                self.run.log_timings("sft", step, timings)
                say(f"warm start {step}/{self.sft_steps}  loss {metrics['loss']:.3f}  {timings['train_s']:.1f} s")
                advance(1)
                give_back()

            train_sft(
                self.model,
                self.optimizer,
                examples,
                self.config.sft,
                save_every=self.config.checkpoint.every,
                on_step=on_step,
                save=self._save,
                start_step=self.done,
            )
        self.done = self.sft_steps

    def _save(self, step: int) -> None:
        """A checkpoint after so many steps, warm start and GRPO together."""
        started_s = time.perf_counter()
        keep = self.config.checkpoint.keep
        checkpoints.save(self.run.checkpoints, step, self.model, self.tokenizer, self.optimizer, {"step": step}, keep)
        phase: Phase = "sft" if step <= self.sft_steps else "grpo"
        of_phase = step if phase == "sft" else step - self.sft_steps
        self.run.log_timings(phase, of_phase, {"checkpoint_s": time.perf_counter() - started_s})

    # GRPO

    @functools.cached_property
    def _held_out(self) -> list[Puzzle]:
        """The suite of evaluations during training."""
        return self._suite("val", self.config.eval.every_count)

    def _reference(self) -> Any:
        """The model as it was before GRPO, where a KL penalty needs it; kept in the run for resuming."""
        if self.config.grpo.kl == 0:
            return None
        folder = self.run.path / "reference"
        if self.done == self.sft_steps:
            checkpoints.export(folder, self.model, self.tokenizer, self.optimizer)
            return frozen_copy(self.model)
        return load(self.config, str(folder)).model.requires_grad_(False)

    def _tasks(self, step: int) -> list[Task]:
        count = self.config.grpo.puzzles_per_step
        first = self.config.sft.examples + (step - 1) * count
        order = puzzle_order(self.config.puzzles, "train", self.config.puzzles.seed, first + count)
        self.asked = [order.make(index).puzzle for index in range(first, first + count)]
        return [
            Task(ask(puzzle, self.config.mode), functools.partial(graded, puzzle, self.config.mode))
            for puzzle in self.asked
        ]

    def _ends(self, rollout: Rollout) -> list[int]:
        tokens = rollout.tokens
        texts = self.tokenizer.batch_decode(
            [tokens[:count] for count in range(1, len(tokens) + 1)], skip_special_tokens=True
        )
        return [len(text) for text in texts]

    def _reinforce(self) -> None:
        total = self.config.grpo.steps
        if self.done == self.sft_steps:
            self.optimizer.restart()
        reference = self._reference()
        with bar("GRPO", total) as advance:
            advance(self.done - self.sft_steps)

            def on_step(
                step: int, metrics: dict[str, float], timings: dict[str, float], groups: Sequence[ScoredGroup]
            ) -> None:
                rows = self._rollout_rows(step, groups)
                self.run.write_rollouts("grpo", step, rows)
                summary = summarise(rows)
                self.run.log_metrics("grpo", step, {**summary.as_metrics(), **metrics})
                self.run.log_timings("grpo", step, timings)
                spent_s = sum(value for name, value in timings.items() if name.endswith("_s"))
                say(
                    f"GRPO {step}/{total}  reward {summary.share.mean:.3f}  strict {summary.strict.mean:.3f}  "
                    f"tokens {summary.length_tokens.mean:.0f}  entropy {metrics.get('entropy', 0.0):.3f}  "
                    f"{spent_s:.1f} s, about {clock(spent_s * (total - step))} left"
                )
                advance(1)
                give_back()

            train_grpo(
                self.model,
                self.policy,
                self.optimizer,
                self._tasks,
                self.config,
                on_step=on_step,
                evaluate=self._evaluate_during,
                save=lambda step: self._save(self.sft_steps + step),
                reference=reference,
                ends=self._ends,
                start_step=self.done - self.sft_steps,
            )
        self.done = self.sft_steps + total

    def _evaluate_during(self, step: int) -> None:
        started_s = time.perf_counter()
        rows = evaluate(self.policy, self._held_out, self.config.mode, self._sampling())
        self.run.log_timings("eval", step, {"evaluate_s": time.perf_counter() - started_s})
        self.run.log_metrics("eval", step, summarise(rows).as_metrics())
        give_back()

    def _rollout_rows(self, step: int, groups: Sequence[ScoredGroup]) -> list[RolloutRow]:
        asked = {puzzle.id: puzzle for puzzle in self.asked}
        return [
            RolloutRow(
                **completion(asked[group.task.request.key], self.config.mode, rollout, number, score),
                phase="grpo",
                step=step,
                tokens=rollout.tokens,
                logprobs=rollout.logprobs,
                advantage=advantage if any(group.advantages) else None,
            )
            for group in groups
            for number, (rollout, score, advantage) in enumerate(
                zip(group.rollouts, group.scores, group.advantages, strict=True)
            )
        ]
