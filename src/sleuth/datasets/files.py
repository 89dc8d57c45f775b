"""Files of puzzles: JSONL (one puzzle a line) and Parquet (the same columns)."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sleuth.errors import UserError
from sleuth.files import atomic_open, parse_json, read_data
from sleuth.files import check_output as check_file
from sleuth.puzzles.puzzle import Puzzle

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".jsonl", ".parquet")
COMPRESSED = (".gz", ".zst")
GROUP_ROWS = 10_000
"""Puzzles that are in memory at a time while a Parquet file is written: one of its row groups."""


def check_suffix(path: Path) -> str:
    """What kind of file a path to read names, without the suffix of a compressed one. Raises `UserError` unless it is a
    known one, and for a folder."""
    suffix = path.with_suffix("").suffix if path.suffix in COMPRESSED else path.suffix
    if suffix not in SUFFIXES:
        raise UserError(f"{path}: name the file {' or '.join(SUFFIXES)}")
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file of puzzles")
    return suffix


def check_output(path: Path) -> None:
    """Raises `UserError` where `write_puzzles` could not write."""
    check_file(path, *SUFFIXES)


def write_puzzles(path: Path, puzzles: Iterable[Puzzle]) -> int:
    """Writes puzzles as they come, all or nothing. Returns their number.

    Raises `UserError` for an unknown suffix, a missing folder or a full disk.
    """
    check_output(path)
    if path.suffix == ".parquet":
        return write_parquet(path, puzzles, dict)
    count = 0
    with atomic_open(path) as file:
        for count, puzzle in enumerate(puzzles, 1):  # noqa: B007
            file.write(f"{_text(puzzle.model_dump(mode='json'))}\n".encode())
    return count


def write_parquet(path: Path, puzzles: Iterable[Puzzle], about: Callable[[], Mapping[str, str]]) -> int:
    """Writes puzzles as they come, all or nothing. Returns their number. `about` is called when all are written, and
    gives what the file says of them, as metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = puzzle_schema()
    count = 0
    with atomic_open(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        rows = iter(map(_row, puzzles))
        while some := list(islice(rows, GROUP_ROWS)):
            count += len(some)
            writer.write_table(pa.Table.from_pylist(some, schema))
        writer.add_key_value_metadata(dict(about()))
    return count


def puzzle_schema() -> pa.Schema:
    """The columns of a Parquet file of puzzles. Maps whose keys differ from row to row are JSON text: columns are
    fixed."""
    import pyarrow as pa

    texts = pa.list_(pa.string())
    question = pa.struct([("letter", pa.string()), ("text", pa.string()), ("kind", pa.string()), ("choices", texts)])
    special = {"seed": pa.int64(), "index": pa.int64(), "clues": texts, "questions": pa.list_(question)}
    return pa.schema([(name, special.get(name, pa.string())) for name in Puzzle.model_fields])


def _row(puzzle: Puzzle) -> dict[str, Any]:
    record = puzzle.model_dump(mode="json")
    return {**record, "answers": _text(record["answers"]), "meta": _text(record["meta"])}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_puzzles(path: Path) -> list[Puzzle]:
    """The puzzles of a file, each with an id of its own. Fields that puzzles do not have are kept in `meta`.

    Raises `UserError` naming file, line (or row) and field if it is missing, cut short or damaged, or an id comes
    twice.
    """
    kind = check_suffix(path)
    data = read_data(path)
    records = _from_lines(path, data) if kind == ".jsonl" else _from_parquet(path, data)
    puzzles: list[Puzzle] = []
    places: dict[str, str] = {}
    for place, record in records:
        puzzle = _puzzle(path, place, record)
        if (first := places.setdefault(puzzle.id, place)) != place:
            raise UserError(f"{path}, {place}: the id {puzzle.id!r} is that of {first}, too; give each its own")
        puzzles.append(puzzle)
    if not puzzles:
        raise UserError(f"{path}: no puzzles in it")
    return puzzles


def read_puzzle(path: Path, number: int) -> Puzzle:
    """One puzzle of a file, counted from 0. Raises `UserError` if there is no such number."""
    puzzles = read_puzzles(path)
    if not 0 <= number < len(puzzles):
        raise UserError(f"{path} has puzzles 0 to {len(puzzles) - 1}, not {number}")
    return puzzles[number]


def _from_lines(path: Path, data: bytes) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            try:
                yield f"line {number}", parse_json(line)
            except ValueError as error:
                raise UserError(f"{path}, line {number}: not a puzzle (no JSON: {error})") from None


def _from_parquet(path: Path, data: bytes) -> Iterator[tuple[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(io.BytesIO(data)).to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a Parquet file ({str(error).splitlines()[0]})") from None
    yield from ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _puzzle(path: Path, place: str, record: Any) -> Puzzle:
    """A record as pandas, Polars, pyarrow or a person write it: maps are JSON text, structs with nulls for keys that a
    row does not have, or lists of pairs."""
    if not isinstance(record, dict):
        raise UserError(f"{path}, {place}: not a puzzle (no table of fields)")
    known = Puzzle.model_fields.keys()
    found = {name: value for name, value in record.items() if name in known}
    extra = {name: value for name, value in record.items() if name not in known and not name.startswith("__index")}
    for name in ("answers", "meta"):
        try:
            found[name] = _map(found.get(name))
        except (ValueError, TypeError, RecursionError):
            raise UserError(f"{path}, {place}: not a puzzle ({name}: no map, nor JSON text of one)") from None
    found["meta"] = {**extra, **found["meta"]}
    if "clues" in found and found["clues"] is None:
        found["clues"] = ()
    try:
        return Puzzle.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "puzzle"
        raise UserError(f"{path}, {place}: not a puzzle ({where}: {first['msg']})") from None


def _map(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = parse_json(value.encode())
    if value is None or value != value:  # NaN is what pandas makes of nothing
        return {}
    return {str(key): one for key, one in dict(value).items() if one is not None}
