"""The card of a folder of puzzles: YAML that the Hugging Face Hub and `datasets` read, and what people want to know."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sleuth.errors import counted
from sleuth.puzzles.registry import get_task

if TYPE_CHECKING:
    import pyarrow as pa

    from sleuth.datasets.folder import Part

SPLIT_USE = {"train": "training", "val": "choosing between models", "test": "what is reported"}
SIZES = (("n<1K", 1_000), ("1K<n<10K", 10_000), ("10K<n<100K", 100_000), ("100K<n<1M", 1_000_000), ("1M<n<10M", 10**7))
"""Categories of the Hub, and the number of rows that each is below."""
COLUMNS = {
    "id": "family, level, split, seed, index",
    "family": "name and version; the puzzles of a version never change",
    "level": "level of the family",
    "split": "a bucket of the hash of the puzzle's canonical form, so no puzzle is in two splits, whatever its names",
    "seed": "of the key that the puzzle is made from",
    "index": "the rest of that key",
    "prompt": "the case as text, without instructions on how to answer",
    "clues": "the clue sentences",
    "questions": "letter, text, kind, and choices, of which exactly one is right",
    "answers": "JSON text: letter to right choice",
    "meta": "JSON text: sizes, statement kinds, style, difficulty if it was asked for",
}

TITLE = "# Deduction puzzles, each with one proved answer"


def is_card(text: str) -> bool:
    """Whether a README.md is a card."""
    return TITLE in text.splitlines()


def card(parts: Sequence[Part], schema: pa.Schema) -> str:
    """The text of README.md for the files of a folder with these columns."""
    splits = [split for split in SPLIT_USE if any(part.spec.split == split for part in parts)]
    count = {split: sum(part.puzzles for part in parts if part.spec.split == split) for split in splits}
    lines = ["---", *_front(parts, schema, count), "---", "", TITLE, ""]
    lines += [
        f"{counted(sum(count.values()), 'puzzle')} made by Sleuth. The clues and rules of each leave exactly one "
        "world, and",
        "the answers are facts of that world.",
        "",
        "```python",
        "import json",
        "from datasets import load_dataset",
        "",
        f'puzzles = load_dataset("PATH OF THIS FOLDER", split="{splits[0]}")',
        'print(puzzles[0]["prompt"], json.loads(puzzles[0]["answers"]))',
        "```",
        "",
        "## Splits",
        "",
        *_table(("split", "puzzles", "for"), [(split, str(count[split]), SPLIT_USE[split]) for split in splits]),
        "",
        "## Columns",
        "",
        *_table(("column", "content"), [(f"`{name}`", COLUMNS[name]) for name in schema.names]),
        "",
        "## How it was made, and what the audit found",
        "",
        "A puzzle follows from its key alone, so these commands make the same files again, on any number of machines:",
        "",
        "```text",
        *map(command, parts),
        "```",
        "",
        "A second solver (CP-SAT of OR-Tools), which had no part in making a puzzle, read its text and looked for",
        "worlds. A puzzle is sound if there is exactly one, its answers are the stored ones, and no clue states one.",
        "",
        *_table(("file", "puzzles", "sound", "remarks", "Sleuth"), list(map(_audit_row, parts))),
        "",
        "## Licence",
        "",
        "Apache-2.0.",
    ]
    return "\n".join(lines) + "\n"


def command(part: Part) -> str:
    """The command that makes a file again."""
    spec = part.spec
    words = f"sleuth make {spec.family} --level {spec.level} --split {spec.split} --count {spec.count}"
    words += f" --seed {spec.seed} --style {spec.style} --names {spec.names}"
    return words + (" --difficulty" if spec.difficulty else "") + " --out FOLDER"


def _audit_row(part: Part) -> tuple[str, ...]:
    sound = f"{part.audited} of {part.puzzles}" if part.audited else "not audited: no clues and rules"
    remarks = "; ".join(f"{count}: {remark}" for remark, count in part.remarks.items()) or "none"
    return f"`{part.path}`", str(part.puzzles), sound, remarks, part.sleuth


def _front(parts: Sequence[Part], schema: pa.Schema, count: dict[str, int]) -> Iterator[str]:
    rows = sum(count.values())
    logical = any(get_task(part.spec.family).family is not None for part in parts)
    yield from ("license: apache-2.0", "language:", "- en", "task_categories:", "- question-answering", "tags:")
    yield from ("- reasoning", "- synthetic", *(("- logic", "- deduction") if logical else ()))
    yield from ("size_categories:", f"- {next((name for name, below in SIZES if rows < below), 'n>10M')}")
    yield from ("configs:", "- config_name: default", "  data_files:")
    for split in count:
        yield from (f"  - split: {split}", f"    path: data/{split}/*.parquet")
    yield from ("dataset_info:", "  features:")
    yield from (f"  {line}" for field in schema for line in _feature(field.name, field.type))
    yield "  splits:"
    for split, examples in count.items():
        size = sum(part.data_bytes for part in parts if part.spec.split == split)
        yield from (f"  - name: {split}", f"    num_bytes: {size}", f"    num_examples: {examples}")
    yield f"  download_size: {sum(part.file_bytes for part in parts)}"
    yield f"  dataset_size: {sum(part.data_bytes for part in parts)}"


def _feature(name: str, kind: Any) -> Iterator[str]:
    """A column as `datasets` writes its features."""
    import pyarrow as pa

    yield f"- name: {json.dumps(name)}"
    if not pa.types.is_list(kind):
        yield f"  dtype: {kind}"
    elif pa.types.is_struct(kind.value_type):
        yield "  list:"
        yield from (f"  {line}" for field in kind.value_type for line in _feature(field.name, field.type))
    else:
        yield f"  list: {kind.value_type}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
