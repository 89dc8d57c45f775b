"""Files as other tools write them, and files that are not quite right."""

from __future__ import annotations

import codecs
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sleuth.datasets.completions import grade_file
from sleuth.datasets.files import read_puzzles, write_puzzles
from sleuth.errors import UserError
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.puzzle import Puzzle
from sleuth.training.examples import read_examples
from tests.commands import sleuth

PUZZLES = [make_puzzle("zebra", "1", "val", 3, index, "plain").puzzle for index in range(2)]
RECORDS = [puzzle.model_dump(mode="json") for puzzle in PUZZLES]


def _lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def _refusal(path: Path) -> str:
    with pytest.raises(UserError) as refused:
        read_puzzles(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(codecs.BOM_UTF8 + _lines(RECORDS))
    assert read_puzzles(path) == PUZZLES


def test_compressed_files_are_read(tmp_path: Path) -> None:
    data = _lines(RECORDS)
    (tmp_path / "p.jsonl.gz").write_bytes(gzip.compress(data))
    (tmp_path / "p.jsonl.zst").write_bytes(pa.compress(data, "zstd", asbytes=True))
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(data)[:-20])
    assert read_puzzles(tmp_path / "p.jsonl.gz") == read_puzzles(tmp_path / "p.jsonl.zst") == PUZZLES
    assert "damaged" in _refusal(tmp_path / "cut.jsonl.gz")


@pytest.mark.parametrize("maps", ["struct", "pairs", "text"])
def test_maps_as_other_tools_write_them(tmp_path: Path, maps: str) -> None:
    """A struct has all keys in every row, with nulls; a map column is read as pairs."""
    three = PUZZLES[0].model_copy(update={"id": "three", "answers": dict(list(PUZZLES[0].answers.items())[:1])})
    puzzles = [*PUZZLES, three]
    records = [puzzle.model_dump(mode="json") for puzzle in puzzles]
    if maps == "text":
        records = [{**r, "answers": json.dumps(r["answers"]), "meta": json.dumps(r["meta"])} for r in records]
    table = pa.Table.from_pylist(records)
    if maps == "pairs":
        pairs = pa.array([list(r["answers"].items()) for r in records], pa.map_(pa.string(), pa.string()))
        table = table.set_column(table.schema.get_field_index("answers"), "answers", pairs)
    pq.write_table(table, tmp_path / "p.parquet")
    assert [puzzle.answers for puzzle in read_puzzles(tmp_path / "p.parquet")] == [one.answers for one in puzzles]


def test_null_answers_and_other_fields(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(_lines([{**RECORDS[0], "answers": None, "source": "me", "__index_level_0__": 4}]))
    (puzzle,) = read_puzzles(path)
    assert puzzle.answers == {} and puzzle.meta == {"source": "me", **PUZZLES[0].meta}


def test_errors_name_row_and_field(tmp_path: Path) -> None:
    path, table = tmp_path / "p.jsonl", tmp_path / "p.parquet"
    path.write_bytes(b"\n\n" + _lines([RECORDS[0], {**RECORDS[1], "seed": "x"}]))
    assert "line 4: not a puzzle (seed:" in _refusal(path)
    bad = [{**r, "answers": json.dumps(r["answers"]), "meta": "{", "clues": r["clues"]} for r in RECORDS]
    pq.write_table(pa.Table.from_pylist(bad), table)
    assert "row 1: not a puzzle (meta:" in _refusal(table)
    path.write_bytes(b"[1]\n")
    assert "line 1" in _refusal(path)


def test_an_id_that_comes_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(_lines([RECORDS[0], RECORDS[1], RECORDS[0]]))
    found = _refusal(path)
    assert "line 3" in found and "line 1" in found and PUZZLES[0].id in found


def test_completions_that_are_no_text_are_one_unreadable_completion(tmp_path: Path) -> None:
    puzzles, completions = tmp_path / "p.jsonl", tmp_path / "c.jsonl"
    write_puzzles(puzzles, PUZZLES)
    right = "\n".join(f"{letter}. {answer}" for letter, answer in PUZZLES[1].answers.items())
    rows = [
        {"id": PUZZLES[0].id, "completion": None},
        {"id": PUZZLES[0].id, "completion": [{"type": "text", "text": right}]},
        {"id": PUZZLES[1].id, "completion": right, "model": "x"},
    ]
    completions.write_bytes(codecs.BOM_UTF8 + _lines(rows))
    assert [row["outcome"] for row in grade_file(puzzles, completions, "answer")] == [
        "unreadable",
        "unreadable",
        "correct",
    ]
    completions.write_text("\n\n\n" + json.dumps({"id": "none", "completion": ""}), encoding="utf-8")
    with pytest.raises(UserError, match="line 4"):
        list(grade_file(puzzles, completions, "answer"))


def test_examples_are_read_with_a_byte_order_mark(tmp_path: Path) -> None:
    row = {"system": "", "user": "Who?", "completion": "A. Ada"}
    (tmp_path / "e.jsonl").write_bytes(codecs.BOM_UTF8 + _lines([row]))
    [(request, completion)] = read_examples(tmp_path / "e.jsonl")
    assert (request.user, completion) == ("Who?", "A. Ada")


def _sleuth(*arguments: str) -> str:
    done = sleuth(*arguments)
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_what_cannot_work_is_refused_before_the_work_in_one_line(tmp_path: Path) -> None:
    puzzles = tmp_path / "p.jsonl"
    write_puzzles(puzzles, PUZZLES)
    assert "whole number" in _sleuth("make", "zebra", "--out", str(tmp_path / "o.jsonl"), "--seed", "1.5")
    assert "no such folder" in _sleuth("make", "zebra", "--count", "9999999", "--out", str(tmp_path / "no" / "o.jsonl"))
    for verb, suffix in (("eval", "parquet"), ("distill", "jsonl")):
        out = str(tmp_path / "no" / f"o.{suffix}")
        assert "no such folder" in _sleuth(verb, "--file", str(puzzles), "--model", "none", "--out", out)
        puzzles_to_make = ("--count", "9999999", "--model", "none")
        assert "no such folder" in _sleuth(verb, *puzzles_to_make, "--out", out)
    out = str(tmp_path / "o.parquet")
    assert "--samples 0" in _sleuth("eval", "--file", str(puzzles), "--model", "none", "--samples", "0", "--out", out)
    assert "--count 3" in _sleuth("eval", "--file", str(puzzles), "--model", "none", "--count", "3")


def test_written_and_read_again(tmp_path: Path) -> None:
    for name in ("p.jsonl", "p.parquet"):
        write_puzzles(tmp_path / name, PUZZLES)
        found: list[Puzzle] = read_puzzles(tmp_path / name)
        assert found == PUZZLES


def test_half_a_character_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """JSON can spell what no file can hold."""
    path = tmp_path / "p.jsonl"
    answers = {letter: f"{answer}\ud800" for letter, answer in RECORDS[1]["answers"].items()}
    for changed in ({"id": "\ud800"}, {"prompt": "\udfff"}, {"answers": answers}, {"answers": json.dumps(answers)}):
        path.write_bytes(_lines([RECORDS[0], RECORDS[1] | changed]))
        assert "line 2: not a puzzle" in _refusal(path)
    path.write_text(json.dumps({"system": "", "user": "x", "completion": "\ud800"}))
    with pytest.raises(UserError, match="line 1: no object with system, user and completion"):
        read_examples(path)
