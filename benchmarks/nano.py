"""Supervised examples a second: a nano model against SmolLM2-135M, in one run.

    python benchmarks/nano.py [--mode reason] [--threads 1] [--repeats 3] [--quick] [--out benchmarks/results]

Optimizer steps (forward, backward, update) on level-1 Temporal Clue, terse, each model with the words that its own
tokenizer makes of them, in this processor's fast number format. The models alternate and medians are compared: only
ratios say something on a machine that others use.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any, get_args

import torch

from common import QUICK, QUICK_MODEL, machine, write_table
from sleuth.config import Mode, ModelConfig, OptimizerConfig, RunConfig
from sleuth.datasets.make import PuzzleSpec
from sleuth.model_names import SMOLLM2
from sleuth.policy import nano
from sleuth.policy.machine import fast_dtype
from sleuth.policy.models import load_model
from sleuth.policy.prompts import ask
from sleuth.puzzles.gold import gold_completion
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.losses import sft_loss
from sleuth.training.optimizer import MasterOptimizer
from sleuth.training.packing import micro_batches, pack
from sleuth.training.sft import encode

EXAMPLES = {"nano": 64, SMOLLM2: 4}
"""A step's, so that the steps of both take seconds."""


class Side:
    """One model, and the examples of its step."""

    def __init__(self, model: Any, tokenizer: Any, mode: Mode, count: int) -> None:
        spec = PuzzleSpec("temporal-clue", "1", "train", 0, count, "terse")
        puzzles = [spec.make(index).puzzle for index in range(count)]
        self.model, self.optimizer = model, MasterOptimizer(model, OptimizerConfig())
        self.examples = [encode(tokenizer, ask(puzzle, mode), gold_completion(puzzle, mode)) for puzzle in puzzles]
        self.times_s: list[float] = []

    def step(self) -> None:
        started_s = time.perf_counter()
        tokens = sum(example.predicted_tokens for example in self.examples)
        for part in micro_batches(self.examples, self.optimizer.config.micro_batch_tokens):
            logprobs, _ = completion_logprobs(self.model, pack(part))
            sft_loss(logprobs, tokens).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step(1e-9)
        self.times_s.append(time.perf_counter() - started_s)

    @property
    def rate(self) -> float:
        """Examples a second, without the first step."""
        return len(self.examples) / statistics.median(self.times_s[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=get_args(Mode), default="reason")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3, help="timed steps of each, after one untimed")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    dtype = fast_dtype("cpu")
    if options.quick:
        options.repeats, counts = 1, dict.fromkeys(EXAMPLES, 2)
        quick = load_model(QUICK_MODEL, dtype, "cpu")
        small, tokenizer = quick.model, quick.tokenizer
    else:
        counts = EXAMPLES
        small, tokenizer = nano.make(RunConfig(mode=options.mode, model=ModelConfig(kind="nano")))
    large = load_model(QUICK_MODEL if options.quick else SMOLLM2, dtype, "cpu")
    sides = {
        "nano": Side(small.to(dtype), tokenizer, options.mode, counts["nano"]),
        SMOLLM2: Side(large.model, large.tokenizer, options.mode, counts[SMOLLM2]),
    }
    for _ in range(options.repeats + 1):
        for side in sides.values():
            side.step()
    rows = [
        (
            name,
            f"{sum(parameter.numel() for parameter in side.model.parameters()) / 1e6:.1f}",
            f"{sum(one.computed_tokens for one in side.examples) / len(side.examples):.0f}",
            f"{side.rate:.2f}",
            f"{3600 * side.rate:,.0f}",
            f"{side.rate / sides[SMOLLM2].rate:.0f}",
        )
        for name, side in sides.items()
    ]
    about = f"{str(dtype).removeprefix('torch.')}, {machine()}, torch {torch.__version__}, {options.threads} threads"
    head = ("model", "million parameters", "tokens an example", "examples/s", "examples an hour", "times as many")
    write_table("nano", f"Supervised examples a second, mode {options.mode} ({about})", head, rows, options.out)


if __name__ == "__main__":
    main()
