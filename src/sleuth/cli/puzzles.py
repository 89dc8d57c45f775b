"""Verbs about puzzles: make, retell, show, solve, explain, audit, check, import."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sleuth.cli.app import Whole, app, refuse_unread
from sleuth.config import Goal, Names, Telling
from sleuth.errors import UserError, counted
from sleuth.files import check_output as check_file
from sleuth.progress import say, tell, track


@app.command(name="make")
def make_command(
    family: str,
    /,
    *,
    out: Path,
    level: str | None = None,
    split: str = "train",
    count: Whole = 100,
    seed: Whole = 0,
    style: str = "plain",
    names: Names = "themed",
    difficulty: bool = False,
    workers: Whole = 0,
    shard: str | None = None,
) -> None:
    """Make puzzles, each proved to have one answer: a file, or a data set that `datasets.load_dataset` reads.

    Parameters
    ----------
    family
        Name or id of a puzzle family (`temporal-clue`, `zebra@1`), or a task of reasoning-gym
        (`reasoning-gym/chain_sum`).
    out
        File to write: .jsonl or .parquet. Without a suffix: a folder for Parquet with a card; its puzzles are audited,
        and further splits, levels and families can be added to it.
    level
        Level of the family; by default its first.
    split
        `train`, `val` or `test`; no puzzle is in two of them.
    count
        Number of puzzles, all different.
    seed
        Seed of the puzzles.
    style
        Sentence style of the family, or `mixed` for one per puzzle.
    names
        `themed`: those of the style's own pages. `pool` (temporal-clue): from long lists. `coined`: half made up.
    difficulty
        Also explain each puzzle and store its difficulty. This may take longer than making it.
    workers
        Number of processes; 0: one per core. The file is the same for any number.
    shard
        Make only part 3 of 100 with `3/100`, for `sleuth merge`. The file ends in .shard.
    """
    from sleuth.datasets.files import check_output, write_puzzles
    from sleuth.datasets.folder import check_dataset, is_folder, write_dataset
    from sleuth.datasets.make import PuzzleSpec, first_level, make_puzzles
    from sleuth.merge import make_shard
    from sleuth.shards import check_shard_output, parse_shard

    spec = PuzzleSpec(family, level or first_level(family), split, seed, count, style, names, difficulty)
    spec.check()
    if shard is not None:
        part = parse_shard(shard)
        check_shard_output(out)
        say(f"{counted(make_shard(spec, part, out, workers), 'puzzle')} of shard {part} in {out}")
        return
    folder = is_folder(out)
    if folder:
        check_dataset(out, spec)
    else:
        check_output(out)
    puzzles = track(make_puzzles(spec, workers), "making puzzles", count)
    if folder:
        write_dataset(out, spec, puzzles, workers)
    else:
        write_puzzles(out, puzzles)
    say(f"{counted(count, 'puzzle')} in {out}")


@app.command
def retell(file: Path, /, *, out: Path, style: str | None = None, names: Whole | None = None) -> None:
    """Write the puzzles of a file again in another style or with other names; statements and ids stay the same.

    Parameters
    ----------
    file
        A file of puzzles.
    out
        File to write: .jsonl or .parquet.
    style
        Sentence style, as for `make`; by default each puzzle's own.
    names
        Seed of the new names; by default the names stay the same.
    """
    from sleuth.datasets.files import check_output, read_puzzles, write_puzzles
    from sleuth.puzzles.retell import retold

    check_output(out)
    if style is None and names is None:
        raise UserError("say what is to change: --style, --names, or both")
    puzzles = read_puzzles(file)
    write_puzzles(out, (retold(puzzle, style, names) for puzzle in track(puzzles, "retelling", len(puzzles))))
    say(f"{counted(len(puzzles), 'puzzle')} in {out}")


@app.command
def show(file: Path, /, *, number: Whole = 0, solution: bool = False, board: Path | None = None) -> None:
    """Show a puzzle of a file in readable form, with its board.

    Parameters
    ----------
    file
        A file of puzzles.
    number
        Number of the puzzle in the file, from 0.
    solution
        Also show the answers and the solved board.
    board
        Write the board as a picture to this file (.svg), and nothing else.
    """
    from sleuth.datasets.files import read_puzzle
    from sleuth.files import atomic_write, check_output
    from sleuth.play.terminal import board_svg
    from sleuth.play.terminal import show as shown

    if board is None:
        tell(shown(read_puzzle(file, number), solution))
        return
    check_output(board, ".svg")
    atomic_write(board, board_svg(read_puzzle(file, number), solution).encode())
    say(f"board: {board}")


@app.command
def solve(file: Annotated[str, Parameter(allow_leading_hyphen=True)] = "-", /) -> None:
    """Answer the text of a puzzle with the solver.

    Parameters
    ----------
    file
        A text file with the page of one puzzle; `-`: standard input.
    """
    from sleuth.files import read_text
    from sleuth.puzzles.solve import solve_text

    if file == "-":
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8-sig")  # whatever the terminal's is
        try:
            text = sys.stdin.read()
        except UnicodeDecodeError:
            raise UserError("standard input: not a text (UTF-8)") from None
    else:
        text = read_text(Path(file))
    solution = solve_text(text)
    for letter, answer in solution.answers.items():
        tell(f"{letter}. {answer}")
    tell()
    tell(solution.board())


@app.command
def explain(
    file: Path,
    /,
    *,
    number: Whole = 0,
    telling: Telling = "numbered",
    goal: Goal = "world",
    optimal: bool = False,
    out: Path | None = None,
    workers: Whole = 0,
    shard: str | None = None,
) -> None:
    """Explain a puzzle, or all of a file, in proved steps. Nothing that a step cites can be left out.

    Parameters
    ----------
    file
        A file of puzzles.
    number
        Number of the puzzle in the file, from 0.
    telling
        Wording. `numbered`: steps refer to clues and steps. `full`: whole sentences. `short`: short lines.
        `page-order`, `spelled` and `state` go through the clues in the order of the page.
    goal
        Where the steps lead: the whole `world`, or only as far as the `questions` need.
    optimal
        Take the cheapest next step each time. For small puzzles only.
    out
        File for the explanations of all puzzles: .jsonl.
    workers
        With `--out`: number of processes; 0: one per core.
    shard
        Explain only part 3 of 100 with `3/100`, for `sleuth merge`. The file (`--out`) ends in .shard.
    """
    from sleuth.datasets.explanations import Explainer, explain_all
    from sleuth.datasets.files import read_puzzle, read_puzzles
    from sleuth.merge import explain_shard, write_lines
    from sleuth.shards import needed_shard

    if shard is None and out is None:
        refuse_unread(explain, locals(), ["workers"], "is for all puzzles of a file, with --out")
    else:
        refuse_unread(explain, locals(), ["number"], "is for one puzzle, and --out takes all of the file")
    explainer = Explainer(telling, goal, optimal)
    if shard is not None:
        part, path = needed_shard(shard, out)
        explain_shard(file, explainer, part, path, workers)
    elif out is not None:
        check_file(out, ".jsonl")
        puzzles = read_puzzles(file)
        write_lines(out, track(explain_all(puzzles, explainer, workers), "explaining", len(puzzles)))
        say(f"{counted(len(puzzles), 'explanation')} in {out}")
    else:
        lines, found = explainer(read_puzzle(file, number))
        tell("\n".join(lines))
        tell(
            f"\nsteps: {found.steps}; most clues in a step: {found.largest}; steps with two clues or more: "
            f"{found.several:.0%}; suppositions within one another: {found.depth}"
        )


@app.command
def audit(
    file: Path,
    /,
    *,
    minimal: bool = False,
    workers: Whole = 0,
    out: Path | None = None,
    shard: str | None = None,
) -> int:
    """Check every puzzle of a file from its text alone with a second solver: exactly one world, and the stored answers.

    The exit code is 1 if a puzzle is unsound. Remarks do not change it. They name pages in the format of 2025 that have
    several worlds in plain English, where "A or B" allows both, and imported puzzles with a question that a clue
    answers.

    Parameters
    ----------
    file
        A file of puzzles.
    minimal
        Also check that no clue can be left out.
    workers
        Number of processes; 0: one per core.
    out
        File of the shard: .shard. Only with `--shard`.
    shard
        Audit only part 3 of 100 with `3/100`, for `sleuth merge`, which reports what all parts found.
    """
    from sleuth.datasets.audit import audit_all
    from sleuth.datasets.files import read_puzzles
    from sleuth.merge import audit_shard, report
    from sleuth.shards import needed_shard

    if shard is not None:
        part, path = needed_shard(shard, out)
        audit_shard(file, minimal, part, path, workers)
        return 0
    if out is not None:
        raise UserError("audit prints what it finds; --out is for --shard")
    puzzles = read_puzzles(file)
    return report(track(audit_all(puzzles, minimal, workers), "auditing", len(puzzles)))


@app.command
def check(family: str, /, *, level: list[str] | None = None) -> int:
    """Check that a family keeps what every family promises: sound, unique, readable, reproducible, gradable puzzles.

    The exit code is 1 if a promise is broken. This is for families of your own; the tests check those of Sleuth in the
    same way.

    Parameters
    ----------
    family
        Name or id of a family that an installed package registers (entry points of the group `sleuth.families`).
    level
        Check only this level; can be given more than once.
    """
    from sleuth.contract import verdicts

    broken = 0
    for verdict in verdicts(family, level or ()):
        tell(verdict)
        broken += bool(verdict.problem)
    say(
        f"{family}: {counted(broken, 'promise is', 'promises are')} broken"
        if broken
        else f"{family} keeps every promise"
    )
    return 1 if broken else 0


@app.command(name="import")
def import_command(source: str, file: Path, /, *, out: Path) -> None:
    """Import puzzles in another format.

    Parameters
    ----------
    source
        `temporal-clue`: the format of 2025, a JSON list of objects with num_clues, prompt and solution; `zebralogic`: a
        JSON list of objects with id, size and puzzle, to which the solver gives the answers.
    file
        File to read.
    out
        File to write: .jsonl or .parquet.
    """
    from sleuth.datasets.files import check_output, write_puzzles
    from sleuth.errors import nearest
    from sleuth.puzzles.temporal_clue.original import dataset as original
    from sleuth.puzzles.zebra.zebralogic import dataset as zebralogic

    importers = {original.FAMILY: original.import_original, zebralogic.SOURCE: zebralogic.import_zebralogic}
    if source not in importers:
        raise UserError(f"unknown source {source!r}; {nearest(source, list(importers))}")
    check_output(out)
    puzzles = importers[source](file)
    write_puzzles(out, puzzles)
    say(f"{counted(len(puzzles), 'puzzle')} in {out}")
