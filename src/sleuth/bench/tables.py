"""Results side by side, as tables for the terminal. No figure stands without its n."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from sleuth.bench.figures import paired, solved_by_puzzle
from sleuth.bench.result import Result
from sleuth.bench.suites import PLANS, TWINS
from sleuth.bench.summary import Figure, Twins
from sleuth.evaluation.statistics import Interval
from sleuth.progress import tell
from sleuth.puzzles.score import ANSWERED
from sleuth.visible import one_line, table

Sheet = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""Title, headings, rows."""
REASONING = {
    "sentences_true": "sentences true",
    "sentences_derived": "derived",
    "nothing_false": "nothing false",
    "language": "in the prompt's script",
}
"""Figures of reasoning, and their headings."""


def overview(results: Sequence[Result]) -> Sheet:
    """How much each result solves, those that solve most first."""
    rows: list[tuple[str, ...]] = []
    for result in sorted(results, key=_by_solved):
        every = result.summary.all
        rows.append(
            (
                label(result),
                f"{every.solved.n if every.solved else 0} of {every.puzzles}",
                _shown(every.solved),
                _shown(every.share),
            )
        )
    return results[0].suite.title, ("model", "puzzles", "solved", "answers right"), rows


def trusted(results: Sequence[Result]) -> Sheet:
    """How far results can be relied on: the levels without a miss and, for what abstains, misses among the answered."""
    rows: list[tuple[str, ...]] = []
    for result in sorted(results, key=_by_solved):
        perfect, answered = result.summary.perfect, result.summary.answered
        count = sum(result.summary.outcomes.get(outcome, 0) for outcome in ANSWERED)
        rows.append(
            (
                label(result),
                f"{perfect.levels} of {perfect.of}",
                "-" if perfect.lowest_bound is None else f"{perfect.lowest_bound:.1%}",
                _with_n(answered),
                f"{result.summary.errors_of_answered} of {count}",
            )
        )
    headings = ("model", "levels at 100 %", "each at least", "answered", "of them missed")
    return "100 % or not to be trusted", headings, rows


def endings(results: Sequence[Result]) -> Sheet:
    """Completions, twins left out, and those that came to nothing; requests that failed, of twins too."""
    rows: list[tuple[str, ...]] = []
    for result in sorted(results, key=_by_solved):
        every = result.summary.all
        faults = sum(result.summary.faults.values())
        counts = (every.completions, every.format_failures, every.truncated, faults)
        rows.append((label(result), *map(str, counts)))
    return "How completions ended", ("model", "completions", "unreadable", "cut off", "faults"), rows


def spent(results: Sequence[Result]) -> Sheet:
    """Tokens, seconds and dollars of a completion, and dollars of a puzzle solved; twins count, too."""
    rows: list[tuple[str, ...]] = []
    for result in sorted(results, key=_by_solved):
        cost = result.summary.spent
        count = max(1, cost.completions)
        answer = cost.new_tokens - (cost.reasoning_tokens or 0)
        tokens = (cost.prompt_tokens, cost.reasoning_tokens, answer)
        rows.append(
            (
                label(result),
                str(cost.completions),
                *("-" if not some else f"{some / count:.0f}" for some in tokens),
                f"{cost.seconds / count:.3g}",
                *("-" if usd is None else f"{usd:.5f}" for usd in (cost.usd_each, cost.usd_solved)),
            )
        )
    headings = ("model", "n", "prompt", "reasoning", "answer", "seconds", "$ each", "$ solved")
    return "Tokens, seconds and dollars of a completion", headings, rows


def reasoning(results: Sequence[Result]) -> Sheet | None:
    """What is known of sentences and of language, of results in mode `reason`; None without any."""
    rows: list[tuple[str, ...]] = []
    for result in sorted(results, key=_by_solved):
        if result.settings.mode == "reason" and result.summary.legibility:
            said = {name: measured.share for name, measured in result.summary.soundness.items()}
            said |= result.summary.legibility
            rows.append((label(result), *(_with_n(said.get(name)) for name in REASONING)))
    return ("Reasoning", ("model", *REASONING.values()), rows) if rows else None


def by_level(results: Sequence[Result]) -> Sheet:
    """A row for each family and, below it, each of its levels: how many of the puzzles each result solves."""
    ordered = sorted(results, key=_by_solved)
    families: dict[str, dict[str, None]] = {}
    for result in ordered:
        for cell in result.summary.levels:
            families.setdefault(cell.rpartition("/")[0], {})[cell] = None
    rows: list[tuple[str, ...]] = []
    for family, cells in families.items():
        rows.append((family, *(_solved(result.summary.families.get(family)) for result in ordered)))
        rows += [(cell, *(_solved(result.summary.levels.get(cell)) for result in ordered)) for cell in cells]
    return "Puzzles solved, by family and level", ("level", *map(label, ordered)), rows


def twins(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row for each result: what is lost by other names, other words and red herrings."""
    rows = []
    for result in sorted(results, key=_by_solved):
        found = result.summary.twins
        rows.append((label(result), *(_difference(found.get(variant)) for variant in TWINS)))
    return rows


def several(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row for each result with more than one sample of a puzzle: what all of them come to, and one that is chosen."""
    rows = []
    for result in sorted(results, key=_by_solved):
        if (k := result.settings.samples) > 1:
            figures = (result.summary.pass_at, result.summary.majority_at, result.summary.best_at)
            rows.append((f"{label(result)}, {k}", *(_shown(figure.get(k)) for figure in figures)))
    return rows


def differences(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A row for each two results on one suite: second less first, on the puzzles that both have answered."""
    rows: list[tuple[str, ...]] = []
    for first, second in combinations(sorted(results, key=_by_solved), 2):
        if first.suite.hash != second.suite.hash:
            continue
        twins = tuple(f"+{twin}" for twin in TWINS) if first.suite.id in PLANS else ()
        found = paired(
            *({k: v for k, v in solved_by_puzzle(one.rows).items() if not k.endswith(twins)} for one in (first, second))
        )
        if found is not None:
            interval = found.solved
            rows.append(
                (
                    f"{label(second)} less {label(first)}",
                    _points(interval),
                    str(interval.n),
                    f"{found.p_value:.2g}",
                )
            )
    return rows


def label(result: Result) -> str:
    """How a result is named in a table."""
    rounded = f" ({result.model.quantisation})" if result.model.quantisation else ""
    if result.model.kind == "baseline":
        return f"{result.model.name}{rounded}"
    if result.model.kind == "person":
        return f"{result.model.name} (a person)"
    parts = [f"{result.model.name}{rounded}", result.settings.mode]
    if result.settings.effort is not None:
        parts.append(f"effort {result.settings.effort}")
    if result.settings.thinking_tokens is not None:
        parts.append(f"at most {result.settings.thinking_tokens} tokens of thinking")
    return ", ".join(parts)


def remarks(results: Sequence[Result]) -> list[str]:
    """What must be said beside the figures."""
    said = []
    for result in sorted(results, key=_by_solved):
        perfect = result.summary.perfect
        if perfect.lowest_bound is not None:
            said.append(
                f"{label(result)}: {perfect.levels} of {perfect.of} levels at 100 %, each at least "
                f"{perfect.lowest_bound:.1%} (95 % confidence)"
            )
        training = result.model.training
        if training is not None:
            known = [source for source in training.sources if source in result.summary.levels]
            where = f"trained on {', '.join(known)} of this suite" if known else "trained on no level of this suite"
            said.append(f"{label(result)}: {where}, for {training.seconds / 60:.1f} minutes")
        if not result.complete:
            said.append(f"{label(result)}: not complete: {result.stopped}")
        if kinds := result.summary.faults:
            said.append(f"{label(result)}: faults: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}")
    first = results[0].suite
    return [*said, f"suite {first.title}, hash {first.hash[:16]}"]


def sheets(results: Sequence[Result]) -> list[Sheet]:
    """All tables."""
    found = [overview(results), trusted(results), endings(results), spent(results), by_level(results)]
    if (sheet := reasoning(results)) is not None:
        found.append(sheet)
    if any(result.summary.twins for result in results):
        headings = ("twins less puzzles", "other names", "other words", "red herrings")
        found.append(("Puzzles solved by twins, difference in points", headings, twins(results)))
    if rows := several(results):
        headings = ("samples of a puzzle", "pass@k", "majority@k", "best@k")
        found.append(("Puzzles solved, of several samples", headings, rows))
    if pairs := differences(results):
        found.append(("Differences, pair by pair", ("difference", "points", "puzzles", "p"), pairs))
    return found


def show(results: Sequence[Result]) -> None:
    """Prints all tables of results about one suite."""
    from rich.console import Console

    console = Console()
    for title, headings, rows in sheets(results):
        console.print(table(headings, rows, title))
    for line in remarks(results):
        tell(one_line(line))


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


def _by_solved(result: Result) -> tuple[float, str]:
    solved = result.summary.all.solved
    return (-solved.mean if solved else 1.0, result.model.name)


def _shown(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.mean:.1%} [{interval.low:.1%}, {interval.high:.1%}]"


def _solved(figure: Figure | None) -> str:
    return _with_n(None if figure is None else figure.solved)


def _with_n(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.mean:.0%} of {interval.n} (≥ {interval.low:.0%})"


def _difference(found: Twins | None) -> str:
    return "-" if found is None else f"{_points(found.solved)}, {found.solved.n} pairs"


def _points(interval: Interval) -> str:
    """A difference of shares."""
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * end for end in (interval.mean, interval.low, interval.high)))
