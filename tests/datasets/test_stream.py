"""Examples made while training: the same whatever the workers, from any number on."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sleuth.datasets import stream as module
from sleuth.datasets.make import PuzzleSpec, Slot
from sleuth.datasets.stream import BLOCK, base_of, bases, stream
from sleuth.grading import grade
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion


def slot(number: int) -> Slot:
    family = "zebra" if number % 3 == 0 else "temporal-clue"
    return PuzzleSpec(family, "1", "train", 3, number + 1, "terse"), number


def test_numbers_go_through_a_block_variant_by_variant() -> None:
    found = [base_of(number, 3) for number in range(3 * BLOCK * 2)]
    assert found[0] == (0, 0) and found[BLOCK] == (0, 1) and found[3 * BLOCK] == (BLOCK, 0)
    assert sorted(found) == [(base, variant) for base in range(2 * BLOCK) for variant in range(3)]
    for examples in (0, 1, BLOCK, BLOCK + 5, 3 * BLOCK, 3 * BLOCK + 7, 5 * BLOCK):
        assert bases(examples, 3) == len({base_of(number, 3)[0] for number in range(examples)})


def test_the_first_of_a_block_are_the_puzzles_themselves() -> None:
    made = list(itertools.islice(stream(slot, 5_000, "reason", "spelled", 4, workers=0), 6))
    for number, (puzzle, right) in enumerate(made):
        spec, index = slot(number)
        assert puzzle == make_puzzle(spec.family, "1", "train", 3, index, "terse").puzzle
        assert right == gold_completion(puzzle, "reason", "spelled")


@pytest.mark.parametrize("variants", [1, 2])
def test_the_same_from_any_number_on_and_with_any_workers(variants: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 16)
    monkeypatch.setattr(module, "FEW", 8)
    here = list(stream(slot, 40, "reason", "page-order", variants, workers=0))
    assert len(here) == 40 and len({puzzle.prompt for puzzle, _ in here}) == 40
    assert list(stream(slot, 40, "reason", "page-order", variants, workers=2)) == here
    assert list(stream(slot, 40, "reason", "page-order", variants, workers=1, start=27)) == here[27:]
    assert list(stream(slot, 40, "reason", "page-order", variants, workers=0, start=31)) == here[31:]
    assert all(grade(puzzle, right, "reason").correct for puzzle, right in here)


def test_no_end_is_waited_for() -> None:
    """A hundred thousand examples, of which a few are taken."""
    examples = stream(slot, 100_000, "reason", "page-order", 8, workers=1)
    assert len(list(itertools.islice(examples, 3))) == 3
    examples.close()


def test_the_benchmark_runs(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, str(root / "benchmarks" / "stream.py"), "--quick", "--out", str(tmp_path)]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(root / "src")}, capture_output=True)
    rows = (tmp_path / "stream.md").read_text(encoding="utf-8").split("\n")
    assert rows[4].startswith("| temporal-clue level 1, spelled | 16 | ") and float(rows[4].split(" | ")[2]) > 0
