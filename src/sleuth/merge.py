"""Merging shards: what one machine would have written or said.

Shards of `make` hold the first draw of every key. Which draws are doubles is only known when all are there, so merging
draws those again, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from sleuth.datasets.audit import Finding, audit_all, overview
from sleuth.datasets.explanations import Explainer, explain_all
from sleuth.datasets.files import check_output as check_puzzles
from sleuth.datasets.files import read_puzzles, write_puzzles
from sleuth.datasets.folder import check_dataset, is_folder, write_dataset
from sleuth.datasets.make import PuzzleSpec, first_draws, without_doubles
from sleuth.errors import UserError, counted
from sleuth.files import atomic_open, check_output
from sleuth.progress import say, tell, track
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_task
from sleuth.puzzles.task import Made
from sleuth.shards import Header, Job, Shard, file_facts, read_job, write_shard


def merge(paths: Sequence[Path], out: Path | None, workers: int = 0) -> int:
    """Merges the shards of a job into `out`, where it writes something. Returns the exit code: 1 for an audit that
    found an unsound puzzle. Raises `UserError` for files that are not all shards of one job, and before any work where
    `out` could not be written."""
    job = read_job(paths)
    if job.header.verb not in MERGERS:
        raise UserError(f"{paths[0]}: no verb that is merged: {job.header.verb!r}")
    if workers and not (job.header.verb == "make" and out is not None and is_folder(out)):
        raise UserError("--workers is for data sets (make, --out FOLDER), which are audited; leave it out")
    code = MERGERS[job.header.verb](job, out, workers)
    say(
        f"{counted(job.header.total, 'puzzle')} of {counted(job.header.shard.of, 'shard')}"
        + (f": {out}" if out is not None else "")
    )
    return code


def make_shard(spec: PuzzleSpec, shard: Shard, path: Path, workers: int) -> int:
    """Writes the first draws of a shard's keys."""
    numbers = shard.range(spec.count)
    spec = replace(spec, family=get_task(spec.family).id)
    draws = first_draws([(spec, index) for index in numbers], workers)
    records = (_plain(made) for made in track(draws, f"making shard {shard}", len(numbers)))
    return write_shard(path, Header("make", asdict(spec), spec.count, shard), records)


def _plain(made: Made) -> dict[str, Any]:
    return {"puzzle": made.puzzle.model_dump(mode="json"), "digest": made.digest, "attempt": made.attempt}


def _made(record: dict[str, Any]) -> Made:
    return Made(Puzzle.model_validate(record["puzzle"]), record["digest"], record["attempt"])


def audit_shard(file: Path, minimal: bool, shard: Shard, path: Path, workers: int) -> None:
    """Audits a shard of a file's puzzles."""
    puzzles = read_puzzles(file)
    numbers = shard.range(len(puzzles))
    found = audit_all(puzzles[numbers.start : numbers.stop], minimal, workers)
    records = map(asdict, track(found, f"auditing shard {shard}", len(numbers)))
    write_shard(path, Header("audit", {**file_facts(file), "minimal": minimal}, len(puzzles), shard), records)
    say(f"{counted(len(numbers), 'puzzle')} of shard {shard} in {path}")


def explain_shard(file: Path, explainer: Explainer, shard: Shard, path: Path, workers: int) -> None:
    """Explains a shard of a file's puzzles."""
    puzzles = read_puzzles(file)
    numbers = shard.range(len(puzzles))
    found = explain_all(puzzles[numbers.start : numbers.stop], explainer, workers)
    records = track(found, f"explaining shard {shard}", len(numbers))
    write_shard(path, Header("explain", {**file_facts(file), **asdict(explainer)}, len(puzzles), shard), records)
    say(f"{counted(len(numbers), 'puzzle')} of shard {shard} in {path}")


def _make(job: Job, out: Path | None, workers: int) -> int:
    with job.reading_header():
        spec = TypeAdapter(PuzzleSpec).validate_python(job.header.job)
    spec.check()
    if spec.count != job.header.total:
        raise UserError(f"{job.paths[0]}: its header speaks of {spec.count} and of {job.header.total} puzzles")
    out = _needed(out, "puzzles .jsonl, .parquet or a folder")
    if folder := is_folder(out):
        check_dataset(out, spec)
    else:
        check_puzzles(out)
    again = 0

    def draws() -> Iterator[Made]:
        yield from track(job.read(_made), "merging", spec.count)

    def puzzles() -> Iterator[Puzzle]:
        nonlocal again
        slots = ((spec, index) for index in range(spec.count))
        for drawn, made in without_doubles(slots, draws()):
            again += made is not drawn
            yield made.puzzle

    if folder:
        write_dataset(out, spec, puzzles(), workers)
    else:
        write_puzzles(out, puzzles())
    say(f"{counted(again, 'double')} drawn again")
    return 0


def _audit(job: Job, out: Path | None, workers: int) -> int:
    _not_needed(out, "audit")
    return report(job.read(Finding.of))


def report(findings: Iterator[Finding]) -> int:
    """Prints findings as they come, and what they come to. The exit code of an audit."""
    found = []
    for finding in findings:
        found.append(finding)
        for line in finding.lines():
            tell(line)
    tell("\n".join(overview(found)))
    return 1 if any(finding.problems for finding in found) else 0


def _explain(job: Job, out: Path | None, workers: int) -> int:
    write_lines(_needed(out, "explanations .jsonl"), job.read(dict))
    return 0


def write_lines(path: Path, records: Iterator[Any]) -> None:
    """Writes records as JSONL as they come, all or nothing."""
    check_output(path, ".jsonl")
    with atomic_open(path) as file:
        for record in records:
            file.write(f"{json.dumps(record, ensure_ascii=False)}\n".encode())


def _eval(job: Job, out: Path | None, workers: int) -> int:
    from sleuth.evaluation.shards import EvaluationJob, parquet, rows_of
    from sleuth.evaluation.terminal import show_evaluation

    if out is not None:
        check_output(out, ".parquet")
    with job.reading_header():
        said = TypeAdapter(EvaluationJob).validate_python(job.header.job)
    found = list(job.read(lambda record: (Puzzle.model_validate(record["puzzle"]), rows_of(record))))
    puzzles, rows = [puzzle for puzzle, _ in found], [row for _, some in found for row in some]
    show_evaluation(puzzles, said.label, rows, said.mode, said.retries, said.sampling.seed[0])
    if out is not None:
        with atomic_open(out) as file:
            file.write(parquet(rows, said.template_time))
    return 0


def _bench(job: Job, out: Path | None, workers: int) -> int:
    from sleuth.bench.shards import merge_result
    from sleuth.bench.tables import show

    show([merge_result(job, _needed(out, "a result a folder"))])
    return 0


MERGERS: Mapping[str, Callable[[Job, Path | None, int], int]] = {
    "make": _make,
    "audit": _audit,
    "explain": _explain,
    "eval": _eval,
    "bench": _bench,
}
"""By the verb of the shards."""


def _needed(out: Path | None, what: str) -> Path:
    if out is None:
        raise UserError(f"name what is written: --out, for {what}")
    return out


def _not_needed(out: Path | None, verb: str) -> None:
    if out is not None:
        raise UserError(f"{verb} writes no file; leave out --out")
