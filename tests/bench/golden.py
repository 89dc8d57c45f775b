"""Golden digests of frozen suites: SHA-256 of every level's items of the small size, in golden.json.

python -m tests.bench.golden     # adds what is missing; refuses to change what is there
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sleuth.bench.suites import PLANS, Cell, Plan, Suite, make_items

GOLDEN = Path(__file__).with_name("golden.json")


def all_cells() -> list[tuple[Plan, Cell]]:
    """Every level of every frozen suite."""
    return [(plan, cell) for plan in PLANS.values() for cell in plan.cells]


def name_of(plan: Plan, cell: Cell) -> str:
    """As golden.json names its digest."""
    return f"{plan.id}/small/{cell.family}/{cell.level}"


def digest(plan: Plan, cell: Cell) -> str:
    """SHA-256 of the items of a level."""
    return Suite(plan.id, "small", tuple(make_items(plan, [cell], "small", 1))).hash


def stored() -> dict[str, str]:
    """The digests of golden.json."""
    found: dict[str, str] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    return found


def main() -> None:
    """Adds the digests that are missing. Exits with 1 at the first that has changed."""
    for plan, cell in all_cells():
        name, fresh = name_of(plan, cell), digest(plan, cell)
        known = stored()
        if known.setdefault(name, fresh) != fresh:
            sys.exit(f"{name}: its puzzles are no longer those of this version; give the suite a new version")
        GOLDEN.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    print(f"{len(stored())} digests in {GOLDEN}")


if __name__ == "__main__":
    main()
