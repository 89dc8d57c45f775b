"""What every study of recipes/studies would take, in hours of processor time.

    python benchmarks/questions.py [--quick] [--out benchmarks/results]

The work of GRPO (Group Relative Policy Optimization), evaluations and warm starts is measured once, as processor time
of one thread, with the settings that the studies of the questions share; so other work on the machine counts
little. A study's hours follow from its numbers of completions and examples, and from their lengths. Two processes can
share a study (`--seed`), so two cores take half as long.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from common import QUICK, machine, write_table
from sleuth.config import Mode, RunConfig, Telling
from sleuth.datasets.make import PuzzleSpec
from sleuth.grading.grade import grade
from sleuth.model_names import SMOLLM2
from sleuth.policy.base import Rollout, Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.machine import fast_dtype
from sleuth.policy.models import load_model
from sleuth.policy.prompts import ask
from sleuth.puzzles.gold import gold_completion
from sleuth.runs.settings import digest
from sleuth.study.read import Study, read_study
from sleuth.study.run import detectable, warm_start
from sleuth.training.choice import sampled_to_choose
from sleuth.training.likelihood import Likelihood
from sleuth.training.optimizer import MasterOptimizer
from sleuth.training.packing import Group, micro_batches
from sleuth.training.sft import encode

STUDIES = Path(__file__).parent.parent / "recipes" / "studies"
MODEL = "nano-novice"
FIRST = (("temporal-clue", "1"),)
"""Family and level that are measured."""
SHOWN = 2
"""Puzzles by which lengths are judged."""
STAGES = 2
"""Evaluations of the whole suite, beside those during GRPO."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds of processor time."""

    sampled: float
    """Of a sampled and graded completion of the model."""
    greedy: float
    """Of one of an evaluation."""
    trained: float
    """Of the forward and backward pass of a completion, prompts shared by a group."""
    update: float
    """Of the optimizer."""
    example: float
    """Of the forward and backward pass of an example."""


def spent(work: Callable[[], object]) -> float:
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


def measure(puzzles: int, samples: int) -> Rates:
    """On one batch, after a smaller one that is not counted."""
    dtype = fast_dtype("cpu")
    loaded = load_model(MODEL, dtype, "cpu")
    config = RunConfig.model_validate({"mode": "reason", "model": {"dtype": str(dtype).removeprefix("torch.")}})
    policy = TorchPolicy(loaded.model, loaded.tokenizer, 256)
    likelihood, optimizer = Likelihood.of(loaded.model, config, None), MasterOptimizer(loaded.model, config.optimizer)
    spec = PuzzleSpec("temporal-clue", "1", "train", 0, puzzles, "terse")
    cases = [spec.make(index).puzzle for index in range(puzzles)]
    requests = [ask(puzzle, "reason") for puzzle in cases]
    batch: list[list[Rollout]] = []

    def sample(count: int, temperature: float, of: int) -> None:
        batch[:] = policy.rollout(requests[:of], count, Sampling(384, temperature))

    def grades() -> None:
        for puzzle, group in zip(cases, batch, strict=True):
            grade(puzzle, group[0].text, "reason")

    def train(groups: Sequence[Group]) -> None:
        for part in micro_batches(groups, 8192):
            logprobs, _ = likelihood.of_groups(part)
            (-logprobs.sum()).backward()  # type: ignore[no-untyped-call]

    sample(1, 1.0, 1)
    greedy_s = spent(lambda: sample(1, 0.0, puzzles))
    sampled_s = spent(lambda: sample(samples, 1.0, puzzles))
    graded_s = spent(grades) / puzzles
    groups = [Group(group[0].prompt_tokens, [one.tokens for one in group]) for group in batch]
    examples = [
        encode(loaded.tokenizer, request, gold_completion(puzzle, "reason", "spelled"))
        for request, puzzle in zip(requests, cases, strict=True)
    ]
    return Rates(
        sampled=sampled_s / (puzzles * samples) + graded_s,
        greedy=greedy_s / puzzles + graded_s,
        trained=spent(lambda: train(groups)) / (puzzles * samples),
        update=spent(lambda: optimizer.step(1e-9)),
        example=spent(lambda: train(examples)) / puzzles,
    )


def length(config: RunConfig) -> float:
    """Tokens of a prompt with its completion, over those of the model that was measured."""
    levels = tuple((source.family, source.level) for source in config.puzzles.sources)
    return characters(levels, config.mode, config.sft.telling) / characters(FIRST, "reason", "spelled")


@functools.cache
def characters(levels: tuple[tuple[str, str], ...], mode: Mode, telling: Telling) -> float:
    """Mean of some puzzles of each level, with their right completions."""
    cases = [
        PuzzleSpec(family, level, "train", 0, SHOWN, "terse").make(index).puzzle
        for family, level in levels
        for index in range(SHOWN)
    ]
    return sum(len(puzzle.prompt) + len(gold_completion(puzzle, mode, telling)) for puzzle in cases) / len(cases)


def sft_s(config: RunConfig, rates: Rates) -> float:
    sft = config.sft
    return sft.examples * rates.example * length(config) + sft.steps * rates.update


def run_s(config: RunConfig, rates: Rates, shared: bool, begun: int = 0) -> float:
    """Of a run, without a warm start that it shares, and without the GRPO steps of the run that it goes on from."""
    grpo, own = config.grpo, length(config)
    steps = grpo.steps - begun
    completions = steps * grpo.puzzles_per_step * grpo.samples
    during = (1 + steps // config.eval.every) * config.eval.every_count if config.eval.every and steps else 0
    evaluated = STAGES * config.eval.count + during + sampled_to_choose(config.puzzles)
    passes = 1 + (grpo.updates_per_batch > 1) / 3
    turns = 1 + 0.3 * grpo.retries
    learned = completions * (rates.sampled + rates.trained * passes) * turns + evaluated * rates.greedy * turns
    updates = steps * grpo.updates_per_batch * rates.update
    return own * learned + updates + (0 if shared else sft_s(config, rates))


def begun(study: Study, arm: str) -> int:
    """The GRPO steps that an arm takes over from another arm's run. The best step is taken to be half way."""
    if arm not in study.origins:
        return 0
    parent, step = study.origins[arm]
    config = next(iter(study.arms[parent].values()))
    at = {"last": config.grpo.steps, "best": config.grpo.steps // 2}
    return at[step] if step in at else int(step) - config.sft.steps


def study_s(study: Study, rates: Rates, seen: set[str]) -> tuple[float, float]:
    """Seconds of a study, and without the runs that others have (`--reuse`), those of `seen`, to which its own are
    added."""
    total = new = 0.0
    warm = set[str]()
    for arm, of_seed in study.arms.items():
        for config in of_seed.values():
            key = warm_start(config).model_dump_json()
            shared = key in warm and config.grpo.steps > 0 and not config.grpo.retries
            of_run = run_s(config, rates, shared or arm in study.origins, begun(study, arm))
            warm.add(key)
            total += of_run
            settings = digest(config, [arm] if arm in study.origins else [])
            new += 0 if settings in seen else of_run
            seen.add(settings)
    return total, new


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rates = measure(2, 2) if options.quick else measure(32, 8)
    rows, seen, all_h = [], set[str](), (0.0, 0.0)
    for path in sorted(STUDIES.glob("*.toml")):
        study = read_study(path)
        first = next(iter(next(iter(study.arms.values())).values()))
        if first.model.name not in (MODEL, SMOLLM2) or (first.model.name == SMOLLM2 and first.model.kind != "nano"):
            continue  # of another size than the model that was measured
        whole_s, new_s = study_s(study, rates, seen)
        all_h = all_h[0] + whole_s / 7200, all_h[1] + new_s / 7200
        seeds, hours = len(study.seeds), whole_s / 3600
        least = detectable(first.eval.count, seeds, max(1, len(study.arms) - 1))
        runs = f"{len(study.arms)} x {seeds}"
        minutes = 60 * hours / (len(study.arms) * seeds)
        rows.append((path.stem, runs, f"{100 * least:.1f} points", f"{minutes:.0f}", f"{hours / 2:.1f}"))
    rows += [("all", "", "", "", f"{all_h[0]:.1f}"), ("all, with `--reuse`", "", "", "", f"{all_h[1]:.1f}")]
    about = f"{machine()}, torch {torch.__version__}"
    pairs = {name: 1000 * getattr(rates, name) for name in ("sampled", "trained", "greedy", "example", "update")}
    told = ", ".join(f"{name} {value:.1f}" for name, value in pairs.items())
    head = ("study", "arms x seeds", "difference found", "core minutes a run", "hours of two cores")
    write_table(
        "questions", f"Hours of the readers' questions ({about}; milliseconds: {told})", head, rows, options.out
    )


if __name__ == "__main__":
    main()
