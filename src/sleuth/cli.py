"""The command line: verbs, no logic."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Parameter

from sleuth.config import Goal, Mode, Names, Telling, Until
from sleuth.errors import UserError
from sleuth.progress import say, track
from sleuth.recipes import keys, load_recipe, parse_overrides

if TYPE_CHECKING:
    from sleuth.policy.base import Sampling

KEY_TABLE = "Keys of a recipe, each also an option here:\n\n" + "\n\n".join(
    f"`--{name}` ({kind}, default {default}): {text}" for name, kind, default, text in keys()
)

app = App(
    name="sleuth",
    help="Puzzles with one proved answer, and small language models that learn to solve them.",
    help_format="markdown",
    version_flags=["--version"],
)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingOptions:
    """How a model's completions are drawn: the options that the verbs which ask a model share."""

    temperature: float = 0.0
    """0 is greedy."""
    top_k: int = 0
    """Draw only from so many of the likeliest tokens; 0 from all."""
    top_p: float = 1.0
    """Draw only from the likeliest tokens that have this probability together."""
    max_new_tokens: int = 256
    """Longest completion."""
    until: Until = "end"
    """What ends a completion: the model's `end` token only, or also complete `answers`."""
    constrain: bool = False
    """Draw only what a grammar of the puzzle's own names can read (modes `program` and `answer`)."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1`; `auto` takes a GPU where there is one."""

    def sampling(self, seed: int) -> Sampling:
        """Raises `UserError` for what cannot be drawn."""
        from sleuth.policy.base import Sampling

        return Sampling(
            self.max_new_tokens,
            self.temperature,
            (seed,),
            self.top_k,
            self.top_p,
            self.until,
            constrain=self.constrain,
        )


GREEDY = SamplingOptions()
SAMPLED = SamplingOptions(temperature=1.0)


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
        `numbered` steps that refer to clues and steps, `full` sentences, or `short` lines as a model is shown.
    goal
        Where the steps lead: the whole `world`, or what settles the `questions`.
    optimal
        Take the cheapest next step each time, not only a cheap one: for small puzzles.
    """
    from sleuth.datasets.files import read_puzzle
    from sleuth.puzzles.explain import difficulty, tell
    from sleuth.puzzles.explain import explain as explained

    puzzle = read_puzzle(file, number)
    explanation = explained(puzzle, goal, optimal)
    print("\n".join(tell(explanation, telling, str(puzzle.meta.get("style", "plain")))))
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
def grade(file: Path, completions: Path, /, *, mode: Mode = "answer", original: bool = False) -> None:
    """Grade completions; one line of JSON for each, and a summary.

    Parameters
    ----------
    file
        A file of puzzles.
    completions
        JSONL with `id` (a puzzle's) and `completion`.
    mode
        How the model was asked: `answer`, `reason` or `program`. Of a program's lines and a reasoning's sentences,
        `parts` tells what each is worth.
    original
        Grade answers as the grader of 2025 did, to compare with its figures: times are never right.
    """
    from sleuth.datasets.completions import grade_file

    scores = list(grade_file(file, completions, mode, original))
    for line in scores:
        print(json.dumps(line, ensure_ascii=False))
    share = sum(line["reward"] for line in scores) / len(scores)
    strict = sum(line["correct"] for line in scores) / len(scores)
    say(f"{len(scores)} completions: {share:.1%} of answers right, {strict:.1%} of puzzles wholly right")


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


@app.command
def ask(
    file: Path,
    /,
    *,
    model: str = "smollm2-135m",
    number: int = 0,
    mode: Mode = "answer",
    retries: int = 0,
    seed: int = 0,
    drawing: SamplingOptions = GREEDY,
) -> None:
    """Ask a model one case; its answer is shown as it writes, then marked.

    Parameters
    ----------
    file
        A file of puzzles.
    model
        `smollm2-135m`, a Hugging Face id, a local folder, or a run's `model` folder.
    number
        Which puzzle of the file, from 0.
    mode
        `answer`, `reason` or `program`.
    retries
        Mode `program`: how often a program that gives no answer is asked for again.
    seed
        Seed of the draws.
    """
    from sleuth.commands import ask_model
    from sleuth.datasets.files import read_puzzle

    sampling = drawing.sampling(seed)
    ask_model(read_puzzle(file, number), model, mode, sampling, drawing.device, retries)


@app.command(help_epilogue=KEY_TABLE)
def train(
    recipe: Path | None = None,
    /,
    *key_values: Annotated[str, Parameter(allow_leading_hyphen=True)],
    out: Path | None = None,
    resume: Path | None = None,
    device: str | None = None,
) -> None:
    """Train a model: warm start, GRPO (Group Relative Policy Optimization), evaluations, report.

    Parameters
    ----------
    recipe
        A recipe (.toml); see recipes/.
    key_values
        Any key of the recipe, as `--section.key value`.
    out
        Folder of the run; by default runs/NAME.
    resume
        Go on with a run that was stopped.
    device
        Short for `--model.device`.
    """
    from sleuth.commands import resume_run, start_run

    if resume is not None:
        if recipe is not None or key_values or out is not None or device is not None:
            raise UserError("--resume takes the run's own settings; give it alone")
        resume_run(resume)
        return
    if recipe is None:
        raise UserError("name a recipe, e.g. sleuth train recipes/demo.toml, or a run to go on with: --resume RUN")
    overrides = parse_overrides(key_values)
    config = load_recipe(recipe, overrides if device is None else overrides | {"model.device": device})
    start_run(config, out or Path("runs") / config.name)


@app.command(help_epilogue=KEY_TABLE)
def fork(
    run: Path,
    /,
    *key_values: Annotated[str, Parameter(allow_leading_hyphen=True)],
    step: str = "last",
    out: Path,
) -> None:
    """Start a new run from a checkpoint of another one, with other settings; it knows its parent.

    Parameters
    ----------
    run
        Folder of the run to go on from.
    key_values
        Any key that is to change, as `--section.key value`.
    step
        `last`, `best` (by the run's `checkpoint.best`), or the number of a checkpoint that is kept.
    out
        Folder of the new run.
    """
    from sleuth.commands import fork_run

    fork_run(run, step, out, parse_overrides(key_values))


@app.command
def average(*model: str, out: Path) -> None:
    """Write the model whose weights are the mean of several: runs that went on from one another, or from the same.

    Parameters
    ----------
    model
        Two or more, each a local folder, a Hugging Face id, or a run's `model` folder.
    out
        Folder for it.
    """
    from sleuth.commands import average_models

    average_models(model, out)


@app.command
def distill(
    *,
    model: str = "smollm2-135m",
    family: str = "temporal-clue",
    level: str | None = None,
    style: str = "terse",
    count: int = 100,
    seed: int = 0,
    file: Path | None = None,
    mode: Mode = "reason",
    samples: int = 8,
    keep: int = 1,
    drawing: SamplingOptions = SAMPLED,
    out: Path,
) -> None:
    """Sample a model and keep its right completions, different ones only: examples for a warm start (`sft.file`).

    Parameters
    ----------
    model
        `smollm2-135m`, a Hugging Face id, a local folder, or a run's `model` folder.
    family
        Puzzle family.
    level
        How hard.
    style
        Sentence style.
    count
        How many puzzles, of split `train`.
    seed
        Seed of the puzzles and of the draws.
    file
        Take the puzzles from a file instead.
    mode
        `answer`, `reason` or `program`.
    samples
        Completions per puzzle.
    keep
        Right ones kept of each puzzle: the likeliest for the model.
    out
        File for them: .jsonl.
    """
    from sleuth.commands import distill_model
    from sleuth.datasets.files import read_puzzles
    from sleuth.datasets.make import PuzzleSpec, first_level, make_puzzles

    sampling = drawing.sampling(seed)
    if file is not None:
        puzzles = read_puzzles(file)
    else:
        order = PuzzleSpec(family, level or first_level(family), "train", seed, count, style)
        order.check()
        puzzles = list(track(make_puzzles(order), "making puzzles", count))
    distill_model(puzzles, model, mode, samples, keep, sampling, drawing.device, out)


@app.command
def study(
    file: Path, /, *, seed: list[int] | None = None, out: Path | None = None, results: Path | None = None
) -> None:
    """Run a controlled comparison: every arm with every seed, one after the other, and a table with intervals.

    Parameters
    ----------
    file
        A study (.toml); see recipes/studies/.
    seed
        Only the runs of this seed, so that several processes can share a study; may be given more than once. The table
        comes with the last run.
    out
        Folder of its runs; by default runs/NAME. What is there already is not run again.
    results
        Folder for the table and the plots; by default the folder of its runs.
    """
    from sleuth.commands import run_study

    run_study(file, out, results, seed or ())


@app.command(name="eval")
def eval_command(
    *,
    model: str = "smollm2-135m",
    family: str = "temporal-clue",
    level: str | None = None,
    split: str = "test",
    style: str = "plain",
    count: int = 100,
    seed: int = 0,
    file: Path | None = None,
    mode: Mode = "answer",
    retries: int = 0,
    clues_at_a_time: int = 0,
    samples: int = 1,
    drawing: SamplingOptions = GREEDY,
    out: Path | None = None,
) -> None:
    """Evaluate a model, with guessing and the solver beside it.

    Parameters
    ----------
    model
        `smollm2-135m`, a Hugging Face id, a local folder, or a run's `model` folder.
    family
        Puzzle family.
    level
        How hard.
    split
        `train`, `val` or `test`.
    style
        Sentence style.
    count
        How many puzzles.
    seed
        Seed of the puzzles and of the draws.
    file
        Take the puzzles from a file instead.
    mode
        `answer`, `reason` or `program`.
    retries
        Mode `program`: how often a program that gives no answer is asked for again, before it counts as abstaining.
    clues_at_a_time
        Mode `program`: show a long case in parts, each with at most so many of its clues; what is written of all parts
        is the program. 0: whole.
    samples
        Completions per puzzle.
    out
        File for every completion: .parquet.
    """
    from sleuth.commands import evaluate_model
    from sleuth.datasets.files import read_puzzles
    from sleuth.datasets.make import PuzzleSpec, first_level, make_puzzles

    sampling = drawing.sampling(seed)
    if file is not None:
        puzzles = read_puzzles(file)
    else:
        order = PuzzleSpec(family, level or first_level(family), split, seed, count, style)
        order.check()
        puzzles = list(track(make_puzzles(order), "making puzzles", count))
    evaluate_model(puzzles, model, mode, samples, sampling, drawing.device, out, retries, clues_at_a_time)


@app.command
def report(run: Path, /) -> None:
    """Write a run's report.html.

    Parameters
    ----------
    run
        Folder of a run.
    """
    from sleuth.commands import report_run

    print(report_run(run))


@app.command
def demo(*, out: Path = Path("runs/demo"), device: str = "auto") -> None:
    """The main job, whole: puzzles, a real model failing at them, its training, and what it can do then.

    Parameters
    ----------
    out
        Folder of the run. If it was interrupted, it goes on.
    device
        `cpu`, `cuda`, `cuda:1`; `auto` takes a GPU where there is one.
    """
    from sleuth.commands import run_demo

    run_demo(out, device)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line; exit code 0, 1 (an audit found something), 2 (bad input) or 130 (Ctrl-C)."""
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except (UserError, CycloptsError) as error:
        say(f"sleuth: {' '.join(str(error).split())}")
        sys.exit(2)
    except KeyboardInterrupt:
        say("sleuth: stopped")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    sys.exit(code or 0)
