"""The functions that `sleuth.yaml` names: the puzzles as documents, and what a completion is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sleuth.config import TrainedMode
from sleuth.datasets.files import read_puzzles
from sleuth.errors import UserError
from sleuth.integrations.grading import grade_text
from sleuth.policy.prompts import ask


def dataset(file: str = "", mode: TrainedMode = "answer", **_: Any) -> dict[str, Any]:
    """The split `test`: the puzzles of a file that `sleuth make` wrote, asked in a mode. Other keys of the metadata are
    the harness's own.

    Raises `UserError` where no file is named or it holds no puzzles.
    """
    from datasets import Dataset  # the harness brings it

    if not file:
        raise UserError("""sleuth: name a file of puzzles, as in --metadata '{"file": "puzzles.jsonl"}'""")
    rows = []
    for puzzle in read_puzzles(Path(file)):
        request = ask(puzzle, mode)
        target = "\n".join(f"{letter}. {answer}" for letter, answer in puzzle.answers.items())
        row = {"id": puzzle.id, "system": request.system, "prompt": request.user, "target": target}
        rows.append(row | {"puzzle": puzzle.model_dump_json(), "mode": mode})
    return {"test": Dataset.from_list(rows)}


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Of the only completion: `answers`, the share of questions answered right, and `strict`, 1 if all are. The harness
    does not tell whether a completion hit the limit of tokens; that changes neither."""
    score = grade_text(doc["puzzle"], results[0], doc["mode"])
    return {"answers": score.reward, "strict": float(score.correct)}
