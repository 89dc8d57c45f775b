"""Tokens per second of sampling: our engine and transformers' `generate`, side by side in one run.

    python benchmarks/rollout.py [--groups 32 64] [--tokens 64] [--repeats 3] [--out benchmarks/results]

One prompt of about 200 tokens, a group of completions of it, each forced to `tokens` new tokens (no end token ends
one), temperature 1 over the whole vocabulary, SmolLM2-135M-Instruct (weights from a Q4_1 file) in this processor's fast
number format. The two alternate and medians are compared: only the ratio says something on a machine that others use.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
import transformers

from common import machine, write_table
from sleuth.policy.base import Request, Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.machine import fast_dtype
from sleuth.policy.models import SMOLLM2, Loaded, load_model, prompt_tokens

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
    options = parser.parse_args()

    loaded = load_model(SMOLLM2, fast_dtype("cpu"), "cpu")
    request = Request("case", "Solve the case.", f"{CASE}\n{QUESTION}")
    prompt = torch.tensor([prompt_tokens(loaded.tokenizer, request)])
    rows = []
    for group in options.groups:
        speed = measure(loaded, request, prompt, group, options.tokens, options.repeats)
        ratio = speed["ours"] / speed["generate"]
        shape = f"{group} × {prompt.shape[1]} + {options.tokens}"
        rows.append((shape, f"{speed['ours']:.0f}", f"{speed['generate']:.0f}", f"{ratio:.1f}"))
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}, {torch.get_num_threads()} threads"
    number_format = str(loaded.model.dtype).removeprefix("torch.")
    head = ("group × prompt + new", "ours, tokens/s", "generate, tokens/s", "ratio")
    write_table("rollout", f"Sampling, {number_format} ({machine()}, {versions})", head, rows, options.out)


def measure(
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

    times_s: dict[str, list[float]] = {"ours": [], "generate": []}
    for repeat in range(repeats + 1):
        for name, side in (("ours", ours), ("generate", generate)):
            start = time.perf_counter()
            side(repeat)
            elapsed_s = time.perf_counter() - start
            if repeat:
                times_s[name].append(elapsed_s)
            print(
                f"{group:4} {'repeat ' + str(repeat) if repeat else 'warm-up':9} {name:9} {elapsed_s:7.2f} s",
                flush=True,
            )
    return {name: group * tokens / statistics.median(values) for name, values in times_s.items()}


if __name__ == "__main__":
    main()
