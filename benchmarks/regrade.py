"""How long it takes to grade 10,000 stored completions of a benchmark again, figures and all.

    python benchmarks/regrade.py [--quick] [--out benchmarks/results]

The completions are guesses about the puzzles of `sleuth-bench@1`, in the format that is asked for, as a result file
holds them; making the suite again is timed apart. Processor time of one process, and time on the clock.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from common import machine, write_table
from sleuth.bench.commands import open_journal, store_result
from sleuth.bench.regrade import regrade
from sleuth.bench.result import ModelFacts, Settings
from sleuth.bench.run import run
from sleuth.bench.suites import PLANS, Cell, Suite, load_suite, make_items
from sleuth.policy.baselines import guessing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few puzzles of one level")
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    started_s = time.perf_counter()
    if options.quick:
        plan = PLANS["sleuth-bench@1"]
        suite = Suite("quick", "", tuple(make_items(plan, [Cell("knights-and-knaves@1", "1", 8, 8)], "small", 1)))
    else:
        suite = load_suite("sleuth-bench@1")
    made_s = time.perf_counter() - started_s
    samples = 4 if options.quick else -(-10_000 // len(suite.items))
    settings = Settings(
        mode="answer",
        samples=samples,
        seed=0,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=256,
        until="end",
        constrain=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        path, facts = Path(folder) / "guessing.json", ModelFacts(name="guessing", kind="baseline")
        journal = open_journal(path, suite, facts.name, settings)
        stopped = run(guessing([item.puzzle for item in suite.items]), suite, settings, journal)
        result = store_result(path, suite, facts, settings, None, journal, stopped)
    clock_s, cpu_s = time.perf_counter(), time.process_time()
    again = regrade(result, suite)
    clock_s, cpu_s = time.perf_counter() - clock_s, time.process_time() - cpu_s
    assert not again.changed
    row = (f"{len(result.rows):,}", f"{cpu_s:.1f}", f"{clock_s:.1f}", f"{made_s:.0f}")
    head = ("completions", "processor seconds", "seconds", "seconds to make the suite")
    write_table("regrade", f"stored completions graded again, {machine()}", head, [row], options.out)


if __name__ == "__main__":
    main()
