"""A person in a benchmark: cases one after another, stopped and gone on with, beside models in the tables."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest

from sleuth.bench.regrade import problems, regrade, suite_of
from sleuth.bench.result import read_result
from sleuth.bench.suites import Cell, Plan, Suite, make_items
from sleuth.bench.tables import as_markdown
from sleuth.cli import main
from sleuth.datasets.files import write_puzzles
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError
from sleuth.play.suite import TWINS, play_suite
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome


def typed(puzzle: Puzzle) -> list[str]:
    """The right answers, as a person types them."""
    return list(puzzle.answers.values())


def test_a_person_stops_goes_on_and_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first case right after a detour, the second given up, then Ctrl-D; the next day the third."""
    puzzles = [PuzzleSpec("round-table", "1", "test", 5, 1).make(index).puzzle for index in range(3)]
    file = tmp_path / "some.jsonl"
    write_puzzles(file, puzzles)
    lines: Iterator[str] = iter(["", "nonsense", "hint", "board", *typed(puzzles[0]), "give up"])

    def read(prompt: str) -> str:
        if (line := next(lines, None)) is None:
            raise EOFError
        return line

    monkeypatch.setattr(builtins, "input", read)
    command = ["play", "--suite", str(file), "--name", "Ada", "--out", str(tmp_path / "out")]

    def play() -> str:
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert not ended.value.code
        return capsys.readouterr().out

    said = play()
    assert "Case 1 of 3" in said and "Case 3 of 3" in said and "That is none of" in said, "no hints here"
    path = tmp_path / "out" / "Ada-person.json"
    first = read_result(path)
    assert [row.outcome for row in first.rows] == [Outcome.CORRECT, Outcome.UNREADABLE]
    assert (first.complete, first.stopped, first.model.kind) == (False, "stopped by the player", "person")
    assert first.summary.all.solved is not None and first.summary.all.solved.n == 2 and "Ada (a person)" in said

    lines = iter([*typed(puzzles[2])])
    said = play()
    assert "Case 3 of 3" in said and "Case 2 of 3" not in said
    whole = read_result(path)
    assert whole.complete and [row.correct for row in whole.rows] == [True, False, True]
    assert all(row.seconds >= 0 and row.new_tokens == 0 for row in whole.rows)
    suite = suite_of(whole, str(file))
    assert problems(whole, suite, regrade(whole, suite)) == []
    assert "| Ada (a person) | 3 of 3 |" in as_markdown([whole])


def test_twins_are_for_models(tmp_path: Path) -> None:
    plan = Plan("small@1", 3, "plain", ("terse",), ())
    suite = Suite("small@1", "small", tuple(make_items(plan, [Cell("round-table@1", "1", 2, 2)], "small", 1)))
    answers = iter([answer for item in suite.base for answer in typed(item.puzzle)])
    result = play_suite(suite, "Ada", tmp_path, lambda prompt: next(answers), lambda text: None)
    assert result is not None and len(suite.items) == 4 and len(result.rows) == 2
    assert (result.complete, result.stopped) == (False, TWINS)
    assert result.summary.all.solved is not None and result.summary.all.solved.mean == 1


def test_what_is_no_name_and_a_player_who_leaves_at_once(tmp_path: Path) -> None:
    plan = Plan("small@1", 3, "plain", ("terse",), ())
    suite = Suite("small@1", "small", tuple(make_items(plan, [Cell("round-table@1", "1", 1, 1)], "small", 1)))
    for name in ("", "a/b", "..", "n" * 300, "n" * 235):
        with pytest.raises(UserError, match="--name"):
            play_suite(suite, name, tmp_path / "out", lambda prompt: "stop", print)
    assert not (tmp_path / "out").exists()
    assert play_suite(suite, "Ada", tmp_path / "out", lambda prompt: "stop", print) is None
    assert not (tmp_path / "out" / "Ada-person.json").exists()
