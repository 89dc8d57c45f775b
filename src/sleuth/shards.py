"""Work that many machines share: each does one shard of it, and `sleuth merge` puts the shards together.

The puzzles of a job are numbered, and shard i of n has a range of these numbers. A shard's file is Parquet: a row for
each of its puzzles, with a record of the verb's own as JSON text, and the job in the metadata. Merging needs nothing
but these files. It takes them only if they are all shards of one job, each once.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sleuth.errors import UserError, counted
from sleuth.files import atomic_open, check_output, read_data

Record = TypeVar("Record")
SUFFIX = ".shard"
ABOUT = "sleuth.shard"
"""Key of a file's metadata."""
GROUP_ROWS = 1_000
MOST_PUZZLES = 10**12
"""Puzzles of a job."""
MOST_NAMED = 10
"""Missing shards that a message lists."""
_MALFORMED = (AttributeError, LookupError, TypeError, ValueError)
"""What reading plain data of another form raises."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of a job."""

    index: int
    """From 1."""
    of: int

    def range(self, total: int) -> range:
        """Numbers of its puzzles, from 0. Raises `UserError` for more shards than puzzles."""
        if self.of > total:
            raise UserError(f"--shard {self}: there are only {counted(total, 'puzzle')}; take at most so many shards")
        return range((self.index - 1) * total // self.of, self.index * total // self.of)

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"


def parse_shard(text: str) -> Shard:
    """Reads `3/100`. Raises `UserError` for anything else."""
    index, _, of = text.partition("/")
    numbers = all(part.isascii() and part.isdigit() and len(part) < 10 for part in (index, of))
    if not (numbers and 1 <= int(index) <= int(of)):
        raise UserError(f"--shard {text}: give the shard's number, from 1, and how many there are, as in 3/100")
    return Shard(int(index), int(of))


@dataclass(frozen=True, slots=True)
class Header:
    """What a shard's file says of itself."""

    verb: str
    """What was done: `make`, `audit`, …"""
    job: dict[str, Any]
    """Everything that the result depends on, as plain data."""
    total: int
    """Puzzles of all shards."""
    shard: Shard


@dataclass(frozen=True, slots=True)
class Job:
    """All shards of a job, in order."""

    header: Header
    """Of the first."""
    paths: tuple[Path, ...]

    def read(self, convert: Callable[[Any], Record]) -> Iterator[Record]:
        """What is made of the record of each puzzle, in order, as it is needed. Raises `UserError` for a file that is
        damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        for index, path in enumerate(self.paths, start=1):
            count = 0
            try:
                with pq.ParquetFile(path) as file:
                    for batch in file.iter_batches(GROUP_ROWS):
                        for text in batch.column(0).to_pylist():
                            count += 1
                            yield self._converted(path, text, convert)
            except (pa.ArrowException, OSError) as error:
                raise UserError(f"{path}: damaged, make it again ({str(error).splitlines()[0]})") from None
            if count != (expected := len(Shard(index, len(self.paths)).range(self.header.total))):
                raise UserError(_has(path, count, expected))

    def _converted(self, path: Path, text: str, convert: Callable[[Any], Record]) -> Record:
        try:
            return convert(json.loads(text))
        except (*_MALFORMED, RecursionError):
            raise UserError(f"{path}: has a record that is no result of {self.header.verb}; make it again") from None

    @contextmanager
    def reading_header(self) -> Iterator[None]:
        """Where a verb takes its own facts from the header: one line for a header that the verb did not write."""
        try:
            yield
        except _MALFORMED:
            raise UserError(f"{self.paths[0]}: its header names no job of {self.header.verb}; make it again") from None


def check_shard_output(path: Path) -> None:
    """Raises `UserError` where `write_shard` could not write."""
    check_output(path, SUFFIX)


def needed_shard(shard: str, out: Path | None) -> tuple[Shard, Path]:
    """The shard and its file, checked. Raises `UserError` where either is missing or wrong."""
    part = parse_shard(shard)
    if out is None:
        raise UserError(f"--shard {part}: name the file of the shard (--out FILE{SUFFIX})")
    check_shard_output(out)
    return part, out


def write_shard(path: Path, header: Header, records: Iterable[Any]) -> int:
    """Writes the records of a shard as they come, all or nothing. Returns their number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = {**asdict(header), "sleuth": importlib.metadata.version("sleuth")}
    schema = pa.schema([("record", pa.string())], {ABOUT: json.dumps(about, ensure_ascii=False)})
    count = 0
    with atomic_open(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        texts = (json.dumps(record, ensure_ascii=False) for record in records)
        while some := list(islice(texts, GROUP_ROWS)):
            count += len(some)
            writer.write_table(pa.table([some], schema))
    return count


def read_job(paths: Sequence[Path]) -> Job:
    """The job that shards belong to. Raises `UserError`, in one line, for a file that is no shard, shards of several
    jobs, and shards that are missing or there twice."""
    if not paths:
        raise UserError("name the files of all shards: sleuth merge shards/*.shard")
    found: dict[int, Path] = {}
    first: tuple[Path, dict[str, Any]] | None = None
    for path in paths:
        about = _about(path)
        shard = Shard(**about.pop("shard"))
        first = first or (path, about | {"shards": shard.of})
        if differing := _differing(first[1], about | {"shards": shard.of}):
            raise UserError(f"{path} is no shard of the job of {first[0]}: another {' and '.join(differing)}")
        if shard.index in found:
            raise UserError(f"{found[shard.index]} and {path} are both shard {shard}; leave one of them out")
        found[shard.index] = path
    assert first is not None
    about = first[1]
    if about["sleuth"] != (version := importlib.metadata.version("sleuth")):
        raise UserError(f"{first[0]} is of Sleuth {about['sleuth']}, and this is {version}; merge with that version")
    of = about["shards"]
    if missing := of - len(found):
        # A header may say that there are very many: no list of all.
        named = islice((str(index) for index in range(1, of + 1) if index not in found), MOST_NAMED)
        more = f" and {missing - MOST_NAMED} more" if missing > MOST_NAMED else ""
        raise UserError(f"of {of} shards these are missing: {', '.join(named)}{more}")
    header = Header(about["verb"], about["job"], about["total"], Shard(1, of))
    return Job(header, tuple(found[index] for index in sorted(found)))


def file_facts(path: Path) -> dict[str, str]:
    """A file of puzzles as a job names it: other content is another job."""
    return {"file": path.name, "sha256": hashlib.sha256(read_data(path)).hexdigest()}


def _about(path: Path) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path)
        about = _checked(json.loads((metadata.metadata or {})[ABOUT.encode()]))
        if metadata.schema.names != ["record"]:
            raise ValueError(metadata.schema.names)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError, RecursionError, *_MALFORMED):
        raise UserError(f"{path}: not a shard that sleuth wrote with --shard") from None
    if metadata.num_rows != (expected := len(Shard(**about["shard"]).range(about["total"]))):
        raise UserError(_has(path, metadata.num_rows, expected))
    return about


def _checked(about: Any) -> dict[str, Any]:
    """A header as plain data, if its fields are of their types and its numbers fit one another; else one of
    `_MALFORMED`."""
    shard = about["shard"]
    numbers = (1, shard["index"], shard["of"], about["total"], MOST_PUZZLES)
    if any(type(number) is not int for number in numbers) or list(numbers) != sorted(numbers):
        raise ValueError(numbers)
    if shard.keys() != {"index", "of"} or about.keys() != {"verb", "job", "total", "shard", "sleuth"}:
        raise ValueError(about.keys())
    if not (isinstance(about["verb"], str) and isinstance(about["sleuth"], str) and isinstance(about["job"], dict)):
        raise TypeError(about)
    return dict(about)


def _has(path: Path, count: int, expected: int) -> str:
    return f"{path}: has {count} of its {counted(expected, 'puzzle')}; make it again"


def _differing(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Names of what differs in two jobs."""
    if first["verb"] != second["verb"]:
        return ["verb"]
    one, other = first["job"] | first, second["job"] | second
    return sorted(key for key in one.keys() | other.keys() if key != "job" and one.get(key) != other.get(key))
