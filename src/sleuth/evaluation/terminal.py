"""Evaluations in the terminal: a model's figures with guessing and the solver beside them, or two models compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sleuth.config import Mode
from sleuth.errors import UserError, counted
from sleuth.evaluation.difficulty import by_difficulty
from sleuth.evaluation.evaluate import evaluate_baselines, graded_by
from sleuth.evaluation.selection import best_at, ks, majority_at, pass_at
from sleuth.evaluation.statistics import Interval
from sleuth.evaluation.summary import answering, compare, completed, shared_rows, summarise, turn_label
from sleuth.progress import tell
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.temporal_clue.original.grader import grade_original, pages_of_2025
from sleuth.runs.rows import EvaluationRow, read_parquet
from sleuth.visible import table


def show_evaluation(
    puzzles: Sequence[Puzzle], label: str, rows: list[EvaluationRow], mode: Mode, retries: int, seed: int
) -> None:
    """Prints the figures of a model, with guessing and the solver beside it."""
    results = evaluate_baselines(puzzles, seed)
    results[label] = rows
    told = "; wrong answers had another turn, and what was solved at once is below" * (mode == "reason" and retries > 0)
    title = f"{counted(len(puzzles), 'puzzle')}{told}"
    lines = []
    for named, found in results.items():
        summary = summarise(found)
        tokens = f"{summary.length_tokens.mean:.0f}" if summary.length_tokens.mean else "-"
        lines.append((named, _shown(summary.share), _shown(summary.strict), f"{summary.readable.mean:.1%}", tokens))
    headings = ("", "answers right", "puzzles solved", "readable", "tokens")
    Console().print(table(headings, lines, title), *_breakdowns(results, puzzles, mode))
    if mode == "program":
        answers = answering(rows)
        line = (_shown(answers.answered), _shown(answers.right), str(answers.errors))
        title = f"{counted(retries, 'retry', 'retries')} at most"
        Console().print(table(("answered", "solved, of those", "errors among them"), [line], title))
    if several := ks(1 + max(row.sample for row in rows)):
        known = {puzzle.id: puzzle for puzzle in puzzles}
        chosen = []
        for k in several:
            figures = (pass_at(rows, k), majority_at(rows, k, known), best_at(rows, k, mode))
            chosen.append((str(k), *map(_shown, figures)))
        by_k = ("samples", "pass@k", "majority@k", "best@k")
        Console().print(table(by_k, chosen, "puzzles solved, of several samples"))
    if retries:
        turns = summarise(rows, retries).turns.items()
        shown = [(turn_label(figure).lower(), _shown(interval)) for figure, interval in turns]
        Console().print(table(("turns", "of all completions"), shown))


def show_comparison(first: Path, second: Path) -> None:
    """Prints two stored evaluations beside one another, and what the second does better, puzzle by puzzle. Raises
    `UserError` for a file that holds none, and where no puzzle is in both."""
    stored = [completed(read_parquet(EvaluationRow, file)) for file in (first, second)]
    *both, every = shared_rows(*stored)
    if not both[0]:
        raise UserError(f"{first} and {second} have no puzzle in common, so there is nothing to compare")
    difference, one, other = compare(*both), *map(summarise, both)
    lines = [
        (named, *map(_shown, (getattr(one, key), getattr(other, key))), _signed(getattr(difference, key), 100))
        for key, named in (("strict", "puzzles solved"), ("share", "answers right"), ("readable", "readable"))
    ]
    tokens = (f"{found.length_tokens.mean:.1f}" for found in (one, other))
    lines.append(("tokens", *tokens, _signed(difference.length_tokens, 1)))
    count = difference.strict.n
    left_out = f" that both asked, of {every}" * (count < every)
    headings = ("", "first", "second", "difference, points")
    Console().print(table(headings, lines, f"{counted(count, 'puzzle')}{left_out}"))
    first_alone, second_alone = _solved(both[0]) - _solved(both[1]), _solved(both[1]) - _solved(both[0])
    tell(f"solved by the first alone: {len(first_alone)}; by the second alone: {len(second_alone)}")


def _solved(rows: Sequence[EvaluationRow]) -> set[str]:
    """The puzzles that are solved in every completion."""
    return {row.puzzle_id for row in rows} - {row.puzzle_id for row in rows if not row.correct}


def _signed(interval: Interval, scale: int) -> str:
    mean, low, high = (scale * end for end in (interval.mean, interval.low, interval.high))
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def _shown(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.mean:.1%} [{interval.low:.1%}, {interval.high:.1%}]"


def _breakdowns(results: Mapping[str, list[EvaluationRow]], puzzles: Sequence[Puzzle], mode: Mode) -> Iterator[Table]:
    """Further tables of an evaluation, where the puzzles give cause: the grades of 2025, success by difficulty."""
    pages = {} if mode == "program" else pages_of_2025(puzzles)
    again = {label: graded_by(grade_original, rows, pages) for label, rows in results.items()}
    if again and all(again.values()):
        count = len({row.puzzle_id for rows in again.values() for row in rows})
        title = (
            f"{counted(count, 'page')} of the format of 2025, as its grader held the answers (times never for right)"
        )
        summaries = {label: summarise(rows) for label, rows in again.items()}
        lines = [(label, _shown(found.share), _shown(found.strict)) for label, found in summaries.items()]
        yield table(("", "answers right", "puzzles solved"), lines, title)
    thirds = {label: by_difficulty(rows, puzzles) for label, rows in results.items()}
    first = next(iter(thirds.values()))
    if first:
        by_third = [
            (
                f"{third.low} to {third.high}",
                str(third.strict.n),
                *(_shown(some[place].strict) for some in thirds.values()),
            )
            for place, third in enumerate(first)
        ]
        yield table(("steps to explain", "puzzles", *thirds), by_third, "puzzles solved, by difficulty")
