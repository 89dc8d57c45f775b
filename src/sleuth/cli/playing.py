"""Verbs for who solves cases: play, book."""

from __future__ import annotations

from pathlib import Path

from sleuth.cli.app import Whole, app, refuse_unread
from sleuth.errors import UserError


@app.command
def play(
    family: str | None = None,
    /,
    *,
    level: str | None = None,
    seed: Whole | None = None,
    file: Path | None = None,
    number: Whole = 0,
    browser: bool = False,
    port: Whole = 8047,
    run: Path | None = None,
    export: Path | None = None,
    count: Whole = 20,
    suite: str | None = None,
    name: str = "me",
    out: Path = Path("bench"),
) -> None:
    """Solve a case yourself, in the terminal or in the browser, with hints, and have it graded.

    Parameters
    ----------
    family
        Puzzle family; by default `temporal-clue` in the terminal, and all families in the browser.
    level
        Level of the family; by default 2 (or its first) in the terminal, and the first three in the browser.
    seed
        Seed of the case; by default there is a new case each day, the same for everybody. With `--export`: of the first
        case of each level.
    file
        Take the case from this file of puzzles instead (terminal).
    number
        Number of the puzzle in the file, from 0.
    browser
        Serve the game to a browser on this machine (extra `serve`), until Ctrl-C.
    port
        Port of that; 0: any that is free.
    run
        Also offer the cases that the model of this run was evaluated on, and what it wrote about them (browser,
        export).
    export
        Write the game to this folder, as files that play from disk or from any web host.
    count
        Number of cases of each level to export.
    suite
        Play the puzzles of this suite of `sleuth bench` (`sleuth-bench@1`, or a file) one after another, without hints
        (terminal). Your answers become a result for `sleuth leaderboard`. The same command goes on where you stopped.
    name
        Your name in that result.
    out
        Folder for that result.
    """
    from sleuth.play.commands import export_game, play_in_browser, play_in_terminal, play_suite_in_terminal

    if suite is not None:
        not_for_suites = ["family", "seed", "file", "number", "browser", "port", "run", "export", "count"]
        refuse_unread(play, locals(), not_for_suites, "is not for a --suite")
        play_suite_in_terminal(suite, level, name, out)
        return
    refuse_unread(play, locals(), ["name", "out"], "is for a --suite")
    if browser and export is not None:
        raise UserError("take --browser or --export")
    if (browser or export is not None) and file is not None:
        raise UserError("--file is for the terminal; leave --browser and --export out")
    given = locals()
    if file is None:
        refuse_unread(play, given, ["number"], "is that of a puzzle in a --file")
    else:
        refuse_unread(play, given, ["family", "level", "seed"], "is of a new case, and --file takes one that is there")
    if not browser:
        refuse_unread(play, given, ["port"], "is for --browser")
    if export is None:
        refuse_unread(play, given, ["count"], "is for --export")
    if browser:
        refuse_unread(play, given, ["seed"], "is not for --browser, where the player chooses the case")
    if export is not None:
        export_game(export, family, level, seed, count, run)
    elif browser:
        play_in_browser(family, level, port, run)
    elif run is not None:
        raise UserError("--run is for the browser: add --browser or --export")
    else:
        play_in_terminal(family, level, seed, file, number)


@app.command
def book(
    family: str = "temporal-clue", /, *, out: Path, level: str | None = None, count: Whole = 20, seed: Whole = 0
) -> None:
    """Make a book of cases to print: board, clues and a notebook to pencil in, with the answers at the end.

    Parameters
    ----------
    family
        Name or id of a puzzle family.
    out
        File to write: .html, or .pdf where Chromium or Chrome is installed.
    level
        Level of the family; by default its first.
    count
        Number of cases, all different.
    seed
        Seed of the cases.
    """
    from sleuth.play.commands import make_book

    make_book(family, level, count, seed, out)
