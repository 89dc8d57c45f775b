"""What constrained decoding costs: sampling and training with a grammar and without, and how well both sides agree.

    OMP_NUM_THREADS=1 python benchmarks/constrain.py [--level 1] [--puzzles 16] [--samples 8] [--tokens 32]
        [--repeats 3] [--quick] [--out benchmarks/results]

SmolLM2-135M-Instruct (weights from a Q4_1 file) in this processor's fast number format, mode `program`, temperature 1,
on one thread. Every completion has `tokens` new tokens: the end token is never drawn. Each repeat asks other puzzles,
so their grammars are compiled within it, as in training. Both ways alternate in one run and medians of processor time
are compared, which others on the machine disturb least.

- Sampling: all completions side by side. `mask`: computing masks and taking the allowed logits out, of all its time.
- Training: forward and backward pass over the last repeat's completions of the first 4 puzzles, in micro-batches of
  2,048 tokens, the masks computed again. `mismatch`: the mean difference between the log-probabilities of sampler and
  trainer, in nats.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common import QUICK, QUICK_MODEL, machine, write_table
from sleuth.model_names import SMOLLM2
from sleuth.policy import batcher
from sleuth.policy.base import Rollout, Sampling
from sleuth.policy.chat import end_token_id
from sleuth.policy.decoder import Decoder
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.machine import fast_dtype
from sleuth.policy.models import Loaded, load_model
from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import make_puzzle
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.packing import Group, micro_batches, pack

WAYS = {"free": False, "constrained": True}
MICRO_BATCH_TOKENS = 2048
TRAINED_PUZZLES = 4
NEVER = -1e9
"""Logit of a token that is never sampled; the engine refuses a model whose logits are not finite."""


class EndlessDecoder:
    """A decoder that finds the end token impossible."""

    def __init__(self, decoder: Decoder[Any], end: int) -> None:
        self._decoder, self._end = decoder, end
        self.room, self.enter, self.drop = decoder.room, decoder.enter, decoder.drop

    def prefill(self, tokens: Sequence[int]) -> tuple[Any, Tensor]:
        prefix, logits_V = self._decoder.prefill(tokens)
        logits_V[self._end] = NEVER
        return prefix, logits_V

    def step(self, tokens: Sequence[int]) -> Tensor:
        logits_BV = self._decoder.step(tokens)
        logits_BV[:, self._end] = NEVER
        return logits_BV


class EndlessPolicy(TorchPolicy):
    """The engine, whose completions all reach the limit."""

    def decoder(self, rows: int, prompt: int, new: int, samples: int) -> Decoder[Any]:
        return EndlessDecoder(super().decoder(rows, prompt, new, samples), end_token_id(self._tokenizer))


class Clock:
    """Seconds spent in a function, and how often it was called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self.spent_s, self.calls = function, 0.0, 0

    def __call__(self, *arguments: Any) -> Any:
        start = time.process_time()
        result = self._function(*arguments)
        self.spent_s += time.process_time() - start
        self.calls += 1
        return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", default="1", help="of temporal-clue")
    parser.add_argument("--puzzles", type=int, default=16, help="asked side by side")
    parser.add_argument("--samples", type=int, default=8, help="completions of each")
    parser.add_argument("--tokens", type=int, default=32, help="new tokens of each")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each way, after one untimed")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()

    if options.quick:
        options.puzzles, options.samples, options.tokens, options.repeats = 2, 2, 4, 1
    torch.set_num_threads(1)
    loaded = load_model(QUICK_MODEL if options.quick else SMOLLM2, fast_dtype("cpu"), "cpu")
    shape = f"{options.puzzles} × {options.samples} completions of {options.tokens} tokens, level {options.level}"
    about = f"{shape}; {str(loaded.model.dtype).removeprefix('torch.')}, one thread ({machine()})"
    policy = EndlessPolicy(loaded.model, loaded.tokenizer, rows=options.puzzles * options.samples)

    sampled, rows = sampling(policy, options)
    head = ("way", "processor s", "over free", "mask, ms a step", "mask, share")
    write_table("constrain", f"Sampling {about}", head, rows, options.out)
    rows = training(loaded, policy, sampled, options.repeats)
    head = ("way", "processor s", "over free", "mismatch", "largest")
    write_table("constrain", f"Training on them, {about}", head, rows, options.out)


def sampling(
    policy: TorchPolicy, options: argparse.Namespace
) -> tuple[dict[str, list[list[Rollout]]], list[list[str]]]:
    """The completions of the last repeat, and the table."""
    times_s: dict[str, list[float]] = {way: [] for way in WAYS}
    steps_ms, shares, found = [], [], {}
    policy.constraint  # noqa: B018 - takes seconds, once for a model
    for repeat in range(options.repeats + 1):
        numbers = range(repeat * options.puzzles, (repeat + 1) * options.puzzles)
        puzzles = [make_puzzle("temporal-clue", options.level, "train", 1, n, style="terse").puzzle for n in numbers]
        requests = [ask(puzzle, "program") for puzzle in puzzles]
        for way, constrain in WAYS.items():
            clock = batcher.narrowed = Clock(batcher.narrowed)  # type: ignore[assignment]
            start = time.process_time()
            drawn = Sampling(options.tokens, seed=(repeat,), constrain=constrain)
            found[way] = policy.rollout(requests, options.samples, drawn)
            elapsed_s = time.process_time() - start
            batcher.narrowed = clock._function
            assert all(len(rollout.tokens) == options.tokens for group in found[way] for rollout in group)
            print(
                f"{'sampling, repeat ' + str(repeat) if repeat else 'warm-up':20} {way:12} {elapsed_s:7.2f} s",
                flush=True,
            )
            if repeat:
                times_s[way].append(elapsed_s)
                if constrain:
                    steps_ms.append(1000 * clock.spent_s / options.tokens)
                    shares.append(clock.spent_s / elapsed_s)
    free_s, constrained_s = (statistics.median(times_s[way]) for way in WAYS)
    ratio = statistics.median(on / off for off, on in zip(*times_s.values(), strict=True))
    mask = (f"{statistics.median(steps_ms):.1f}", f"{statistics.median(shares):.1%}")
    return found, [
        ["free", f"{free_s:.2f}", "1", "-", "-"],
        ["constrained", f"{constrained_s:.2f}", f"{ratio:.2f}", *mask],
    ]


def training(
    loaded: Loaded, policy: TorchPolicy, sampled: dict[str, list[list[Rollout]]], repeats: int
) -> list[list[str]]:
    """The table."""
    times_s: dict[str, list[float]] = {way: [] for way in WAYS}
    mismatches: dict[str, Tensor] = {}
    for repeat in range(repeats + 1):
        for way, constrain in WAYS.items():
            trained = sampled[way][:TRAINED_PUZZLES]
            groups = [Group(g[0].prompt_tokens, [one.tokens for one in g], g[0].grammar) for g in trained]
            start = time.process_time()
            parts = []
            for part in micro_batches(groups, MICRO_BATCH_TOKENS):
                packed = pack(part, constraint=policy.constraint if constrain else None)
                logprobs_N, _ = completion_logprobs(loaded.model, packed)
                logprobs_N.sum().backward()  # type: ignore[no-untyped-call]
                parts.append(logprobs_N.detach())
            elapsed_s = time.process_time() - start
            loaded.model.zero_grad()
            drawn = torch.tensor([logprob for group in trained for one in group for logprob in one.logprobs])
            mismatches[way] = (torch.cat(parts) - drawn).abs()
            print(
                f"{'training, repeat ' + str(repeat) if repeat else 'warm-up':20} {way:12} {elapsed_s:7.2f} s",
                flush=True,
            )
            if repeat:
                times_s[way].append(elapsed_s)
    ratio = statistics.median(on / off for off, on in zip(*times_s.values(), strict=True))
    return [
        [
            way,
            f"{statistics.median(times_s[way]):.2f}",
            f"{ratio:.2f}" if constrain else "1",
            f"{float(mismatches[way].mean()):.5f}",
            f"{float(mismatches[way].max()):.3f}",
        ]
        for way, constrain in WAYS.items()
    ]


if __name__ == "__main__":
    main()
