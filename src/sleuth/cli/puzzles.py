"""Verbs about puzzles: make, retell, show, solve, explain, audit, check, import, play."""

from __future__ import annotations

import sys
from pathlib import Path

from sleuth.cli.app import app
from sleuth.config import Goal, Names, Telling
from sleuth.errors import UserError
from sleuth.progress import say, track


@app.command(name="make")
def make_command(
    family: str,
    /,
    *,
    out: Path,
    level: str | None = None,
    split: str = "train",
    count: int = 100,
    seed: int = 0,
    style: str = "plain",
    names: Names = "themed",
    difficulty: bool = False,
    workers: int = 0,
) -> None:
    """Make puzzles, each proved to have one answer.

    Parameters
    ----------
    family
        `temporal-clue`, `zebra`, or a task of reasoning-gym (extra `gym`), such as `reasoning-gym/chain_sum`.
    out
        File to write: .jsonl or .parquet.
    level
        How hard: 1 to 5, or `reference` (temporal-clue); tasks of reasoning-gym have `default` only. By default the
        family's first.
    split
        `train`, `val` or `test`; no puzzle of one is in another.
    count
        How many, all different.
    seed
        Another seed, other puzzles.
    style
        Sentence style: `plain`, `terse`, `witness`, or `mixed` for one of these drawn per puzzle; for temporal-clue
        `varied`, another layout on each page and several wordings, and `original`, pages, names and statement kinds
        as in 2025.
    names
        `themed`, those of the style's own pages; `pool` (temporal-clue), out of lists; `coined`, made up.
    difficulty
        Explain each, too, and store in its metadata how hard it is; that may take longer than making it.
    workers
        Processes; 0 takes all cores. The file is the same for any number.
    """
    from sleuth.datasets.files import check_suffix, write_puzzles
    from sleuth.datasets.make import PuzzleSpec, first_level, make_puzzles

    check_suffix(out)
    order = PuzzleSpec(family, level or first_level(family), split, seed, count, style, names, difficulty)
    order.check()
    write_puzzles(out, list(track(make_puzzles(order, workers), "making puzzles", count)))
    say(f"{count} puzzles in {out}")


@app.command
def retell(file: Path, /, *, out: Path, style: str | None = None, names: int | None = None) -> None:
    """Tell the puzzles of a file again, in another style or under other names: same cases, clues and ids.

    Parameters
    ----------
    file
        A file of puzzles.
    out
        File to write: .jsonl or .parquet.
    style
        Sentence style, as for `make`; by default each puzzle's own.
    names
        Seed of other names; by default the names stay.
    """
    from sleuth.datasets.files import check_suffix, read_puzzles, write_puzzles
    from sleuth.puzzles.retell import retold

    check_suffix(out)
    if style is None and names is None:
        raise UserError("say what is to change: --style, --names, or both")
    puzzles = read_puzzles(file)
    write_puzzles(out, [retold(puzzle, style, names) for puzzle in track(puzzles, "telling again", len(puzzles))])
    say(f"{len(puzzles)} puzzles in {out}")


@app.command
def show(file: Path, /, *, number: int = 0, solution: bool = False) -> None:
    """Show a puzzle of a file as people like to read it, with its board.

    Parameters
    ----------
    file
        A file of puzzles.
    number
        Which puzzle, from 0.
    solution
        Show the answers and the solved board, too.
    """
    from sleuth.datasets.files import read_puzzle
    from sleuth.play import show as shown

    print(shown(read_puzzle(file, number), solution))


@app.command
def solve(file: str = "-", /) -> None:
    """Answer a puzzle's text with the solver.

    Parameters
    ----------
    file
        A text file with one puzzle's page; `-` reads standard input.
    """
    from sleuth.files import read_text
    from sleuth.puzzles.solve import solve_text

    solution = solve_text(sys.stdin.read() if file == "-" else read_text(Path(file)))
    for letter, answer in solution.answers.items():
        print(f"{letter}. {answer}")
    print()
    print(solution.board())


@app.command
def explain(
    file: Path,
    /,
    *,
    number: int = 0,
    telling: Telling = "numbered",
    goal: Goal = "world",
    optimal: bool = False,
) -> None:
    """Explain a puzzle: steps to its solution, each proved, and minimal in what it cites.

    Parameters
    ----------
    file
        A file of puzzles.
    number
        Which puzzle, from 0.
    telling
        `numbered` steps that refer to clues and steps, `full` sentences, or `short` lines; `page-order`, `spelled` and
        `state` go through the clues in the order of the page instead.
    goal
        Where the steps lead: the whole `world`, or what settles the `questions`.
    optimal
        Take the cheapest next step each time, not only a cheap one: for small puzzles.
    """
    from sleuth.datasets.files import read_puzzle
    from sleuth.puzzles.explain import difficulty, tell
    from sleuth.puzzles.explain import explain as explained
    from sleuth.puzzles.tellings import reasoning

    puzzle = read_puzzle(file, number)
    explanation = explained(puzzle, goal, optimal)
    if telling == "page-order" or telling == "spelled" or telling == "state":
        lines = reasoning(puzzle, telling, explanation.page, goal)
    else:
        lines = tell(explanation, telling, str(puzzle.meta.get("style", "plain")))
    print("\n".join(lines))
    found = difficulty(explanation)
    print(
        f"\nsteps: {found.steps}; most clues in a step: {found.largest}; steps with two clues or more: "
        f"{found.several:.0%}; suppositions within one another: {found.depth}"
    )


@app.command
def audit(file: Path, /, *, minimal: bool = False, workers: int = 0) -> int:
    """Check every puzzle of a file from its text alone, with another solver: one world, and the stored answers.

    Exits with 1 if a puzzle is unsound. Remarks change nothing about that: they say which pages in the format of 2025
    have several worlds if read in plain English, where "A or B" may be both.

    Parameters
    ----------
    file
        A file of puzzles.
    minimal
        Demand, too, that no clue can be dropped.
    workers
        Processes; 0 takes all cores.
    """
    from sleuth.datasets.audit import audit_all, overview
    from sleuth.datasets.files import read_puzzles

    puzzles = read_puzzles(file)
    findings = []
    for finding in track(audit_all(puzzles, minimal, workers), "auditing", len(puzzles)):
        findings.append(finding)
        for problem in finding.problems:
            print(f"{finding.id}: {problem}")
        for remark in finding.remarks:
            print(f"{finding.id}: remark: {remark}")
    print("\n".join(overview(findings)))
    return 1 if any(finding.problems for finding in findings) else 0


@app.command
def check(family: str, /, *, level: list[str] | None = None) -> int:
    """Check that a family keeps what every family promises: sound, unique, readable, reproducible, gradable puzzles.

    Exits with 1 if a promise is broken. This is for families of your own; Sleuth's are tested with the same checks.

    Parameters
    ----------
    family
        Its name or id, as it was registered by an installed package (entry points of the group `sleuth.families`).
    level
        Only this level; may be given more than once.
    """
    from sleuth.contract import verdicts

    broken = 0
    for verdict in verdicts(family, level or ()):
        print(verdict, flush=True)
        broken += bool(verdict.problem)
    say(f"{family}: {broken} promises are broken" if broken else f"{family} keeps every promise")
    return 1 if broken else 0


@app.command(name="import")
def import_command(source: str, file: Path, /, *, out: Path) -> None:
    """Read puzzles of another maker.

    Parameters
    ----------
    source
        `temporal-clue`: the format of 2025, a JSON list of num_clues, prompt and solution.
    file
        The file to read.
    out
        File to write: .jsonl or .parquet.
    """
    from sleuth.datasets.files import check_suffix, write_puzzles
    from sleuth.datasets.original import FAMILY, import_original
    from sleuth.errors import nearest

    if source != FAMILY:
        raise UserError(f"unknown source {source!r}; {nearest(source, [FAMILY])}")
    check_suffix(out)
    puzzles = import_original(file)
    write_puzzles(out, puzzles)
    say(f"{len(puzzles)} puzzles in {out}")


@app.command
def play(
    family: str = "temporal-clue",
    /,
    *,
    level: str = "2",
    seed: int | None = None,
    file: Path | None = None,
    number: int = 0,
) -> None:
    """Solve a case yourself, with hints and a verdict.

    Parameters
    ----------
    family
        Puzzle family.
    level
        How hard.
    seed
        Another seed, another case; by default a new one each day.
    file
        Take the case from a file of puzzles instead.
    number
        Which puzzle of the file, from 0.
    """
    import datetime

    from sleuth.datasets.files import read_puzzle
    from sleuth.play import play as played
    from sleuth.puzzles.generate import make_puzzle

    if file is not None:
        puzzle = read_puzzle(file, number)
    else:
        day = datetime.date.today().toordinal() if seed is None else seed
        puzzle = make_puzzle(family, level, "train", day, 0).puzzle
    played(puzzle, input, print)
