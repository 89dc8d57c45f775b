"""A folder of puzzles that other tools read as a data set: `datasets.load_dataset(folder)`, Polars, DuckDB.

    FOLDER/README.md                                   the card (`sleuth.datasets.card`)
    FOLDER/data/train/temporal-clue-1-level-2.parquet  one file for each split, family and level

Every file says in its metadata how it was made and what the audit found, and the card follows from the files. So more
splits, levels and families can be added by further commands.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sleuth.datasets.audit import Finding, Outright, audit_all
from sleuth.datasets.files import SUFFIXES, puzzle_schema, write_parquet
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError
from sleuth.files import atomic_write, check_folder, read_data, writing
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_task

ABOUT = "sleuth"
"""Key of a file's metadata."""
CARD = "README.md"
OUTRIGHT = "has a question that a clue answers outright"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the folder."""

    path: str
    """Relative to the folder."""
    spec: PuzzleSpec
    puzzles: int
    audited: int
    """Puzzles that the second solver found sound; 0 where the task has no clues and rules to audit."""
    remarks: dict[str, int]
    """What else the audit found, and in how many puzzles."""
    sleuth: str
    """Version that made it."""
    file_bytes: int
    data_bytes: int
    """Without compression."""


@dataclass(slots=True)
class Tally:
    """What the audit of a file came to."""

    audited: int = 0
    remarks: Counter[str] = field(default_factory=Counter)

    def note(self, finding: Finding) -> None:
        """Counts a puzzle. Raises `UserError` for one that is unsound."""
        if finding.problems:
            raise UserError(f"{finding.id} is unsound, so nothing is written: {finding.problems[0]}")
        self.audited += 1
        self.remarks.update(
            {
                OUTRIGHT if isinstance(one, Outright) else f"several worlds if read {one.reading}"
                for one in finding.remarks
            }
        )


def is_folder(out: Path) -> bool:
    """Whether an output names a data set's folder rather than a file: it has no suffix, or is a folder that is not
    called like a file of puzzles."""
    return out.suffix not in SUFFIXES and (not out.suffix or out.is_dir())


def path_of(folder: Path, spec: PuzzleSpec) -> Path:
    """Where the puzzles of a spec go."""
    name = re.sub(r"[^\w.]+", "-", f"{get_task(spec.family).id} level {spec.level}")
    return folder / "data" / spec.split / f"{name}.parquet"


def check_dataset(folder: Path, spec: PuzzleSpec) -> None:
    """Raises `UserError` where `write_dataset` could not write. To be called before the puzzles are made."""
    from sleuth.datasets.card import is_card

    check_folder(folder)
    parts(folder)
    readme = folder / CARD
    if readme.exists() and not is_card(read_data(readme).decode(errors="replace")):
        raise UserError(f"{folder}: has a {CARD} that is not of a data set; name another folder")
    path = path_of(folder, spec)
    if path.exists():
        raise UserError(
            f"{folder} has split {spec.split} of {spec.family} level {spec.level} already; delete {path}, or name "
            "another folder"
        )


def write_dataset(folder: Path, spec: PuzzleSpec, puzzles: Iterable[Puzzle], workers: int = 0) -> int:
    """Adds the puzzles of a spec to a folder, audited, and writes its card. Returns their number.

    `workers`: processes that audit; 0 takes all cores. Raises `UserError` where `check_dataset` does, and for an
    unsound puzzle; then nothing is added.
    """
    from sleuth.datasets.card import card

    check_dataset(folder, spec)
    task = get_task(spec.family)
    tally = Tally()

    def about() -> dict[str, str]:
        made = {
            "spec": asdict(replace(spec, family=task.id)),
            "audited": tally.audited,
            "remarks": dict(sorted(tally.remarks.items())),
            "sleuth": importlib.metadata.version("sleuth"),
        }
        return {ABOUT: json.dumps(made, ensure_ascii=False)}

    path = path_of(folder, spec)
    with writing(folder):
        path.parent.mkdir(parents=True, exist_ok=True)
    audited = puzzles if task.family is None else _audited(puzzles, tally, workers)
    count = write_parquet(path, audited, about)
    atomic_write(folder / CARD, card(parts(folder), puzzle_schema()).encode())
    return count


def parts(folder: Path) -> list[Part]:
    """The files of a folder, in the order of their names. Raises `UserError` for one that `write_dataset` did not
    write."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = []
    for path in sorted(folder.glob("data/*/*.parquet")):
        try:
            metadata = pq.read_metadata(path)
            about: dict[str, Any] = json.loads((metadata.metadata or {})[ABOUT.encode()])
            spec = PuzzleSpec(**about.pop("spec"))
            data_bytes = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
            place = path.relative_to(folder).as_posix()
            size = path.stat().st_size
            found.append(Part(place, spec, metadata.num_rows, **about, file_bytes=size, data_bytes=data_bytes))
        except (pa.ArrowInvalid, OSError, KeyError, ValueError, TypeError):
            raise UserError(f"{path}: not written by sleuth make, or by a newer one; name another folder") from None
    return found


def _audited(puzzles: Iterable[Puzzle], tally: Tally, workers: int) -> Iterator[Puzzle]:
    """The puzzles, each after its audit. Raises `UserError` for one that is unsound."""
    waiting: deque[Puzzle] = deque()

    def passing() -> Iterator[Puzzle]:
        for puzzle in puzzles:
            waiting.append(puzzle)
            yield puzzle

    for finding in audit_all(passing(), workers=workers):
        tally.note(finding)
        yield waiting.popleft()
