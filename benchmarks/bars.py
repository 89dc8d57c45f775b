"""The aims for reasoning in words, and what was reached, from stored evaluations.

    python benchmarks/bars.py [--nano RUN ...] [--grpo RUN ...] [--against RUN RUN] [--smollm2 RUN ...]
        [--zebra RUN ...] [--level-2 RUN ...] [--changed FILE ...] [--quick] [--out docs/results]

RUN is the folder of a run, or of a recipe with stages, whose last stage counts; several are seeds. `--grpo` are runs of
nano models whose GRPO (Group Relative Policy Optimization) is compared with their warm start; without them, those of
`--nano` that had GRPO. `--against` (once for each seed) is a run of GRPO and one that trained from the same start on
supervised examples for as long, on the same suite. FILE is an evaluation of the first `--nano` model on other names or
styles (`sleuth eval --out`). What is not given is not measured, and the table says so. One seed has an interval over
puzzles, several have Student's t over seeds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import QUICK, write_page
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError
from sleuth.evaluation.evaluate import evaluate_baselines
from sleuth.evaluation.statistics import Interval, mean_interval
from sleuth.evaluation.summary import compare, summarise
from sleuth.files import atomic_write, read_lines
from sleuth.pipeline.run import RECORDS
from sleuth.runs.rows import EvaluationRow, read_parquet, to_parquet

HEAD = ("what", "aim", "measured", "reached", "seeds", "hours")
SEEDS = 3
"""With so many an aim counts as reached."""
Rows = list[EvaluationRow]


@dataclass(frozen=True, slots=True)
class Measured:
    """A run, or a chain of stages."""

    stages: Sequence[Path]

    @property
    def end(self) -> Rows:
        return self._rows(("after-grpo", "after-sft"))

    @property
    def start(self) -> Rows:
        """Before GRPO."""
        return self._rows(("after-sft", "before"))

    @property
    def practised(self) -> bool:
        """Whether it had GRPO."""
        return (self.stages[-1] / "evaluations" / "after-grpo.parquet").exists()

    @property
    def hours(self) -> float:
        """Of training and sampling, all stages together."""
        lines = (json.loads(line) for stage in self.stages for line in read_lines(stage / "timings.jsonl"))
        spent = (
            value for line in lines if line["phase"] != "eval" for name, value in line.items() if name.endswith("_s")
        )
        return float(sum(spent)) / 3600

    def _rows(self, names: Sequence[str]) -> Rows:
        folder = self.stages[-1] / "evaluations"
        for name in names:
            if (folder / f"{name}.parquet").exists():
                return read_parquet(EvaluationRow, folder / f"{name}.parquet")
        raise UserError(f"{folder}: there is no evaluation {' or '.join(names)}")


def measured(folder: Path) -> Measured:
    """What is in a folder. Raises `UserError` where there is no run."""
    if (folder / RECORDS).exists():
        return Measured([folder / name for name in json.loads((folder / RECORDS).read_text(encoding="utf-8"))])
    return Measured([folder])


def over_seeds(values: Sequence[Interval]) -> Interval:
    return values[0] if len(values) == 1 else mean_interval({str(i): [one.mean] for i, one in enumerate(values)})


def percent(found: Interval, sign: str = "") -> str:
    """A share; with a sign, a difference of two in points."""
    unit = "points" if sign else "%"
    low, high = (found.low, found.high) if sign else (max(found.low, 0.0), min(found.high, 1.0))
    return f"{100 * found.mean:{sign}.1f} {unit} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


Figure = Callable[[Measured], Interval]


def solved(one: Measured) -> Interval:
    return summarise(one.end).strict


def gained(one: Measured) -> Interval:
    return compare(one.start, one.end).strict


def true(one: Measured) -> Interval:
    return _sentences(one, "sentences_true")


def nothing_false(one: Measured) -> Interval:
    return _sentences(one, "nothing_false")


def _sentences(one: Measured, name: str) -> Interval:
    spans = summarise(one.end, mode="reason").spans
    if name not in spans:
        raise UserError(f"{one.stages[-1]}: no sentence of its evaluation can be read")
    return spans[name]


def line(
    what: str, aim: str, runs: Sequence[Measured], figure: Figure, reached: Callable[[Interval], bool], sign: str = ""
) -> tuple[str, ...]:
    """A row of the table."""
    if not runs:
        return what, aim, "not measured", "–", "0", "–"
    found = over_seeds([figure(one) for one in runs])
    said = ("yes" if reached(found) else "no") + ("" if len(runs) >= SEEDS else f"; {len(runs)} of {SEEDS} seeds")
    return what, aim, percent(found, sign), said, str(len(runs)), f"{sum(one.hours for one in runs):.1f}"


def lines(options: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """All rows."""
    given = {name: [measured(folder) for folder in getattr(options, name)] for name in KINDS}
    nano, large, final = given["nano"], given["smollm2"], given["smollm2"] or given["nano"]
    practised = given["grpo"] or [one for one in nano if one.practised]

    def at_least(bar: float) -> Callable[[Interval], bool]:
        return lambda found: found.mean >= bar

    def by_ten(found: Interval) -> bool:
        return found.mean >= 0.10 and found.low > 0.05

    yield line("nano, level 1, after all training", "90 % solved", nano, solved, at_least(0.9))
    yield line("nano: GRPO against its warm start, paired", "+10 points, above +5", practised, gained, by_ten, "+")
    against = [tuple(map(measured, pair)) for pair in options.against]
    further = {id(practice): examples for practice, examples in against}

    def over_further(one: Measured) -> Interval:
        return compare(further[id(one)].end, one.end).strict

    pairs = [practice for practice, _ in against]
    what = "nano: GRPO against as many minutes of further SFT, paired"
    yield line(what, "above 0", pairs, over_further, lambda found: found.low > 0, "+")
    yield line("SmolLM2-135M, level 1", "90 % solved", large, solved, at_least(0.9))
    yield line("SmolLM2-135M: GRPO against its warm start, paired", "+10 points, above +5", large, gained, by_ten, "+")
    yield line("zebra level 1, either model", "85 % solved", given["zebra"], solved, at_least(0.85))
    yield line("Temporal Clue level 2, SmolLM2-135M", "40 % solved", given["level_2"], solved, at_least(0.4))
    yield line("sentences of the final level-1 model", "99 % true", final, true, at_least(0.99))
    yield line("its completions without a false sentence", "95 %", final, nothing_false, at_least(0.95))
    if not options.changed or not nano:
        yield "nano: other names and styles", "measured", "not measured", "–", "0", "–"
    for file in options.changed if nano else ():
        rows = read_parquet(EvaluationRow, file)
        fall = percent(summarise(rows).strict)
        yield f"nano: {file.stem}", "measured", f"{fall}, where it was {percent(solved(nano[0]))}", "yes", "1", "–"


KINDS = ("nano", "grpo", "smollm2", "zebra", "level_2")


def made_up(folder: Path) -> Path:
    """A run's evaluations: guesses before training, the solver's answers after it."""
    spec = PuzzleSpec("temporal-clue", "1", "test", 0, 4, "terse")
    found = evaluate_baselines([spec.make(index).puzzle for index in range(4)], 0)
    for name, policy in (("before", "guessing"), ("after-grpo", "solver")):
        firsts = [row for row in found[policy] if row.sample == 0]
        (folder / "evaluations").mkdir(exist_ok=True)
        atomic_write(folder / "evaluations" / f"{name}.parquet", to_parquet(EvaluationRow, firsts))
    (folder / "timings.jsonl").write_text('{"phase": "grpo", "step": 1, "train_s": 3600.0}\n', encoding="utf-8")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in KINDS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, nargs="*", default=[])
    parser.add_argument("--against", type=Path, nargs=2, action="append", default=[])
    parser.add_argument("--changed", type=Path, nargs="*", default=[])
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for bars.md, which is replaced")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.quick:
            options.zebra = [made_up(Path(folder))]
        rows = [HEAD, ("---",) * len(HEAD), *lines(options)]
    text = "\n".join(
        [
            "# Aims for reasoning in words, and what was reached",
            "",
            "Held-out puzzles, greedy decoding, no solver when the model answers; brackets hold 95 % intervals. GRPO "
            "is Group Relative Policy Optimization, SFT supervised fine-tuning. An aim counts as reached with three "
            "seeds. Hours are those of the runs given, training and sampling, wall-clock, whatever else the machine "
            "did. Made by `python benchmarks/bars.py` from stored evaluations.",
            "",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
        ]
    )
    write_page("bars", text, options.out)


if __name__ == "__main__":
    main()
