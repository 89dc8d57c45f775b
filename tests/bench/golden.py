"""Golden digests of frozen suites: SHA-256 of every level's items, in both sizes, in golden.json.

python -m tests.bench.golden              # adds what is missing; refuses to change what is there
python -m tests.bench.golden --size full  # the same for the full size only, which takes about ten times as long
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import get_args

from sleuth.bench.suites import PLANS, Cell, Plan, Suite, make_items
from sleuth.config import SuiteSize

GOLDEN = Path(__file__).with_name("golden.json")
SIZES: tuple[SuiteSize, ...] = get_args(SuiteSize)


def all_cells() -> list[tuple[Plan, Cell]]:
    """Every level of every frozen suite."""
    return [(plan, cell) for plan in PLANS.values() for cell in plan.cells]


def name_of(plan: Plan, cell: Cell, size: SuiteSize) -> str:
    """As golden.json names its digest."""
    return f"{plan.id}/{size}/{cell.family}/{cell.level}"


def digest(plan: Plan, cell: Cell, size: SuiteSize, workers: int = 1) -> str:
    """SHA-256 of the items of a level."""
    return Suite(plan.id, size, tuple(make_items(plan, [cell], size, workers))).hash


def stored() -> dict[str, str]:
    """The digests of golden.json."""
    found: dict[str, str] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    return found


def main() -> None:
    """Adds the digests that are missing. Exits with 1 at the first that has changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, help="only this size; by default both")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0: one per core")
    arguments = parser.parse_args()
    for size in (arguments.size,) if arguments.size else SIZES:
        for plan, cell in all_cells():
            name, fresh = name_of(plan, cell, size), digest(plan, cell, size, arguments.workers)
            known = stored()
            if known.setdefault(name, fresh) != fresh:
                sys.exit(f"{name}: its puzzles are no longer those of this version; give the suite a new version")
            GOLDEN.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
            print(name, flush=True)
    print(f"{len(stored())} digests in {GOLDEN}")


if __name__ == "__main__":
    main()
