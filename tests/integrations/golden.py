"""The golden file that drives the reward of every adapter: `golden.jsonl`, completions with the score that each must
get. Expected scores were worked out by hand, from what the completion says.

    note, puzzle, mode, completion, truncated (the limit of tokens was hit),
    expected: reward (share of questions right), strict (all are), outcome
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "golden.jsonl"


@dataclass(frozen=True, slots=True)
class Golden:
    """One line."""

    note: str
    puzzle: str
    """JSON text."""
    mode: Any
    completion: str
    truncated: bool
    reward: float
    strict: bool
    outcome: str


def read() -> list[Golden]:
    """All lines."""
    found = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        expected = data.pop("expected")
        found.append(Golden(**data | expected | {"puzzle": json.dumps(data["puzzle"])}))
    return found


EVERY = read()
