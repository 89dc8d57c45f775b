"""A page of the completions that people ask to see: illegible ones, language switches, collapsed lengths, lucky
guesses, and the longest sound chain; each with its figures, found among all rollouts of some runs.

Where no run has what a part is about, the part says so and shows the nearest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sleuth.errors import UserError, counted
from sleuth.grading.legibility import legibility
from sleuth.progress import say, track
from sleuth.runs.directory import RunDirectory
from sleuth.runs.rows import RolloutRow
from sleuth.view.finding import Runs
from sleuth.visible import visible

SHOWN = 1_200
"""Characters of a completion that are shown."""
EACH = 2
"""Completions of a part, of different puzzles."""
COLLAPSED = 0.5
"""Share of its first length that a collapsed completion has at most."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A completion, what ranks it, and its figures in words."""

    rank: float
    """The lower, the more it is what a part is about."""
    run: str
    row: RolloutRow
    figures: str


@dataclass(frozen=True, slots=True)
class _Part:
    title: str
    about: str
    holds: Callable[[Exhibit], bool]
    """Whether a completion really is what the part is about."""
    exhibit: Callable[[str, RolloutRow, float], Exhibit | None]
    """Of a run, a row, and the mean length of the run's first step."""


def gallery(folder: Runs) -> str:
    """The page as Markdown. Raises `UserError` where no run has stored a rollout."""
    best: dict[str, list[Exhibit]] = {part.title: [] for part in PARTS}
    seen, runs = 0, set[str]()
    for name, rows, first_length in _steps(folder):
        runs.add(name)
        for row in rows:
            seen += 1
            for part in PARTS:
                if (one := part.exhibit(name, row, first_length)) is not None:
                    best[part.title] = _kept([*best[part.title], one])
    if not seen:
        raise UserError(f"{folder.root}: no run here has stored a rollout")
    parts = ["# Gallery\n", f"Found by `sleuth gallery` among {seen:,} rollouts of {counted(len(runs), 'run')}.\n"]
    for part in PARTS:
        parts += _written(part, best[part.title])
    return "\n".join(parts)


def _steps(folder: Runs) -> Iterator[tuple[str, list[RolloutRow], float]]:
    """The rollouts of every step of every run, and the mean length in the run's first stored step."""
    for name, path in folder.all().items():
        try:
            run = RunDirectory.open(path)
        except UserError as error:
            say(f"left out: {error}")
            continue
        first = 0.0
        steps = [step for phase, step in run.rollout_steps() if phase == "grpo"]
        for step in track(steps, name, len(steps)):
            try:
                rows = run.read_rollouts("grpo", step)
            except UserError as error:
                say(f"left out: {error}")
                continue
            first = first or sum(row.length_tokens for row in rows) / max(1, len(rows))
            yield name, rows, first


def _kept(exhibits: Iterable[Exhibit]) -> list[Exhibit]:
    """The best, one of each puzzle."""
    kept: dict[str, Exhibit] = {}
    for one in sorted(
        exhibits, key=lambda each: (each.rank, each.run, each.row.step, each.row.puzzle_id, each.row.sample)
    ):
        kept.setdefault(one.row.puzzle_id, one)
    return list(kept.values())[:EACH]


def _written(part: _Part, exhibits: list[Exhibit]) -> Iterator[str]:
    yield f"## {part.title}\n"
    yield f"{part.about}\n"
    if not exhibits:
        yield "No rollout has sentences to judge, so there is nothing to show.\n"
        return
    if not any(map(part.holds, exhibits)):
        yield "**No run here shows one. The nearest:**\n"
    for one in exhibits:
        row = one.row
        where = f"Run `{_plain(one.run)}`, step {row.step}, puzzle `{_plain(row.puzzle_id)}`, sample {row.sample}"
        yield f"{where}: {one.figures}. Outcome: {row.outcome}.\n"
        text = visible(row.completion[:SHOWN]) + (" …" if len(row.completion) > SHOWN else "")
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        yield f"{fence}text\n{text}\n{fence}\n"


def _plain(name: str) -> str:
    return visible(name).replace("`", "'")


def _illegible(run: str, row: RolloutRow, first: float) -> Exhibit | None:
    if len(row.completion.split()) < 8:
        return None
    share = legibility(row.completion, row.prompt).repetition
    return Exhibit(share, run, row, f"{share:.0%} of its runs of four words were not written before")


def _switched(run: str, row: RolloutRow, first: float) -> Exhibit | None:
    share = legibility(row.completion, row.prompt).language
    return Exhibit(share, run, row, f"{share:.0%} of its letters are of the prompt's scripts")


def _collapsed(run: str, row: RolloutRow, first: float) -> Exhibit | None:
    share = row.length_tokens / max(first, 1.0)
    return Exhibit(
        share, run, row, f"{counted(row.length_tokens, 'token')}, where the run's first step had {first:.0f} on average"
    )


def _verdicts(row: RolloutRow) -> list[str]:
    return [verdict for *_, verdict in row.spans]


def _lucky(run: str, row: RolloutRow, first: float) -> Exhibit | None:
    verdicts = _verdicts(row)
    if not row.correct or not verdicts:
        return None
    unsound = sum(verdict in ("lucky", "false") for verdict in verdicts)
    return Exhibit(
        -unsound, run, row, f"every answer is right, and {unsound} of {len(verdicts)} sentences are false or lucky"
    )


def _chain(run: str, row: RolloutRow, first: float) -> Exhibit | None:
    verdicts = _verdicts(row)
    if "derived" not in verdicts or set(verdicts) & {"false", "lucky", "unread"}:
        return None
    count = verdicts.count("derived")
    return Exhibit(-count, run, row, f"{count} derived sentences, none false, lucky or unread")


PARTS = (
    _Part("Illegible reasoning", "The text that goes in circles most.", lambda one: one.rank < 0.5, _illegible),
    _Part(
        "A language switch",
        "The most letters of a script that the prompt has not.",
        lambda one: one.rank < 1,
        _switched,
    ),
    _Part(
        "Collapsed length",
        "The shortest completion, measured by what the run began with.",
        lambda one: one.rank <= COLLAPSED,
        _collapsed,
    ),
    _Part("Lucky guesses", "Right answers behind the most unsound reasoning.", lambda one: one.rank < 0, _lucky),
    _Part(
        "The longest sound chain", "The most derived sentences with nothing wrong among them.", lambda one: True, _chain
    ),
)
