"""Does a run of SmolLM2-135M that is killed at random moments end with the bytes of one that never was?

    python benchmarks/killed.py [--kills 6] [--seed 0] [--recipe recipes/laptop.toml] [--folder FOLDER] [--quick]

Trains twice by the commands: straight through, and with `kill -9` (SIGKILL) after some progress and a random while,
each time going on with `--resume`; every fourth kill falls into the writing of a checkpoint. Then every file of the
two runs is compared, but `timings.jsonl` and the report, which tells of them. `tests/training/test_killed.py` does the
same to a tiny model in every test run.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from common import QUICK, QUICK_MODEL
from sleuth.cli import app

ROOT = Path(__file__).parents[1]
SMALL = {
    "mode": "answer",
    "sft.examples": "24",
    "sft.batch_size": "4",
    "grpo.puzzles_per_step": "2",
    "grpo.samples": "4",
    "grpo.updates_per_batch": "2",
    "grpo.kl": "0.01",
    "sampling.max_new_tokens": "24",
    "eval.count": "4",
    "eval.every": "2",
    "eval.every_count": "4",
    "checkpoint.every": "1",
    "model.threads": "1",
}
"""Laid over the recipe: many short steps, with a checkpoint each and everything that has a state."""
UNLIKE = ("timings.jsonl", "report.html", "environment.json")
"""Files that may differ: seconds, what tells of them, and the machine."""
WHILE_S = 6.0
"""Longest time between some progress and the kill; steps take about half of it. With `--quick` a tenth."""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "sleuth", "train", *map(str, arguments)]


def to_the_end(*arguments: object) -> None:
    """Trains in this process, which has loaded torch by then: what is compared are files. Raises `UserError` where it
    cannot be done."""
    with contextlib.redirect_stderr(io.StringIO()):
        app(["train", *map(str, arguments)], exit_on_error=False, print_error=False, result_action="return_value")


def lines_of(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0


def kill_once(arguments: list[str], run: Path, rng: Random, in_checkpoint: bool, while_s: float) -> str:
    """Starts or goes on, kills, and says when it was. Raises `RuntimeError` if the run ended before."""
    metrics = run / "metrics.jsonl"
    wanted = lines_of(metrics) + rng.randint(1, 4)
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if in_checkpoint and any((run / "checkpoints").glob(".step_*.tmp/*")):
            break
        if not in_checkpoint and lines_of(metrics) >= wanted:
            time.sleep(rng.uniform(0, while_s))
            break
        time.sleep(0.005)
    if process.poll() is not None:
        raise RuntimeError(f"the run was over (exit code {process.returncode}) before it was killed")
    process.send_signal(signal.SIGKILL)
    process.wait()
    return f"{lines_of(metrics)} lines of metrics" + (", while a checkpoint was written" if in_checkpoint else "")


def digests(run: Path) -> dict[str, str]:
    """Of all files that must be alike."""
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in UNLIKE
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", type=Path, default=ROOT / "recipes" / "laptop.toml")
    parser.add_argument("--folder", type=Path, help="where the runs are kept; by default nowhere")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    asked = parser.parse_args()
    fixed, while_s = SMALL, WHILE_S
    if asked.quick:
        asked.kills, while_s = 1, WHILE_S / 10
        fixed = SMALL | {"model.name": QUICK_MODEL, "sft.examples": "4", "eval.count": "2"}
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        whole, killed = folder / "whole", folder / "killed"
        # Enough that the run is not over before the last kill.
        steps = "2" if asked.quick else str(max(8, 2 * asked.kills - 4))
        keys = [part for name, value in {**fixed, "grpo.steps": steps}.items() for part in (f"--{name}", value)]
        rng = Random(asked.seed)
        for number in range(asked.kills):
            going_on = (killed / "config.json").exists()
            arguments = command("--resume", killed) if going_on else command(asked.recipe, "--out", killed, *keys)
            print(f"kill {number + 1}: {kill_once(arguments, killed, rng, number % 4 == 3, while_s)}", flush=True)
        to_the_end("--resume", killed)
        to_the_end(asked.recipe, "--out", whole, *keys)
        found, wanted = digests(killed), digests(whole)
    other = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    print(f"{len(wanted)} files compared; different: {', '.join(other) or 'none'}")
    print(f"weights (SHA-256): {found['model/model.safetensors']}")
    sys.exit(1 if other else 0)


if __name__ == "__main__":
    main()
