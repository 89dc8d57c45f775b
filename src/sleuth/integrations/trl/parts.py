"""Which completions of a step one process writes: rows in the order of puzzles, and of samples within each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive puzzles of a step, of each of which a process writes the same samples."""

    puzzle: int
    """The first."""
    puzzles: int
    first: int
    """The first sample."""
    samples: int


def parts(start: int, rows: int, samples: int) -> list[Part]:
    """Rows `start` to `start + rows` of a step whose groups have so many samples: the rest of a group that the process
    before began, whole groups, and the beginning of one that the next process ends; those that are not empty."""
    found, end = [], start + rows
    while start < end:
        puzzle, first = divmod(start, samples)
        puzzles = 1 if first else max(1, (end - start) // samples)
        count = min(samples - first, end - start)
        found.append(Part(puzzle, puzzles, first, count))
        start += puzzles * count
    return found
