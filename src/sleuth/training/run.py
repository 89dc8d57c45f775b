"""One training run, from a configuration to a run directory: warm start, GRPO, evaluations, checkpoints.

Everything drawn is keyed by seeds and steps, so a run that was stopped anywhere goes on from its last checkpoint as if
it had not been. Puzzles of training are dealt out by `sleuth.training.curriculum`, from split `train`; the suites of
evaluations come from `val` (during training) and `test` (before, between, after).
"""

from __future__ import annotations

import functools
import math
import statistics
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sleuth.config import RunConfig
from sleuth.datasets.make import make_slots
from sleuth.errors import UserError
from sleuth.evaluation.evaluate import (
    completion,
    conversations,
    evaluate_baselines,
    graded,
    rows_about,
    said_before,
)
from sleuth.evaluation.summary import summarise
from sleuth.policy.base import Rollout, Sampling
from sleuth.policy.chat import fix_template
from sleuth.policy.constraint import Constraint
from sleuth.policy.conversations import Conversation
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import Loaded, load_model
from sleuth.policy.prompts import ask
from sleuth.progress import bar, say, track
from sleuth.puzzles.generate import rng_of
from sleuth.puzzles.puzzle import Puzzle
from sleuth.runs.directory import INITIAL, REFERENCE, Phase, RunDirectory
from sleuth.runs.mirrors import Mirrors
from sleuth.runs.rows import EvaluationRow, RolloutRow
from sleuth.runs.settings import change
from sleuth.training import checkpoints
from sleuth.training.alarms import alarms
from sleuth.training.batch import ScoredGroup, Task, by_prompt
from sleuth.training.corrupted_examples import SHARE, second_turn
from sleuth.training.curriculum import Curriculum, is_of, name_of, suite_slots
from sleuth.training.examples import read_examples
from sleuth.training.grpo import train_grpo
from sleuth.training.lowrank import write_adapter
from sleuth.training.memory import give_back
from sleuth.training.optimizer import MasterOptimizer
from sleuth.training.packing import Group
from sleuth.training.reference import divergence_from, fluency, frozen_copy, reference_logprobs
from sleuth.training.sft import encode, train_sft

MODEL = "model"
"""Folder of the finished model in a run."""
ADAPTER = "adapter"
"""Folder of what LoRA trained."""
PHASES: tuple[Phase, ...] = ("sft", "grpo")
"""Those whose steps can raise an alarm."""
NOT_FINITE = "not_finite"
"""Folder of the weights whose gradient was not finite."""


def train(run: RunDirectory) -> None:
    """Trains until the run is finished, from wherever it stands. Ctrl-C leaves a run that goes on by calling it again.

    Raises `UserError` for a run that another process is training, a model that can't be loaded or a full disk.
    """
    with run.held():
        training = _Training(run)
        try:
            training.finish()
        finally:
            training.mirrors.close()


def train_to_end(config: RunConfig, path: Path, begin: Callable[[], RunDirectory]) -> RunDirectory:
    """The finished run with these settings in the folder `path`: what is there goes on, else `begin` makes it.

    Raises `UserError` for a run that is there with other settings, and as `train` does.
    """
    run = RunDirectory.open(path) if (path / "config.json").exists() else begin()
    if changed := change(run.config, config):
        raise UserError(f"{path} was made with {changed}; set it back, or name another folder with --out")
    if not finished(run):
        train(run)
    return run


def finished(run: RunDirectory) -> bool:
    """Whether nothing is left to do: the model is written last."""
    return (run.path / MODEL / checkpoints.WEIGHTS).exists()


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


class _Training:
    def __init__(self, run: RunDirectory) -> None:
        self.run, self.config = run, run.config
        self.loaded = load(run.config, str(run.path / INITIAL) if run.config.model.kind == "nano" else None)
        self.model, self.tokenizer = self.loaded.model, self.loaded.tokenizer
        self.policy = TorchPolicy(self.model, self.tokenizer, self.config.sampling.rows)
        self.optimizer = MasterOptimizer(self.model, self.config.optimizer, self.config.weights)
        self.mirrors = Mirrors(run.config, run.path)
        self.sft_steps = self.config.sft.steps
        state: dict[str, Any] | None = checkpoints.load_latest(run.checkpoints, self.optimizer)
        self.done = int(state["step"]) if state else 0
        """Optimizer steps behind the weights: warm start first, then GRPO."""
        self.curriculum = Curriculum(self.config, state["curriculum"] if state else None)
        self.groups: Sequence[ScoredGroup] = []
        """Of the newest GRPO step."""
        if self.done <= self.sft_steps:
            run.truncate_after("sft", self.done)
        else:
            run.truncate_after("grpo", self.done - self.sft_steps)

    def finish(self) -> None:
        sft, grpo = self.sft_steps, self.config.grpo.steps
        about = f" ({self.loaded.quantisation} weights)" if self.loaded.quantisation else ""
        say(
            f"{self.loaded.name}{about}, {self.config.model.dtype}, "
            f"{self.config.model.threads} threads, {self.config.model.device}"
        )
        batch = f"{self.config.grpo.puzzles_per_step} x {self.config.grpo.samples}"
        named = ", ".join(f"{source.family} level {source.level}" for source in self.config.puzzles.sources)
        say(
            f"{named}, mode {self.config.mode}: {sft} warm-start steps of {self.config.sft.batch_size} examples, "
            f"{grpo} GRPO steps of {batch} completions"
        )
        if self.done:
            say(f"resuming after step {self.done} of {sft + grpo}")
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
        if adapters := self.optimizer.adapters:
            write_adapter(self.run.path / ADAPTER, adapters, self.config.weights, self.config.model.name)
        checkpoints.export(self.run.path / MODEL, self.model, self.tokenizer, self.optimizer)

    def _log(self, phase: Phase, step: int, metrics: dict[str, float]) -> None:
        self.run.log_metrics(phase, step, metrics)
        self.mirrors.log(phase, step, metrics)

    def _raise_alarms(self, phase: Phase, step: int, metrics: Mapping[str, float]) -> None:
        """Says and stores what goes wrong; weights whose gradient was not finite are kept for study."""
        if metrics["not_finite"]:
            done = step + (self.sft_steps if phase == "grpo" else 0)
            folder, state = self.run.path / NOT_FINITE, self._state(done)
            checkpoints.save(folder, done, self.model, self.tokenizer, self.optimizer, state, keep=1)
        elif phase == "sft":
            return
        raised = [alarm for alarm in alarms(self.run.read_metrics(phase), self.config) if alarm.step == step]
        for alarm in raised:
            say(f"alarm in step {step}: {alarm}")
        if raised:
            self.run.write_alarms(
                {"phase": name, **asdict(alarm)}
                for name in PHASES
                for alarm in alarms(self.run.read_metrics(name), self.config)
            )

    # Evaluations

    def _suite(self, split: str, count: int) -> list[Puzzle]:
        slots = suite_slots(self.config.puzzles, split, self.config.eval.seed, count)
        return list(track(make_slots(slots), f"making {split} puzzles", count))

    def _constraint(self) -> Constraint | None:
        return self.policy.constraint if self.config.sampling.constrain else None

    def _asked(
        self, puzzles: Sequence[Puzzle], advance: Callable[[int], None] | None = None
    ) -> list[list[Conversation]]:
        """Greedy completions, asked for again as often as in training."""
        drawn = self.config.sampling
        sampling = Sampling(drawn.max_new_tokens, temperature=0.0, until=drawn.until, constrain=drawn.constrain)
        mode, retries = self.config.mode, self.config.grpo.retries
        return conversations(self.policy, puzzles, mode, sampling, 1, advance, retries)

    def _store(self, name: str, rows: Sequence[EvaluationRow], retries: int = 0) -> None:
        summary = summarise(rows, retries)
        self.run.write_evaluation(name, rows, summary.as_json())
        share, strict = summary.share, summary.strict
        say(
            f"{name}: {share.mean:.1%} of answers right [{share.low:.1%}, {share.high:.1%}], {strict.mean:.1%} of "
            f"puzzles solved [{strict.low:.1%}, {strict.high:.1%}], readable {summary.readable.mean:.1%}"
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
        with bar(f"evaluation '{name}'", len(self.suite) * (1 + self.config.grpo.retries)) as advance:
            rows = rows_about(self.suite, self.config.mode, self._asked(self.suite, advance))
        self.run.log_timings("eval", max(0, stage - self.sft_steps), {"evaluate_s": time.perf_counter() - started_s})
        self._store(name, rows, self.config.grpo.retries)
        give_back()

    # Warm start

    def _examples(self, start: int) -> Generator[Group, None, None]:
        """The warm start's examples from a number on."""
        config = self.config
        if config.sft.file:
            pairs = read_examples(Path(config.sft.file))
            numbers = range(start, config.sft.examples)
            yield from (encode(self.tokenizer, *pairs[number % len(pairs)]) for number in numbers)
            return
        with closing(self.curriculum.examples(start)) as examples:
            for number, example in enumerate(examples, start):
                yield self._example(number, *example)

    def _example(self, number: int, puzzle: Puzzle, right: str) -> Group:
        """What the solver would write, some of it in a second turn, where GRPO has such turns."""
        config = self.config
        rng = rng_of("slip", config.seed, number)
        again = config.grpo.retries > 0 and config.grpo.steps > 0 and rng.random() < SHARE
        request = second_turn(puzzle, right, rng) if again else ask(puzzle, config.mode)
        return encode(self.tokenizer, request, right)

    def _warm_start(self) -> None:
        examples = self._examples(self.done * self.config.sft.batch_size)
        with closing(examples), bar("warm start", self.sft_steps, self.done) as advance:

            def on_step(step: int, metrics: dict[str, float], timings: dict[str, float]) -> None:
                self._log("sft", step, metrics)
                self.run.log_timings("sft", step, timings)
                self._raise_alarms("sft", step, metrics)
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
        kept, best = self.config.checkpoint, self.run.best_step()
        checkpoints.save(
            self.run.checkpoints,
            step,
            self.model,
            self.tokenizer,
            self.optimizer,
            self._state(step),
            kept.keep,
            also=lambda other: other == best or (kept.keep_every > 0 and other % kept.keep_every == 0),
        )
        phase: Phase = "sft" if step <= self.sft_steps else "grpo"
        of_phase = step if phase == "sft" else step - self.sft_steps
        self.run.log_timings(phase, of_phase, {"checkpoint_s": time.perf_counter() - started_s})

    def _state(self, step: int) -> dict[str, Any]:
        return {"step": step, "curriculum": self.curriculum.state()}

    # GRPO

    @functools.cached_property
    def _held_out(self) -> list[Puzzle]:
        """The suite of evaluations during training."""
        return self._suite("val", self.config.eval.every_count)

    def _reference(self) -> Any:
        """The model as it was before GRPO, where training needs it in every step."""
        folder = self.run.path / REFERENCE
        if self.done == self.sft_steps and (self.config.needs_reference or self.config.eval.reference):
            checkpoints.export_as_is(folder, self.model, self.tokenizer)
        if not self.config.needs_reference:
            return None
        return frozen_copy(self.model) if self.done == self.sft_steps else self._stored_reference()

    def _stored_reference(self) -> Any:
        return load(self.config, str(self.run.path / REFERENCE)).model.requires_grad_(False)

    def _tasks(self, step: int) -> Iterator[Task]:
        self.asked = dict[str, Puzzle]()
        for puzzle in self.curriculum.asked(step):
            # A fixed set may hold fewer puzzles than a step asks: asked twice, one has other draws.
            request = ask(puzzle, self.config.mode)
            if (times := sum(key.partition("#")[0] == puzzle.id for key in self.asked)) > 0:
                request = replace(request, key=f"{puzzle.id}#{times}")
            self.asked[request.key] = puzzle
            yield Task(request, functools.partial(graded, puzzle, self.config.mode))

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
        with bar("GRPO", total, self.done - self.sft_steps) as advance:

            def on_step(
                step: int, metrics: dict[str, float], timings: dict[str, float], groups: Sequence[ScoredGroup]
            ) -> None:
                rows = self._rollout_rows(step, groups)
                self.run.write_rollouts("grpo", step, rows)
                self.groups = groups
                summary = summarise(rows, self.config.grpo.retries)
                learned = self.curriculum.learn(
                    [
                        (self.asked[group.task.request.key], one.score.correct)
                        for group in groups
                        for one in group.conversations
                    ]
                )
                self._log("grpo", step, {**summary.as_metrics(), **metrics, **learned})
                self.run.log_timings("grpo", step, timings)
                spent_s = sum(value for name, value in timings.items() if name.endswith("_s"))
                say(
                    f"GRPO {step}/{total}  reward {summary.share.mean:.3f}  solved {summary.strict.mean:.3f}  "
                    f"tokens {summary.length_tokens.mean:.0f}  entropy {metrics.get('entropy_sampled', math.nan):.3f}  "
                    f"{spent_s:.1f} s"
                )
                self._raise_alarms("grpo", step, metrics)
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
                constraint=self._constraint(),
                start_step=self.done - self.sft_steps,
            )
        self.done = self.sft_steps + total

    def _evaluate_during(self, step: int) -> None:
        started_s = time.perf_counter()
        asked = self._asked(self._held_out)
        rows = rows_about(self._held_out, self.config.mode, asked)
        metrics = summarise(rows, self.config.grpo.retries).as_metrics()
        sources = self.config.puzzles.mixture
        for source in sources:
            own = {puzzle.id for puzzle in self._held_out if is_of(puzzle, source)}
            if rights := [row.correct for row in rows if row.puzzle_id in own]:
                metrics[f"source/{name_of(source)}"] = statistics.fmean(rights)
        if self.config.eval.reference:
            metrics |= self._against_reference(asked)
        self.run.log_timings("eval", step, {"evaluate_s": time.perf_counter() - started_s})
        self._log("eval", step, metrics)
        if step and self.run.best_step() == self.sft_steps + step:
            self._save(self.sft_steps + step)
        give_back()

    def _against_reference(self, asked: Sequence[Sequence[Conversation]]) -> dict[str, float]:
        """By a reference that is in memory only now: how fluent it finds the evaluation's completions, and how far the
        policy is from it, told from what the newest step drew."""
        reference, drawn, trained = self._stored_reference(), self.config.sampling, self.config.optimizer

        def found(rollouts_BG: Sequence[Sequence[Rollout]]) -> list[list[Tensor]]:
            return reference_logprobs(
                reference, rollouts_BG, drawn.temperature, trained.micro_batch_tokens, self._constraint()
            )

        measures = {"fluency": fluency(found(by_prompt(asked)))}
        if self.groups:
            rollouts_BG = by_prompt(group.conversations for group in self.groups)
            measures["kl"] = divergence_from(found(rollouts_BG), rollouts_BG)
        return measures

    def _rollout_rows(self, step: int, groups: Sequence[ScoredGroup]) -> list[RolloutRow]:
        return [
            RolloutRow(
                **completion(self.asked[group.task.request.key], self.config.mode, one),
                phase="grpo",
                step=step,
                tokens=tuple(token for rollout in one.rollouts for token in rollout.tokens),
                logprobs=tuple(logprob for rollout in one.rollouts for logprob in rollout.logprobs),
                advantage=advantage if any(group.advantages) else None,
                turns=said_before(one),
                turn_tokens=tuple(len(rollout.tokens) for rollout in one.rollouts[:-1]),
            )
            for group in groups
            for one, advantage in zip(group.conversations, group.advantages, strict=True)
        ]
