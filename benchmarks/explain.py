"""How fast puzzles are explained, on one core, and how far the greedy steps are from the cheapest ones.

`python benchmarks/explain.py [--scale 1.0] [--out benchmarks/results]`. The bars: 2 puzzles a second at level 2 (aim:
10), a minute for each puzzle of level `reference`. The gap: for each step, the cost of what it cites over that of the
cheapest premises of the same fact; and for each chain, its cost over that of a chain of which every step was the
cheapest of all (`explain(optimal=True)`), which looks one step ahead, so that the ratio may be below 1.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from common import machine, write_table
from sleuth.logic.citations import CLUE_COST, FACT_COST, RULE_COST, Fact, Premises
from sleuth.logic.optimal import cheapest_step
from sleuth.puzzles.explain import Explanation, difficulty, explain
from sleuth.puzzles.family import get_family
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.puzzle import Puzzle

LEVELS = (
    ("temporal-clue", "1", 200),
    ("temporal-clue", "2", 100),
    ("temporal-clue", "3", 20),
    ("temporal-clue", "4", 3),
    ("temporal-clue", "reference", 20),
    ("zebra", "1", 200),
    ("zebra", "2", 100),
    ("zebra", "3", 20),
    ("zebra", "4", 4),
    ("zebra", "5", 3),
)
GAPS = (("temporal-clue", "1"), ("temporal-clue", "2"), ("zebra", "1"), ("zebra", "2"))


def speed_row(family: str, level: str, count: int) -> tuple[str, ...]:
    """Seconds of making and of explaining, and what the explanations look like."""
    make_s, explain_s, found = [], [], []
    for index in range(-1, count):  # the first warms up
        started_s = time.process_time()
        puzzle = _puzzle(family, level, max(0, index))
        made_s = time.process_time()
        explanation = explain(puzzle)
        if index >= 0:
            make_s.append(made_s - started_s)
            explain_s.append(time.process_time() - made_s)
            found.append(difficulty(explanation))
    mean_s = statistics.fmean(explain_s)
    return (
        f"{family} {level} ({count})",
        f"{1 / mean_s:.1f} a second" if mean_s < 1 else f"{mean_s:.1f} s each",
        f"{max(explain_s):.2f} s",
        f"{mean_s / statistics.fmean(make_s):.1f}",
        f"{statistics.fmean(one.steps for one in found):.1f}",
        f"{max(one.largest for one in found)}",
        f"{statistics.fmean(one.several for one in found):.1%}",
        f"{statistics.fmean(one.depth > 0 for one in found):.0%}",
    )


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


def _puzzle(family: str, level: str, index: int) -> Puzzle:
    return make_puzzle(get_family(family).id, level, "train", 20261122, index).puzzle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full numbers")
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    rows = [speed_row(family, level, max(1, round(count * options.scale))) for family, level, count in LEVELS]
    head = ("puzzles", "explained", "slowest", "time of making", "steps", "largest", "several clues", "supposing")
    write_table("explain", f"Explaining puzzles, one core ({machine()})", head, rows, options.out)
    rows = [gap_row(family, level, max(1, round(15 * options.scale))) for family, level in GAPS]
    head = ("puzzles", "cost of a step / cheapest", "steps above it", "cost of a chain / cheapest next steps")
    write_table("explain", "Greedy steps against the cheapest", head, rows, options.out)


if __name__ == "__main__":
    main()
