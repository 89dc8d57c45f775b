"""Puzzles of a file as verl's Parquet: python integrations/verl/data.py puzzles.jsonl train.parquet --mode reason"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from sleuth.config import TrainedMode
from sleuth.datasets.files import read_puzzles
from sleuth.errors import UserError
from sleuth.files import atomic_write
from sleuth.policy.prompts import ask
from sleuth.puzzles.puzzle import Puzzle


def row_of(puzzle: Puzzle, mode: TrainedMode, index: int) -> dict[str, Any]:
    """One row, in the columns that verl reads."""
    request = ask(puzzle, mode)
    system = [{"role": "system", "content": request.system}] if request.system else []
    return {
        "data_source": f"sleuth/{puzzle.family}",
        "prompt": [*system, {"role": "user", "content": request.user}],
        "ability": "deduction",
        "reward_model": {"style": "rule", "ground_truth": puzzle.model_dump_json()},
        "extra_info": {"index": index, "id": puzzle.id, "mode": mode},
    }


def main(arguments: list[str] | None = None) -> int:
    """Writes the file, all or nothing; 2 for input that is wrong."""
    parser = argparse.ArgumentParser(description="Puzzles of a file as verl's Parquet.")
    parser.add_argument("puzzles", type=Path, help="a file that sleuth make wrote")
    parser.add_argument("out", type=Path, help="the Parquet file to write")
    parser.add_argument("--mode", choices=get_args(TrainedMode), default="answer", help="how the puzzles are asked")
    given = parser.parse_args(arguments)
    try:
        rows = [row_of(puzzle, given.mode, index) for index, puzzle in enumerate(read_puzzles(given.puzzles))]
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), buffer)
        atomic_write(given.out, buffer.getvalue())
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(rows)} puzzles in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
