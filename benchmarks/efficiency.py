"""How much of the processor's matrix rate the engine uses, and how its cost grows.

    python benchmarks/efficiency.py [--repeats 3] [--quick] [--out benchmarks/results]

SmolLM2-135M-Instruct (weights from a Q4_1 file) in this processor's fast number format, prompts of about 200 random
tokens. *Arithmetic* counts the products with weights and those of attention, forward once and backward twice, each
prompt once. *Matrix rate* is the rate of torch's own products over the very shapes of the model, forward and backward,
weighted by their arithmetic, measured in the same run between the timed ones. Medians; only the ratios say something on
a machine that others use.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import vl_convert

from common import QUICK, QUICK_MODEL, machine, peak_bytes, write_table
from sleuth.config import OptimizerConfig
from sleuth.files import atomic_write
from sleuth.model_names import SMOLLM2
from sleuth.policy import architecture
from sleuth.policy.architecture import Architecture
from sleuth.policy.base import Request, Sampling
from sleuth.policy.chat import prompt_tokens
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.machine import fast_dtype
from sleuth.policy.models import Loaded, load_model
from sleuth.report.charts import quantity
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.optimizer import MasterOptimizer
from sleuth.training.packing import Group, micro_batches, pack

PROMPT, NEW = 200, 64


@dataclass(frozen=True)
class Sizes:
    """How much work is measured."""

    prompts: int = 4
    samples: int = 8
    prompt: int = PROMPT
    new: int = NEW
    group: int = 64
    """Completions decoded side by side."""
    tokens: tuple[int, int] = (1000, 9000)
    """Lowest token and one past the highest, of random ones."""
    memory: tuple[int, int] = (8, 25)
    """Prompts and samples of the step whose memory is measured."""


FULL = Sizes()
SMALL = Sizes(1, 2, 24, 4, 4, (10, 500), (1, 2))
PACKED_TOKENS = 16_000
HEAD_ROWS = 512
"""Rows of logits that are timed at once."""


@dataclass(frozen=True)
class Product:
    """Y (rows × n) = X (rows × k) Wᵀ, and how often a pass over the model has it."""

    n: int
    k: int
    count: int


def products(described: Architecture) -> tuple[list[Product], Product]:
    """Those of the layers, and that of the logits."""
    hidden, layer = described.embedding.shape[1], described.layers[0]
    qkv = (described.heads + 2 * described.kv_heads) * described.head_size
    inner = layer.gate.out_features
    layers = len(described.layers)
    shapes = ((qkv, hidden), (hidden, described.heads * described.head_size), (2 * inner, hidden), (hidden, inner))
    return [Product(n, k, layers) for n, k in shapes], Product(described.embedding.shape[0], hidden, 1)


def groups(prompts: int, samples: int, prompt: int, new: int, tokens: tuple[int, int] = FULL.tokens) -> list[Group]:
    """Random prompts and completions of these sizes."""

    def drawn(count: int, seed: int) -> list[int]:
        return torch.randint(*tokens, (count,), generator=torch.Generator().manual_seed(seed)).tolist()

    return [Group(drawn(prompt, i), [drawn(new, 1000 * i + j) for j in range(samples)]) for i in range(prompts)]


def attention_arithmetic(described: Architecture, batch: Sequence[Group]) -> float:
    """Scores and their use, forward: 4 H D for each pair of a query and what it sees."""
    pairs = 0
    for group in batch:
        prompt = len(group.prompt_tokens)
        pairs += prompt * (prompt + 1) // 2
        for completion in group.completions:
            own = len(completion) - 1
            pairs += own * prompt + own * (own + 1) // 2
    return 4.0 * described.heads * described.head_size * len(described.layers) * pairs


def step_arithmetic(described: Architecture, batch: Sequence[Group]) -> float:
    """Forward and backward, in floating-point operations."""
    body, head = products(described)
    computed = sum(group.computed_tokens for group in batch)
    predicted = sum(group.predicted_tokens for group in batch)
    forward = sum(2.0 * p.n * p.k * p.count for p in body) * computed + 2.0 * head.n * head.k * predicted
    return 3 * (forward + attention_arithmetic(described, batch))


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """Median, after one untimed call."""
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def matrix_rate(described: Architecture, dtype: torch.dtype, rows: int, logits: int, backward: bool) -> float:
    """Operations a second over the model's shapes, weighted by their arithmetic in a pass over `rows` rows that needs
    `logits` rows of logits."""
    body, head = products(described)
    arithmetic = taken = 0.0
    for product, height, total in [*((p, rows, rows) for p in body), (head, min(HEAD_ROWS, logits), logits)]:
        # As many weights as the layers have, so that none stays in a cache that it would not stay in.
        weights = [torch.randn(product.n, product.k).to(dtype) for _ in range(min(product.count, 10))]
        x, dy = torch.randn(height, product.k).to(dtype), torch.randn(height, product.n).to(dtype)
        passes: list[Callable[[torch.Tensor], Any]] = [lambda w, x=x: x @ w.T]  # type: ignore[misc]
        if backward:
            passes += [lambda w, dy=dy: dy @ w, lambda w, dy=dy, x=x: dy.T @ x]  # type: ignore[misc]
        for one in passes:
            each = seconds(lambda one=one, weights=weights: [one(w) for w in weights], 3) / len(weights)  # type: ignore[misc]
            arithmetic += 2.0 * product.n * product.k * product.count * total
            taken += each * product.count * total / height
    return arithmetic / taken


def train(model: Any, optimizer: MasterOptimizer, batch: Sequence[Group]) -> None:
    """One step: forward, backward, update."""
    config = optimizer.config
    for part in micro_batches(batch, config.micro_batch_tokens):
        logprobs, _ = completion_logprobs(model, pack(part), checkpointing=config.activation_checkpointing)
        (-logprobs.sum() / 1e4).backward()
    optimizer.step(1e-9)


def efficiency(loaded: Loaded, optimizer: MasterOptimizer, repeats: int, size: Sizes) -> list[tuple[str, ...]]:
    """The share of the matrix rate that a training step and decoding get."""
    model = loaded.model
    described = architecture.read(model)
    assert described is not None
    batch = groups(size.prompts, size.samples, size.prompt, size.new, size.tokens)
    tokens, predicted = (sum(getattr(g, f"{kind}_tokens") for g in batch) for kind in ("computed", "predicted"))
    train_s, train_rates = [], []
    train(model, optimizer, batch)
    for _ in range(repeats):  # alternating, so that both sides meet the same machine
        started = time.perf_counter()
        train(model, optimizer, batch)
        train_s.append(time.perf_counter() - started)
        train_rates.append(matrix_rate(described, model.dtype, tokens, predicted, backward=True))
    step_s, rate = statistics.median(train_s), statistics.median(train_rates)
    arithmetic = step_arithmetic(described, batch)
    shape = f"{size.prompts} × ({size.prompt} + {size.samples} × {size.new})"
    rows = [row("training", shape, tokens, step_s, arithmetic, rate, 0.70)]

    group, new = size.group, size.new
    policy = TorchPolicy(model, loaded.tokenizer, rows=group, ends=False)
    request = Request("case", "Solve the case.", " ".join(["The baker was in the loft."] * 24))
    prompt = len(prompt_tokens(loaded.tokenizer, request))
    policy.rollout([request], group, Sampling(4))
    decode_s, decode_rates = [], []
    for repeat in range(repeats):
        started = time.perf_counter()
        policy.rollout([request], group, Sampling(new, seed=(repeat,)))
        decode_s.append(time.perf_counter() - started)
        decode_rates.append(matrix_rate(described, model.dtype, group, group, backward=False))
    body, head = products(described)
    per_token = sum(2.0 * p.n * p.k * p.count for p in body)
    arithmetic = (prompt + group * (new - 1)) * per_token + (1 + group * (new - 1)) * 2.0 * head.n * head.k
    step_s, rate = statistics.median(decode_s), statistics.median(decode_rates)
    rows.append(row("decoding", f"{prompt} + {group} × {new}", group * new, step_s, arithmetic, rate, 0.50))
    return rows


def row(
    what: str, size: str, tokens: int, taken_s: float, arithmetic: float, rate: float, bar: float
) -> tuple[str, ...]:
    return (
        what,
        size,
        f"{taken_s:.2f} s",
        f"{tokens / taken_s:.0f}",
        f"{arithmetic / taken_s / 1e9:.0f}",
        f"{rate / 1e9:.0f}",
        f"{arithmetic / taken_s / rate:.2f}",
        f"at least {bar:.2f}",
    )


FACTORS = (1, 2, 4, 8)
GROWING = {
    "prompt length": [(2, 4, 100 * f, 32) for f in FACTORS],
    "group": [(2, 4 * f, 100, 32) for f in FACTORS],
    "batch": [(2 * f, 4, 100, 32) for f in FACTORS],
}
"""(prompts, samples, prompt tokens, new tokens) at each factor."""


def growth(loaded: Loaded, optimizer: MasterOptimizer, repeats: int, size: Sizes) -> list[tuple[str, str, list[float]]]:
    """Microseconds a token as one size grows and the others stay: (what grows, work, one at each factor)."""
    rows = []
    growing = GROWING if size is FULL else {"batch": [(f, 1, 40, 2) for f in FACTORS]}
    for name, sizes in growing.items():
        trained, sampled = [], []
        for prompts, samples, prompt, new in sizes:
            batch = groups(prompts, samples, prompt, new, size.tokens)
            tokens = sum(group.computed_tokens for group in batch)
            step_s = seconds(lambda batch=batch: train(loaded.model, optimizer, batch), repeats)  # type: ignore[misc]
            trained.append(step_s / tokens * 1e6)
            requests = [Request(f"{i}", "", " the" * (prompt - 20)) for i in range(prompts)]
            policy = TorchPolicy(loaded.model, loaded.tokenizer, rows=256, ends=False)
            roll_s = seconds(lambda p=policy, r=requests, s=samples, n=new: p.rollout(r, s, Sampling(n)), repeats)  # type: ignore[misc]
            sampled.append(roll_s / (prompts * (prompt + samples * new)) * 1e6)
        rows += [(name, "training", trained), (name, "sampling", sampled)]
    return rows


def plot(rows: list[tuple[str, str, list[float]]], path: Path) -> None:
    """One panel for each kind of work, one line for each size that grows."""
    data = [
        {"what grows": name, "work": work, "times as much": factor, "microseconds a token": value}
        for name, work, values in rows
        for factor, value in zip(FACTORS, values, strict=True)
    ]
    encoding = {
        "x": quantity("times as much", scale={"type": "log", "base": 2}, axis={"values": FACTORS}),
        "y": quantity("microseconds a token", scale={"zero": True}),
        "color": {"field": "what grows", "type": "nominal"},
    }
    panel = {"mark": {"type": "line", "point": True}, "encoding": encoding, "width": 260, "height": 200}
    chart = {
        "data": {"values": data},
        "facet": {"field": "work", "type": "nominal"},
        "spec": panel,
        "resolve": {"scale": {"y": "independent"}},
    }
    atomic_write(path, vl_convert.vegalite_to_svg(chart).encode())


MICRO_BATCHES = (2048, 4096, 1024)
"""Tokens of one forward and backward pass; the first is what recipes have by default."""


def peak_memory(config: OptimizerConfig, quick: bool) -> tuple[str, ...]:
    """Of a process that makes a step of `PACKED_TOKENS` packed tokens: gigabytes at most, and seconds. `quick`: this
    process."""
    checkpointing = ["--checkpointing"] if config.activation_checkpointing else []
    arguments = ["--only-step", str(config.micro_batch_tokens), *checkpointing]
    if quick:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            main([*arguments, "--quick"])
        peak, taken_s = said.getvalue().split()
    else:
        command = [sys.executable, __file__, *arguments]
        peak, taken_s = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    how = f"{config.micro_batch_tokens:,}" + (", activation checkpointing" if checkpointing else "")
    return how, peak, taken_s, "at most 4"


def only_step(config: OptimizerConfig, model: str, size: Sizes) -> None:
    loaded = load_model(model, fast_dtype("cpu"), "cpu")
    batch = groups(*size.memory, size.prompt, size.new + 9, size.tokens)
    assert size is not FULL or abs(sum(group.computed_tokens for group in batch) - PACKED_TOKENS) < 200
    started = time.perf_counter()
    train(loaded.model, MasterOptimizer(loaded.model, config), batch)
    print(f"{peak_bytes() / 1e9:.2f} {time.perf_counter() - started:.0f}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated tables")
    parser.add_argument("--only-step", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--checkpointing", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only-memory", action="store_true", help="the last table alone")
    options = parser.parse_args(arguments)
    model, size, repeats = (QUICK_MODEL, SMALL, 1) if options.quick else (SMOLLM2, FULL, options.repeats)
    if options.only_step:
        config = OptimizerConfig(micro_batch_tokens=options.only_step, activation_checkpointing=options.checkpointing)
        return only_step(config, model, size)
    versions = f"{machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads"

    def table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        write_table("efficiency", f"{title} ({versions})", head, rows, options.out)

    def memory() -> None:
        plans = [OptimizerConfig(micro_batch_tokens=tokens) for tokens in MICRO_BATCHES]
        plans.append(OptimizerConfig(micro_batch_tokens=MICRO_BATCHES[-1], activation_checkpointing=True))
        plans = plans[-1:] if options.quick else plans
        head = ("tokens of a micro-batch", "peak memory of the process, GB", "seconds, the first step", "bar")
        table(
            f"Memory of a step with {PACKED_TOKENS:,} packed tokens",
            head,
            [peak_memory(plan, options.quick) for plan in plans],
        )

    if options.only_memory:
        return memory()
    loaded = load_model(model, fast_dtype("cpu"), "cpu")
    optimizer = MasterOptimizer(loaded.model, OptimizerConfig())
    head = ("what", "tokens", "time", "tokens/s", "GFLOP/s", "matrix rate, GFLOP/s", "ratio", "bar")
    table("Share of the matrix rate", head, efficiency(loaded, optimizer, repeats, size))
    head = ("what grows", "work", "1 ×", "2 ×", "4 ×", "8 ×")
    grown = growth(loaded, optimizer, repeats, size)
    rows = [(name, work, *(f"{value:.0f}" for value in values)) for name, work, values in grown]
    table("Microseconds a token as it grows", head, rows)
    if options.out is not None:
        plot(grown, options.out / "growth.svg")
    return memory()


if __name__ == "__main__":
    main()
