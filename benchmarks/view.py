"""How fast `sleuth view` is on many large runs: the first page, filters and sorts, and its memory.

    python benchmarks/view.py --out benchmarks/results

Makes 50 runs of 100,000 rollouts each (400 steps of 250), starts `sleuth view` on them as a process of its own, and
asks what its pages ask. The rollouts of one run are made once; the other runs hold links to the same files, which the
server reads as files of their own. Times are of the whole request, in milliseconds; of filters and sorts the first time
that each is asked. `--quick` makes 2 runs of 1,000 rollouts.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from common import machine, write_table
from sleuth.config import RunConfig
from sleuth.runs.directory import RunDirectory
from sleuth.runs.rows import RolloutRow, to_parquet

WORDS = ("Ella", "was", "not", "in", "the", "Gallery", "so", "Grace", "committed", "murder", "Hall", "Weight")
VERDICTS = ("derived", "lucky", "repeated", "false", "unread")
QUESTIONS = {
    "newest first": "",
    "filter: outcome": "&outcome=correct",
    "filter: steps": "&from=100&to=200",
    "filter: a false sentence": "&has=false",
    "search in all texts": "&text=hall%20weight",
    "search and sort": "&text=grace%20committed&sort=length",
    "sort: reward": "&sort=reward",
    "sort: advantage": "&sort=advantage&order=up",
    "sort: sentences derived": "&sort=chain",
    "sort: puzzle": "&sort=puzzle",
    "page 1,000": "&sort=reward&page=1000",
}
"""What a list of completions is asked for."""


def make_runs(root: Path, runs: int, steps: int, rollouts: int) -> None:
    """`runs` runs of `steps` steps with `rollouts` rollouts each."""
    config = RunConfig.model_validate({"mode": "reason", "grpo": {"steps": steps}})
    first = RunDirectory.create(root / "run-00", config)
    write_rollouts(first, steps, rollouts)
    chance = np.random.default_rng(1)
    for number in range(runs):
        run = first if number == 0 else RunDirectory.create(root / f"run-{number:02}", config)
        if run is not first:
            for file in first.rollouts.iterdir():
                os.link(file, run.rollouts / file.name)
        for name in ("metrics", "timings"):
            values = chance.random(steps)
            key = "reward" if name == "metrics" else "sample_s"
            lines = [
                json.dumps({"phase": "grpo", "step": i + 1, key: values[i], "strict": values[i] / 2})
                for i in range(steps)
            ]
            (run.path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def write_rollouts(run: RunDirectory, steps: int, rollouts: int) -> None:
    """Texts of 100 words with a dozen marks and 120 tokens."""
    chance = np.random.default_rng(0)
    schema = pq.read_schema(pa.BufferReader(to_parquet(RolloutRow, [])))
    outcomes = np.array(["correct", "partly", "wrong"])
    for step in range(1, steps + 1):
        words, marks = chance.choice(WORDS, (rollouts, 100)), chance.choice(VERDICTS, (rollouts, 12))
        columns = {
            "puzzle_id": [f"temporal-clue@1/level-1/train/{step}/{i // 16}" for i in range(rollouts)],
            "sample": [i % 16 for i in range(rollouts)],
            "system": ["Think step by step."] * rollouts,
            "prompt": [f"Case {step}.{i // 16}. " + "A clue of some words. " * 30 for i in range(rollouts)],
            "completion": [" ".join(row) for row in words],
            "stop": ["end"] * rollouts,
            "outcome": chance.choice(outcomes, rollouts).tolist(),
            "reward": chance.random(rollouts),
            "correct": chance.random(rollouts) < 0.3,
            **{name: ['{"A": "Ella"}'] * rollouts for name in ("answers", "gold")},
            "right": ['{"A": true}'] * rollouts,
            "detail": [""] * rollouts,
            "parts": [json.dumps([[40 * i, 40 * i + 38, str(mark)] for i, mark in enumerate(row)]) for row in marks],
            "phase": ["grpo"] * rollouts,
            "step": [step] * rollouts,
            "tokens": list(chance.integers(0, 2000, (rollouts, 120), dtype=np.int32)),
            "logprobs": list(-chance.exponential(0.4, (rollouts, 120)).astype(np.float32)),
            "advantage": chance.normal(size=rollouts),
        }
        arrays = [pa.array(columns[field.name], type=field.type) for field in schema]
        file = run.rollouts / f"grpo_{step:06d}.parquet"
        pq.write_table(pa.table(arrays, schema=schema), file, compression="zstd")


class Server:
    """`sleuth view` in a process of its own."""

    def __init__(self, root: Path) -> None:
        command = [sys.executable, "-m", "sleuth", "view", str(root), "--port", "0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        said = self.process.stderr.readline()
        found = re.search(r"http://\S+", said)
        assert found, said
        self.url = found[0]

    def ask(self, path: str) -> tuple[float, dict[str, object]]:
        """Milliseconds until the whole answer was here, and the answer."""
        started_s = time.perf_counter()
        with urllib.request.urlopen(self.url + path, timeout=600) as answer:
            body = answer.read()
        return 1000 * (time.perf_counter() - started_s), json.loads(body) if body.startswith(b"{") else {}

    def peak_mb(self) -> float:
        """Most memory that the process had so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1000  # type: ignore[index]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


def measured(server: Server, runs: int) -> list[tuple[str, str]]:
    """What was asked, and how long it took."""
    rows = []
    page_ms = sum(server.ask(path)[0] for path in ("/", "/static/main.js", "/static/main.css"))
    list_ms, listed = server.ask("/api/runs")
    assert len(listed["runs"]) == runs  # type: ignore[arg-type]
    rows.append(("first content: page, script, style and the list of all runs", page_ms + list_ms))
    rows.append(("the list again", server.ask("/api/runs")[0]))
    first_ms, told = server.ask("/api/completions?run=run-00")
    rows.append(("reading room, first completions of a run not opened before", first_ms))
    started_s = time.perf_counter()
    while told["indexed"] != told["files"]:
        _, told = server.ask("/api/completions?run=run-00")
    rows.append(("… until all its completions can be found", 1000 * (time.perf_counter() - started_s)))
    for name, question in QUESTIONS.items():
        rows.append((name, server.ask(f"/api/completions?run=run-00{question}")[0]))
    file = told["rows"][0]["file"]  # type: ignore[index]
    rows.append(("one completion", server.ask(f"/api/completion?run=run-00&file={file}&row=3")[0]))
    for number in range(runs):
        while True:
            _, told = server.ask(f"/api/completions?run=run-{number:02}")
            if told["indexed"] == told["files"]:
                break
    written = [(name, f"{ms:.0f} ms") for name, ms in rows]
    written.append(("most memory, after the completions of every run were opened", f"{server.peak_mb():.0f} MB"))
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 runs of 1,000 rollouts")
    parser.add_argument("--out", type=Path, help="folder of the table")
    options = parser.parse_args()
    runs, steps, rollouts = (2, 20, 50) if options.quick else (50, 400, 250)
    with tempfile.TemporaryDirectory(prefix="sleuth-view-") as folder:
        make_runs(Path(folder), runs, steps, rollouts)
        server = Server(Path(folder))
        try:
            rows = measured(server, runs)
        finally:
            server.stop()
    title = f"`sleuth view` on {runs} runs of {steps * rollouts:,} rollouts, {machine()}"
    write_table("view", title, ("what", "time"), rows, options.out)


if __name__ == "__main__":
    main()
