"""Golden digests: SHA-256 of puzzles for every family id, level, style and choice of names, in golden.json.

    make golden     # adds what is missing; refuses to change what is there

A family's version promises that its puzzles never change. The contract test compares two live processes, so it cannot
see that both have changed; these digests can. A change of bytes needs a new version of the family, whose digests are
then added beside the old ones.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from sleuth.config import Names
from sleuth.puzzles.canonical import SPLITS
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.registry import BUILT_IN, get_family
from sleuth.puzzles.task import MIXED

GOLDEN = Path(__file__).with_name("golden.json")
COUNTS = {"1": 3, "2": 2}
"""Puzzles behind a digest, by level; one at every other level."""
SEED = 20_261_129


def all_keys() -> Iterator[tuple[str, str, str, str]]:
    """Every (family id, level, style, names) that puzzles can be made of."""
    for id in BUILT_IN:
        family = get_family(id)
        for level in family.levels:
            for style in (*family.styles, MIXED):
                for names in get_args(Names) if family.pooled else ("themed",):
                    yield family.id, level, style, names


def digest(family: str, level: str, style: str, names: Names) -> str:
    """SHA-256 of the puzzles of one key: their JSON and the digests of their canonical forms."""
    found = hashlib.sha256()
    for index in range(COUNTS.get(level, 1)):
        made = make_puzzle(family, level, SPLITS[index % len(SPLITS)], SEED, index, style, names=names)
        found.update(f"{made.puzzle.model_dump_json()}\n{made.digest}\n".encode())
    return found.hexdigest()


def stored() -> dict[str, str]:
    """The digests of golden.json, by key."""
    digests: dict[str, str] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    return digests


def main() -> None:
    """Adds the digests that are missing. Exits with 1, and writes nothing, where one that is there has changed."""
    digests = stored()
    for key in all_keys():
        name = "/".join(key)
        fresh = digest(*key)  # type: ignore[arg-type]
        if digests.setdefault(name, fresh) != fresh:
            sys.exit(f"{name}: its puzzles are no longer those of this version; give the family a new version")
    GOLDEN.write_text(json.dumps(dict(sorted(digests.items())), indent=1) + "\n")
    print(f"{len(digests)} digests in {GOLDEN}")


if __name__ == "__main__":
    main()
