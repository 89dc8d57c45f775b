"""Shards: merged, they are what one machine makes; missing, double and foreign ones are refused in one line."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sleuth.bench.result import read_result
from sleuth.cli import main
from sleuth.datasets.files import read_puzzles, write_puzzles
from sleuth.datasets.make import PuzzleSpec, make_puzzles
from sleuth.errors import UserError
from sleuth.shards import ABOUT, Header, Shard, parse_shard, read_job, write_shard
from tests.test_cli import sleuth
from tests.tiny import tiny_folder

MAKE = ("make", "round-table", "--level", "1", "--count", 24, "--seed", 4, "--workers", 1)
"""One of these puzzles is drawn as a double of another."""
VERSION = version("sleuth")
ZEBRA = {"family": "zebra@1", "level": "1", "split": "train", "seed": 0, "count": 2}


def shards_of(folder: Path, count: int, *words: object, seed: int | None = None) -> list[Path]:
    """Does every shard of a job, and returns their files, the last one first."""
    paths = []
    for index in range(count, 0, -1):
        path = folder / f"{words[0]}-{index}.shard"
        done = sleuth(*words, "--shard", f"{index}/{count}", "--out", path)
        assert done.returncode == 0, done.stderr
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def puzzles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("puzzles") / "some.jsonl"
    write_puzzles(path, make_puzzles(PuzzleSpec("round-table", "1", "test", 5, 5), 1))
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_merged_puzzles_are_those_of_one_machine(tmp_path: Path, suffix: str) -> None:
    one, merged = tmp_path / f"one{suffix}", tmp_path / f"merged{suffix}"
    assert sleuth(*MAKE, "--out", one).returncode == 0
    for count in (1, 3) if suffix == ".jsonl" else (2,):
        done = sleuth("merge", *shards_of(tmp_path, count, *MAKE), "--out", merged)
        assert done.returncode == 0 and "1 double drawn again" in done.stderr, done.stderr
        assert merged.read_bytes() == one.read_bytes()


def test_a_merged_data_set_is_audited(tmp_path: Path) -> None:
    words = ("make", "round-table", "--level", "1", "--count", 4, "--workers", 1)
    done = sleuth("merge", *shards_of(tmp_path, 2, *words), "--out", tmp_path / "made", "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert "| 4 | 4 of 4 |" in (tmp_path / "made" / "README.md").read_text()


def test_merged_audits_say_what_one_says(puzzles: Path, tmp_path: Path) -> None:
    first, *rest = read_puzzles(puzzles)
    wrong = first.model_copy(update={"answers": rest[0].answers})
    write_puzzles(tmp_path / "p.jsonl", [*rest, wrong])
    words = ("audit", tmp_path / "p.jsonl", "--workers", 1)
    one, merged = sleuth(*words), sleuth("merge", *shards_of(tmp_path, 2, *words))
    assert merged.stdout == one.stdout and f"{first.id}: " in one.stdout
    assert one.returncode == merged.returncode == 1


def test_merged_explanations_are_those_of_one_machine(puzzles: Path, tmp_path: Path) -> None:
    words = ("explain", puzzles, "--telling", "short", "--workers", 1)
    assert sleuth(*words, "--out", tmp_path / "one.jsonl").returncode == 0
    done = sleuth("merge", *shards_of(tmp_path, 2, *words), "--out", tmp_path / "merged.jsonl")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "merged.jsonl").read_text()
    assert text == (tmp_path / "one.jsonl").read_text()
    records = [json.loads(line) for line in text.splitlines()]
    assert [record["id"] for record in records] == [puzzle.id for puzzle in read_puzzles(puzzles)]
    shown = sleuth("explain", puzzles, "--number", 1, "--telling", "short").stdout
    assert shown.startswith("\n".join(records[1]["lines"]) + f"\n\nsteps: {records[1]['steps']};")


def test_merged_evaluations_and_benchmarks_are_those_of_one_machine(puzzles: Path, tmp_path: Path) -> None:
    """To the byte in an evaluation; in a benchmark, whose rows hold seconds, but for these."""
    model = tiny_folder(tmp_path / "model", words=True)
    asked = ("--device", "cpu", "--max-new-tokens", 6, "--temperature", 1, "--samples", 2)
    words = ("eval", "--model", model, "--file", puzzles, *asked)
    one = sleuth(*words, "--out", tmp_path / "one.parquet")
    assert one.returncode == 0, one.stderr
    done = sleuth("merge", *shards_of(tmp_path, 2, *words), "--out", tmp_path / "merged.parquet")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "merged.parquet").read_bytes() == (tmp_path / "one.parquet").read_bytes()
    assert done.stdout == one.stdout and "guessing" in done.stdout

    words = ("bench", model, "--suite", puzzles, *asked)
    assert sleuth(*words, "--out", tmp_path / "one").returncode == 0
    for index in (1, 2):
        done = sleuth(*words, "--out", tmp_path / "parts", "--shard", f"{index}/2")
        assert done.returncode == 0, done.stderr
    done = sleuth("merge", *(tmp_path / "parts").glob("*.shard"), "--out", tmp_path / "merged")
    assert done.returncode == 0, done.stderr
    [whole], [merged] = ([*(tmp_path / name).glob("*.json")] for name in ("one", "merged"))
    assert whole.name == merged.name
    first, second = read_result(whole), read_result(merged)
    assert [row.model_copy(update={"seconds": 0}) for row in first.rows] == [
        row.model_copy(update={"seconds": 0}) for row in second.rows
    ]
    assert first.summary.all == second.summary.all and first.suite == second.suite and second.complete
    done = sleuth("verify", merged, "--suite", puzzles)
    assert done.returncode == 0, done.stdout
    done = sleuth("bench", "guessing", "--suite", puzzles, "--shard", "1/2", "--out", tmp_path / "parts")
    assert done.returncode == 2 and "ask it without --shard" in done.stderr


def write(path: Path, index: int, of: int = 3, verb: str = "make", **job: object) -> Path:
    shard = Shard(index, of)
    header = Header(verb, {"level": "1", "seed": 0} | job, 7, shard)
    write_shard(path, header, ([index, number] for number in shard.range(7)))
    return path


def test_shards_cover_every_puzzle_once() -> None:
    for total, of in ((7, 3), (7, 7), (100, 9)):
        assert [n for index in range(1, of + 1) for n in Shard(index, of).range(total)] == list(range(total))
    with pytest.raises(UserError, match="only 7 puzzles"):
        Shard(1, 8).range(7)


def test_records_come_in_order(tmp_path: Path) -> None:
    job = read_job([write(tmp_path / f"{index}.shard", index) for index in (2, 3, 1)])
    assert list(job.read(list)) == [[1, 0], [1, 1], [2, 2], [2, 3], [3, 4], [3, 5], [3, 6]]


def test_shards_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    first, second, third = (write(tmp_path / f"{index}.shard", index) for index in (1, 2, 3))
    for paths, said in {
        (): "name the files of all shards",
        (first, third): "of 3 shards these are missing: 2",
        (first, second, third, first): "are both shard 1/3",
        (first, second, write(tmp_path / "a.shard", 3, seed=1)): "a.shard is no shard of the job of .*: another seed",
        (first, second, write(tmp_path / "b.shard", 3, verb="audit")): "another verb",
        (first, second, write(tmp_path / "c.shard", 3, of=4)): "another shards",
        (first, tmp_path / "d.shard"): "d.shard: no such file",
        (first, Path(__file__)): "test_shards.py: not a shard",
    }.items():
        with pytest.raises(UserError, match=said):
            read_job(paths)
    third.write_bytes(third.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"3\.shard: not a shard"):
        read_job([first, second, third])


def test_records_of_strangers_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole files by their metadata, but with records that no verb wrote, and files of another version."""
    shards = [write(tmp_path / f"{index}.shard", index, verb="audit") for index in (1, 2, 3)]
    done = sleuth("merge", *shards)
    assert done.returncode == 2 and "has a record that is no result of audit" in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1
    done = sleuth("merge", *(write(tmp_path / f"x{index}.shard", index, verb="dance") for index in (1, 2, 3)))
    assert done.returncode == 2 and "no verb that is merged: 'dance'" in done.stderr
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99")
    with pytest.raises(UserError, match=r"1\.shard is of Sleuth .*, and this is 99"):
        read_job(shards)


@pytest.mark.parametrize("text", ["", "3", "0/3", "4/3", "-1/3", "1/x", "1/2/3", "²/3", f"1/{'1' * 5000}"])
def test_a_shard_is_a_number_of_a_number(text: str) -> None:
    with pytest.raises(UserError, match="as in 3/100"):
        parse_shard(text)


def test_what_cannot_be_a_shard_is_refused_before_the_work(puzzles: Path, tmp_path: Path) -> None:
    for words, said in (
        ((*MAKE, "--shard", "1/3", "--out", tmp_path / "x.jsonl"), "name the file .shard"),
        (("explain", puzzles, "--shard", "1/3"), "name the file of the shard"),
        (("audit", puzzles, "--out", tmp_path / "x.shard"), "--out is for --shard"),
        (("audit", puzzles, "--shard", "1/9", "--out", tmp_path / "x.shard"), "only 5 puzzles"),
    ):
        done = sleuth(*words)
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    [shard] = shards_of(tmp_path, 1, "audit", puzzles, "--workers", 1)
    assert "leave out --out" in sleuth("merge", shard, "--out", tmp_path / "x").stderr


def crafted(path: Path, rows: int = 2, **fields: object) -> Path:
    """A shard with a header made by hand: by default the only shard of an audit of two puzzles."""
    about = {"verb": "audit", "job": {}, "total": 2, "shard": {"index": 1, "of": 1}, "sleuth": VERSION} | fields
    schema = pa.schema([("record", pa.string())], {ABOUT: json.dumps(about)})
    pq.write_table(pa.table([["{}"] * rows], schema), path)
    return path


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"total": 2.0}, "not a shard"),
        ({"total": True}, "not a shard"),
        ({"total": -1}, "not a shard"),
        ({"total": 0}, "not a shard"),
        ({"total": int("9" * 4000)}, "not a shard"),
        ({"shard": {"index": 0, "of": 1}}, "not a shard"),
        ({"shard": {"index": 2, "of": 1}}, "not a shard"),
        ({"shard": {"index": "1", "of": 1}}, "not a shard"),
        ({"shard": {"index": 1, "of": 1, "more": 1}}, "not a shard"),
        ({"shard": [1, 1]}, "not a shard"),
        ({"shard": {"index": 1, "of": 10**11}, "total": 2 * 10**11}, "missing: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and "),
        ({"verb": ["audit"]}, "not a shard"),
        ({"job": [1]}, "not a shard"),
        ({"sleuth": 1}, "not a shard"),
        ({"verb": "make", "job": {"family": "zebra"}}, "names no job of make"),
        ({"verb": "make", "job": {**ZEBRA, "level": 1}}, "names no job of make"),
        ({"verb": "make", "job": {**ZEBRA, "count": 3}}, "its header speaks of 3 and of 2 puzzles"),
        ({"verb": "make", "job": {**ZEBRA, "level": "77"}}, "77"),
        ({"verb": "eval", "job": {"label": "x"}}, "names no job of eval"),
        ({"verb": "bench", "job": {"name": "../../x"}}, "names no job of bench"),
        ({"verb": "bench", "job": {"name": ""}}, "names no job of bench"),
        ({"verb": "bench", "job": {"name": "x", "suite": 1}}, "names no job of bench"),
    ],
)
def test_headers_that_lie_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, Any], said: str
) -> None:
    shard = crafted(tmp_path / "x.shard", **fields)
    out = {"make": "x.jsonl", "eval": "x.parquet", "bench": "x"}.get(str(fields.get("verb")), "")
    with pytest.raises(SystemExit) as ended:
        main(["merge", str(shard), *(["--out", str(tmp_path / out)] if out else [])])
    told = capsys.readouterr().err
    assert ended.value.code == 2 and said in told and told.count("\n") == 1, told
    assert [path.name for path in tmp_path.iterdir()] == ["x.shard"]


def test_a_file_with_other_columns_or_rows_than_it_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has 3 of its 2 puzzles"):
        read_job([crafted(tmp_path / "rows.shard", rows=3)])
    about = pq.read_metadata(crafted(tmp_path / "x.shard")).metadata
    schema = pa.schema([("record", pa.string()), ("more", pa.int64())], about)
    pq.write_table(pa.table([["{}"] * 2, [1, 2]], schema), tmp_path / "columns.shard")
    with pytest.raises(UserError, match=r"columns\.shard: not a shard"):
        read_job([tmp_path / "columns.shard"])


def test_rows_of_other_puzzles_in_a_shard_are_named(tmp_path: Path) -> None:
    """Another's shard may hold anything."""
    from sleuth.bench.regrade import check_rows
    from sleuth.bench.suites import load_suite
    from tests.bench.test_bench import SETTINGS, Scripted, asked

    write_puzzles(tmp_path / "p.jsonl", [PuzzleSpec("zebra", "1", "test", 5, 1).make(index).puzzle for index in (0, 1)])
    suite = load_suite(str(tmp_path / "p.jsonl"))
    journal, _ = asked(suite, Scripted(suite), tmp_path / "j.jsonl")
    first, second = journal.rows.values()
    check_rows(suite, SETTINGS, [first, second])
    for row in (first, second.model_copy(update={"puzzle_id": "x"}), second.model_copy(update={"sample": 1})):
        with pytest.raises(UserError, match="the suite does not ask this, or it comes twice"):
            check_rows(suite, SETTINGS, [first, row])
