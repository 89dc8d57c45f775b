"""The journal of a benchmark: one line per completion, on the disk before the next batch is asked.

What an interruption leaves is read when the same command runs again, and nothing that was answered is asked again;
faults are. The first line says what is asked and how, and another model, suite or setting is refused.
"""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sleuth.bench.result import Row
from sleuth.errors import UserError, shortened
from sleuth.files import append_line, read_lines

Key = tuple[str, int]


class Journal:
    """Rows by (puzzle id, sample); of several the newest."""

    def __init__(self, path: Path, header: dict[str, Any], asked: Container[Key]) -> None:
        """Opens or begins it. `asked`: the keys of all rows that there can be. Raises `UserError` for one that was
        begun with another header, or is damaged."""
        self.path = path
        self.rows: dict[Key, Row] = {}
        self.tokens = (0, 0)
        """Of all prompts and of all completions so far, with those of faults that were asked again."""
        lines = read_lines(path)
        if not lines:
            append_line(path, json.dumps(header, ensure_ascii=False))
            return
        try:
            found = json.loads(lines[0])
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise UserError(f"{path}, line 1: not a journal of sleuth bench; take another folder (--out)")
        if differing := sorted(key for key in found.keys() | header.keys() if found.get(key) != header.get(key)):
            raise UserError(
                f"{path}: begun with another {' and '.join(differing)}; take another folder (--out), or delete it"
            )
        for number, line in enumerate(lines[1:], start=2):
            try:
                row = Row.model_validate_json(line)
            except ValidationError:
                raise UserError(f"{path}, line {number}: damaged; delete the line to have it asked again") from None
            if row.key not in asked:
                raise UserError(
                    f"{path}, line {number}: {shortened(row.puzzle_id)}, sample {row.sample}, was not asked; delete "
                    "the line"
                )
            self._count(row)

    def add(self, rows: Sequence[Row]) -> None:
        """Appends rows; each is on the disk when this returns. Raises `UserError` on a full disk."""
        for row in rows:
            append_line(self.path, row.model_dump_json())
            self._count(row)

    def _count(self, row: Row) -> None:
        self.rows[row.key] = row
        self.tokens = self.tokens[0] + row.prompt_tokens, self.tokens[1] + row.new_tokens

    def answered(self, puzzle_id: str, samples: int) -> bool:
        """Whether all samples of a puzzle have a completion."""
        return all(
            (row := self.rows.get((puzzle_id, sample))) is not None and row.fault is None for sample in range(samples)
        )
