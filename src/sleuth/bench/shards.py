"""A benchmark on many machines: each asks a part of the suite, and merging makes one result of the parts."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sleuth.bench.figures import figures
from sleuth.bench.prices import DatedPrice
from sleuth.bench.regrade import check_rows
from sleuth.bench.result import ModelFacts, Result, Row, Settings, SuiteFacts, write_result
from sleuth.bench.suites import CANARY, Item, Suite
from sleuth.errors import UserError, counted
from sleuth.files import check_folder, writing
from sleuth.progress import say
from sleuth.puzzles.puzzle import Puzzle
from sleuth.shards import SUFFIX, Header, Job, Shard, write_shard


def part_of(suite: Suite, shard: Shard) -> Suite:
    """The items of a shard. Raises `UserError` for more shards than items."""
    numbers = shard.range(len(suite.items))
    return replace(suite, items=suite.items[numbers.start : numbers.stop])


def folder_of(out: Path, shard: Shard) -> Path:
    """Where a shard's journals and its own results are, so that it can be resumed."""
    return out / f"shard-{shard.index}-of-{shard.of}"


def write_bench_shard(out: Path, name: str, suite: Suite, facts: SuiteFacts, result: Result, shard: Shard) -> None:
    """Keeps a result about a part of a suite as a shard. `suite`: the part; `facts`: of the whole.

    Raises `UserError` where something is missing: the same command then asks for that.
    """
    if not result.complete:
        why = result.stopped or "some completions are faults"
        raise UserError(f"shard {shard} of {result.model.name} is not complete ({why}); run the same command again")
    job = {
        "name": name,
        "suite": facts.as_json(),
        "model": result.model.model_dump(mode="json"),
        **result.settings.model_dump(mode="json"),
        "price": None if result.price is None else result.price.model_dump(mode="json"),
    }
    path = out / f"{name}-{shard.index}-of-{shard.of}{SUFFIX}"
    write_shard(path, Header("bench", job, facts.items, shard), _records(suite, result))
    say(f"{counted(len(suite.items), 'item')} of shard {shard} in {path}")


def merge_result(job: Job, out: Path) -> Result:
    """Writes the result of all shards into a folder. Raises `UserError` for shards of another suite than they say."""
    check_folder(out)
    said = job.header.job
    with job.reading_header():
        name = str(said["name"])
        if not name or Path(name).name != name or "\0" in name:
            raise ValueError(name)
        facts, model = SuiteFacts.model_validate(said["suite"]), ModelFacts.model_validate(said["model"])
        settings = Settings.model_validate({key: said[key] for key in Settings.model_fields if key in said})
        price = None if said["price"] is None else DatedPrice.model_validate(said["price"])
    found = list(job.read(_read))
    items, rows = [item for item, _ in found], [row for _, some in found for row in some]
    suite = Suite(facts.id, facts.size, tuple(items), facts.levels)
    if suite.hash != facts.hash:
        raise UserError(f"the shards' items are not those of {facts.id}: hash {suite.hash[:16]}, not {facts.hash[:16]}")
    check_rows(suite, settings, rows)
    result = Result(
        canary=CANARY,
        suite=facts,
        model=model,
        settings=settings,
        price=price,
        sleuth=importlib.metadata.version("sleuth"),
        date=datetime.now(UTC).date(),
        complete=True,
        summary=figures(suite, settings, rows, price),
        rows=tuple(rows),
    )
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    write_result(out / f"{name}.json", result)
    return result


def _read(record: dict[str, Any]) -> tuple[Item, list[Row]]:
    item = Item(Puzzle.model_validate(record["puzzle"]), record["variant"], record["of"])
    return item, [Row.model_validate(row) for row in record["rows"]]


def _records(suite: Suite, result: Result) -> Iterator[Mapping[str, Any]]:
    rows: dict[str, list[Any]] = {item.puzzle.id: [] for item in suite.items}
    for row in result.rows:
        rows[row.puzzle_id].append(row.model_dump(mode="json"))
    for item in suite.items:
        puzzle = item.puzzle.model_dump(mode="json")
        yield {"puzzle": puzzle, "variant": item.variant, "of": item.of, "rows": rows[item.puzzle.id]}
