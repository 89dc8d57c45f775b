"""Folders that other tools read as data sets: splits, columns, card, audit."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sleuth.datasets.files import read_puzzles
from sleuth.datasets.folder import ABOUT, CARD, parts, write_dataset
from sleuth.datasets.make import PuzzleSpec, make_puzzles
from sleuth.errors import UserError
from sleuth.puzzles.puzzle import Puzzle

TRAIN = PuzzleSpec("zebra", "1", "train", 3, 3)
TEST = PuzzleSpec("zebra", "1", "test", 3, 2)
ROUND = PuzzleSpec("round-table", "1", "train", 3, 2)


def add(folder: Path, order: PuzzleSpec) -> list[Puzzle]:
    puzzles = list(make_puzzles(order, 1))
    assert write_dataset(folder, order, iter(puzzles), 1) == order.count
    return puzzles


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "data set"
    for order in (TRAIN, TEST, ROUND):
        add(folder, order)
    return folder


def test_files_hold_the_puzzles_and_say_how_they_were_made(folder: Path) -> None:
    found = {part.path: part for part in parts(folder)}
    assert list(found) == [
        "data/test/zebra-1-level-1.parquet",
        "data/train/round-table-1-level-1.parquet",
        "data/train/zebra-1-level-1.parquet",
    ]
    one = found["data/train/zebra-1-level-1.parquet"]
    assert (one.puzzles, one.audited, one.remarks) == (3, 3, {})
    assert one.spec == PuzzleSpec("zebra@1", "1", "train", 3, 3)
    assert read_puzzles(folder / one.path) == list(make_puzzles(TRAIN, 1))


def test_the_card_has_the_splits_and_the_audit(folder: Path) -> None:
    card = (folder / CARD).read_text()
    assert "  - name: train\n" in card and "    num_examples: 5\n" in card and "    num_examples: 2\n" in card
    assert "| `data/train/zebra-1-level-1.parquet` | 3 | 3 of 3 | none |" in card
    assert "sleuth make zebra@1 --level 1 --split test --count 2 --seed 3 --style plain --names themed --out" in card


READER = """
import json, sys, datasets
found = datasets.load_dataset(sys.argv[1])
rows = {split: [row["id"] for row in rows] for split, rows in found.items()}
features = found["train"].features
card = datasets.load_dataset_builder(sys.argv[1]).info
print(json.dumps([rows, card.features == features, card.license, found["test"][0]]))
"""


@pytest.mark.skipif(importlib.util.find_spec("datasets") is None, reason="needs the package datasets")
def test_datasets_reads_it(folder: Path, tmp_path: Path) -> None:
    """The real package, in a process of its own, which verifies the number of rows that the card names."""
    environment = {
        "HF_HOME": str(tmp_path),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": ":".join(sys.path),
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-c", READER, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    rows, same, _, first = json.loads(done.stdout)
    assert same, "the card describes the columns as they are"
    assert sorted(rows["train"]) == sorted(one.id for order in (TRAIN, ROUND) for one in make_puzzles(order, 1))
    [expected, _] = make_puzzles(TEST, 1)
    assert first["prompt"] == expected.prompt and json.loads(first["answers"]) == expected.answers
    assert first["questions"] == [json.loads(one.model_dump_json()) for one in expected.questions]
    assert first["clues"] == list(expected.clues)


def test_what_is_there_is_not_made_again(folder: Path) -> None:
    with pytest.raises(UserError, match="has split test of zebra level 1 already"):
        add(folder, TEST)


def test_an_unsound_puzzle_is_not_written(tmp_path: Path) -> None:
    [good, other] = make_puzzles(TEST, 1)
    wrong = other.model_copy(update={"answers": good.answers})

    def puzzles() -> Iterator[Puzzle]:
        yield good
        yield wrong

    with pytest.raises(UserError, match="is unsound, so nothing is written"):
        write_dataset(tmp_path, TEST, puzzles(), 1)
    assert parts(tmp_path) == [] and not (tmp_path / CARD).exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / CARD).write_text("my project")
    with pytest.raises(UserError, match="not of a data set"):
        add(tmp_path, TEST)
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "data" / "train" / "x.parquet").write_bytes(b"no")
    with pytest.raises(UserError, match=r"x\.parquet: not written by sleuth make"):
        add(tmp_path, TEST)


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    add(tmp_path, TEST)
    [file] = (tmp_path / "data").rglob("*.parquet")
    table = pq.read_table(file)
    about = json.loads(pq.read_metadata(file).metadata[ABOUT.encode()])
    for changed in ({**about, "more": 1}, {"spec": about["spec"]}):
        pq.write_table(table.replace_schema_metadata({ABOUT: json.dumps(changed)}), file)
        with pytest.raises(UserError, match="not written by sleuth make, or by a newer one"):
            parts(tmp_path)


def test_a_readme_of_something_else_is_kept_also_beside_a_folder_of_data(tmp_path: Path) -> None:
    (tmp_path / CARD).write_text("my project")
    (tmp_path / "data").mkdir()
    with pytest.raises(UserError, match="not of a data set"):
        add(tmp_path, TEST)
    assert (tmp_path / CARD).read_text() == "my project" and not [*(tmp_path / "data").iterdir()]
