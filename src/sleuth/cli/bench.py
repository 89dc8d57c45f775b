"""Verbs of the benchmark: bench, regrade, verify, leaderboard."""

from __future__ import annotations

from pathlib import Path

from sleuth.cli.app import GREEDY, SamplingOptions, Whole, app, refuse_unread
from sleuth.config import Effort, Mode, SuiteSize


@app.command
def bench(
    *models: str,
    suite: str = "sleuth-bench@1",
    size: SuiteSize = "small",
    level: list[str] | None = None,
    mode: Mode = "answer",
    samples: Whole = 1,
    seed: Whole = 0,
    prices: Path | None = None,
    max_cost: float | None = None,
    max_tokens: Whole | None = None,
    effort: Effort | None = None,
    thinking_tokens: Whole | None = None,
    max_retries: Whole = 3,
    timeout: Whole = 300,
    connections: Whole = 16,
    drawing: SamplingOptions = GREEDY,
    workers: Whole = 0,
    out: Path = Path("bench"),
    shard: str | None = None,
) -> None:
    """Measure how well models deduce, in a frozen suite. The same command resumes an interrupted benchmark.

    Parameters
    ----------
    models
        `guessing`, `solver`, `smollm2-135m`, Hugging Face ids, local folders, runs' `model` folders, or models behind
        an interface by their name in Inspect: `openai/gpt-5`, `openai-api/NAME/MODEL` (extra `inspect`).
    suite
        `sleuth-bench@1`, or a file of puzzles.
    size
        `small`, or `full`: about nine times as many puzzles.
    level
        Ask only this level of every family that has it; may be given several times. By default all. The result says so,
        and its hash is that of the part.
    mode
        `answer`, `reason`, `program` or `python` (runs under bubblewrap). The baselines always answer directly.
    samples
        Completions per puzzle; more than one gives pass@k, majority@k and best@k, and needs a temperature.
    seed
        Seed of the sampling.
    prices
        File of prices (TOML), for figures in dollars.
    max_cost
        Dollars after which nothing more is asked.
    max_tokens
        Tokens, of prompts and completions, after which nothing more is asked.
    effort
        Reasoning effort, for models behind an interface that have one; a row of its own.
    thinking_tokens
        Most tokens of reasoning, for models behind an interface that have such a bound; a row of its own.
    max_retries
        How often a request to an interface is repeated after a failure that may pass.
    timeout
        Longest wait for one reply of an interface, in seconds.
    connections
        Requests to an interface that are under way at once.
    workers
        Number of processes that make the suite; 0: one per core.
    out
        Folder for results.
    shard
        Ask only part 3 of 100 with `3/100`, for `sleuth merge`. Budgets are a shard's.
    """
    from sleuth.bench.commands import bench_models
    from sleuth.bench.models import Interface, behind_interface
    from sleuth.bench.prices import read_prices
    from sleuth.bench.result import make_settings
    from sleuth.bench.run import Budget
    from sleuth.bench.suites import PLANS
    from sleuth.shards import parse_shard

    given = locals()
    if not any(map(behind_interface, models)):
        names = ["effort", "thinking_tokens", "max_retries", "timeout", "connections"]
        refuse_unread(bench, given, names, "is for models behind an interface, such as openai/…")
    if suite not in PLANS:
        refuse_unread(bench, given, ["size", "level", "workers"], "is for frozen suites, and this one is a file")
    part = None if shard is None else parse_shard(shard)
    drawing.sampling(seed)  # which refuses what no model can sample with
    budget = Budget(max_tokens, max_cost)
    settings = make_settings(
        mode=mode,
        samples=samples,
        seed=seed,
        temperature=drawing.temperature,
        top_k=drawing.top_k,
        top_p=drawing.top_p,
        max_new_tokens=drawing.max_new_tokens,
        until=drawing.until,
        constrain=drawing.constrain,
        effort=effort,
        thinking_tokens=thinking_tokens,
    )
    interface = Interface(max_retries, timeout, connections)
    found = None if prices is None else read_prices(prices)
    bench_models(
        models, suite, size, settings, budget, found, interface, drawing.device, out, workers, part, level or ()
    )


@app.command
def regrade(result: Path, /, *, suite: str | None = None, out: Path | None = None) -> None:
    """Grade the completions of a benchmark's result again with today's grader, and show what changes.

    Parameters
    ----------
    result
        A result file of `sleuth bench`.
    suite
        The file of puzzles that it is about; a frozen suite is made again.
    out
        File for the result with the new grades: .json.
    """
    from sleuth.bench.commands import regrade_result

    regrade_result(result, suite, out)


@app.command
def verify(result: Path, /, *, suite: str | None = None) -> int:
    """Check a benchmark's result: suite, grades and figures must follow from its completions. Exit code 1 if not.

    Parameters
    ----------
    result
        A result file of `sleuth bench`.
    suite
        The file of puzzles that it is about; a frozen suite is made again.
    """
    from sleuth.bench.commands import verify_result

    return verify_result(result, suite)


@app.command
def leaderboard(
    *results: Path, markdown: Path | None = None, html: Path | None = None, suite: str | None = None
) -> None:
    """Show results of `sleuth bench` side by side.

    Parameters
    ----------
    results
        Result files.
    markdown
        File for the same tables in Markdown: .md.
    html
        File for a page with tables, charts and examples that needs no network: .html.
    suite
        For the page: the file of puzzles that the results are about; a frozen suite is made again.
    """
    from sleuth.bench.commands import show_leaderboard

    if html is None:
        refuse_unread(leaderboard, locals(), ["suite"], "is for the page (--html)")

    show_leaderboard(results, markdown, html, suite)
