"""Whether Sleuth's own engine works on a graphics card: one table, to be pasted into an issue.

    python benchmarks/gpu_check.py [--model FOLDER] [--device cpu] [--quick]

Everything is computed by the code that trains. Compared with transformers' own forward pass, one row a completion,
nothing packed and nothing shared:

- greedy tokens in float32, of rows alone and of rows that share a prompt: each is the likeliest token for transformers;
- gradients of a weighted sum of log-probabilities: in float32 they are equal, also with activation checkpointing; in
  bfloat16 they are as near to those of float32 as transformers' own;
- in bfloat16, what the sampler and the trainer find for the same tokens.

Then steps of GRPO (Group Relative Policy Optimization) in bfloat16, 4 prompts × 8 completions × 64 tokens: their
seconds and the peak of memory, beside TRL's if it is installed, with and without vLLM if that is installed. Rewards are
made up, and all is sampled at temperature 2, so that a model that is sure of every token has something to learn, too.

Exit code 0: all passed; 1: something failed; 2: there is no card, or no such model.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common import QUICK, QUICK_MODEL, machine, peak_bytes, write_table
from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.policy.base import Request, Rollout, Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import Loaded, load_model
from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome, Score
from sleuth.training.batch import Task
from sleuth.training.grpo import Learner, Step, train_grpo
from sleuth.training.likelihood import Likelihood
from sleuth.training.optimizer import MasterOptimizer
from sleuth.training.packing import Group, micro_batches

TEMPERATURE = 2.0
TIE = 1e-3
"""Logits nearer than this are equal but for rounding."""
MOST_FLOAT32 = 1e-3
"""Distance of a parameter's gradient from the reference, over its norm."""
MOST_BFLOAT16 = 1.5
"""Distance of all gradients from those of float32, over that of transformers' own. A wrong mask makes tens of it."""
MOST_MISMATCH = 0.05
"""Nats a token, on average."""
PEER_S = 150
"""Seconds that TRL gets for its steps, its start included."""
PEER = Path(__file__).parent / "peers" / "trl_step.py"

Row = tuple[str, str, str, str]
"""Check, result, what was measured, what passes."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is computed. TRL's steps have the sizes of `FULL`."""

    prompts: int
    samples: int
    new: int
    steps: int


FULL, SMALL = Size(4, 8, 64, 5), Size(2, 2, 8, 2)


def flat(groups: Iterable[Sequence[Rollout]]) -> list[Rollout]:
    return list(chain.from_iterable(groups))


def reference_logits(model: Any, prompt: Sequence[int], completion: Sequence[int]) -> Tensor:
    """Transformers' logits of each of a completion's tokens, float32."""
    row = torch.tensor([[*prompt, *completion]], device=model.device)
    logits: Tensor = model(input_ids=row, use_cache=False).logits[0, len(prompt) - 1 : -1]
    return logits.float()


def greedy(loaded: Loaded, requests: Sequence[Request], size: Size) -> Row:
    """A token that is the likeliest behind those before it is what greedy decoding takes."""
    policy = TorchPolicy(loaded.model, loaded.tokenizer, ends=False)
    sampling = Sampling(size.new, temperature=0.0)
    found = flat(chain(*(policy.rollout(requests, samples, sampling) for samples in (1, size.samples))))
    likeliest = 0
    for rollout in found:
        with torch.no_grad():
            logits = reference_logits(loaded.model, rollout.prompt_tokens, rollout.tokens)
        chosen = logits.gather(1, torch.tensor(rollout.tokens, device=logits.device)[:, None])[:, 0]
        likeliest += int((chosen >= logits.amax(1) - TIE).sum())
    total = sum(len(rollout.tokens) for rollout in found)
    return row("greedy tokens = transformers', float32", likeliest == total, f"{likeliest} of {total}", "all")


def gradients(model: Any, loss: Callable[[], Iterable[Tensor]]) -> dict[str, Tensor]:
    """Float32, added up over the parts of a loss."""
    model.zero_grad()
    for part in loss():
        part.backward()  # type: ignore[no-untyped-call]
    found = {name: p.grad.float().clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def reference_gradients(model: Any, groups: Sequence[Group], weights: Sequence[float]) -> dict[str, Tensor]:
    """One completion at a time, by transformers alone."""

    def parts() -> Iterable[Tensor]:
        begun = 0
        for group in groups:
            for completion in group.completions:
                logits = reference_logits(model, group.prompt_tokens, completion)
                logprobs = (logits / TEMPERATURE).log_softmax(-1)
                tokens = torch.tensor(completion, device=logprobs.device)
                factors = torch.tensor(weights[begun : begun + len(completion)], device=logprobs.device)
                begun += len(completion)
                yield (logprobs.gather(1, tokens[:, None])[:, 0] * factors).sum()

    return gradients(model, parts)


def packed_gradients(
    model: Any, groups: Sequence[Group], weights: Sequence[float], checkpointing: bool = False
) -> dict[str, Tensor]:
    """As training computes them, in several micro-batches."""
    half = max(1, sum(group.computed_tokens for group in groups) // 2)
    likelihood = Likelihood(model, TEMPERATURE, half, checkpointing)

    def parts() -> Iterable[Tensor]:
        begun = 0
        for some in micro_batches(groups, half):
            logprobs, _ = likelihood.of_groups(some)
            factors = torch.tensor(weights[begun : begun + len(logprobs)], device=logprobs.device)
            begun += len(logprobs)
            yield (logprobs * factors).sum()

    return gradients(model, parts)


def distance(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> float:
    """Of all gradients together."""
    return math.sqrt(sum(float((found[name] - wanted[name]).norm()) ** 2 for name in wanted))


def gradients_float32(model: Any, wanted: Reference, checkpointing: bool) -> Row:
    found = packed_gradients(model, wanted.groups, wanted.weights, checkpointing)
    exact = wanted.gradients
    worst = max(float((found[name] - one).norm() / one.norm().clamp(min=1e-12)) for name, one in exact.items())
    name = "gradients = reference, float32" + (", activation checkpointing" if checkpointing else "")
    passed = found.keys() == exact.keys() and worst <= MOST_FLOAT32
    return row(name, passed, f"largest relative distance {worst:.1e}", f"at most {MOST_FLOAT32:.0e}")


def gradients_bfloat16(model: Any, wanted: Reference) -> Row:
    batch = wanted.groups, wanted.weights
    ours = distance(packed_gradients(model, *batch), wanted.gradients)
    theirs = distance(reference_gradients(model, *batch), wanted.gradients)
    ratio = ours / max(theirs, 1e-12)
    figures = f"{ratio:.2f} × the distance of transformers'"
    return row("gradients near float32's, bfloat16", ratio <= MOST_BFLOAT16, figures, f"at most {MOST_BFLOAT16} ×")


def mismatch(loaded: Loaded, requests: Sequence[Request], size: Size) -> Row:
    policy = TorchPolicy(loaded.model, loaded.tokenizer, ends=False)
    groups = policy.rollout(requests, size.samples, Sampling(size.new, TEMPERATURE))
    found = Likelihood(loaded.model, TEMPERATURE, 2048).of_rollouts(groups)
    trained = torch.cat(list(chain.from_iterable(found)))
    sampled = torch.tensor([logprob for rollout in flat(groups) for logprob in rollout.logprobs])
    apart = (trained - sampled).abs()
    mean = float(apart.mean())
    figures = f"mean {mean:.4f} nats, largest {float(apart.max()):.3f}"
    return row("sampler and trainer apart, bfloat16", mean <= MOST_MISMATCH, figures, f"mean at most {MOST_MISMATCH}")


class Record:
    """Keeps the steps; nothing is evaluated or saved."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def log(self, step: Step) -> None:
        self.steps.append(step)

    def evaluate(self, step: int) -> None:
        pass

    def save(self, step: int) -> None:
        pass


def share_of_even_tokens(rollout: Rollout) -> Score:
    """The reward that is made up."""
    reward = sum(token % 2 == 0 for token in rollout.tokens) / len(rollout.tokens)
    return Score(Outcome.PARTLY, reward, False, {}, {})


def grpo(loaded: Loaded, asked: Sequence[Puzzle], requests: Sequence[Request], size: Size) -> list[Row]:
    config = RunConfig.model_validate(
        {
            "grpo": {"steps": size.steps, "puzzles_per_step": size.prompts, "samples": size.samples},
            "sampling": {"max_new_tokens": size.new, "temperature": TEMPERATURE},
            "reward": {"spans": 0},
            "eval": {"every": 0},
        }
    )
    on_card = loaded.model.device.type == "cuda"
    if on_card:
        torch.cuda.reset_peak_memory_stats()
    learner = Learner(
        Likelihood.of(loaded.model, config),
        TorchPolicy(loaded.model, loaded.tokenizer, ends=False),
        MasterOptimizer(loaded.model, config.optimizer),
    )
    tasks = [Task(puzzle, request, share_of_even_tokens) for puzzle, request in zip(asked, requests, strict=True)]
    record = Record()
    train_grpo(learner, lambda _: tasks, config, record)
    updated = [
        step.metrics["updates_skipped"] == 0
        and step.metrics["grad_norm"] > 0
        and all(math.isfinite(value) for value in step.metrics.values())
        for step in record.steps
    ]
    later = record.steps[1:]  # the first one warms up
    taken_s = statistics.median(sum(step.timings.values()) for step in later)
    sampling_s = statistics.median(step.timings["sample_s"] for step in later)
    training_s = statistics.median(step.timings["train_s"] for step in later)
    figures = f"{taken_s:.2f} s (sampling {sampling_s:.2f}, training {training_s:.2f})"
    shape = f"{size.prompts} × {size.samples} × {size.new}, bfloat16"
    peak = torch.cuda.max_memory_allocated() if on_card else peak_bytes()
    where = "on the card, GRPO" if on_card else "of this process"
    return [
        row(f"GRPO step, {shape}", all(updated), figures, "every update made, all finite"),
        (f"peak memory {where}", "measured", f"{peak / 1e9:.2f} GB", ""),
    ]


def beside_trl(name: str, device: str, prompt: str) -> list[Row]:
    """TRL's steps, in processes of their own, each way that is installed."""
    ways = {"TRL": ("trl", device)} | ({"TRL with vLLM": ("vllm", "vllm")} if device == "cuda" else {})
    loaded = load_model(name, torch.bfloat16, "cpu")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        loaded.model.save_pretrained(Path(folder) / "model")
        loaded.tokenizer.save_pretrained(Path(folder) / "model")
        (Path(folder) / "prompt.txt").write_text(prompt, encoding="utf-8")
        for way, (package, where) in ways.items():
            missing = next((one for one in ("trl", package) if importlib.util.find_spec(one) is None), None)
            result = ("not measured", f"{missing} is not installed") if missing else trl_step(Path(folder), where)
            rows.append((f"GRPO step, {way}", *result, ""))
    return rows


def trl_step(folder: Path, where: str) -> tuple[str, str]:
    """Whether it was measured, and seconds or what went wrong."""
    batch = str(FULL.prompts * FULL.samples)
    command = [
        sys.executable,
        str(PEER),
        str(folder / "model"),
        str(folder / "prompt.txt"),
        str(FULL.steps),
        batch,
        "1",
    ]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(
            [*command, where], env=environment, capture_output=True, text=True, timeout=PEER_S, check=False
        )
    except subprocess.TimeoutExpired:
        return "not measured", f"not done after {PEER_S} s"
    told = [line for line in done.stdout.splitlines() if line.startswith("[")]  # beside what TRL itself says
    if done.returncode or not told:
        print(done.stderr, file=sys.stderr)
        return "not measured", cell((done.stderr.strip().splitlines() or ["it printed no figures"])[-1])
    times_s: list[float] = json.loads(told[-1])
    return "measured", f"{statistics.median(times_s[1:]):.2f} s"


def cell(text: str) -> str:
    """Foreign text as a cell of a table."""
    return text.replace("|", "/")[:200]


def row(check: str, passed: bool, figures: str, passes: str) -> Row:
    return check, "pass" if passed else "FAIL", figures, passes


def tried(what: str, check: Callable[[], Row | list[Row]]) -> list[Row]:
    """The rows of a check; one that breaks off has failed, and the others still run."""
    print(f"{what} …", file=sys.stderr, flush=True)
    try:
        found = check()
    except Exception as error:
        traceback.print_exc()
        first = (str(error).strip().splitlines() or [""])[0]
        return [(what, "FAIL", cell(f"{type(error).__name__}: {first}"), "runs to its end")]
    return found if isinstance(found, list) else [found]


@dataclass(frozen=True, slots=True)
class Reference:
    """A batch, a loss on it, and the gradients that transformers alone computes in float32."""

    groups: list[Group]
    weights: list[float]
    """Of the completion tokens' log-probabilities in the loss: arbitrary, of both signs."""
    gradients: dict[str, Tensor]


def reference(loaded: Loaded, requests: Sequence[Request], size: Size) -> Reference:
    policy = TorchPolicy(loaded.model, loaded.tokenizer, ends=False)
    sampled = policy.rollout(requests, size.samples, Sampling(size.new, TEMPERATURE))
    groups = [Group(group[0].prompt_tokens, [one.tokens for one in group]) for group in sampled]
    count = sum(group.predicted_tokens for group in groups)
    weights = torch.randn(count, generator=torch.Generator().manual_seed(0)).tolist()
    return Reference(groups, weights, reference_gradients(loaded.model, groups, weights))


def in_float32(
    name: str, device: str, requests: Sequence[Request], size: Size
) -> tuple[str, list[Row], Reference | None]:
    """The model in a few words, the rows, and the reference unless it broke off."""
    loaded = load_model(name, torch.float32, device)
    model = f"{Path(name).name}, {sum(p.numel() for p in loaded.model.parameters()) / 1e6:.0f}M parameters"
    wanted: list[Reference] = []

    def prepared() -> list[Row]:
        wanted.append(reference(loaded, requests, size))
        return []

    rows = tried("greedy tokens, float32", lambda: greedy(loaded, requests, size))
    rows += tried("reference gradients, float32", prepared)
    if wanted:
        rows += tried("gradients, float32", lambda: gradients_float32(loaded.model, wanted[0], False))
        rows += tried(
            "gradients, float32, activation checkpointing", lambda: gradients_float32(loaded.model, wanted[0], True)
        )
    return model, rows, wanted[0] if wanted else None


def in_bfloat16(
    name: str, device: str, asked: Sequence[Puzzle], requests: Sequence[Request], size: Size, wanted: Reference | None
) -> list[Row]:
    loaded = load_model(name, torch.bfloat16, device)
    rows = []
    if wanted is not None:
        rows += tried("gradients, bfloat16", lambda: gradients_bfloat16(loaded.model, wanted))
        wanted.gradients.clear()  # as much memory as the weights in float32
    rows += tried("sampler and trainer, bfloat16", lambda: mismatch(loaded, requests, size))
    rows += tried("steps of GRPO", lambda: grpo(loaded, asked, requests, size))
    return rows


def check_all(name: str, device: str, size: Size) -> tuple[str, list[Row]]:
    """The model in a few words, and all rows. Raises `UserError` for a model that cannot be read."""
    asked = [make_puzzle("temporal-clue", "1", "val", 3, index, "terse").puzzle for index in range(size.prompts)]
    requests = [ask(puzzle, "reason") for puzzle in asked]
    model, rows, wanted = in_float32(name, device, requests, size)
    rows += in_bfloat16(name, device, asked, requests, size, wanted)
    if size is FULL:
        rows += tried("steps of TRL", lambda: beside_trl(name, device, requests[0].user))
    return model, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=QUICK_MODEL, help="a folder of weights, or a name that Sleuth knows")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="by default the card; CUDA_VISIBLE_DEVICES names one")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK}; without TRL")
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    device = options.device or "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        print(
            "gpu_check: torch finds no graphics card (CUDA) here; --device cpu runs the same checks on the processor",
            file=sys.stderr,
        )
        sys.exit(2)
    try:
        model, rows = check_all(options.model, device, SMALL if options.quick else FULL)
    except UserError as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        sys.exit(2)
    card = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}" if device == "cuda" else machine()
    head = ("check", "result", "measured", "passes if")
    write_table("gpu_check", f"GPU check: {model}; {card}; torch {torch.__version__}", head, rows, options.out)
    if any(result == "FAIL" for _, result, _, _ in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
