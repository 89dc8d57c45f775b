"""How fast puzzles are explained, on one core, and how far the greedy steps are from the cheapest ones.

`python benchmarks/explain.py [--scale 1.0] [--quick] [--out benchmarks/results]`. The bars: 2 puzzles a second at
level 2 (aim: 10), a minute for each puzzle of level `reference`, and for each of the 64 of 2025, where the
environment variable SLEUTH_DATA names the folder that holds `temporal-clue-val.json`. The gap: for each step, the
cost of what it cites over that of the cheapest premises of the same fact; and for each chain, its cost over that of a
chain of which every step was the cheapest of all (`explain(optimal=True)`), which looks one step ahead, so that the
ratio may be below 1.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from common import QUICK, machine, write_table
from sleuth.logic.citations import CLUE_COST, FACT_COST, RULE_COST, Fact, Premises
from sleuth.logic.optimal import cheapest_step
from sleuth.puzzles.explain import Explanation, difficulty, explain
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.temporal_clue.original.dataset import import_original

LEVELS = (
    ("temporal-clue", "1", "plain", 200),
    ("temporal-clue", "2", "plain", 100),
    ("temporal-clue", "3", "plain", 20),
    ("temporal-clue", "4", "plain", 4),
    ("temporal-clue", "5", "plain", 2),
    ("temporal-clue", "reference", "plain", 20),
    ("temporal-clue", "reference", "original", 20),
    ("zebra", "1", "plain", 200),
    ("zebra", "2", "plain", 100),
    ("zebra", "3", "plain", 20),
    ("zebra", "4", "plain", 4),
    ("zebra", "5", "plain", 3),
)
BARS = {"2": "at least 2 a second (aim: 10)", "reference": "slowest under 60 s", "original": "slowest under 60 s"}
GAPS = (("temporal-clue", "1"), ("temporal-clue", "2"), ("zebra", "1"), ("zebra", "2"))


def speed_row(family: str, level: str, style: str, count: int) -> tuple[str, ...]:
    """Seconds of making and of explaining, and what the explanations look like."""
    explain(_puzzle(family, level, 0, style))  # warms up
    make_s = []
    puzzles = []
    for index in range(count):
        started_s = time.process_time()
        puzzles.append(_puzzle(family, level, index, style))
        make_s.append(time.process_time() - started_s)
    return _explained(f"{family} {level}, {style}", level, puzzles, statistics.fmean(make_s))


def originals_row(folder: Path, scale: float) -> tuple[str, ...]:
    """As `speed_row`, of the puzzles of 2025, those with the shortest pages first."""
    puzzles = sorted(import_original(folder / "temporal-clue-val.json"), key=lambda puzzle: len(puzzle.prompt))
    return _explained("2025", "original", puzzles[: max(1, round(len(puzzles) * scale))], None)


def _explained(name: str, level: str, puzzles: Sequence[Puzzle], make_s: float | None) -> tuple[str, ...]:
    explain_s, found = [], []
    for puzzle in puzzles:
        started_s = time.process_time()
        explanation = explain(puzzle)
        explain_s.append(time.process_time() - started_s)
        found.append(difficulty(explanation))
    mean_s = statistics.fmean(explain_s)
    row = (
        f"{name} ({len(puzzles)})",
        f"{1 / mean_s:.1f} a second" if mean_s < 1 else f"{mean_s:.1f} s each",
        f"{statistics.median(explain_s):.2f} s",
        f"{max(explain_s):.2f} s",
        BARS.get(level, ""),
        "" if make_s is None else f"{mean_s / make_s:.1f}",
        f"{statistics.fmean(one.steps for one in found):.1f}",
        f"{max(one.largest for one in found)}",
        f"{statistics.fmean(one.several for one in found):.1%}",
        f"{statistics.fmean(one.depth > 0 for one in found):.0%}",
    )
    print(" | ".join(row), file=sys.stderr, flush=True)
    return row


def gap_row(family: str, level: str, count: int) -> tuple[str, ...]:
    """Mean cost ratios of the greedy steps and chains."""
    steps: list[float] = []
    chains: list[float] = []
    for index in range(count):
        puzzle = _puzzle(family, level, index)
        greedy, best = explain(puzzle), explain(puzzle, optimal=True)
        steps += _step_ratios(greedy)
        chains.append(sum(one.cost for one in greedy.steps) / sum(one.cost for one in best.steps))
    return (
        f"{family} {level} ({count})",
        f"{statistics.fmean(steps):.3f}",
        f"{statistics.fmean(ratio > 1 for ratio in steps):.1%}",
        f"{statistics.fmean(chains):.3f}",
    )


def _step_ratios(explanation: Explanation) -> Iterator[float]:
    theory = explanation.family.theory(explanation.page.case)
    premises = Premises.of(theory.grouped_cnf, [theory.formula(clue) for clue in explanation.page.clues])
    known: list[Fact] = []
    for step in explanation.steps:
        best = cheapest_step(premises, known, step.facts[:1])
        cost = CLUE_COST * len(best.clues) + RULE_COST * len(best.rules) + FACT_COST * len(best.known)
        yield step.cost / cost
        known += step.facts


def _puzzle(family: str, level: str, index: int, style: str = "plain") -> Puzzle:
    return make_puzzle(get_family(family).id, level, "train", 20261122, index, style).puzzle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full numbers")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    levels, gaps = LEVELS, GAPS
    if options.quick:
        options.scale, levels, gaps = 0.0, LEVELS[:1], GAPS[:1]
    rows = [
        speed_row(family, level, style, max(1, round(count * options.scale))) for family, level, style, count in levels
    ]
    if folder := os.environ.get("SLEUTH_DATA"):
        rows.append(originals_row(Path(folder), options.scale))
    head = ("puzzles", "explained", "median", "slowest", "bar", "times as long as making")
    head += ("steps", "largest", "several clues", "supposing")
    write_table("explain", f"Explaining puzzles, one core ({machine()})", head, rows, options.out)
    rows = [gap_row(family, level, max(1, round(15 * options.scale))) for family, level in gaps]
    head = ("puzzles", "cost of a step / cheapest", "steps above it", "cost of a chain / cheapest next steps")
    write_table("explain", "Greedy steps against the cheapest", head, rows, options.out)


if __name__ == "__main__":
    main()
