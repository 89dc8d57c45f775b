"""Results side by side, as tables for the terminal. No figure stands without its n."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from sleuth.bench.figures import paired, solved_by_puzzle
from sleuth.bench.result import Result

if TYPE_CHECKING:
    from rich.table import Table

Sheet = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""Title, headings, rows."""


def overview(results: Sequence[Result]) -> Sheet:
    """How much each result solves, those that solve most first."""
    suite = results[0].suite
    rows: list[tuple[str, ...]] = []
    for result in sorted(results, key=_by_solved):
        every, perfect = result.summary["all"], result.summary["perfect"]
        rows.append(
            (
                label(result),
                f"{(every['solved'] or {'n': 0})['n']} of {every['puzzles']}",
                _shown(every["solved"]),
                _shown(every["share"]),
                f"{perfect['levels']} of {perfect['of']}",
            )
        )
    headings = ("model", "puzzles", "solved", "answers right", "levels at 100 %")
    return f"{suite.id} {suite.size}".strip(), headings, rows


def spent(results: Sequence[Result]) -> Sheet:
    """Completions that came to nothing, tokens and dollars; twins count in the last three."""
    rows: list[tuple[str, ...]] = []
    for result in sorted(results, key=_by_solved):
        every, cost = result.summary["all"], result.summary["spent"]
        tokens = (cost["prompt_tokens"] + cost["new_tokens"]) / max(1, cost["completions"])
        rows.append(
            (
                label(result),
                str(every["completions"]),
                str(every["format_failures"]),
                str(every["truncated"]),
                str(sum(result.summary["faults"].values())),
                f"{tokens:.0f}" if tokens else "-",
                *("-" if cost[key] is None else f"{cost[key]:.5f}" for key in ("usd_each", "usd_solved")),
            )
        )
    headings = ("model", "completions", "unreadable", "cut off", "faults", "tokens each", "$ each", "$ solved")
    return "What it took", headings, rows


def by_level(results: Sequence[Result]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings, and a row for each level: its puzzles, and how many each result solves."""
    ordered = sorted(results, key=_by_solved)
    cells: dict[str, None] = {}
    for result in ordered:
        cells |= dict.fromkeys(result.summary["levels"])
    rows = [
        (cell, *(_with_n(result.summary["levels"].get(cell, {}).get("solved")) for result in ordered)) for cell in cells
    ]
    return ("level", *map(label, ordered)), rows


def twins(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row for each result: what is lost by other names, other words and red herrings."""
    rows = []
    for result in sorted(results, key=_by_solved):
        found = result.summary["twins"]
        rows.append((label(result), *(_difference(found.get(variant)) for variant in ("names", "words", "herrings"))))
    return rows


def several(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row for each result with more than one sample of a puzzle: what all of them come to, and one that is chosen."""
    rows = []
    for result in sorted(results, key=_by_solved):
        if (k := str(result.settings.samples)) != "1":
            figures = (result.summary.get(name, {}).get(k) for name in ("pass_at", "majority_at", "best_at"))
            rows.append((f"{label(result)}, {k}", *map(_shown, figures)))
    return rows


def differences(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row for each two results on one suite: second less first, on the puzzles that both have answered."""
    rows: list[tuple[str, ...]] = []
    for first, second in combinations(sorted(results, key=_by_solved), 2):
        if first.suite.hash != second.suite.hash:
            continue
        found = paired(
            *({k: v for k, v in solved_by_puzzle(one.rows).items() if "+" not in k} for one in (first, second))
        )
        if found is not None:
            interval = found.solved
            rows.append(
                (
                    f"{label(second)} less {label(first)}",
                    f"{interval.mean:+.1%} [{interval.low:+.1%}, {interval.high:+.1%}]",
                    str(interval.n),
                    f"{found.p_value:.2g}",
                )
            )
    return rows


def label(result: Result) -> str:
    """How a result is named in a table."""
    rounded = f" ({result.model.quantisation})" if result.model.quantisation else ""
    return (
        f"{result.model.name}{rounded}"
        if result.model.kind == "baseline"
        else f"{result.model.name}{rounded}, {result.settings.mode}"
    )


def remarks(results: Sequence[Result]) -> list[str]:
    """What must be said beside the figures."""
    said = []
    for result in sorted(results, key=_by_solved):
        perfect = result.summary["perfect"]
        if perfect["levels"]:
            said.append(
                f"{label(result)}: {perfect['levels']} of {perfect['of']} levels at 100 %, each at least "
                f"{perfect['lowest_bound']:.1%} (95 % confidence)"
            )
        training = result.model.training
        if training is not None:
            known = [source for source in training.sources if source in result.summary["levels"]]
            where = f"trained on {', '.join(known)} of this suite" if known else "trained on no level of this suite"
            said.append(f"{label(result)}: {where}, for {training.seconds / 60:.1f} minutes")
        if not result.complete:
            said.append(f"{label(result)}: not complete: {result.stopped}")
        if kinds := result.summary["faults"]:
            said.append(f"{label(result)}: faults: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}")
    first = results[0].suite
    return [*said, f"suite {first.id}, hash {first.hash[:16]}"]


def sheets(results: Sequence[Result]) -> list[Sheet]:
    """All tables."""
    found = [overview(results), spent(results), ("Puzzles solved, by level", *by_level(results))]
    if any(result.summary["twins"] for result in results):
        headings = ("twins less puzzles", "other names", "other words", "red herrings")
        found.append(("Puzzles solved by twins", headings, twins(results)))
    if rows := several(results):
        headings = ("samples of a puzzle", "pass@k", "majority@k", "best@k")
        found.append(("Puzzles solved, of several samples", headings, rows))
    if pairs := differences(results):
        found.append(("Differences, pair by pair", ("difference", "puzzles solved", "puzzles", "p"), pairs))
    return found


def show(results: Sequence[Result]) -> None:
    """Prints all tables of results about one suite."""
    from rich.console import Console

    console = Console()
    for title, headings, rows in sheets(results):
        console.print(_table(headings, rows, title))
    for line in remarks(results):
        console.print(line, markup=False, highlight=False)


def as_markdown(results: Sequence[Result]) -> str:
    """The same tables in Markdown. Names of models are text, whatever they hold."""
    lines = []
    for title, headings, rows in sheets(results):
        lines += [f"## {title}", ""]
        lines += [_markdown_row(headings), _markdown_row(["---"] * len(headings)), *map(_markdown_row, rows), ""]
    lines += [f"- {_plain(line)}" for line in remarks(results)]
    return "\n".join(lines) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """Text without anything that Markdown or HTML reads as more."""
    return re.sub(r"([\\|<>&*_`\[\]$])", lambda found: f"&#{ord(found[1])};", " ".join(text.split()))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(*map(escape, headings), title=escape(title))
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _by_solved(result: Result) -> tuple[float, str]:
    solved = result.summary["all"]["solved"]
    return (-solved["mean"] if solved else 1.0, result.model.name)


def _shown(interval: Mapping[str, Any] | None) -> str:
    return "-" if interval is None else f"{interval['mean']:.1%} [{interval['low']:.1%}, {interval['high']:.1%}]"


def _with_n(interval: Mapping[str, Any] | None) -> str:
    return "-" if interval is None else f"{interval['mean']:.0%} of {interval['n']} (≥ {interval['low']:.0%})"


def _difference(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    interval = found["solved"]
    return f"{interval['mean']:+.1%} [{interval['low']:+.1%}, {interval['high']:+.1%}] of {interval['n']}"
