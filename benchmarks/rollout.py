"""Tokens per second of sampling: our engine and transformers' `generate`, and our engine with and without refill, and
with and without C++ in float32.

    python benchmarks/rollout.py [--groups 32 64] [--tokens 64] [--repeats 3] [--out benchmarks/results]

SmolLM2-135M-Instruct (weights from a Q4_1 file; with `--quick`, the small model that comes with Sleuth) in this
processor's fast number format, temperature 1 over the whole vocabulary. All sides alternate in one run and medians are
compared: only ratios say something on a machine that others use.

- Beside `generate`: one prompt of about 200 tokens, a group of completions of it, each forced to `tokens` new tokens
  (no end token ends one).
- Refill: 24 prompts × 4 completions, 32 side by side, whose lengths, drawn beforehand, are spread evenly over the
  powers from 16 to 512, so that few are long. Without refill a batch is decoded to its end before the next begins, its
  finished rows dropped, or (as `generate` does) computed on.
- In float32: the shipped nano model, 32 cases × 8 completions, each of 96 new tokens, with C++ or with torch operations
  between the matrix products.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import transformers

from common import QUICK, QUICK_MODEL, machine, write_table
from sleuth import make
from sleuth.model_names import SMOLLM2
from sleuth.policy import sampling
from sleuth.policy.base import Request, Sampling
from sleuth.policy.chat import end_token_id, prompt_tokens
from sleuth.policy.decoder import Decoder, after_drop
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.machine import fast_dtype
from sleuth.policy.models import Loaded, load_model
from sleuth.policy.native import functions
from sleuth.policy.prompts import ask

CASE = """On a stormy night at the old mill six guests were seen in the kitchen, the loft, the cellar and the yard.
The miller was in the same room as the rope at midnight. Either the baker or the smith was in the loft at eleven, but
not both. The lantern was never in the yard. The tailor moved from the kitchen to the cellar between eleven and
midnight. If the smith was in the kitchen at eleven, the rope was in the loft. The baker was in the cellar or in the
yard at midnight. The one with the lantern was next to the one with the hammer. The hammer was not in the kitchen at
eleven.
"""
QUESTION = (
    "A. Who was in the loft at midnight? B. Where was the lantern at eleven? Think, then answer each on one line."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, nargs="+", default=[32, 64], help="completions of the prompt")
    parser.add_argument("--tokens", type=int, default=64, help="new tokens of each")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each side, after one untimed")
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    options = parser.parse_args()
    if options.quick:
        options.groups, options.tokens, options.repeats = [2], 4, 1

    loaded = load_model(QUICK_MODEL if options.quick else SMOLLM2, fast_dtype("cpu"), "cpu")
    request = Request("case", "Solve the case.", f"{CASE}\n{QUESTION}")
    prompt = torch.tensor([prompt_tokens(loaded.tokenizer, request)])
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}, {torch.get_num_threads()} threads"
    about = f"{str(loaded.model.dtype).removeprefix('torch.')} ({machine()}, {versions})"
    rows = []
    for group in options.groups:
        speed = beside_generate(loaded, request, prompt, group, options.tokens, options.repeats)
        ratio = speed["ours"] / speed["generate"]
        shape = f"{group} × {prompt.shape[1]} + {options.tokens}"
        rows.append((shape, f"{speed['ours']:.0f}", f"{speed['generate']:.0f}", f"{ratio:.1f}"))
    head = ("group × prompt + new", "ours, tokens/s", "generate, tokens/s", "ratio")
    write_table("rollout", f"Sampling, {about}", head, rows, options.out)

    speed = mixed_lengths(loaded, options.repeats, *((2, 32) if options.quick else (MIXED_PROMPTS, LONGEST)))
    rows = [(way, f"{rate:.0f}", f"{speed['refill'] / rate:.2f}") for way, rate in speed.items()]
    head = ("way", "tokens/s", "refill is faster by")
    write_table("rollout", f"Completions of 16 to 512 tokens, {about}", head, rows, options.out)

    speed = between_products(options.repeats, *((2, 2, 4) if options.quick else (32, 8, 96)))
    rows = [(way, f"{rate:.0f}", f"{rate / speed['torch']:.2f}") for way, rate in speed.items()]
    head = ("between the products", "tokens/s", "as fast")
    about = about.replace(str(loaded.model.dtype).removeprefix("torch."), "float32")
    write_table("rollout", f"Nano model, {about}", head, rows, options.out)


def alternating(sides: dict[str, Callable[[int], None]], repeats: int) -> dict[str, float]:
    """Median seconds of each, after one untimed call; each gets the number of the repeat."""
    times_s: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(repeats + 1):
        for name, side in sides.items():
            start = time.perf_counter()
            side(repeat)
            elapsed_s = time.perf_counter() - start
            if repeat:
                times_s[name].append(elapsed_s)
            print(f"{'repeat ' + str(repeat) if repeat else 'warm-up':9} {name:24} {elapsed_s:7.2f} s", flush=True)
    return {name: statistics.median(values) for name, values in times_s.items()}


def beside_generate(
    loaded: Loaded, request: Request, prompt: torch.Tensor, group: int, tokens: int, repeats: int
) -> dict[str, float]:
    """Tokens a second of each side."""
    policy = TorchPolicy(loaded.model, loaded.tokenizer, rows=group, ends=False)

    def ours(repeat: int) -> None:
        [rollouts] = policy.rollout([request], group, Sampling(tokens, seed=(repeat,)))
        assert all(len(rollout.tokens) == tokens for rollout in rollouts)

    def generate(repeat: int) -> None:
        torch.manual_seed(repeat)
        with torch.no_grad():
            output = loaded.model.generate(
                prompt.expand(group, -1),
                attention_mask=torch.ones_like(prompt).expand(group, -1),
                max_new_tokens=tokens,
                min_new_tokens=tokens,
                do_sample=True,
                temperature=1.0,
                top_k=0,
            )
        assert output.shape[1] == prompt.shape[1] + tokens

    times_s = alternating({"ours": ours, "generate": generate}, repeats)
    return {name: group * tokens / seconds for name, seconds in times_s.items()}


def between_products(repeats: int, cases: int, samples: int, tokens: int) -> dict[str, float]:
    """Tokens a second in float32, by what is used between the matrix products."""
    loaded = load_model(QUICK_MODEL, torch.float32, "cpu")
    policy = TorchPolicy(loaded.model, loaded.tokenizer, rows=cases * samples, ends=False)
    requests = [ask(puzzle, "reason") for puzzle in make("temporal-clue", level="1", count=cases, style="terse")]

    def functions_of_c(repeat: int) -> None:
        policy.rollout(requests, samples, Sampling(tokens, seed=(repeat,)))

    def torch_operations(repeat: int) -> None:
        without = mock.patch.object(functions, "available", lambda weight: False)
        with without, mock.patch.object(sampling, "library", lambda: None):
            functions_of_c(repeat)

    times_s = alternating({"C++": functions_of_c, "torch": torch_operations}, repeats)
    return {name: cases * samples * tokens / seconds for name, seconds in times_s.items()}


MIXED_PROMPTS, MIXED_SAMPLES, MIXED_ROWS = 48, 4, 32
SHORTEST, LONGEST = 16, 512
NEVER, ALWAYS = -1e6, 1e6
"""Logits of what is never and always sampled; finite, as the engine demands."""


class PlannedDecoder:
    """A decoder whose rows get the end token at their planned lengths, and never before."""

    def __init__(self, decoder: Decoder[Any], lengths: Sequence[int], end: int, refill: bool, drops: bool) -> None:
        """lengths: those of the rows, in the order in which they enter. refill: whether rows may enter while others are
        decoded. drops: whether a finished row is dropped, or computed on until all beside it are finished."""
        assert drops or not refill
        self._decoder, self._lengths, self._end = decoder, iter(lengths), end
        self._refill, self._drops, self._stepped = refill, drops, False
        self._left: list[int] = []
        """Steps that each row of the engine still gets."""
        self._slots: list[int] = []
        """Where it is in the decoder, without drops."""
        self._width = 0

    def room(self) -> int:
        return 0 if self._stepped and not self._refill else self._decoder.room()

    def prefill(self, tokens: Sequence[int]) -> tuple[Any, torch.Tensor]:
        prefix, logits_V = self._decoder.prefill(tokens)
        logits_V[self._end] = NEVER
        return prefix, logits_V

    def enter(self, prefix: Any, count: int) -> None:
        self._decoder.enter(prefix, count)
        self._left += [next(self._lengths) - 1 for _ in range(count)]
        self._slots += range(self._width, self._width + count)
        self._width += count

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        self._stepped = True
        if self._drops:
            logits_BV = self._decoder.step(tokens)
        else:
            every = [0] * self._width
            for slot, token in zip(self._slots, tokens, strict=True):
                every[slot] = token
            logits_BV = self._decoder.step(every)[self._slots]
        self._left = [left - 1 for left in self._left]
        logits_BV[:, self._end] = torch.tensor([NEVER if left else ALWAYS for left in self._left])
        return logits_BV

    def drop(self, slots: Sequence[int]) -> None:
        self._left = after_drop(self._left, slots)
        self._stepped = bool(self._left)
        if self._drops:
            self._decoder.drop(slots)
            return
        self._slots = after_drop(self._slots, slots)
        if not self._slots:
            self._decoder.drop(range(self._width)[::-1])
            self._width = 0


class PlannedPolicy(TorchPolicy):
    """The engine, with planned lengths."""

    def __init__(self, loaded: Loaded, lengths: Sequence[int], refill: bool, drops: bool) -> None:
        super().__init__(loaded.model, loaded.tokenizer, rows=MIXED_ROWS)
        self._plan = lengths, end_token_id(loaded.tokenizer), refill, drops

    def decoder(self, rows: int, prompt: int, new: int, samples: int) -> Decoder[Any]:
        return PlannedDecoder(super().decoder(rows, prompt, new, samples), *self._plan)


def mixed_lengths(loaded: Loaded, repeats: int, prompts: int, longest: int) -> dict[str, float]:
    """Tokens a second of each way."""
    draws = random.Random(0)
    lengths = [round(SHORTEST * (longest / SHORTEST) ** draws.random()) for _ in range(prompts * MIXED_SAMPLES)]
    requests = [Request(f"case {number}", "Solve the case.", f"{number}. {CASE}") for number in range(prompts)]

    def side(refill: bool, drops: bool) -> Callable[[int], None]:
        def run(repeat: int) -> None:
            policy = PlannedPolicy(loaded, lengths, refill, drops)
            groups = policy.rollout(requests, MIXED_SAMPLES, Sampling(longest + 1, seed=(repeat,)))
            assert sorted(len(row.tokens) for group in groups for row in group) == sorted(lengths)

        return run

    ways = {
        "refill": side(refill=True, drops=True),
        "no refill": side(refill=False, drops=True),
        "no refill, no drops": side(refill=False, drops=False),
    }
    return {name: sum(lengths) / seconds for name, seconds in alternating(ways, repeats).items()}


if __name__ == "__main__":
    main()
