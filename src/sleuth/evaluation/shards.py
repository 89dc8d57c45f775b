"""What `eval` keeps in shards: each puzzle with the rows of its completions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sleuth.config import Mode
from sleuth.policy.base import Sampling
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome
from sleuth.runs.rows import EvaluationRow, to_parquet


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """Everything that an evaluation depends on."""

    puzzles: str
    """SHA-256 of the puzzles' rows."""
    label: str
    """What tables call the model."""
    mode: Mode
    samples: int
    retries: int
    clues_at_a_time: int
    template_time: str
    sampling: Sampling


def records(puzzles: Sequence[Puzzle], rows: Sequence[EvaluationRow]) -> Iterator[dict[str, Any]]:
    """A record for each puzzle."""
    by_puzzle: dict[str, list[dict[str, Any]]] = {puzzle.id: [] for puzzle in puzzles}
    for row in rows:
        by_puzzle[row.puzzle_id].append(asdict(row))
    for puzzle in puzzles:
        yield {"puzzle": puzzle.model_dump(mode="json"), "rows": by_puzzle[puzzle.id]}


def rows_of(record: dict[str, Any]) -> list[EvaluationRow]:
    """The rows of a record, as they were before it went through JSON."""
    return [
        EvaluationRow(
            **row
            | {
                "outcome": Outcome(row["outcome"]),
                "spans": tuple(map(tuple, row["spans"])),
                "turns": tuple(map(tuple, row["turns"])),
            }
        )
        for row in record["rows"]
    ]


def parquet(rows: Sequence[EvaluationRow], template_time: str) -> bytes:
    """The file of an evaluation's completions."""
    return to_parquet(EvaluationRow, rows, {"template_time": template_time} if template_time else None)
