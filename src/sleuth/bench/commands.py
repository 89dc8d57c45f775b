"""What the verbs of the benchmark do: ask models a suite, grade results again, check them, show them side by side."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from sleuth.bench.figures import figures
from sleuth.bench.journal import Journal
from sleuth.bench.models import (
    BASELINES,
    Interface,
    behind_interface,
    check_engine,
    check_interface,
    contestant,
)
from sleuth.bench.prices import DatedPrice, Prices, price_of
from sleuth.bench.regrade import Regraded, problems, regrade, suite_of
from sleuth.bench.result import ModelFacts, Result, Settings, read_result, write_result
from sleuth.bench.run import Budget, run, sampling_of
from sleuth.bench.shards import folder_of, part_of, write_bench_shard
from sleuth.bench.suites import CANARY, Suite, load_suite
from sleuth.bench.tables import as_markdown, show
from sleuth.config import SuiteSize
from sleuth.errors import UserError, counted
from sleuth.files import alone, atomic_write, check_folder, check_output, writing
from sleuth.policy.prompts import check_constrain, check_mode
from sleuth.progress import bar, say, tell
from sleuth.shards import Shard

EXAMPLES = 10
"""Rows that are named where many are wrong or change."""
PAGE_NEEDS = ("jinja2", "vl_convert")
"""Packages that the page of a leaderboard is made with."""


def bench_models(
    models: Sequence[str],
    suite_name: str,
    size: SuiteSize,
    settings: Settings,
    budget: Budget,
    prices: Prices | None,
    interface: Interface,
    device: str,
    out: Path,
    workers: int,
    shard: Shard | None = None,
    levels: Sequence[str] = (),
) -> None:
    """Asks each model what its journal lacks, writes its result, and prints them side by side; or does this for one
    shard of the suite, and keeps that.

    Raises `UserError` for what cannot be asked. After an interruption the same call goes on.
    """
    if not models:
        raise UserError("name a model to ask, or the baselines: sleuth bench guessing solver")
    check_mode(settings.mode)
    check_constrain(settings.mode, settings.constrain)
    sampling_of(settings)
    check_folder(out)
    for model in models:
        if model in BASELINES:
            continue
        if behind_interface(model):
            check_interface(settings)
        else:
            check_engine(model, settings)
        if budget.usd is not None and price_of(prices, model) is None:
            raise UserError(f"--max-cost needs the price of {model}: add it to the price file (--prices FILE)")
    suite = load_suite(suite_name, size, workers, levels)
    say(
        f"{counted(len(suite.base), 'puzzle')}, {counted(len(suite.items) - len(suite.base), 'twin')}, "
        f"hash {suite.hash[:16]}"
    )
    whole, folder = suite, out
    if shard is not None:
        if plain := [model for model in models if model in BASELINES]:
            raise UserError(f"{plain[0]} takes seconds for the whole suite; ask it without --shard")
        suite, folder = part_of(suite, shard), folder_of(out, shard)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for model in models:  # before the first is asked for hours
        check_output(folder / f"{file_name(model, settings)}.json")
    results = []
    for model in models:
        try:
            results.append(_bench(model, suite, settings, budget, prices, interface, device, folder))
        except KeyboardInterrupt:
            say(f"\nstopped; the same command goes on where {model} was interrupted")
            raise
        if shard is not None:
            write_bench_shard(out, file_name(model, settings), suite, whole.facts, results[-1], shard)
    if shard is None:
        show(results)


def regrade_result(path: Path, suite: str | None, out: Path | None) -> None:
    """Grades a result again, prints what changes, and writes the result with today's grades if asked."""
    if out is not None:
        check_output(out, ".json")
    result = read_result(path)
    again = _regraded(result, suite_of(result, suite))
    changed, of = len(again.changed), counted(len(result.rows), "grade")
    tell(f"{changed} of {of} {'changes' if changed == 1 else 'change'}")
    for move, count in again.moves.items():
        tell(f"{count} from {move}")
    for before, after in again.changed[:EXAMPLES]:
        tell(f"{after.puzzle_id}, sample {after.sample}: {before.outcome} to {after.outcome}: {after.detail or '-'}")
    if out is not None:
        write_result(out, again.result)
        say(f"result with today's grades: {out}")


def verify_result(path: Path, suite_file: str | None) -> int:
    """Says what is wrong with a result; 1 if anything is."""
    result = read_result(path)
    suite = suite_of(result, suite_file)
    found = problems(result, suite, _regraded(result, suite))
    for problem in found[:EXAMPLES]:
        tell(problem)
    if found:
        tell(f"{path}: {counted(len(found), 'problem')}")
        return 1
    tell(
        f"{path}: {counted(len(result.rows), 'completion')}, grades and figures follow from them; "
        f"hash {suite.hash[:16]}"
    )
    return 0


def show_leaderboard(paths: Sequence[Path], markdown: Path | None, html: Path | None, suite_file: str | None) -> None:
    """Prints results side by side, and writes the tables if asked."""
    if not paths:
        raise UserError("name result files of sleuth bench: sleuth leaderboard bench/*.json")
    for file, suffix in ((markdown, ".md"), (html, ".html")):
        if file is not None:
            check_output(file, suffix)
    if html is not None and (missing := [name for name in PAGE_NEEDS if importlib.util.find_spec(name) is None]):
        raise UserError(f"the page needs the extra 'train' ({missing[0]} is missing): pip install 'sleuth[train]'")
    results = [read_result(path) for path in paths]
    if len({result.suite.hash for result in results}) > 1:
        raise UserError("the results are about different suites; show those of one suite at a time")
    suite = None if html is None else suite_of(results[0], suite_file)
    show(results)
    if markdown is not None:
        atomic_write(markdown, as_markdown(results).encode())
        say(f"Markdown: {markdown}")
    if html is not None and suite is not None:
        from sleuth.bench.board import render

        puzzles = {item.puzzle.id: item.puzzle for item in suite.items}
        atomic_write(html, render(results, puzzles).encode("utf-8", errors="replace"))
        say(f"page: {html}")


def _regraded(result: Result, suite: Suite) -> Regraded:
    with bar("grading again", len(result.rows)) as advance:
        return regrade(result, suite, advance)


def _bench(
    model: str,
    suite: Suite,
    settings: Settings,
    budget: Budget,
    prices: Prices | None,
    interface: Interface,
    device: str,
    out: Path,
) -> Result:
    if model in BASELINES:  # they answer directly, whatever the settings of the models beside them
        plain = {"mode": "answer", "constrain": False, "effort": None, "thinking_tokens": None}
        settings = settings.model_copy(update=plain)
    path = out / f"{file_name(model, settings)}.json"
    price = price_of(prices, model)
    with alone_with(path):
        journal = open_journal(path, suite, model, settings)
        if behind_interface(model):
            from sleuth.bench.inspect.run import run_interface

            facts = ModelFacts(name=model, kind="interface")
            ask = functools.partial(run_interface, model, interface=interface, logs=out / "logs")
        else:
            asked = contestant(model, [item.puzzle for item in suite.items], settings.seed, device)
            facts, ask = asked.facts, functools.partial(run, asked.policy)
        done = sum(row.fault is None for row in journal.rows.values())
        with bar(f"asking {model}", len(suite.items) * settings.samples, done) as advance:
            stopped = ask(suite, settings, journal, budget, price, advance)
        return store_result(path, suite, facts, settings, price, journal, stopped)


def alone_with(result: Path) -> AbstractContextManager[None]:
    """Keeps other processes from asking for the same result meanwhile. Raises `UserError` where one does."""
    return alone(result.with_name(f".{result.name}.lock"), f"{result}: another process is asking for this result")


def open_journal(result: Path, suite: Suite, model: str, settings: Settings) -> Journal:
    """The journal beside a result, which says in its first line what is asked, of whom, and how. Raises `UserError`
    where one of the two could not be written."""
    path = result.with_suffix(".journal.jsonl")
    check_output(result)
    check_output(path)
    header = {"suite": suite.facts.as_json(), "model": model, **settings.model_dump(mode="json")}
    return Journal(path, header, suite.keys(settings.samples))


def store_result(
    path: Path,
    suite: Suite,
    facts: ModelFacts,
    settings: Settings,
    price: DatedPrice | None,
    journal: Journal,
    stopped: str,
) -> Result:
    """Makes the result of what a journal holds, and writes it. `stopped`: why that is not all, or nothing."""
    order = {item.puzzle.id: place for place, item in enumerate(suite.items)}
    rows = tuple(sorted(journal.rows.values(), key=lambda row: (order[row.puzzle_id], row.sample)))
    result = Result(
        canary=CANARY,
        suite=suite.facts,
        model=facts,
        settings=settings,
        price=price,
        sleuth=importlib.metadata.version("sleuth"),
        date=datetime.now(UTC).date(),
        complete=all(journal.answered(item.puzzle.id, settings.samples) for item in suite.items),
        stopped=stopped,
        summary=figures(suite, settings, rows, price),
        rows=rows,
    )
    write_result(path, result)
    say(f"result: {path}" + (f" ({stopped})" if stopped else ""))
    return result


def file_name(model: str, settings: Settings) -> str:
    """What a result's file is called: model, mode, and what else makes a row of its own."""
    parts = [re.sub(r"[^\w.]+", "-", model).strip("-.") or "model", settings.mode]
    if settings.effort is not None:
        parts.append(settings.effort)
    if settings.thinking_tokens is not None:
        parts.append(f"thinking-{settings.thinking_tokens}")
    return "-".join(parts)
