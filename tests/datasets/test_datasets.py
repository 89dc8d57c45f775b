"""Files of puzzles, making many, auditing, importing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sleuth
from sleuth.datasets.audit import audit, audit_all
from sleuth.datasets.completions import grade_file
from sleuth.datasets.files import read_puzzles, write_puzzles
from sleuth.datasets.make import Order, make_puzzles, make_slots
from sleuth.datasets.original import import_original
from sleuth.errors import UserError
from sleuth.puzzles.puzzle import Puzzle


@pytest.fixture(scope="module")
def puzzles() -> list[Puzzle]:
    return sleuth.make("temporal-clue", level="1", count=6, style="mixed") + sleuth.make("zebra", level="1", count=3)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_round_trip(puzzles: list[Puzzle], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    write_puzzles(path, puzzles)
    assert read_puzzles(path) == puzzles


def test_workers_and_one_process_make_the_same() -> None:
    order = Order("temporal-clue", "1", "val", 3, 24, "mixed")
    assert list(make_puzzles(order, 2)) == list(make_puzzles(order, 1))


def test_a_file_holds_no_doubles_and_says_when_there_are_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sleuth.datasets.make.REDRAWS", 3)
    order = Order("temporal-clue", "1", "train", 0, 10)
    first = order.make(0)
    monkeypatch.setattr(Order, "make", lambda self, index, attempt=0: first)
    with pytest.raises(UserError, match="found 1 different puzzles"):
        list(make_puzzles(order, 1))


def test_doubles_stay_where_they_are_wanted() -> None:
    order = Order("temporal-clue", "1", "train", 0, 300)
    as_they_come = [order.make(index) for index in range(order.count)]
    assert len({made.digest for made in as_they_come}) < order.count
    assert list(make_slots([(order, index) for index in range(order.count)], 1, different=False)) == [
        made.puzzle for made in as_they_come
    ]
    assert list(make_puzzles(order, 1)) != [made.puzzle for made in as_they_come]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.jsonl", None, "no such file"),
        ("empty.jsonl", "", "no puzzles"),
        ("cut.jsonl", '{"id": "temporal-cl', "line 1: not a puzzle"),
        ("other.jsonl", '{"id": 3}', "line 1: not a puzzle"),
        ("p.csv", "", ".jsonl or .parquet"),
        ("p.parquet", "PAR1 not really", "not a Parquet file"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=said) as error:
        read_puzzles(path)
    assert "\n" not in str(error.value)


def test_a_truncated_file_names_its_line(puzzles: list[Puzzle], tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    write_puzzles(path, puzzles)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=f"line {len(puzzles)}: not a puzzle"):
        read_puzzles(path)


def test_audit_accepts_what_is_made(puzzles: list[Puzzle]) -> None:
    assert all(not finding.problems for finding in audit_all(puzzles, minimal=True, workers=1))


def test_audit_finds_faults() -> None:
    [puzzle] = sleuth.make("temporal-clue", level="2", count=1)
    letter, right = next(iter(puzzle.answers.items()))
    question = puzzle.questions[0]
    other = next(choice for choice in question.choices if choice != right)
    wrong = puzzle.model_copy(update={"answers": {**puzzle.answers, letter: other}})
    assert any("the answer is" in problem for problem in audit(wrong).problems)

    first = puzzle.clues[0]
    cut = "\n".join(line for line in puzzle.prompt.split("\n") if not line.endswith(first))
    fewer = puzzle.model_copy(update={"prompt": cut, "clues": puzzle.clues[1:]})
    assert audit(fewer).problems == ("several worlds obey the clues",)

    doubled = puzzle.prompt.replace("\n\nQuestions", f"\n99. {first}\n\nQuestions")
    twice = puzzle.model_copy(update={"prompt": doubled, "clues": (*puzzle.clues, first)})
    assert audit(twice).problems == ()
    assert any("can be dropped" in problem for problem in audit(twice, minimal=True).problems)

    garbled = puzzle.model_copy(update={"prompt": puzzle.prompt.replace(first, first.replace(" ", " not ", 1))})
    assert audit(garbled).problems


def test_grade_file(puzzles: list[Puzzle], tmp_path: Path) -> None:
    write_puzzles(tmp_path / "p.jsonl", puzzles)
    gold = "\n".join(f"{letter}. {answer}" for letter, answer in puzzles[0].answers.items())
    lines = [{"id": puzzles[0].id, "completion": gold}, {"id": puzzles[1].id, "completion": "no idea"}]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, lines)))
    first, second = grade_file(tmp_path / "p.jsonl", tmp_path / "c.jsonl", "answer")
    assert (first["outcome"], second["outcome"]) == ("correct", "unreadable")
    (tmp_path / "c.jsonl").write_text('{"id": "unknown", "completion": ""}')
    with pytest.raises(UserError, match="line 1: no puzzle 'unknown'"):
        list(grade_file(tmp_path / "p.jsonl", tmp_path / "c.jsonl", "answer"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not a JSON file"),
        ("{}", "not a list"),
        ("[{}]", "puzzle 0"),
        ('[{"prompt": "x", "solution": {}}]', "puzzle 0"),
    ],
)
def test_bad_originals(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "o.json").write_text(content)
    with pytest.raises(UserError, match=said):
        import_original(tmp_path / "o.json")
