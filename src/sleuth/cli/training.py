"""Verbs about runs: train, fork, average, study, report, view, gallery, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from sleuth.cli.app import RECIPE, KeyValue, Whole, app
from sleuth.errors import UserError
from sleuth.progress import tell
from sleuth.recipes import has_stages, keys, load_recipe, parse_overrides

KEY_TABLE = "Keys of a recipe, each also an option here:\n\n" + "\n\n".join(
    f"`--{name}` ({kind}, default {default}): {text}" for name, kind, default, text in keys()
)


@app.command(help_epilogue=KEY_TABLE)
def train(
    recipe: Annotated[Path | None, RECIPE] = None,
    /,
    *key_values: KeyValue,
    out: Path | None = None,
    resume: Path | None = None,
    stage: str | None = None,
    device: str | None = None,
    engine: str | None = None,
    processes: str | None = None,
) -> None:
    """Train a model: warm start, GRPO (Group Relative Policy Optimization), evaluations, report.

    Parameters
    ----------
    out
        Folder of the run; by default runs/NAME.
    resume
        Folder of a stopped run to resume. A recipe with stages resumes by its own command.
    stage
        Of a recipe with stages: stop after this one. Only the stages it needs are run.
    device
        Short for `--model.device`.
    engine
        Short for `--engine.kind`: `trl` lets TRL run GRPO.
    processes
        Short for `--engine.processes`.
    """
    from sleuth.commands import resume_run, run_pipeline, start_run

    short = {"model.device": device, "engine.kind": engine, "engine.processes": processes}
    given = {key: value for key, value in short.items() if value is not None}
    if resume is not None:
        if recipe is not None or key_values or out is not None or stage is not None or given:
            raise UserError("--resume takes the run's own settings; leave out everything else")
        resume_run(resume)
        return
    if recipe is None:
        raise UserError("name a recipe, e.g. sleuth train recipes/translate.toml, or a run to resume: --resume RUN")
    overrides = parse_overrides(key_values) | given
    if has_stages(recipe):
        run_pipeline(recipe, overrides, out, stage)
        return
    if stage is not None:
        raise UserError(f"--stage {stage}: {recipe} has no stages; leave it out")
    config = load_recipe(recipe, overrides)
    start_run(config, out or Path("runs") / config.name)


@app.command(help_epilogue=KEY_TABLE)
def fork(
    run: Path,
    /,
    *key_values: KeyValue,
    step: str = "last",
    out: Path,
) -> None:
    """Start a new run from a checkpoint of another run, with other settings. The new run knows its parent.

    Parameters
    ----------
    run
        Folder of the run to continue from.
    step
        `last`, `best` (by the run's `checkpoint.best`), or the step of a stored checkpoint.
    out
        Folder of the new run.
    """
    from sleuth.commands import fork_run

    fork_run(run, step, out, parse_overrides(key_values))


@app.command
def average(*model: str, out: Path) -> None:
    """Write the model whose weights are the mean of several models that share their origin.

    Parameters
    ----------
    model
        Two or more, each a local folder, a Hugging Face id, or a run's `model` folder.
    out
        Folder to write.
    """
    from sleuth.commands import average_models

    average_models(model, out)


@app.command
def study(
    file: Path,
    /,
    *,
    seed: list[Whole] | None = None,
    out: Path | None = None,
    results: Path | None = None,
    reuse: list[Path] | None = None,
) -> None:
    """Run a controlled comparison: every arm with every seed, in sequence, and a table with intervals.

    Parameters
    ----------
    file
        Study (.toml); see recipes/studies/.
    seed
        Only make the runs of this seed, so that several processes can share a study; can be given more than once. The
        table has the seeds of which every arm is finished.
    out
        Folder of its runs; by default runs/NAME. Finished runs are not made again.
    results
        Folder for the table and the plots; by default the folder of its runs.
    reuse
        Folder of another study's runs. Where a finished run there has an arm's settings, it is used and not made again.
        Can be given more than once.
    """
    from sleuth.commands import run_study

    run_study(file, out, results, seed or (), reuse or ())


@app.command
def report(run: Path, /, *others: Path, out: Path | None = None, charts: Path | None = None) -> None:
    """Write the report of a run, or one of several runs side by side: a file that loads nothing.

    Parameters
    ----------
    run
        Folder of a run.
    others
        Folders of further runs.
    out
        File to write for several runs: .html; by default runs.html. The report of one run is report.html in its folder.
    charts
        Folder for the curves as files for papers, too: SVG (drawn lines) and PNG (pixels), over each axis.
    """
    from sleuth.commands import report_run, report_runs, write_charts
    from sleuth.files import check_output

    if not others and out is not None:
        raise UserError("--out is for the report of several runs; that of one run is report.html in its folder")
    target = out or Path("runs.html")
    if others:
        check_output(target, ".html")  # before the charts
    if charts is not None:
        write_charts([run, *others], charts)
    tell(report_runs([run, *others], target) if others else report_run(run))


@app.command
def view(runs: Path = Path("runs"), /, *, port: Whole = 8080) -> None:
    """Show runs in the browser, while they train and after: curves, evaluations, every completion with its marks.

    Parameters
    ----------
    runs
        Folder of a run, or one that holds runs.
    port
        Port on this machine to serve at; 0 takes one that is free.
    """
    from sleuth.commands import view_runs

    view_runs(runs, port)


@app.command
def gallery(runs: Path = Path("runs"), /, *, out: Path) -> None:
    """Write a page of remarkable completions: illegible, in another script, collapsed, lucky, soundest.

    Parameters
    ----------
    runs
        Folder of a run, or one that holds runs.
    out
        File to write: .md.
    """
    from sleuth.files import atomic_write, check_output
    from sleuth.view.finding import Runs
    from sleuth.view.gallery import gallery

    check_output(out, ".md")
    atomic_write(out, gallery(Runs(runs)).encode())
    tell(out)


@app.command
def demo(*, out: Path = Path("runs/demo"), device: str = "auto") -> None:
    """Run the whole demo: puzzles, a real model that fails at them, its training, and the report.

    Parameters
    ----------
    out
        Folder of the run. An interrupted run is resumed.
    device
        `cpu`, `cuda`, `cuda:1`; `auto` uses a GPU if there is one.
    """
    from sleuth.commands import run_demo

    run_demo(out, device)
