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
    assert done.returncode == 0
    assert done.stderr.splitlines() == [f"{second}: left out 1 request without a completion (faults of an interface)"]
    assert "4 puzzles that both asked, of 6" in done.stdout
    # Of puzzles 1 to 4 the first solves one and the second two others; 5 has no completion in the second.
    solved = cells(done.stdout, "puzzles solved")
    assert [cell.split()[0] for cell in solved[1:]] == ["25.0%", "50.0%", "+25.0"] and "points [" in solved[3]
    assert cells(done.stdout, "tokens")[1:] == ["10.0", "7.0", "-3.0 [-3.0, -3.0]"]
    assert "solved by the first alone: 1; by the second alone: 2" in done.stdout and "another page" not in done.stdout


def test_of_several_samples_only_shares_are_compared(tmp_path: Path) -> None:
    twice = [("1", Outcome.CORRECT), ("1", Outcome.WRONG), ("2", Outcome.CORRECT), ("2", Outcome.CORRECT)]
    first = stored(tmp_path / "a.parquet", *twice)
    second = stored(tmp_path / "b.parquet", ("1", Outcome.WRONG), ("2", Outcome.WRONG))
    done = sleuth("compare", first, second)
    assert [cell.split()[0] for cell in cells(done.stdout, "puzzles solved")[1:]] == ["75.0%", "0.0%", "-75.0"]
    assert "alone" not in done.stdout


def test_one_puzzle_has_a_difference_of_tokens_and_no_interval(tmp_path: Path) -> None:
    first = stored(tmp_path / "a.parquet", ("1", Outcome.CORRECT), length=12)
    done = sleuth("compare", first, stored(tmp_path / "b.parquet", ("1", Outcome.CORRECT)))
    assert cells(done.stdout, "tokens")[1:] == ["12.0", "10.0", "-2.0"] and "nan" not in done.stdout


def test_the_same_puzzle_on_another_page_is_told_and_with_other_questions_refused(tmp_path: Path) -> None:
    first = stored(tmp_path / "a.parquet", ("1", Outcome.CORRECT), ("2", Outcome.CORRECT))
    second, third = tmp_path / "b.parquet", tmp_path / "c.parquet"
    told = [row(puzzle, Outcome.WRONG, 0.0) for puzzle in "12"]
    atomic_write(second, to_parquet(EvaluationRow, [told[0], dataclasses.replace(told[1], prompt="Other names.")]))
    atomic_write(third, to_parquet(EvaluationRow, [told[0], dataclasses.replace(told[1], gold={"Z": "z"})]))
    assert "1 puzzle on another page in each" in sleuth("compare", first, second).stdout
    refused = sleuth("compare", first, third)
    assert refused.returncode == 2 and "puzzle 2 has other questions in each" in refused.stderr
    for file, gold in ((first, "x"), (third, "y")):
        atomic_write(file, to_parquet(EvaluationRow, [told[0], dataclasses.replace(told[1], gold={"Z": gold})]))
    refused = sleuth("compare", first, third)
    assert refused.returncode == 2 and "puzzle 2 has the same page and other answers in each" in refused.stderr


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    first = stored(tmp_path / "a.parquet", ("1", Outcome.CORRECT))
    other = stored(tmp_path / "b.parquet", ("2", Outcome.CORRECT))
    faults, empty = stored(tmp_path / "f.parquet", ("1", Outcome.FAULT)), stored(tmp_path / "e.parquet")
    text = tmp_path / "c.parquet"
    text.write_text("no table")
    for second, said in (
        (other, "no puzzle in common"),
        (faults, "holds no completions"),
        (empty, "holds no completions"),
        (text, "not a Parquet file"),
        (tmp_path, "is a folder"),
        (tmp_path / "d", "no such file"),
    ):
        done = sleuth("compare", first, second)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1) and said in done.stderr, done.stderr
