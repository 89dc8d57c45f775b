"""Tokens per second of sampling: our engine and transformers' `generate`, side by side in one run.

    python benchmarks/rollout.py [--group 32] [--tokens 64] [--repeats 3] [--out benchmarks/results/rollout.md]

One prompt of about 200 tokens, `group` completions of it, each forced to `tokens` new tokens (no end token ends one),
temperature 1 over the whole vocabulary, SmolLM2-135M-Instruct (weights from a Q4_1 file) in this processor's fast
number format. The two alternate and medians are compared: only the ratio says something on a machine that others use.
`--out` appends the result to a table, with its date.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import time
from pathlib import Path

import torch
import transformers

from sleuth.policy.base import Request, Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import SMOLLM2, fast_dtype, load_model, prompt_tokens

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
HEADER = """| date | torch | threads | format | group × prompt + new | ours, tokens/s | generate, tokens/s | ratio |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", type=int, default=32, help="completions of the prompt")
    parser.add_argument("--tokens", type=int, default=64, help="new tokens of each")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each side, after one untimed")
    parser.add_argument("--out", type=Path, help="a Markdown table to append to")
    options = parser.parse_args()

    loaded = load_model(SMOLLM2, fast_dtype("cpu"), "cpu")
    model, tokenizer = loaded.model, loaded.tokenizer
    request = Request("case", "Solve the case.", f"{CASE}\n{QUESTION}")
    prompt = torch.tensor([prompt_tokens(tokenizer, request)])
    policy = TorchPolicy(model, tokenizer, rows=options.group)
    policy._end = -1  # no token ends a completion

    def ours(repeat: int) -> None:
        [group] = policy.rollout([request], options.group, Sampling(options.tokens, seed=(repeat,)))
        assert all(len(rollout.tokens) == options.tokens for rollout in group)

    def generate(repeat: int) -> None:
        torch.manual_seed(repeat)
        with torch.no_grad():
            output = model.generate(
                prompt.expand(options.group, -1),
                attention_mask=torch.ones_like(prompt).expand(options.group, -1),
                max_new_tokens=options.tokens,
                min_new_tokens=options.tokens,
                do_sample=True,
                temperature=1.0,
                top_k=0,
            )
        assert output.shape[1] == prompt.shape[1] + options.tokens

    times_s: dict[str, list[float]] = {"ours": [], "generate": []}
    for repeat in range(options.repeats + 1):
        for name, side in (("ours", ours), ("generate", generate)):
            start = time.perf_counter()
            side(repeat)
            elapsed_s = time.perf_counter() - start
            if repeat:
                times_s[name].append(elapsed_s)
            print(f"{'repeat ' + str(repeat) if repeat else 'warm-up':9} {name:9} {elapsed_s:7.2f} s", flush=True)

    total = options.group * options.tokens
    speed = {name: total / statistics.median(values) for name, values in times_s.items()}
    row = (
        f"| {datetime.date.today()} | {torch.__version__}, transformers {transformers.__version__} "
        f"| {torch.get_num_threads()} of {os.cpu_count()} | {str(model.dtype).removeprefix('torch.')} "
        f"| {options.group} × {prompt.shape[1]} + {options.tokens} "
        f"| {speed['ours']:.0f} | {speed['generate']:.0f} | {speed['ours'] / speed['generate']:.1f} |\n"
    )
    print(HEADER + row, end="")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        head = "" if options.out.exists() else HEADER
        with options.out.open("a", encoding="utf-8") as file:
            file.write(head + row)


if __name__ == "__main__":
    main()
