"""The overview of a pipeline: a table of its stages, as far as they are made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sleuth.evaluation.summary import summarise
from sleuth.files import atomic_write
from sleuth.pipeline.read import Pipeline, Stage
from sleuth.progress import clock
from sleuth.runs.directory import MODEL, RunDirectory
from sleuth.runs.metrics import seconds_of

OVERVIEW = "overview.md"
HEAD = ("stage", "goes on from", "steps", "examples", "training", "solved before", "solved after", "report")


def write_overview(pipeline: Pipeline, folder: Path) -> Path:
    """Writes the table; its path."""
    rows = [HEAD, ("---",) * len(HEAD), *(tuple(_cells(stage, folder)) for stage in pipeline.stages.values())]
    lines = [
        f"# {pipeline.name}",
        "",
        f"The stages of `{pipeline.path.name}`. Solved: puzzles of the stage's own test suite, every answer right.",
        "",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    path = folder / OVERVIEW
    atomic_write(path, ("\n".join(lines) + "\n").encode())
    return path


def _cells(stage: Stage, folder: Path) -> Iterator[str]:
    path = folder / stage.name
    yield stage.name
    if stage.config is None:
        yield f"mean of {' and '.join(stage.sources)}"
        yield from ("–",) * 5
        yield "–" if (path / MODEL).exists() else "not made yet"
        return
    yield (
        stage.sources[0] if stage.sources else stage.config.model.name if stage.config.model.kind != "nano" else "nano"
    )
    steps = f"{stage.config.sft.steps} + {stage.config.grpo.steps} GRPO" if stage.config.grpo.steps else None
    yield steps or str(stage.config.sft.steps)
    yield str(stage.config.sft.examples)
    if not (path / "config.json").exists():
        yield from ("–", "–", "–", "not made yet")
        return
    run = RunDirectory.open(path)
    lines = [line for line in run.read_timings() if line.phase != "eval"]
    yield clock(sum(seconds_of(line.values) for line in lines))
    yield _solved(run, "before")
    yield _solved(run, "after-grpo" if stage.config.grpo.steps else "after-sft")
    yield f"[report]({stage.name}/report.html)" if run.report.exists() else "not finished"


def _solved(run: RunDirectory, evaluation: str) -> str:
    if evaluation not in run.evaluation_names():
        return "–"
    rows = run.read_evaluation(evaluation)
    found = summarise(rows).strict
    return f"{sum(row.correct for row in rows)} of {found.n}"
