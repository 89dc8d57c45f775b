"""The aims for reasoning in words, and what was reached, from stored evaluations.

    python benchmarks/bars.py [--out docs/results]          the table, of what is in benchmarks/results/bars
    python benchmarks/bars.py --keep ROLE SEED RUN          stores a run's evaluations there first, without texts
    python benchmarks/bars.py --keep changed NAME FILE      or one on other names or in another style

RUN is the folder of a run, or of a recipe with stages, whose last stage counts, or an evaluation of a model whose run
is gone (`sleuth eval --out`); runs of one role are seeds. ROLE is `nano`; `grpo`, a nano model whose GRPO (Group
Relative Policy Optimization) is compared with its warm start; `further`, one that trained from the start of the `grpo`
of the same seed on supervised examples for as long; `smollm2`; `zebra`; or `level-2`. FILE is an evaluation of the
first `nano`. What is not stored is not measured, and the table says so. One seed has an interval over puzzles, several
have Student's t over seeds.

Of a completion the store keeps its grade, its length and the judge's verdicts in order. Of runs whose evaluations are
lost, `about.json` has the figures that were published.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common import QUICK, write_page
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError
from sleuth.evaluation.evaluate import evaluate_baselines
from sleuth.evaluation.statistics import Interval, mean_interval
from sleuth.evaluation.summary import compare, summarise
from sleuth.files import atomic_write, read_lines
from sleuth.pipeline.run import RECORDS
from sleuth.runs.metrics import seconds_of
from sleuth.runs.rows import EvaluationRow, read_parquet, to_parquet

STORE = Path(__file__).parent / "results" / "bars"
ROLES = ("nano", "grpo", "further", "smollm2", "zebra", "level-2")
LAST_STAGE = ("grpo", "further")
"""Roles of which the last stage is measured, and not how its start was made."""
CHANGED = "changed"
HEAD = ("what", "aim", "measured", "reached", "seeds", "hours")
SEEDS = 3
"""With so many an aim counts as reached."""
Rows = list[EvaluationRow]


@dataclass(frozen=True, slots=True)
class Measured:
    """What is stored of a run, or of a chain of stages."""

    seed: str
    end: Rows
    start: Rows
    """Before GRPO; none without GRPO."""
    hours: float | None
    """Of training and sampling; None where that is not known."""
    published: Mapping[str, tuple[float, float, float]]
    """Figures of a run without evaluations: value and interval."""


def keep(run: Path, store: Path, role: str, seed: str) -> None:
    """Stores a run's evaluations, or the one that a file holds, in place of what was there. Raises `UserError` where
    there is no run."""
    folder = store / role / seed
    shutil.rmtree(folder, ignore_errors=True)
    if run.is_file():
        keep_file(run, folder / "end.parquet")
        return
    stages = [run]
    if (run / RECORDS).exists():
        stages = [run / name for name in json.loads((run / RECORDS).read_text(encoding="utf-8"))]
    evaluations = stages[-1] / "evaluations"
    practised = (evaluations / "after-grpo.parquet").exists()
    keep_file(_first(evaluations, ("after-grpo", "after-sft")), folder / "end.parquet")
    if practised:
        keep_file(_first(evaluations, ("after-sft", "before")), folder / "start.parquet")
    timed = stages[-1:] if role in LAST_STAGE else stages
    lines = (json.loads(line) for stage in timed for line in read_lines(stage / "timings.jsonl"))
    spent_s = sum(seconds_of(line) for line in lines if line["phase"] != "eval")
    atomic_write(folder / "about.json", json.dumps({"hours": round(spent_s / 3600, 3)}).encode() + b"\n")


def keep_file(evaluation: Path, path: Path) -> None:
    """Stores an evaluation."""
    rows = [without_texts(row) for row in read_parquet(EvaluationRow, evaluation)]
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, to_parquet(EvaluationRow, rows))


def without_texts(row: EvaluationRow) -> EvaluationRow:
    """What figures are made of."""
    spans = tuple((i, i, verdict) for i, (_, _, verdict) in enumerate(row.spans))
    nothing = {"system": "", "prompt": "", "completion": "", "detail": ""}
    return replace(row, **nothing, answers={}, right={}, gold={}, spans=spans, turns=tuple(("", "") for _ in row.turns))


def _first(folder: Path, names: Sequence[str]) -> Path:
    for name in names:
        if (folder / f"{name}.parquet").exists():
            return folder / f"{name}.parquet"
    raise UserError(f"{folder}: there is no evaluation {' or '.join(names)}")


def stored(store: Path, role: str) -> list[Measured]:
    """The seeds of a role, in the order of their names."""
    return [_stored(folder) for folder in sorted((store / role).glob("*/"))]


def _stored(folder: Path) -> Measured:
    rows, about = {}, {}
    for name in ("end", "start"):
        path = folder / f"{name}.parquet"
        rows[name] = read_parquet(EvaluationRow, path) if path.exists() else []
    if (folder / "about.json").exists():
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    return Measured(folder.name, rows["end"], rows["start"], about.get("hours"), about.get("published", {}))


def over_seeds(values: Sequence[Interval]) -> Interval:
    return values[0] if len(values) == 1 else mean_interval({str(i): [one.mean] for i, one in enumerate(values)})


def percent(found: Interval, sign: str = "") -> str:
    """A share; with a sign, a difference of two in points."""
    unit = "points" if sign else "%"
    low, high = (found.low, found.high) if sign else (max(found.low, 0.0), min(found.high, 1.0))
    return f"{100 * found.mean:{sign}.1f} {unit} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


Figure = Callable[[Measured], Interval]


def solved(one: Measured) -> Interval:
    return summarise(_rows(one)).strict


def gained(one: Measured) -> Interval:
    if not one.start:
        raise UserError(f"seed {one.seed}: no evaluation before GRPO is stored")
    return compare(one.start, one.end).strict


def true(one: Measured) -> Interval:
    return _sentences(one, "sentences_true")


def nothing_false(one: Measured) -> Interval:
    return _sentences(one, "nothing_false")


def _sentences(one: Measured, name: str) -> Interval:
    spans = summarise(_rows(one), mode="reason").spans
    if name not in spans:
        raise UserError(f"seed {one.seed}: no sentence of its evaluation can be read")
    return spans[name]


def _rows(one: Measured) -> Rows:
    if not one.end:
        raise UserError(f"seed {one.seed}: no evaluation is stored, and not every figure as published")
    return one.end


FIGURES: Mapping[str, Figure] = {"solved": solved, "gained": gained, "true": true, "nothing_false": nothing_false}


def known(name: str, work_out: Figure | None = None) -> Figure:
    """A figure of a run, as it was published or worked out."""
    figure = work_out or FIGURES[name]
    return lambda one: Interval(*one.published[name], n=0) if name in one.published else figure(one)


def line(
    what: str, aim: str, runs: Sequence[Measured], figure: Figure, reached: Callable[[Interval], bool], sign: str = ""
) -> tuple[str, ...]:
    """A row of the table."""
    if not runs:
        return what, aim, "not measured", "–", "0", "–"
    found = over_seeds([figure(one) for one in runs])
    said = ("yes" if reached(found) else "no") + ("" if len(runs) >= SEEDS else f"; {len(runs)} of {SEEDS} seeds")
    hours = [one.hours for one in runs if one.hours is not None]
    of = f" ({len(hours)} seeds)" if len(hours) < len(runs) else ""
    return what, aim, percent(found, sign), said, str(len(runs)), f"{sum(hours):.1f}{of}" if hours else "–"


def lines(store: Path) -> Iterator[tuple[str, ...]]:
    """All rows."""
    given = {role: stored(store, role) for role in ROLES}
    nano, large, final = given["nano"], given["smollm2"], given["smollm2"] or given["nano"]
    practised = {one.seed: one for one in given["grpo"]}

    def over_further(one: Measured) -> Interval:
        other = practised.get(one.seed)
        if other is None or not other.end:
            raise UserError(f"seed {one.seed}: of `grpo` no evaluation is stored to compare `further` with")
        return compare(one.end, other.end).strict

    def at_least(bar: float) -> Callable[[Interval], bool]:
        return lambda found: found.mean >= bar

    def by_ten(found: Interval) -> bool:
        return found.mean >= 0.10 and found.low > 0.05

    yield line("nano, level 1, after all training", "90 % solved", nano, known("solved"), at_least(0.9))
    yield line(
        "nano: GRPO against its warm start, paired", "+10 points, above +5", given["grpo"], known("gained"), by_ten, "+"
    )
    what = "nano: GRPO against as many minutes of further SFT, paired"
    yield line(what, "above 0", given["further"], known("over_further", over_further), lambda found: found.low > 0, "+")
    yield line("SmolLM2-135M, level 1", "90 % solved", large, known("solved"), at_least(0.9))
    what = "SmolLM2-135M: GRPO against its warm start, paired"
    yield line(what, "+10 points, above +5", [one for one in large if one.start], known("gained"), by_ten, "+")
    yield line("zebra level 1, either model", "85 % solved", given["zebra"], known("solved"), at_least(0.85))
    yield line("Temporal Clue level 2, SmolLM2-135M", "40 % solved", given["level-2"], known("solved"), at_least(0.4))
    yield line("sentences of the final level-1 model", "99 % true", final, known("true"), at_least(0.99))
    yield line("its completions without a false sentence", "95 %", final, known("nothing_false"), at_least(0.95))
    changed = sorted((store / CHANGED).glob("*.parquet")) if nano else []
    if not changed:
        yield "nano: other names and styles", "measured", "not measured", "–", "0", "–"
    for file in changed:
        fall = percent(summarise(read_parquet(EvaluationRow, file)).strict)
        yield (
            f"nano: {file.stem}",
            "measured",
            f"{fall}, where it was {percent(known('solved')(nano[0]))}",
            "yes",
            "1",
            "–",
        )


def made_up(folder: Path) -> Path:
    """A run's evaluations: guesses before training, the solver's answers after it, with a judge's verdicts."""
    spec = PuzzleSpec("temporal-clue", "1", "test", 0, 4, "terse")
    found = evaluate_baselines([spec.make(index).puzzle for index in range(4)], 0)
    for name, policy in (("before", "guessing"), ("after-grpo", "solver")):
        firsts = [row for row in found[policy] if row.sample == 0]
        verdicts = ["derived", "false", "unread", "lucky"]
        firsts = [replace(row, spans=((0, 5, "empty"), (6, 9, verdicts[i]))) for i, row in enumerate(firsts)]
        (folder / "evaluations").mkdir(exist_ok=True)
        atomic_write(folder / "evaluations" / f"{name}.parquet", to_parquet(EvaluationRow, firsts))
    (folder / "timings.jsonl").write_text('{"phase": "grpo", "step": 1, "train_s": 3600.0}\n', encoding="utf-8")
    return folder


def page(store: Path) -> str:
    """The table with what is said of it."""
    rows = [HEAD, ("---",) * len(HEAD), *lines(store)]
    return "\n".join(
        [
            "# Aims for reasoning in words, and what was reached",
            "",
            "Held-out puzzles, greedy decoding, no solver when the model answers; brackets hold 95 % intervals. GRPO "
            "is Group Relative Policy Optimization, SFT supervised fine-tuning. An aim counts as reached with three "
            "seeds. Hours are wall-clock time of training and sampling, whatever else the machine did; where GRPO is "
            "compared, of the last stage alone. Made by `python benchmarks/bars.py` from the evaluations in "
            "`benchmarks/results/bars`.",
            "",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", nargs=3, action="append", default=[], metavar=("ROLE", "SEED", "RUN"))
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for bars.md, which is replaced")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        if options.quick:
            options.keep = [("zebra", "0", made_up(Path(folder)))]
        else:
            shutil.copytree(STORE, store)
        try:
            for role, name, run in options.keep:
                if role == CHANGED:
                    keep_file(Path(run), store / CHANGED / f"{name}.parquet")
                elif role in ROLES:
                    keep(Path(run), store, role, name)
                else:
                    raise UserError(f"--keep {role}: known are {', '.join((*ROLES, CHANGED))}")
            text = page(store)
        except UserError as error:
            parser.error(str(error))
        if options.keep and not options.quick:  # only what makes a table
            shutil.rmtree(STORE)
            shutil.copytree(store, STORE)
    write_page("bars", text, options.out)


if __name__ == "__main__":
    main()
