"""Reasoning to read, from a stored evaluation: the first cases solved and the first not solved, every sentence marked.

    python benchmarks/traces.py EVALUATION.parquet [--each 3] [--out docs/results]

EVALUATION.parquet is what `sleuth eval --mode reason --out` writes, or a file in the folder `evaluations` of a run.
The cases are the first in the order asked, not chosen. `--quick` asks the shipped model for two short completions.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from common import QUICK, QUICK_MODEL, write_page
from sleuth.errors import UserError, counted
from sleuth.runs.rows import EvaluationRow, read_parquet
from sleuth.visible import visible

UNJUDGED = "–"
"""The mark of text that no sentence of which was judged."""
STOPS = ".;,!?"
MARKED = 10
"""Width of the column of marks, in characters."""


def marked(row: EvaluationRow) -> list[tuple[str, str]]:
    """(mark, text) of everything in a completion, in order: judged sentences, each with its full stop and with what
    leads to it ("So:"), and what stands between them."""
    found: list[tuple[str, str]] = []
    end = 0
    for start, stop, verdict in [*sorted(row.spans), (len(row.completion), len(row.completion), "")]:
        text = row.completion[end:start]
        between = text.lstrip(STOPS).strip()
        stops = text[: len(text) - len(text.lstrip(STOPS))]
        if found:
            found[-1] = found[-1][0], found[-1][1] + stops
        lead = between if between.endswith(":") else ""
        if between and not lead:
            found.append((UNJUDGED, between))
        if verdict:
            found.append((verdict, f"{lead} {row.completion[start:stop].strip()}".strip()))
        elif lead:
            found.append((UNJUDGED, lead))
        end = max(end, stop)
    return found


def told(row: EvaluationRow) -> Iterator[str]:
    """The section of a case."""
    yield f"### `{row.puzzle_id}`\n"
    answers = []
    for letter, answer in row.answers.items():
        right = "" if row.right[letter] else f" (right: {visible(row.gold[letter])})"
        answers.append(f"{letter}: {visible(answer or 'nothing')}{right}")
    false = sum(verdict == "false" for *_, verdict in row.spans)
    length = f"{counted(row.length_tokens, 'token')}, {counted(false, 'false sentence')}"
    yield f"{length}. Answers as read: {'; '.join(answers)}.\n"
    yield f"<details><summary>The case</summary>\n\n~~~text\n{visible(row.prompt)}\n~~~\n\n</details>\n"
    yield "~~~text"
    for mark, text in marked(row):
        first, *others = visible(text).splitlines()
        yield f"{mark:{MARKED}}{first}"
        yield from (f"{'':{MARKED}}{line}" for line in others)
    yield "~~~\n"


def by_alternatives(rows: Sequence[EvaluationRow]) -> Iterator[str]:
    """A table: how many cases are solved, by their clues of the form "either … or …"."""
    yield "| clues that begin with “Either” | cases | solved |\n| --- | --- | --- |"
    counts = [sum(line.startswith("Either ") for line in row.prompt.splitlines()) for row in rows]
    for count in sorted(set(counts)):
        found = [row.correct for row, own in zip(rows, counts, strict=True) if own == count]
        yield f"| {count} | {len(found)} | {sum(found)} ({sum(found) / len(found):.1%}) |"
    yield ""


def page(rows: Sequence[EvaluationRow], each: int) -> str:
    """The page as Markdown."""
    firsts = [row for row in rows if row.sample == 0]
    solved = [row for row in firsts if row.correct]
    failed = [row for row in firsts if not row.correct]
    parts = [
        "# Reasoning to read\n",
        f"Of {counted(len(firsts), 'case')}, {len(solved)} were solved. Below are the first {min(each, len(solved))} "
        f"of these and the first {min(each, len(failed))} of the others, in the order in which they were asked. "
        "Before each sentence stands what the solver says of it:\n",
        "- *derived*: follows from at most three clues and what was derived before",
        "- *repeated*: was said before, or stands on the page",
        "- *lucky*: is true, but follows from nothing that was said",
        "- *false*: is false",
        "- *empty*: follows from the rules alone",
        "- *unread*: nothing the solver can read",
        f"- {UNJUDGED}: is not judged\n",
        "Made by `python benchmarks/traces.py` from a stored evaluation.\n",
        *by_alternatives(firsts),
    ]
    for title, found in (("Solved", solved), ("Not solved", failed)):
        parts.append(f"## {title}\n")
        for row in found[:each]:
            parts += told(row)
    return "\n".join(parts)


def quick() -> list[EvaluationRow]:
    """A short evaluation of the shipped model."""
    import torch

    from sleuth.datasets.make import PuzzleSpec
    from sleuth.evaluation.evaluate import evaluate
    from sleuth.policy.base import Sampling
    from sleuth.policy.engine import TorchPolicy
    from sleuth.policy.models import load_model

    loaded = load_model(QUICK_MODEL, torch.float32, "cpu")
    spec = PuzzleSpec("temporal-clue", "1", "test", 4, 2, "terse")
    puzzles = [spec.make(index).puzzle for index in range(2)]
    return evaluate(TorchPolicy(loaded.model, loaded.tokenizer), puzzles, "reason", Sampling(96, temperature=0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", type=Path, nargs="?", help="Parquet file of an evaluation")
    parser.add_argument("--each", type=int, default=3, help="cases solved, and cases not solved")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for traces.md, which is replaced")
    options = parser.parse_args()
    if options.quick:
        rows = quick()
    elif options.evaluation is None:
        parser.error("name the Parquet file of an evaluation")
    else:
        rows = read_parquet(EvaluationRow, options.evaluation)
    if not any(row.spans for row in rows):
        raise UserError("no sentence of this evaluation was judged: take one in mode reason")
    text = page(rows, options.each)
    write_page("traces", text, options.out)


if __name__ == "__main__":
    main()
