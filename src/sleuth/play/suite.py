"""A person in a benchmark: the puzzles of a suite one after another in the terminal, without hints, as a result."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sleuth.bench.commands import alone_with, open_journal, store_result
from sleuth.bench.journal import Journal
from sleuth.bench.result import ModelFacts, Result, Settings
from sleuth.bench.run import row_of
from sleuth.bench.suites import Suite
from sleuth.errors import UserError, shortened
from sleuth.files import NO_FILE_NAME, check_folder, is_file_name, writing
from sleuth.play.terminal import ask_questions, show
from sleuth.policy.base import Rollout, StopReason
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.zebra.zebralogic.answer_grid import write_answers

SETTINGS = Settings(
    mode="answer",
    samples=1,
    seed=0,
    temperature=0.0,
    top_k=0,
    top_p=1.0,
    max_new_tokens=0,
    until="end",
    constrain=False,
)
"""People write no tokens."""
HELP = "Answer each question, or type: board, case, give up (this case), stop (go on another day)."
TWINS = "people are not asked twins, which would tell them what they have just worked out"


def play_suite(
    suite: Suite, name: str, out: Path, read: Callable[[str], str], write: Callable[[str], None]
) -> Result | None:
    """Asks a person what their journal lacks, until they stop, and writes their result: a file that is read as those of
    models are. None where nothing has been answered yet.

    Raises `UserError` for a name that is no name of a file, and for puzzles without clues and rules.
    """
    if not is_file_name(name):
        raise UserError(f"--name {shortened(name)!r}: {NO_FILE_NAME}")
    for item in suite.base:
        get_family(item.puzzle.family)
    check_folder(out)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    facts = ModelFacts(name=name, kind="person")
    path = out / f"{name}-person.json"
    with alone_with(path):
        journal = open_journal(path, suite, facts.name, SETTINGS)
        stopped = _ask(suite, journal, read, write)
        return store_result(path, suite, facts, SETTINGS, None, journal, stopped) if journal.rows else None


def _ask(suite: Suite, journal: Journal, read: Callable[[str], str], write: Callable[[str], None]) -> str:
    """Why not everything was asked, or nothing."""
    left = [item.puzzle for item in suite.base if not journal.answered(item.puzzle.id, 1)]
    for number, puzzle in enumerate(left, start=len(suite.base) - len(left) + 1):
        write(f"\nCase {number} of {len(suite.base)}\n\n{show(puzzle)}\n\n{HELP}")
        started_s = time.monotonic()
        try:
            given = ask_questions(puzzle, read, write)
        except (EOFError, KeyboardInterrupt):
            given = None
        if given is None:
            return "stopped by the player"
        rollout = Rollout((), (), (), StopReason.END, write_answers(puzzle, given))
        row = row_of(puzzle, SETTINGS, 0, rollout, time.monotonic() - started_s)
        journal.add([row])
        write(f"{sum(row.right.values())} of {len(row.right)} right.")
    return TWINS if len(suite.items) > len(suite.base) else ""
