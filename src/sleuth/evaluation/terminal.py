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
from sleuth.evaluation.summary import (
    answering,
    compare,
    completed,
    difference_told,
    shared_rows,
    summarise,
    turn_label,
)
from sleuth.progress import say, tell
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
    `UserError` for a file without completions, and where no puzzle is in both or one asks something else in each."""
    *both, every = shared_rows(_stored(first), _stored(second))
    if not both[0]:
        raise UserError(f"{first} and {second} have no puzzle in common, so there is nothing to compare")
    pages, asked = ({row.puzzle_id: (row.prompt, row.gold) for row in rows} for rows in both)
    for puzzle, (page, gold) in pages.items():
        other_page, other_gold = asked[puzzle]
        if gold.keys() != other_gold.keys():
            raise UserError(f"{first} and {second}: puzzle {puzzle} has other questions in each, so it is not the same")
        if page == other_page and gold != other_gold:
            raise UserError(f"{first} and {second}: puzzle {puzzle} has the same page and other answers in each")
    difference, one, other = compare(*both), *map(summarise, both)
    lines = [
        (named, *map(_shown, (getattr(one, key), getattr(other, key))), difference_told(key, getattr(difference, key)))
        for key, named in (("strict", "puzzles solved"), ("share", "answers right"), ("readable", "readable"))
    ]
    tokens = (f"{found.length_tokens.mean:.1f}" for found in (one, other))
    lines.append(("tokens", *tokens, difference_told("length_tokens", difference.length_tokens)))
    count = difference.strict.n
    left_out = f" that both asked, of {every}" * (count < every)
    headings = ("", "first", "second", "second less first")
    Console().print(table(headings, lines, f"{counted(count, 'puzzle')}{left_out}"))
    if changed := sum(page != asked[puzzle][0] for puzzle, (page, _) in pages.items()):
        tell(f"{counted(changed, 'puzzle')} on another page in each: in other words, or with other names")
    if all(len(rows) == count for rows in both):
        solved = [{row.puzzle_id for row in rows if row.correct} for rows in both]
        alone = (len(solved[0] - solved[1]), len(solved[1] - solved[0]))
        tell(f"solved by the first alone: {alone[0]}; by the second alone: {alone[1]}")


def _stored(file: Path) -> list[EvaluationRow]:
    """The completions of an evaluation. Raises `UserError` where there are none."""
    every = read_parquet(EvaluationRow, file)
    rows = completed(every)
    if not rows:
        raise UserError(f"{file} holds no completions, so there is nothing to compare")
    if faults := len(every) - len(rows):
        say(f"{file}: left out {counted(faults, 'request')} without a completion (faults of an interface)")
    return rows


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
