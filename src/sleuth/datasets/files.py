"""Files of puzzles: JSONL (one puzzle a line) and Parquet (the same columns)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sleuth.errors import UserError
from sleuth.files import atomic_write
from sleuth.puzzles.puzzle import Puzzle

SUFFIXES = (".jsonl", ".parquet")


def check_suffix(path: Path) -> None:
    """Raises `UserError` unless the path ends in a known suffix, and for a folder."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: name the file {' or '.join(SUFFIXES)}")
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file of puzzles")


def write_puzzles(path: Path, puzzles: Iterable[Puzzle]) -> None:
    """Writes puzzles, all or nothing. Raises `UserError` for an unknown suffix, a missing folder or a full disk."""
    check_suffix(path)
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: no such folder; make it first")
    records = [puzzle.model_dump(mode="json") for puzzle in puzzles]
    if path.suffix == ".jsonl":
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        atomic_write(path, "".join(lines).encode())
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Maps whose keys differ from row to row are JSON text: Parquet columns are fixed.
    plain = [{**r, "answers": _text(r["answers"]), "meta": _text(r["meta"])} for r in records]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(plain), buffer, compression="zstd")
    atomic_write(path, buffer.getvalue())


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_puzzles(path: Path) -> list[Puzzle]:
    """The puzzles of a file. Raises `UserError` naming file and line if it is missing, cut short or damaged."""
    check_suffix(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    puzzles = list(_from_lines(path, data) if path.suffix == ".jsonl" else _from_parquet(path, data))
    if not puzzles:
        raise UserError(f"{path}: no puzzles in it")
    return puzzles


def read_puzzle(path: Path, number: int) -> Puzzle:
    """One puzzle of a file, counted from 0. Raises `UserError` if there is no such number."""
    puzzles = read_puzzles(path)
    if not 0 <= number < len(puzzles):
        raise UserError(f"{path} has puzzles 0 to {len(puzzles) - 1}, not {number}")
    return puzzles[number]


def _from_lines(path: Path, data: bytes) -> Iterator[Puzzle]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            try:
                yield Puzzle.model_validate_json(line)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"]) or "line"
                raise UserError(f"{path}, line {number}: not a puzzle ({where}: {first['msg']})") from None


def _from_parquet(path: Path, data: bytes) -> Iterator[Puzzle]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(io.BytesIO(data)).to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a Parquet file ({str(error).splitlines()[0]})") from None
    for number, row in enumerate(rows, start=1):
        try:
            maps = {name: json.loads(row[name]) for name in ("answers", "meta")}
            yield Puzzle.model_validate({**row, **maps})
        except (ValidationError, ValueError, KeyError, TypeError, RecursionError):
            raise UserError(f"{path}, row {number}: not a puzzle") from None
