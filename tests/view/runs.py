"""Folders of runs to look at: two seeds of one setting, a fork, one that is being written, and a hostile one."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from sleuth.config import RunConfig
from sleuth.evaluation.summary import summarise
from sleuth.grading import grade
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.runs.directory import MODEL, WEIGHTS, RunDirectory
from sleuth.runs.rows import EvaluationRow, RolloutRow
from tests.report.made_up_run import CONFIG, HOSTILE, SCRIPT, evaluation, fill

REASON = RunConfig.model_validate(
    {
        "name": "reasons",
        "mode": "reason",
        "model": {"device": "cpu", "dtype": "float32"},
        "sft": {"examples": 0},
        "grpo": {"steps": 3, "puzzles_per_step": 2, "samples": 4},
    }
)
FILE_NAME = "<svg onload=document.title='FILE-RAN'>"
"""Of an evaluation in a hostile run; Sleuth would write no such name."""
FALSE = "Nobody committed the murder"


def reasoning_rows(step: int) -> list[RolloutRow]:
    """Graded completions of two puzzles: the right chain, one with its first sentence said twice, one cut off, and one
    with a foreign sentence."""
    rows = []
    for number in range(2):
        puzzle = make_puzzle("temporal-clue", "1", "train", step, number, "terse").puzzle
        right = gold_completion(puzzle, "reason", "spelled")
        first = right.split("\n")[0]
        for sample, text in enumerate(
            (right, f"{first}\n{right}", right[: len(right) // 2], f"因此 Ада виновна.\n{right}")
        ):
            score = grade(puzzle, text, "reason")
            rows.append(
                RolloutRow(
                    phase="grpo",
                    step=step,
                    puzzle_id=puzzle.id,
                    sample=sample,
                    system="Think step by step.",
                    prompt=puzzle.prompt,
                    completion=text,
                    stop="end",
                    outcome=score.outcome,
                    reward=score.reward,
                    correct=score.correct,
                    answers=score.answers,
                    right=score.right,
                    gold=dict(puzzle.answers),
                    detail=score.detail,
                    spans=tuple((span.start, span.end, span.verdict) for span in score.spans),
                    tokens=tuple(range(10 * step + sample)),
                    logprobs=tuple(-0.25 for _ in range(10 * step + sample)),
                    advantage=(None, 1.5, -1.5, 0.25)[sample],
                    ratios=(0.7, 1.0, 1.02, *(1.0 for _ in range(10 * step - 3))) if sample == 0 and step == 3 else (),
                )
            )
    return rows


def reasoning_run(path: Path) -> RunDirectory:
    """A run that goes on: three steps of reasoning."""
    run = RunDirectory.create(path, REASON)
    for step in (1, 2, 3):
        write_step(run, step)
    return run


def write_step(run: RunDirectory, step: int) -> None:
    """A step as training writes it: rollouts, metrics, timings."""
    rows = reasoning_rows(step)
    run.write_rollouts("grpo", step, rows)
    run.log_metrics("grpo", step, summarise(rows, 0, "reason").as_metrics() | {"tokens_sampled": 100.0 * step})
    run.log_timings("grpo", step, {"sample_s": 1800.0, "train_s": 1800.0})


def finish(run: RunDirectory) -> None:
    """Puts a file where a finished run has its weights."""
    (run.path / MODEL).mkdir()
    (run.path / MODEL / WEIGHTS).touch()


def several(root: Path) -> None:
    """`demo-0` and `demo-1` (finished seeds), `child` (a fork of the first) and `reasons`."""
    for seed in (0, 1):
        run = RunDirectory.create(
            root / f"demo-{seed}", CONFIG.model_copy(update={"seed": seed, "name": f"demo-{seed}"})
        )
        fill(run)
        finish(run)
    changed = CONFIG.model_copy(update={"grpo": CONFIG.grpo.model_copy(update={"learning_rate": 1e-5})})
    child = RunDirectory.create(root / "child", changed)
    fill(child, grpo_steps=5, evaluations=False)
    told = {"parent": "demo-0", "folder": str(root / "demo-0"), "step": 4, "changed": {"grpo.learning_rate": 1e-5}}
    (child.path / "parent.json").write_text(json.dumps(told))
    child.write_alarms(
        [
            {
                "phase": "grpo",
                "step": 2,
                "name": "entropy",
                "figures": "entropy 0.1, at first 0.4",
                "remedy": "a lower rate",
            }
        ]
    )
    reasoning_run(root / "reasons")


def hostile(root: Path, lines: int = 1_000_000, megabytes: int = 10) -> str:
    """A run of which everything is hostile. Gives its name."""
    name = "<img src=x onerror=document.title='NAME-RAN'>"
    run = RunDirectory.create(root / name, CONFIG)
    chance = random.Random(0)
    rows = evaluation(0.5, 12, 3, hostile=True)
    long = "x" * (megabytes << 20) + "THE-END"
    terminal = "\x1b]0;owned\x07\x1b[31mred\x1b[2J"
    strange = ((0, 5, "<script>"), (-3, 10**9, "false"), (5, 2, "derived"))
    rows = [
        EvaluationRow(**{name: getattr(row, name) for name in EvaluationRow.__dataclass_fields__} | update)  # type: ignore[arg-type]
        for row, update in zip(
            rows,
            [{"completion": long}, {"completion": terminal, "spans": strange}, *[{"detail": SCRIPT}] * 10],
            strict=True,
        )
    ]
    run.write_evaluation("before", rows, summarise(evaluation(0.5, 12, 3)).as_json())
    for end in ("parquet", "json"):
        shutil.copy(run.evaluations / f"before.{end}", run.evaluations / f"{FILE_NAME}.{end}")
    (run.evaluations / "broken.parquet").write_bytes(b"PAR1" + bytes(1000) + b"PAR1")
    (run.evaluations / "broken.json").write_text("{" * 100_000)
    (run.rollouts / "grpo_000001.parquet").write_bytes(b"no parquet")
    (run.rollouts / "grpo_000002.parquet").symlink_to("/etc/passwd")
    (run.path / "alarms.json").write_text(
        json.dumps({"alarms": [{"step": 1, "name": SCRIPT, "figures": HOSTILE[1]}, 7]})
    )
    with (run.path / "metrics.jsonl").open("w") as file:
        file.write("[]\nnot json\n" + '{"phase": "grpo", "step": "' + SCRIPT.replace('"', "'") + '"}\n')
        for step in range(1, lines + 1):
            file.write(f'{{"phase": "grpo", "step": {step}, "reward": {chance.random():.3f}, "strict": null}}\n')
    return name
