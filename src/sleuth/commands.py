"""What the command line does with models: train, go on, evaluate, ask, report, and the demo.

The model half needs the extra `train`; everything here says so in one line where it is not installed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sleuth.config import Mode, RunConfig, demo_config, reasoning_demo_config
from sleuth.datasets.audit import audit
from sleuth.errors import UserError, counted, installing
from sleuth.files import check_folder
from sleuth.play.terminal import show
from sleuth.policy.base import Policy, Sampling
from sleuth.policy.baselines import check_choices
from sleuth.policy.chunks import ChunkedPolicy, check_chunks
from sleuth.policy.prompts import ask, ask_again, check_constrain, check_mode, check_retries, settled
from sleuth.progress import bar, say, tell
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.puzzle import Puzzle
from sleuth.shards import Header, Shard, write_shard

if TYPE_CHECKING:
    from sleuth.policy.models import Loaded


def _need_extra() -> None:
    needed = ("torch", "transformers", "vl_convert", "llguidance")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"models need the extra 'train' ({missing[0]} is missing): {installing('train')}")


def _need_view() -> None:
    needed = ("duckdb", "starlette", "uvicorn", "vl_convert")
    if missing := [module for module in needed if importlib.util.find_spec(module) is None]:
        raise UserError(f"the pages need the extra 'view' ({missing[0]} is missing): {installing('view')}")


def check_samples(samples: int) -> None:
    """Raises `UserError` where nothing would be asked."""
    if samples < 1:
        raise UserError(f"--samples {samples}: ask for at least one completion of each puzzle")


def start_run(config: RunConfig, path: Path) -> None:
    """Trains from a configuration in a new folder, and writes the report."""
    _need_extra()
    from sleuth.training.preflight import start

    start(config, path)
    resume_run(path)


def run_pipeline(recipe: Path, overrides: Mapping[str, str], out: Path | None, until: str | None) -> None:
    """Makes what is missing of a recipe's stages, up to one of them or to the end."""
    _need_extra()
    from sleuth.pipeline.overview import OVERVIEW
    from sleuth.pipeline.read import read_pipeline
    from sleuth.pipeline.run import run

    pipeline = read_pipeline(recipe, overrides)
    folder = out or Path("runs") / pipeline.name
    try:
        model = run(pipeline, folder, until)
    except KeyboardInterrupt:
        say("\nstopped; the same command goes on")
        raise
    say(f"model: {model}\noverview: {folder / OVERVIEW}")


def resume_run(path: Path) -> None:
    """Resumes a run, finishes it and writes the report."""
    _need_extra()
    from sleuth.runs.directory import RunDirectory
    from sleuth.training.run import train

    run = RunDirectory.open(path)
    if run.finished:
        say(f"this run is finished; for another run, name another folder (--out)\nreport: {report_run(path)}")
        return
    try:
        train(run)
    except KeyboardInterrupt:
        say(f"\nstopped; resume with: sleuth train --resume {path}")
        raise
    say(f"report: {report_run(path)}")


def fork_run(parent: Path, step: str, path: Path, overrides: Mapping[str, str]) -> None:
    """Continues from a checkpoint of another run with other settings, in a new folder."""
    _need_extra()
    from sleuth.runs.directory import RunDirectory
    from sleuth.runs.fork import forked
    from sleuth.training.preflight import start_from

    run = RunDirectory.open(parent)
    start_from(run, step, path, forked(run, overrides), overrides)
    resume_run(path)


def export_to_trl(config: RunConfig, folder: Path) -> None:
    """Writes what TRL needs to run a recipe's GRPO."""
    from sleuth.integrations.trl.export import export_trl

    export_trl(config, folder)
    say(f"for TRL: {folder}; {folder / 'README.md'} says how to run it")


def average_models(models: Sequence[str], out: Path) -> None:
    """Writes the mean of models."""
    _need_extra()
    from sleuth.training.average import average

    average(models, out)
    say(f"the mean of {counted(len(models), 'model')}: {out}")


def distill_model(
    puzzles: Sequence[Puzzle],
    model: str,
    mode: Mode,
    samples: int,
    keep: int,
    sampling: Sampling,
    device: str,
    out: Path,
) -> None:
    """Keeps a model's right completions, for `sft.file`."""
    _need_extra()
    check_samples(samples)
    if keep < 1:
        raise UserError(f"--keep {keep}: keep 1 or more of a puzzle's completions")
    if mode == "python":
        raise UserError("mode python is for evaluation only; distill in mode program, reason or answer")
    check_constrain(mode, sampling.constrain)
    from sleuth.evaluation.distill import distill
    from sleuth.files import atomic_write
    from sleuth.policy.engine import TorchPolicy

    loaded = _load(model, device)
    with bar(f"asking {model}", len(puzzles) * samples) as advance:
        policy = TorchPolicy(loaded.model, loaded.tokenizer)
        rows = distill(policy, puzzles, mode, sampling, samples, keep, advance)
    atomic_write(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    solved = len({row["puzzle_id"] for row in rows})
    say(f"{counted(len(rows), 'right completion')} for {solved} of {counted(len(puzzles), 'puzzle')}: {out}")


def run_study(file: Path, out: Path | None, results: Path | None, only: Sequence[int], reuse: Sequence[Path]) -> None:
    """Runs what is missing of a study, and writes its table."""
    _need_extra()
    from sleuth.study.read import read_study
    from sleuth.study.run import run

    study = read_study(file)
    folder = out or Path("runs") / study.name
    try:
        if table := run(study, folder, results or folder, only, reuse):
            say(f"results: {table}")
    except KeyboardInterrupt:
        say(f"\nstopped; resume with the same command: sleuth study {file}, with the same options")
        raise


def report_run(path: Path) -> Path:
    """Writes a run's report and tells where it is."""
    _need_extra()
    from sleuth.report.page import write_report
    from sleuth.runs.directory import RunDirectory

    return write_report(RunDirectory.open(path))


def report_runs(paths: Sequence[Path], out: Path) -> Path:
    """Writes one report of several runs and tells where it is."""
    _need_view()
    from sleuth.view.offline import write_offline

    size = write_offline(paths, out)
    say(f"{len(paths)} runs in {size / 1e6:.1f} MB")
    return out


def write_charts(paths: Sequence[Path], out: Path) -> None:
    """Writes the curves of runs as files for papers."""
    _need_view()
    from sleuth.view import papers

    say(f"{counted(papers.write_charts(paths, out), 'chart')} in {out}, each as SVG and PNG")


def evaluate_model(
    puzzles: Sequence[Puzzle],
    model: str,
    mode: Mode,
    samples: int,
    sampling: Sampling,
    device: str,
    out: Path | None,
    retries: int = 0,
    clues_at_a_time: int = 0,
    template_time: str = "",
    shard: Shard | None = None,
) -> None:
    """Evaluates a model, prints it beside guessing and the solver, and keeps every completion if asked; or asks one
    shard of the puzzles, and keeps that."""
    _need_extra()
    check_mode(mode)
    check_retries(mode, retries)
    check_constrain(mode, sampling.constrain)
    check_chunks(mode, clues_at_a_time, retries, puzzles)
    check_samples(samples)
    check_choices(puzzles)  # guessing stands beside the model in the end
    from sleuth.evaluation.evaluate import evaluate
    from sleuth.evaluation.shards import EvaluationJob, parquet, records
    from sleuth.evaluation.terminal import show_evaluation
    from sleuth.files import atomic_write
    from sleuth.policy.chat import fix_time
    from sleuth.policy.engine import TorchPolicy

    loaded = _load(model, device)
    if time := fix_time(loaded.tokenizer, template_time):
        if shard is not None and not template_time:
            raise UserError("the model's template writes the date, and all shards need the same: --template-time")
        say(f"the model's template writes the date; for the same prompts again: --template-time {time}")
    numbers = range(len(puzzles)) if shard is None else shard.range(len(puzzles))
    asked = puzzles[numbers.start : numbers.stop]
    with bar(f"asking {model}", len(asked) * samples * (1 + retries)) as advance:
        policy: Policy = TorchPolicy(loaded.model, loaded.tokenizer)
        if clues_at_a_time:
            policy = ChunkedPolicy(policy, asked, clues_at_a_time)
        rows = evaluate(policy, asked, mode, sampling, samples, advance, retries)
    name = f"{model} ({loaded.quantisation})" if loaded.quantisation else model
    label = f"{name}, mode {mode}"
    if shard is None:
        show_evaluation(puzzles, label, rows, mode, retries, sampling.seed[0])
        if out is not None:
            atomic_write(out, parquet(rows, time))
            say(f"every completion: {out}")
        return
    assert out is not None
    digest = hashlib.sha256("".join(puzzle.model_dump_json() for puzzle in puzzles).encode()).hexdigest()
    job = EvaluationJob(digest, label, mode, samples, retries, clues_at_a_time, time, sampling)
    write_shard(out, Header("eval", dataclasses.asdict(job), len(puzzles), shard), records(asked, rows))
    say(f"{counted(len(asked), 'puzzle')} of shard {shard} in {out}")


def ask_model(
    puzzle: Puzzle, model: str, mode: Mode, sampling: Sampling, device: str, retries: int = 0, template_time: str = ""
) -> None:
    """Asks one case, shows the answer as it is written, and marks it; one that is not `settled` is asked for again."""
    _need_extra()
    check_mode(mode)
    check_retries(mode, retries)
    check_constrain(mode, sampling.constrain)
    from sleuth.policy.chat import fix_time
    from sleuth.policy.conversations import grader
    from sleuth.policy.stream import stream

    loaded = _load(model, device)
    fix_time(loaded.tokenizer, template_time)
    tell(f"{puzzle.prompt}\n\n--- {model} ---")
    request = ask(puzzle, mode)
    score = None
    for left in reversed(range(1 + retries)):
        rollout = stream(loaded, request, sampling, lambda text: tell(text, end=""))
        if rollout is None:
            tell("--- the model's context has no room for another turn ---")
            break
        score = grader(puzzle, mode)(rollout)
        tell(
            f"\n--- {score.outcome}{': ' + score.detail if score.detail else ''} "
            f"({counted(len(rollout.tokens), 'token')}) ---"
        )
        if settled(mode, score) or not left:
            break
        request = ask_again(request, 0, rollout, score)
        tell(f"--- asked again: {request.turns[-1].said} ---")
    assert score is not None  # a first prompt without room is an error
    for letter, answer in puzzle.answers.items():
        given = score.answers[letter] or "nothing"
        tell(f"{letter}. {answer}: {'right' if score.right[letter] else f'it said {given}'}")


def serve_model(
    model: str, host: str, port: int, name: str, rows: int, prompt: int, new: int, queue: int, device: str
) -> None:
    """Serves a model until it is interrupted."""
    _need_extra()
    if missing := [module for module in ("starlette", "uvicorn") if importlib.util.find_spec(module) is None]:
        raise UserError(f"serving needs the extra 'serve' ({missing[0]} is missing): {installing('serve')}")
    for option, value in (("--rows", rows), ("--max-prompt-tokens", prompt), ("--max-new-tokens", new)):
        if value < 1:
            raise UserError(f"{option} {value}: 1 or more")
    if queue < 0:
        raise UserError(f"--queue {queue}: 0 or more")
    from sleuth.serve.address import bind

    address = bind(host, port)
    with address.listener:
        from sleuth.serve.run import serve

        serve(_load(model, device), name, address, rows, prompt, new, queue)


def view_runs(folder: Path, port: int) -> None:
    """Shows the runs under a folder in the browser until it is interrupted."""
    _need_view()
    from sleuth.view.app import make_app
    from sleuth.web.site import run_site

    app, viewer = make_app(folder)
    try:
        run_site(app, f"runs under {folder}", port)
    finally:
        viewer.close()


def _load(model: str, device: str) -> Loaded:
    """A model as this machine computes it fastest."""
    from sleuth.policy.machine import choose_device, fast_dtype
    from sleuth.policy.models import load_model

    chosen = choose_device(device)
    return load_model(model, fast_dtype(chosen), chosen)


STEPS_WITH_KERNELS, STEPS_WITHOUT = 60, 12
"""Of the demo's second act: what two cores do in about five minutes with the C++ kernels, and without."""


def run_demo(path: Path, device: str) -> None:
    """Puzzles with their proof, then two training runs from their start, or from where they were interrupted (on the
    device that they began with): in `path` and, beside it, in its name with "-reasoning" behind it."""
    _need_extra()
    from sleuth.policy.native.build import bfloat16_library

    check_folder(path)
    if (path / "config.json").exists():
        resume_run(path)
    else:
        for level in ("1", "2"):
            puzzle = make_puzzle("temporal-clue", level, "val", 7, 0).puzzle
            tell(show(puzzle, solution=True))
            finding = audit(puzzle, minimal=True)
            assert not finding.problems, finding
            tell(
                "\nProof: python-sat found this world and no other while the clues were chosen; CP-SAT, given only "
                "the text above, finds exactly one world as well, the same; and without any one of the clues there "
                "are more.\n"
            )
        say("First act: a new model of two million parameters learns to translate such cases into formal statements.")
        start_run(_on(device, demo_config()), path)
    named = path if path.name not in ("", "..") else path.resolve()
    second = named.with_name(f"{named.name}-reasoning")
    if (second / "config.json").exists():
        resume_run(second)
    else:
        say("Second act: a model of 2 million parameters, which reasons in words, practises on new cases.")
        steps = STEPS_WITH_KERNELS if bfloat16_library() is not None else STEPS_WITHOUT
        start_run(_on(device, reasoning_demo_config(steps)), second)


def _on(device: str, config: RunConfig) -> RunConfig:
    return config.model_copy(update={"model": config.model.model_copy(update={"device": device})})
