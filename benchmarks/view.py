"""How fast `sleuth view` is on many large runs: the first page, filters and sorts, and its memory.

    python benchmarks/view.py --out benchmarks/results

Makes 50 runs of 100,000 rollouts each (400 steps of 250), starts `sleuth view` on them as a process of its own, and
asks what its pages ask. The rollouts of one run are made once; the other runs hold links to the same files, which the
server reads as files of their own. Times are of the whole request, in milliseconds, and beside them the processor time
that the server took, which says more on a busy machine; of filters and sorts the first time that each is asked.
`--quick` makes 2 runs of 1,000 rollouts.
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
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from common import machine, write_table
from sleuth.config import RunConfig
from sleuth.runs.directory import RunDirectory
from sleuth.runs.rows import RolloutRow, to_parquet

WORDS = ("Ella", "was", "not", "in", "the", "Gallery", "so", "Grace", "committed", "murder", "Hall", "Weight")
VERDICTS = ("derived", "lucky", "repeated", "false", "unread")
OPENED = 8
"""Runs whose completions are read: more than the server keeps."""
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
            "spans": [json.dumps([[40 * i, 40 * i + 38, str(mark)] for i, mark in enumerate(row)]) for row in marks],
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

    def ask(self, path: str) -> dict[str, Any]:
        """The answer, if it is data."""
        with urllib.request.urlopen(self.url + path, timeout=600) as answer:
            body = answer.read()
        return json.loads(body) if body.startswith(b"{") else {}

    def time(self, *paths: str) -> tuple[str, str]:
        """How long it takes until the last of these answers is here, and the server's processor time meanwhile."""
        started_s, before_s = time.perf_counter(), self.processor_s()
        for path in paths:
            self.ask(path)
        passed_s = time.perf_counter() - started_s
        return f"{1000 * passed_s:.0f} ms", f"{1000 * (self.processor_s() - before_s):.0f} ms"

    def read_all(self, run: str) -> None:
        """Asks until all completions of a run are read."""
        while True:
            told = self.ask(f"/api/completions?run={run}")
            if told["indexed"] == told["files"]:
                return

    def processor_s(self) -> float:
        """Processor time of the process so far; Linux counts in hundredths of a second."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self) -> float:
        """Most memory that the process had so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1000  # type: ignore[index]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


def measured(server: Server, runs: int) -> list[tuple[str, str, str]]:
    """What was asked, how long it took, and the processor time of that."""
    page = ("/", "/static/main.js", "/static/main.css")
    rows = [("first content: page, script, style and the list of all runs", *server.time(*page, "/api/runs"))]
    while not all(run["whole"] for run in server.ask("/api/runs")["runs"]):
        pass
    rows.append(("the list again", *server.time("/api/runs")))
    first = "/api/completions?run=run-00"
    rows.append(("reading room, first completions of a run not opened before", *server.time(first)))
    started_s, before_s = time.perf_counter(), server.processor_s()
    server.read_all("run-00")
    passed_s, worked_s = time.perf_counter() - started_s, server.processor_s() - before_s
    rows.append(("… until all its completions can be found", f"{1000 * passed_s:.0f} ms", f"{1000 * worked_s:.0f} ms"))
    rows += [(name, *server.time(f"{first}{question}")) for name, question in QUESTIONS.items()]
    file = server.ask(first)["rows"][0]["file"]
    rows.append(("one completion", *server.time(f"/api/completion?run=run-00&file={file}&row=3")))
    opened = min(runs, OPENED)
    for number in range(opened):
        server.read_all(f"run-{number:02}")
    rows.append((f"most memory, after the completions of {opened} runs were read", f"{server.peak_mb():.0f} MB", ""))
    return rows


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
    write_table("view", title, ("what", "time", "processor time"), rows, options.out)


if __name__ == "__main__":
    main()
