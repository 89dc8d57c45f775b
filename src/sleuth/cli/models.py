"""Verbs that ask or grade: ask, compare, distill, eval, grade."""

from __future__ import annotations

from pathlib import Path

from sleuth.cli.app import GREEDY, RANDOM, RandomSamplingOptions, SamplingOptions, Whole, app, refuse_unread
from sleuth.config import Mode
from sleuth.errors import UserError, counted
from sleuth.files import check_output
from sleuth.progress import say, track
from sleuth.puzzles.puzzle import Puzzle
from sleuth.visible import json_line

OF_NEW_PUZZLES = "is of puzzles that are made, and --file takes those of a file"
GREEDY_SEED = "is for sampling, and at temperature 0 nothing is sampled"


def first_of(puzzles: list[Puzzle], count: int | None) -> list[Puzzle]:
    """So many of a file's puzzles, or all. Raises `UserError` where there are fewer."""
    if count is not None and not 1 <= count <= len(puzzles):
        raise UserError(f"--count {count}: the file has {counted(len(puzzles), 'puzzle')}; ask for 1 to {len(puzzles)}")
    return puzzles[:count]


def asked_puzzles(
    file: Path | None, family: str, level: str | None, split: str, seed: int, count: int | None, style: str
) -> list[Puzzle]:
    """The first of a file's puzzles, all by default; without a file, new ones, 100 by default. Raises `UserError` for
    what there is not."""
    from sleuth.datasets.files import read_puzzles
    from sleuth.datasets.make import PuzzleSpec, first_level, make_puzzles

    if file is not None:
        return first_of(read_puzzles(file), count)
    spec = PuzzleSpec(family, level or first_level(family), split, seed, 100 if count is None else count, style)
    spec.check()
    return list(track(make_puzzles(spec), "making puzzles", spec.count))


@app.command
def ask(
    file: Path,
    /,
    *,
    model: str = "smollm2-135m",
    number: Whole = 0,
    mode: Mode = "answer",
    retries: Whole = 0,
    seed: Whole = 0,
    template_time: str = "",
    drawing: SamplingOptions = GREEDY,
) -> None:
    """Ask a model about one case, show the answer as it is written, then mark it.

    Parameters
    ----------
    file
        A file of puzzles.
    model
        `smollm2-135m`, `nano-detective`, `nano-novice`, a Hugging Face id, a local folder, or a run's `model` folder.
    number
        Number of the puzzle in the file, from 0.
    mode
        `answer`, `reason`, `program` or `python` (runs under bubblewrap).
    retries
        How often to ask again: mode `program`, if a program gives no answer; mode `reason`, if it is not all right.
    seed
        Seed of the sampling.
    template_time
        The time (ISO 8601) that a chat template which writes the date is rendered with; by default the model's own,
        else the present one.
    """
    from sleuth.commands import ask_model
    from sleuth.datasets.files import read_puzzle

    if drawing.temperature == 0:
        refuse_unread(ask, locals(), ["seed"], GREEDY_SEED)
    sampling = drawing.sampling(seed)
    ask_model(read_puzzle(file, number), model, mode, sampling, drawing.device, retries, template_time)


@app.command
def compare(first: Path, second: Path, /) -> None:
    """Compare two evaluations puzzle by puzzle: what the second solves more or less than the first, with its interval.

    Parameters
    ----------
    first
        An evaluation: what `sleuth eval --out` wrote, or a file of a run's `evaluations` folder (.parquet).
    second
        Another, of the same puzzles; where only some are the same, it is those that are compared.
    """
    from sleuth.evaluation.terminal import show_comparison

    show_comparison(first, second)


@app.command
def distill(
    *,
    model: str = "smollm2-135m",
    family: str = "temporal-clue",
    level: str | None = None,
    style: str = "terse",
    count: Whole | None = None,
    seed: Whole = 0,
    file: Path | None = None,
    mode: Mode = "reason",
    samples: Whole = 8,
    keep: Whole = 1,
    drawing: RandomSamplingOptions = RANDOM,
    out: Path,
) -> None:
    """Sample a model and keep its right completions, without duplicates, as examples for a warm start (`sft.file`).

    Parameters
    ----------
    model
        `smollm2-135m`, `nano-detective`, `nano-novice`, a Hugging Face id, a local folder, or a run's `model` folder.
    family
        Puzzle family.
    level
        Level of the family; by default its first.
    style
        Sentence style.
    count
        Number of puzzles, from split `train`.
    seed
        Seed of the puzzles and of the sampling.
    file
        Take the puzzles from this file instead.
    mode
        `answer`, `reason` or `program`.
    samples
        Completions per puzzle.
    keep
        Right completions to keep per puzzle: the likeliest for the model.
    out
        File to write: .jsonl.
    """
    from sleuth.commands import distill_model

    check_output(out, ".jsonl")
    sampling = drawing.sampling(seed)
    if file is not None:
        refuse_unread(distill, locals(), ["family", "level", "style"], OF_NEW_PUZZLES)
    puzzles = asked_puzzles(file, family, level, "train", seed, count, style)
    distill_model(puzzles, model, mode, samples, keep, sampling, drawing.device, out)


@app.command(name="eval")
def eval_command(
    *,
    model: str = "smollm2-135m",
    family: str = "temporal-clue",
    level: str | None = None,
    split: str = "test",
    style: str = "plain",
    count: Whole | None = None,
    seed: Whole = 0,
    file: Path | None = None,
    mode: Mode = "answer",
    retries: Whole = 0,
    clues_at_a_time: Whole = 0,
    samples: Whole = 1,
    template_time: str = "",
    drawing: SamplingOptions = GREEDY,
    out: Path | None = None,
    shard: str | None = None,
) -> None:
    """Evaluate a model, with guessing and the solver beside it.

    Parameters
    ----------
    model
        `smollm2-135m`, `nano-detective`, `nano-novice`, a Hugging Face id, a local folder, or a run's `model` folder.
    family
        Puzzle family.
    level
        Level of the family; by default its first.
    split
        `train`, `val` or `test`.
    style
        Sentence style.
    count
        Number of puzzles.
    seed
        Seed of the puzzles and of the sampling.
    file
        Take the puzzles from this file instead.
    mode
        `answer`, `reason`, `program` or `python` (runs under bubblewrap).
    retries
        How often to ask again: mode `program`, if a program gives no answer, before it counts as abstaining; mode
        `reason`, if the puzzle is not solved, which the model is told.
    clues_at_a_time
        Mode `program`: show a long case in parts with at most this many clues each; the completions of all parts are
        the program. 0: show it whole.
    samples
        Completions per puzzle; more than one gives pass@k, majority@k and best@k (the soundest of k).
    template_time
        The time (ISO 8601) that a chat template which writes the date is rendered with; by default the model's own,
        else the present one.
    out
        File for all completions: .parquet.
    shard
        Ask only part 3 of 100 with `3/100`, for `sleuth merge`. The file (`--out`) ends in .shard.
    """
    from sleuth.commands import evaluate_model
    from sleuth.shards import needed_shard

    part = None
    if shard is not None:
        part, out = needed_shard(shard, out)
    elif out is not None:
        check_output(out, ".parquet")
    sampling = drawing.sampling(seed)
    if file is not None:
        refuse_unread(eval_command, locals(), ["family", "level", "split", "style"], OF_NEW_PUZZLES)
    puzzles = asked_puzzles(file, family, level, split, seed, count, style)
    evaluate_model(
        puzzles, model, mode, samples, sampling, drawing.device, out, retries, clues_at_a_time, template_time, part
    )


@app.command
def grade(
    file: Path,
    completions: Path,
    /,
    *,
    mode: Mode = "answer",
    original: bool = False,
    strict_format: bool = False,
) -> None:
    """Grade completions. Prints one line of JSON for each, and a summary.

    Parameters
    ----------
    file
        A file of puzzles.
    completions
        JSONL with `id` (of a puzzle) and `completion`.
    mode
        How the model was asked: `answer`, `reason`, `program` or `python` (runs under bubblewrap). For the lines
        of a program and the sentences of reasoning, `spans` has a verdict each.
    original
        Grade as the grader of 2025 did, to compare with its figures. It never accepts a time.
    strict_format
        Read lines of letter, full stop, answer and little else, as before 2026-11-29, to compare with older figures.
    """
    from sleuth.datasets.completions import grade_file

    scores = list(grade_file(file, completions, mode, original, strict_format))
    for line in scores:
        print(json_line(line))
    share = sum(line["reward"] for line in scores) / len(scores)
    strict = sum(line["correct"] for line in scores) / len(scores)
    say(f"{counted(len(scores), 'completion')}: {share:.1%} of answers right, {strict:.1%} of puzzles solved")


@app.command
def serve(
    model: str,
    /,
    *,
    host: str = "127.0.0.1",
    port: Whole = 8000,
    name: str | None = None,
    rows: Whole = 64,
    max_prompt_tokens: Whole = 4096,
    max_new_tokens: Whole = 1024,
    queue: Whole = 1024,
    device: str = "auto",
) -> None:
    """Serve a model to clients of the OpenAI API, at http://HOST:PORT/v1.

    Parameters
    ----------
    model
        `smollm2-135m`, `nano-detective`, `nano-novice`, the folder of a model, or a Hugging Face id.
    host
        Address to bind. Beyond this machine's own (loopback) a key is needed, in the variable SLEUTH_API_KEY.
    port
        Port to bind; 0 takes one that is free.
    name
        What clients call the model; by default as it is given here.
    rows
        Completions decoded side by side.
    max_prompt_tokens
        Longest prompt.
    max_new_tokens
        Longest completion, and the length where a client asks for none.
    queue
        Completions that may wait; what comes then is refused with status 429.
    device
        `cpu`, `cuda`, `cuda:1`; `auto` takes a GPU where there is one.
    """
    from sleuth.commands import serve_model

    serve_model(model, host, port, name or model, rows, max_prompt_tokens, max_new_tokens, queue, device)
