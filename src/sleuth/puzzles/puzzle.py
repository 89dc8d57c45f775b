"""The puzzle as it is stored and asked: text, questions, answers. One line of JSONL, one row of Parquet."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

IMPORTED = "imported"
"""Key of a puzzle's metadata where it was read from another maker's file: the file's name."""


class Question(BaseModel):
    """One question of a puzzle."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    letter: str
    """`A`, `B`, …: how answers name it."""
    text: str
    kind: str
    """What sort of thing answers it: `suspect`, `room`, …"""
    choices: tuple[str, ...]
    """All possible answers, of which exactly one is right."""


class Puzzle(BaseModel):
    """A puzzle with its answers. `prompt` is the case as text, without any instruction on how to answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    """`temporal-clue@1/level-2/train/7/0`: family, level, split, seed, index."""
    family: str
    """Versioned: `temporal-clue@1`."""
    level: str
    split: str
    seed: int
    index: int
    prompt: str
    clues: tuple[str, ...]
    questions: tuple[Question, ...]
    answers: dict[str, str]
    """Letter to right choice."""
    meta: dict[str, Any]
    """Sizes, statement kinds, style, and, where it was asked for, difficulty."""
