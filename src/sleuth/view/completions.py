"""Every stored completion of a run, found by what one looks for.

The Parquet files of a run are the truth. What is filtered, sorted and searched is copied from them into tables of
DuckDB, the newest files first and as long as a caller has time; a completion itself is then read from its file. So
pages come quickly however many completions there are, and memory stays bounded. A file that cannot be read is left out
and named. All that a browser sends goes into parameters, or is one of the names listed here.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sleuth.errors import UserError
from sleuth.grading.legibility import script
from sleuth.runs.rows import RENAMED, with_new_names
from sleuth.view.finding import inside
from sleuth.view.run import Run

PAGE = 50
"""Completions of a page."""
BATCH = 16
"""Files that are taken up at once."""
SEARCHED = 100_000
"""Characters at the beginning of a completion that a search looks at."""
SHOWN = 200_000
"""Characters of a completion or prompt that are sent."""
MOST_TOKENS = 20_000
SNIPPET = 160
AGAIN_S = 2.0
"""Seconds for which no file is looked at again, unless one came or went."""
MOST_OF_GROUP = 64
MOST_OF_PUZZLE = 500
VERDICTS = ("derived", "lucky", "repeated", "false", "unread", "empty", "right", "wrong")
SORTS = {
    "place": "step {d}, file {d}, row",
    "puzzle": "puzzle {d}, step, sample",
    "reward": "reward {d}, step DESC, file, row",
    "advantage": "advantage {d} NULLS LAST, step DESC, file, row",
    "outcome": "outcome {d}, step DESC, file, row",
    "length": "length {d}, step DESC, file, row",
    "script": "foreign_letters {d}, step DESC, file, row",
    "false": "n_false {d}, step DESC, file, row",
    "lucky": "n_lucky {d}, step DESC, file, row",
    "unread": "n_unread {d}, step DESC, file, row",
    "chain": "n_derived {d}, step DESC, file, row",
    "sound": "sound {d} NULLS LAST, step DESC, file, row",
}
"""What a list can be sorted by, to SQL with the direction left open."""
_FIELDS: dict[str, str] = {
    "file": "VARCHAR",
    "row": "INTEGER",
    "source": "VARCHAR",
    "step": "INTEGER",
    "puzzle": "VARCHAR",
    "sample": "INTEGER",
    "outcome": "VARCHAR",
    "reward": "DOUBLE",
    "correct": "BOOLEAN",
    "length": "INTEGER",
    "advantage": "DOUBLE",
    **{f"n_{verdict}": "INTEGER" for verdict in VERDICTS},
    "sound": "DOUBLE",
    "foreign_letters": "INTEGER",
    "snippet": "VARCHAR",
}
"""Columns of a list, to their types."""
_FILE = re.compile(r"(rollouts|evaluations)/([A-Za-z0-9_-]{1,100})\.parquet")
_NEEDED = ("puzzle_id", "sample", "outcome", "reward", "correct", "completion", "spans")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list shows, and in which order; empty texts and None want everything."""

    source: str = ""
    """`training`, or the name of an evaluation."""
    puzzle: str = ""
    """A part of the puzzle's id."""
    outcome: str = ""
    text: str = ""
    """What the completion holds, whatever the case of its letters."""
    step_from: int | None = None
    step_to: int | None = None
    has: str = ""
    """A verdict that one of its spans has, or `script`: letters of another script."""
    steps: tuple[int, ...] | None = None
    """Only these steps (those with an alarm)."""
    sort: str = "place"
    descending: bool = True
    page: int = 0


class Index:
    """The completions of one run."""

    def __init__(self, run: Run, database: duckdb.DuckDBPyConnection, table: str) -> None:
        self.run, self._database, self.table = run, database, table
        self._files: dict[str, tuple[int, int]] = {}
        self._stamped: tuple[float, tuple[int, ...], dict[str, tuple[int, int]]] = (-AGAIN_S, (), {})
        self._counted: dict[tuple[Any, ...], Any] = {}
        """What was counted since the table last changed."""
        self._lock = threading.Lock()
        self.broken: dict[str, str] = {}
        """File to why it cannot be read."""
        columns = ", ".join(f"{name} {kind}" for name, kind in _FIELDS.items())
        with database.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {table} ({columns}, searched VARCHAR)")

    def read_on(self, seconds: float) -> tuple[int, int]:
        """Takes up files that are new or changed, and forgets those that are gone, until that is done or the time is
        over. Gives the number of files taken up and of all."""
        deadline_s = time.monotonic() + seconds
        with self._lock, self._database.cursor() as cursor:
            now = self._stamps()
            for name in [name for name, stamp in self._files.items() if now.get(name) != stamp]:
                cursor.execute(f"DELETE FROM {self.table} WHERE file = ?", [name])
                self.broken.pop(name, None)
                del self._files[name]
                self._counted = {}
            # Evaluations are few; of training, the newest steps are what one opens first.
            fresh = sorted((name for name in now if name not in self._files), key=_newest_first)
            for at in range(0, len(fresh), BATCH):
                names = fresh[at : at + BATCH]
                tables = [table for name in names if (table := self._narrow(name)) is not None]
                if tables:
                    cursor.register("fresh", pa.concat_tables(tables))
                    cursor.execute(f"INSERT INTO {self.table} SELECT * FROM fresh")
                    cursor.unregister("fresh")
                self._files |= {name: now[name] for name in names}
                self._counted = {}
                if time.monotonic() > deadline_s:
                    break
            return len(self._files), len(now)

    def _stamps(self) -> dict[str, tuple[int, int]]:
        """When each file was changed, and its size. A file that comes or goes, or is replaced as Sleuth replaces files,
        changes its folder, so mostly two looks are enough."""
        folders = [self.run.path / name for name in ("rollouts", "evaluations")]
        changed = tuple(folder.stat().st_mtime_ns if folder.is_dir() else 0 for folder in folders)
        looked_s, before, stamps = self._stamped
        if before == changed and time.monotonic() - looked_s < AGAIN_S:
            return stamps
        stamps = {}
        for folder in folders:
            for entry in os.scandir(folder) if folder.is_dir() else ():
                name = f"{folder.name}/{entry.name}"
                if _FILE.fullmatch(name) and entry.is_file():
                    status = entry.stat()
                    stamps[name] = (status.st_mtime_ns, status.st_size)
        self._stamped = time.monotonic(), changed, stamps
        return stamps

    def _narrow(self, name: str) -> pa.Table | None:
        """What is indexed of a file; None for one that cannot be read."""
        training = name.startswith("rollouts/")
        own = ("step", "tokens", "advantage") if training else ("length_tokens",)
        try:
            stored = pq.ParquetFile(inside(self.run.path, self.run.path / name))
            read = with_new_names(stored.read([*_NEEDED, *RENAMED, *own]))
            if missing := [column for column in (*_NEEDED, *own) if column not in read.schema.names]:
                raise UserError(f"columns are missing: {', '.join(missing)}")
            return _indexed(name, read, training)
        except (pa.ArrowException, OSError, UserError, ValueError, KeyError, TypeError) as error:
            self.broken[name] = str(error).split("\n")[0][:200]
            return None

    def page(self, wanted: Wanted) -> tuple[int, list[dict[str, Any]]]:
        """How many completions are wanted, and a page of them."""
        condition, values = _condition(wanted)
        if wanted.sort not in SORTS:
            raise UserError(f"no order {wanted.sort[:40]!r}; there are {', '.join(SORTS)}")
        order = SORTS[wanted.sort].format(d="DESC" if wanted.descending else "ASC")
        counted, key = self._counted, (condition, *map(str, values))
        # The places first: only then are the texts of one page fetched. A search in all texts is done once for the
        # number and the page; without one it is cheaper to count apart, and that once for all orders and pages.
        together = bool(wanted.text) and key not in counted
        number = "count(*) OVER ()" if together else "0"
        sql = f"SELECT rowid, {number} FROM {self.table} WHERE {condition} ORDER BY {order} LIMIT {PAGE} OFFSET ?"
        with self._database.cursor() as cursor:
            found = cursor.execute(sql, [*values, PAGE * max(0, wanted.page)]).fetchall()
            if together and found:
                counted[key] = found[0][1]
            elif key not in counted:
                counted[key] = self._one(cursor, f"SELECT count(*) FROM {self.table} WHERE {condition}", values)[0]
            return counted[key], self._rows(cursor, [place for place, _ in found])

    @staticmethod
    def _one(cursor: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        row: tuple[Any, ...] = cursor.execute(sql, list(values)).fetchall()[0]
        return row

    def _rows(self, cursor: duckdb.DuckDBPyConnection, places: Sequence[int]) -> list[dict[str, Any]]:
        if not places:
            return []
        marks = ", ".join("?" for _ in places)
        sql = f"SELECT rowid, {', '.join(_FIELDS)} FROM {self.table} WHERE rowid IN ({marks})"
        found = {
            row[0]: dict(zip(_FIELDS, row[1:], strict=True)) for row in cursor.execute(sql, list(places)).fetchall()
        }
        return [found[place] for place in places if place in found]

    def of_puzzle(self, puzzle: str) -> list[dict[str, Any]]:
        """Completions of one puzzle, in the order of the run, without their texts."""
        sql = f"SELECT rowid FROM {self.table} WHERE puzzle = ? ORDER BY step, source, sample LIMIT {MOST_OF_PUZZLE}"
        with self._database.cursor() as cursor:
            return self._rows(cursor, [place for (place,) in cursor.execute(sql, [puzzle]).fetchall()])

    def choices(self) -> dict[str, Any]:
        """What there is to choose from: sources, outcomes, and the range of steps."""
        counted = self._counted
        if ("choices",) not in counted:
            counted["choices",] = self._choices()
        return dict(counted["choices",])

    def _choices(self) -> dict[str, Any]:
        with self._database.cursor() as cursor:
            counts = cursor.execute(f"SELECT source, outcome, count(*) FROM {self.table} GROUP BY ALL").fetchall()
            first, last = self._one(cursor, f"SELECT min(step), max(step) FROM {self.table} WHERE step >= 0")
        sources, outcomes = dict[str, int](), dict[str, int]()
        for source, outcome, count in counts:
            sources[source] = sources.get(source, 0) + count
            outcomes[outcome] = outcomes.get(outcome, 0) + count
        return {"sources": sources, "outcomes": outcomes, "first": first, "last": last}

    def read(self, file: str, row: int) -> dict[str, Any]:
        """One completion with everything that is stored of it. Raises `UserError` where there is none."""
        records = self._table(file)
        if not 0 <= row < records.num_rows:
            raise UserError(f"{file}: there is no row {row}")
        return _told(file, row, records.slice(row, 1).to_pylist()[0])

    def group(self, file: str, puzzle: str) -> list[dict[str, Any]]:
        """The completions of a puzzle in one file, by sample."""
        records = self._table(file)
        mask = pc.equal(records["puzzle_id"], puzzle)
        rows = [row for row, same in enumerate(mask.to_pylist()) if same][:MOST_OF_GROUP]
        told = [_told(file, row, records.slice(row, 1).to_pylist()[0]) for row in rows]
        return sorted(told, key=lambda one: one["sample"])

    def _table(self, file: str) -> pa.Table:
        if not _FILE.fullmatch(file):
            raise UserError(f"{file[:100]!r} is no file of completions")
        path = self.run.path / file
        try:
            return with_new_names(pq.ParquetFile(inside(self.run.path, path)).read())
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"{file}: {str(error).splitlines()[0][:200]}") from None


def _newest_first(name: str) -> tuple[bool, int, str]:
    found = re.search(r"_(\d+)\.parquet$", name)
    return name.startswith("rollouts/"), -int(found[1]) if found else 0, name


def _indexed(name: str, read: pa.Table, training: bool) -> pa.Table:
    count = read.num_rows
    source = "training" if training else Path(name).stem
    columns: dict[str, Any] = {
        "file": pa.repeat(name, count),
        "row": pa.array(range(count), pa.int32()),
        "source": pa.repeat(source, count),
        "step": read["step"] if training else pa.repeat(pa.scalar(-1, pa.int32()), count),
        "puzzle": read["puzzle_id"],
        "sample": read["sample"],
        "outcome": read["outcome"],
        "reward": read["reward"],
        "correct": read["correct"],
        "length": pc.list_value_length(read["tokens"]) if training else read["length_tokens"],
        "advantage": read["advantage"] if training else pa.nulls(count, pa.float64()),
    }
    counts = {verdict: pc.count_substring(read["spans"], f'"{verdict}"') for verdict in VERDICTS}
    columns |= {f"n_{verdict}": found for verdict, found in counts.items()}
    seen = pa.repeat(pa.scalar(0, pa.int32()), count)
    for verdict in ("derived", "lucky", "repeated", "false", "empty"):
        seen = pc.add(seen, counts[verdict])
    some = pc.if_else(pc.greater(seen, 0), pc.cast(seen, pa.float64()), pa.scalar(None, pa.float64()))
    columns["sound"] = pc.divide(pc.cast(counts["derived"], pa.float64()), some)
    texts = read["completion"]
    plain = pc.equal(pc.binary_length(texts), pc.utf8_length(texts))
    columns["foreign_letters"] = pa.array(
        [
            0 if ascii_only else _foreign(text.as_py())
            for ascii_only, text in zip(plain.to_pylist(), texts, strict=True)
        ],
        pa.int32(),
    )
    columns["snippet"] = pc.utf8_slice_codeunits(texts, 0, SNIPPET)
    columns["searched"] = pc.utf8_lower(pc.utf8_slice_codeunits(texts, 0, SEARCHED))
    assert list(columns) == [*_FIELDS, "searched"]
    types = {"VARCHAR": pa.string(), "INTEGER": pa.int32(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_()}
    return pa.table({key: pc.cast(value, types[_FIELDS.get(key, "VARCHAR")]) for key, value in columns.items()})


def _foreign(text: str) -> int:
    """Letters at the beginning of a text that are not Latin."""
    return sum(letter.isalpha() and script(letter) != "LATIN" for letter in text[:SEARCHED] if ord(letter) > 127)


def _condition(wanted: Wanted) -> tuple[str, list[Any]]:
    """What is wanted as SQL with parameters."""
    conditions, values = ["true"], list[Any]()
    for text, sql in (
        (wanted.source, "source = ?"),
        (wanted.puzzle, "contains(puzzle, ?)"),
        (wanted.outcome, "outcome = ?"),
        (wanted.text.lower(), "contains(searched, ?)"),
    ):
        if text:
            conditions.append(sql)
            values.append(text)
    for bound, sql in ((wanted.step_from, "step >= ?"), (wanted.step_to, "step <= ?")):
        if bound is not None:
            conditions.append(sql)
            values.append(bound)
    if wanted.steps is not None:
        conditions.append("step IN (SELECT unnest(?::INTEGER[]))")
        values.append(list(wanted.steps))
    if wanted.has == "script":
        conditions.append("foreign_letters > 0")
    elif wanted.has:
        if wanted.has not in VERDICTS:
            raise UserError(f"no mark {wanted.has[:40]!r}; there are {', '.join((*VERDICTS, 'script'))}")
        conditions.append(f"n_{wanted.has} > 0")
    return " AND ".join(conditions), values


def _told(file: str, row: int, record: dict[str, Any]) -> dict[str, Any]:
    """A row as plain data, with what is too long cut off and counted."""
    told: dict[str, Any] = {"file": file, "row": row}
    plain = (
        "puzzle_id",
        "sample",
        "stop",
        "outcome",
        "reward",
        "correct",
        "detail",
        "step",
        "advantage",
        "length_tokens",
    )
    told |= {name: record[name] for name in plain if name in record}
    for name in ("system", "prompt", "completion"):
        text = str(record.get(name) or "")
        told[name], told[f"{name}_left_out"] = text[:SHOWN], max(0, len(text) - SHOWN)
    for name, empty in (("answers", {}), ("right", {}), ("gold", {}), ("turns", [])):
        told[name] = _json(record.get(name), empty)
    told["spans"] = _json(record.get("spans"), [])
    skipped = sum(record.get("turn_tokens") or [])
    for name in ("tokens", "logprobs", "ratios"):
        told[name] = (record.get(name) or [])[skipped:][:MOST_TOKENS]
    told["length"] = record.get("length_tokens", len(record.get("tokens") or []))
    told["source"] = "training" if file.startswith("rollouts/") else Path(file).stem
    return told


def _json(text: Any, empty: Any) -> Any:
    """What a JSON column holds, if it is of the kind that it should be."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return empty
    return value if isinstance(value, type(empty)) else empty
