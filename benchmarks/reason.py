"""Reasoning in text against bare answers, at equal compute: makes docs/results/reason.md.

    python benchmarks/reason.py [--reason runs/reason] [--answer runs/answer] [--quick] [--out docs/results]

The two runs that `recipes/reason.toml` names at its head, level by level. Computing is counted, not timed: 6 operations
a parameter for every token trained on, prompts included, and 2 for every one sampled.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from common import QUICK, QUICK_MODEL, machine
from sleuth.config import RunConfig
from sleuth.evaluation.statistics import Interval
from sleuth.evaluation.summary import compare, summarise
from sleuth.files import atomic_write
from sleuth.policy.models import load_shape
from sleuth.policy.prompts import ask
from sleuth.progress import say
from sleuth.runs.directory import RunDirectory
from sleuth.runs.rows import EvaluationRow
from sleuth.training.curriculum import Curriculum
from sleuth.training.preflight import start
from sleuth.training.run import train
from sleuth.training.sft import encode

EVALUATIONS = {"before": "before training", "after-sft": "after the warm start", "after-grpo": "after GRPO"}
SPANS = ("sentences_true", "sentences_derived", "nothing_false")


def trained_quickly(mode: str, path: Path) -> Path:
    """A small run, made."""
    keys = {
        "mode": mode,
        "model": {"name": QUICK_MODEL, "threads": 1},
        "puzzles": {"style": "terse"},
        "sft": {"examples": 2, "batch_size": 2},
        "grpo": {"steps": 1, "puzzles_per_step": 1, "samples": 2},
        "sampling": {"max_new_tokens": 4},
        "eval": {"count": 2, "every": 0},
    }
    train(start(RunConfig.model_validate(keys), path))
    return path


def operations(run: RunDirectory) -> tuple[float, float]:
    """Operations a parameter of warm start and GRPO, in millions."""
    config = run.config
    _, tokenizer = load_shape(config.model.name, torch.float32)
    curriculum = Curriculum(config)
    shown = sum(
        encode(tokenizer, ask(puzzle, config.mode), right).computed_tokens for puzzle, right in curriculum.examples()
    )
    sampled = prompts = 0
    for step in range(1, config.grpo.steps + 1):
        rows = run.read_rollouts("grpo", step)
        sampled += sum(len(row.tokens) for row in rows)
        asked = {row.puzzle_id: row for row in rows}
        prompts += sum(len(tokenizer(f"{row.system}\n{row.prompt}")["input_ids"]) for row in asked.values())
    return 6 * shown / 1e6, (2 * sampled + 6 * (sampled + prompts)) / 1e6


def shown(found: Interval | None) -> str:
    return "–" if found is None else f"{found.mean:.1%} [{found.low:.1%}, {found.high:.1%}]".replace("%", " %")


def of_level(rows: Sequence[EvaluationRow], level: str) -> list[EvaluationRow]:
    return [row for row in rows if f"/level-{level}/" in row.puzzle_id]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reason", type=Path, default=Path("runs/reason"))
    parser.add_argument("--answer", type=Path, default=Path("runs/answer"))
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--quick", action="store_true", help=f"{QUICK}, with two small runs made for it in --out")
    options = parser.parse_args()
    if options.quick:
        options.reason, options.answer = (trained_quickly(mode, options.out / mode) for mode in ("reason", "answer"))
    options.out.mkdir(parents=True, exist_ok=True)
    runs = {"reason": RunDirectory.open(options.reason), "answer": RunDirectory.open(options.answer)}
    config = runs["reason"].config
    lines = [
        "# Reasoning in text against bare answers, at equal compute",
        "",
        f"{config.model.name} (training starts from 4-bit weights, Q4_1). One run per mode, seed {config.seed}, "
        f"greedy. {machine()}. Brackets hold 95 % intervals over puzzles. Made by `python benchmarks/reason.py`.",
        "",
        "| mode | supervised examples | GRPO steps | operations per parameter, warm start + GRPO |",
        "| --- | --- | --- | --- |",
    ]
    for mode, run in runs.items():
        warm, grpo = operations(run)
        own = run.config
        steps = f"{own.grpo.steps} of {own.grpo.puzzles_per_step} × {own.grpo.samples}"
        lines.append(f"| {mode} | {own.sft.examples} | {steps} | {warm:.2f} + {grpo:.2f} million |")
    for level in [source.level for source in config.puzzles.sources]:
        head = ["", "puzzles solved", "answers right", "sentences true", "derived", "no false sentence"]
        lines += ["", f"## Level {level}", "", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
        guesses = summarise(of_level(runs["reason"].read_evaluation("guessing"), level))
        count = guesses.strict.n
        lines.append(f"| guessing ({count} puzzles) | {shown(guesses.strict)} | {shown(guesses.share)} | – | – | – |")
        for mode, run in runs.items():
            for name, said in EVALUATIONS.items():
                found = summarise(of_level(run.read_evaluation(name), level), mode=run.config.mode)
                spans = " | ".join(shown(found.spans.get(name)) for name in SPANS)
                lines.append(f"| {mode}, {said} | {shown(found.strict)} | {shown(found.share)} | {spans} |")
        lines.append("")
        for mode, run in runs.items():
            pair = [of_level(run.read_evaluation(name), level) for name in ("after-sft", "after-grpo")]
            lines.append(f"GRPO against the warm start, mode {mode}: {shown(compare(*pair).strict)} solved.")
        pair = [of_level(runs[mode].read_evaluation("after-grpo"), level) for mode in ("answer", "reason")]
        lines += ["", f"Mode reason against mode answer, after GRPO: {shown(compare(*pair).strict)} solved."]
    atomic_write(options.out / "reason.md", ("\n".join(lines) + "\n").encode())
    say(f"{options.out / 'reason.md'}")


if __name__ == "__main__":
    main()
