"""What `sleuth play` and `sleuth book` do."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from sleuth.bench.suites import load_suite
from sleuth.bench.tables import show as show_results
from sleuth.datasets.files import read_puzzle
from sleuth.datasets.make import PuzzleSpec, check_count, first_level, make_puzzles
from sleuth.errors import UserError, counted, installing
from sleuth.files import atomic_write, check_output
from sleuth.play.book import book
from sleuth.play.catalog import SPLIT, Catalog, case_of, number_of_today, offers
from sleuth.play.export import check_target, export
from sleuth.play.pages import case_name
from sleuth.play.pdf import find_browser, printed
from sleuth.play.suite import play_suite
from sleuth.play.terminal import play
from sleuth.progress import bar, say, tell, track
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family, get_task
from sleuth.visible import visible

FAMILY, LEVEL = "temporal-clue", "2"
"""What is played in the terminal where nothing else is asked for."""


def play_in_terminal(family: str | None, level: str | None, seed: int | None, file: Path | None, number: int) -> None:
    """One case, typed and printed."""
    if file is not None:
        puzzle = read_puzzle(file, number)
    else:
        family = family or FAMILY
        level = level or (LEVEL if LEVEL in get_task(family).levels else first_level(family))
        puzzle = case_of(family, level, number_of_today() if seed is None else seed)
    play(puzzle, _ask, tell)


def play_suite_in_terminal(suite: str, level: str | None, name: str, out: Path) -> None:
    """All puzzles of a suite, or of one of its levels, typed and printed; then the figures so far."""
    result = play_suite(load_suite(suite, levels=() if level is None else (level,)), name, out, _ask, tell)
    if result is not None:
        show_results([result])


def play_in_browser(family: str | None, level: str | None, port: int, run: Path | None) -> None:
    """Serves the game until Ctrl-C."""
    if missing := [module for module in ("starlette", "uvicorn") if importlib.util.find_spec(module) is None]:
        raise UserError(f"the browser needs the extra 'serve' ({missing[0]} is missing): {installing('serve')}")
    from sleuth.play.site import play_site
    from sleuth.web.site import run_site

    run_site(play_site(Catalog(offers(family, level), _tried(run))), "play", port)


def export_game(
    folder: Path, family: str | None, level: str | None, seed: int | None, count: int, run: Path | None
) -> None:
    """Writes the game as files."""
    check_count(count)
    check_target(folder)
    offered, tried = offers(family, level), _tried(run)
    total = len(tried) + count * sum(len(offer.levels) for offer in offered)
    with bar("making cases", total) as advance:
        made = export(folder, offered, number_of_today() if seed is None else seed, count, tried, advance=advance)
    say(f"{counted(made, 'case')}: {folder / 'index.html'}")


def make_book(family: str, level: str | None, count: int, seed: int, out: Path) -> None:
    """Writes a book of cases: HTML, or a PDF where a browser can print it."""
    check_output(out, ".html", ".pdf")
    browser = find_browser() if out.suffix == ".pdf" else ""
    get_family(family)
    spec = PuzzleSpec(family, level or first_level(family), SPLIT, seed, count)
    puzzles = list(track(make_puzzles(spec), "making cases", count))
    html = book(puzzles, f"Sleuth: {case_name(puzzles[0])}")
    atomic_write(out, printed(html, browser) if browser else html.encode())
    say(f"{counted(count, 'case')}: {out}")


def _ask(prompt: str) -> str:
    """`input` with a prompt that says what puzzles of others say."""
    return input(visible(prompt))


def _tried(run: Path | None) -> list[tuple[Puzzle, list[dict[str, Any]]]]:
    if run is None:
        return []
    if missing := [module for module in ("torch",) if importlib.util.find_spec(module) is None]:
        raise UserError(f"runs need the extra 'train' ({missing[0]} is missing): {installing('train')}")
    from sleuth.play.attempts import attempts_of

    return attempts_of(run)
