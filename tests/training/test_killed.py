"""A run that is killed again and again, at any moment, ends with the bytes of one that never was."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

from sleuth.config import RunConfig
from sleuth.runs.directory import RunDirectory
from sleuth.training.preflight import start
from sleuth.training.run import train
from tests.tiny import tiny_folder

KILLS = 6
"""One of them while a checkpoint is written. `benchmarks/killed.py --kills N` takes any number."""
DEADLINE_S = 300.0


def recipe(model: Path) -> RunConfig:
    """Everything that has a state: a warm start, a curriculum by success, several updates, a best checkpoint."""
    return RunConfig.model_validate(
        {
            "mode": "answer",
            "model": {"name": str(model), "dtype": "float32", "threads": 1, "device": "cpu"},
            "puzzles": {"mixture": [{"level": "1"}, {"level": "2"}], "enter": 0.01, "memory": 0.5},
            "sft": {"examples": 24, "batch_size": 4, "learning_rate": 3e-3},
            "grpo": {"steps": 10, "puzzles_per_step": 2, "samples": 4, "updates_per_batch": 2, "refill": 1, "kl": 0.01},
            "reward": {"length": 0.2},
            "sampling": {"max_new_tokens": 8},
            "eval": {"count": 4, "every": 3, "every_count": 4},
            "checkpoint": {"every": 1, "keep": 2, "keep_every": 5, "best": "legibility/repetition"},
        }
    )


def go_on(path: str) -> None:
    """A process of its own: goes on with the run."""
    import torch

    torch.set_num_threads(1)
    train(RunDirectory.open(Path(path)))


def files(run: Path) -> dict[str, bytes]:
    """All but the timings."""
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in ("timings.jsonl", "environment.json")
    }


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def wait_for_a_moment(process: BaseProcess, run: Path, rng: Random, in_checkpoint: bool) -> None:
    """Until the run has made some progress and a little while has passed, or a checkpoint is being written."""
    before, deadline_s = size(run / "metrics.jsonl"), time.monotonic() + DEADLINE_S
    while process.is_alive() and time.monotonic() < deadline_s:
        if in_checkpoint and any((run / "checkpoints").glob(".step_*.tmp/*")):
            return
        if not in_checkpoint and size(run / "metrics.jsonl") > before:
            time.sleep(rng.uniform(0, 0.1))
            return
        time.sleep(0.002)


def test_many_kills(tmp_path: Path) -> None:
    model = tiny_folder(tmp_path / "model", words=True, max_position_embeddings=4096)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    start(recipe(model), whole)
    start(recipe(model), killed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sleuth.training.run"])

    def begin(path: Path) -> BaseProcess:
        process = context.Process(target=go_on, args=(str(path),))
        process.start()
        return process

    rng = Random(0)
    for number in range(KILLS):
        process = begin(killed)
        wait_for_a_moment(process, killed, rng, in_checkpoint=number % 4 == 3)
        assert process.is_alive(), f"the run was over, or failed, before kill {number + 1}"
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL

    def end(path: Path) -> None:
        process = begin(path)
        process.join(DEADLINE_S)
        assert process.exitcode == 0

    end(whole)
    end(killed)
    # As after a kill behind the last checkpoint: an old one left over, another half-removed.
    newest = max((killed / "checkpoints").glob("step_*"))
    for name in ("step_000001", ".step_000002.tmp"):
        shutil.copytree(newest, killed / "checkpoints" / name)
    end(killed)
    found, wanted = files(killed), files(whole)
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if found[name] != wanted[name]] == []
    assert sum("checkpoints/step_" in name and name.endswith("model.safetensors") for name in wanted) >= 4
