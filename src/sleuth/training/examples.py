"""Completions from a file, for the warm start: what `sleuth distill` writes, or anything of the same shape.

JSONL; a line is an object with `system` and `user` (what was asked) and `completion`, all text; further keys are passed
over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from sleuth.errors import UserError
from sleuth.files import parse_json
from sleuth.policy.base import Request


def read_examples(path: Path) -> list[tuple[Request, str]]:
    """Requests with the completions to learn. Raises `UserError`, naming the line, for what cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file of completions; sleuth distill makes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line.encode())
            system, user, completion = (row[key] for key in ("system", "user", "completion"))
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{path}, line {number}: no object with system, user and completion") from None
        if not all(isinstance(part, str) for part in (system, user, completion)) or not user or not completion:
            raise UserError(f"{path}, line {number}: system, user and completion are texts, the last two not empty")
        found.append((Request(f"{path.name}/{number}", system, user), completion))
    if not found:
        raise UserError(f"{path}: no completion in it")
    return found


def digest(pairs: Sequence[tuple[Request, str]]) -> str:
    """A hash (SHA-256) of what is asked and shown."""
    shown = [(request.system, request.user, completion) for request, completion in pairs]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()
