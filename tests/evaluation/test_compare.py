"""`sleuth compare`: two stored evaluations, puzzle by puzzle."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sleuth.files import atomic_write
from sleuth.puzzles.score import Outcome
from sleuth.runs.rows import EvaluationRow, to_parquet
from tests.commands import sleuth
from tests.evaluation.test_summary import row


def stored(file: Path, *outcomes: tuple[str, Outcome], length: int = 10) -> Path:
    rows = [
        dataclasses.replace(row(puzzle, outcome, float(outcome is Outcome.CORRECT)), length_tokens=length)
        for puzzle, outcome in outcomes
    ]
    atomic_write(file, to_parquet(EvaluationRow, rows))
    return file


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")


def cells(printed: str, start: str) -> list[str]:
    line = next(line for line in printed.splitlines() if line.startswith(f"│ {start}"))
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_only_puzzles_of_both_count(tmp_path: Path) -> None:
    right, wrong, fault = Outcome.CORRECT, Outcome.WRONG, Outcome.FAULT
    first = stored(tmp_path / "a.parquet", ("1", right), ("2", wrong), ("3", wrong), ("4", wrong), ("5", right))
    second = stored(
        tmp_path / "b.parquet",
        ("4", right),
        ("3", right),
        ("2", wrong),
        ("1", wrong),
        ("6", right),
        ("5", fault),
        length=7,
    )
    done = sleuth("compare", first, second)
    assert done.returncode == 0, done.stderr
    assert "4 puzzles that both asked, of 6" in done.stdout
    # Of puzzles 1 to 4 the first solves one and the second two others; 5 has no completion in the second.
    solved = cells(done.stdout, "puzzles solved")
    assert [cell.split()[0] for cell in solved[1:]] == ["25.0%", "50.0%", "+25.0"]
    assert cells(done.stdout, "tokens")[1:] == ["10.0", "7.0", "-3.0 [-3.0, -3.0]"]
    assert "solved by the first alone: 1; by the second alone: 2" in done.stdout


def test_a_puzzle_asked_several_times_is_solved_if_always(tmp_path: Path) -> None:
    twice = [("1", Outcome.CORRECT), ("1", Outcome.WRONG), ("2", Outcome.CORRECT), ("2", Outcome.CORRECT)]
    first = stored(tmp_path / "a.parquet", *twice)
    second = stored(tmp_path / "b.parquet", ("1", Outcome.WRONG), ("2", Outcome.WRONG))
    done = sleuth("compare", first, second)
    assert [cell.split()[0] for cell in cells(done.stdout, "puzzles solved")[1:]] == ["75.0%", "0.0%", "-75.0"]
    assert "solved by the first alone: 1; by the second alone: 0" in done.stdout


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    first = stored(tmp_path / "a.parquet", ("1", Outcome.CORRECT))
    other = stored(tmp_path / "b.parquet", ("2", Outcome.CORRECT))
    text = tmp_path / "c.parquet"
    text.write_text("no table")
    for second, said in (
        (other, "no puzzle in common"),
        (text, "not a Parquet file"),
        (tmp_path, "c"),
        (tmp_path / "d", "no such file"),
    ):
        done = sleuth("compare", first, second)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1) and said in done.stderr, done.stderr
