"""A run whose files are damaged: one line says which, and nothing ends in a traceback."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sleuth.cli import main
from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.report.page import render
from sleuth.runs.directory import RunDirectory
from sleuth.runs.metrics import parse_line, seconds_of
from sleuth.runs.rows import EvaluationRow, read_parquet, to_parquet
from sleuth.view.log import Log
from tests.runs.test_directory import EVALUATION

DIGITS = "9" * 400


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    monkeypatch.setattr("sleuth.report.charts._svg", lambda chart: f"<svg>{len(json.dumps(chart))}</svg>")  # quick
    run = RunDirectory.create(tmp_path / "run", RunConfig(name="n"))
    run.log_metrics("grpo", 1, {"reward": 0.5, "tokens_sampled": 10.0, "mismatch": 0.0})
    run.log_timings("grpo", 1, {"sample_s": 1.0})
    return run


BAD_LINES = [
    '{"phase": "grpo", "step": 2, "reward": "y"}',
    '{"phase": "grpo", "step": "x", "reward": 1}',
    f'{{"phase": "grpo", "step": {DIGITS}, "reward": 1}}',
    '{"phase": "grpo", "step": -1, "reward": 1}',
    '{"phase": "grpo", "step": true, "reward": 1}',
    '{"phase": "grpo", "step": 2, "reward": [1]}',
    '{"phase": "grpo", "step": 2, "reward": true}',
    '{"phase": "late", "step": 2, "reward": 1}',
    '{"phase": ["grpo"], "step": 2, "reward": 1}',
    '{"step": 2, "reward": 1}',
    "[" * 100_000,
    "[]",
]


@pytest.mark.parametrize("name", ["metrics.jsonl", "timings.jsonl"])
@pytest.mark.parametrize("line", BAD_LINES, ids=lambda line: line[:45])
def test_a_line_that_is_none_is_named(run: RunDirectory, name: str, line: str) -> None:
    with (run.path / name).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=rf"{name}, line 2: not a line of a run's log"):
        render(run)
    log = Log(run.path / name)
    log.read_on()
    assert log.unreadable == 1 and len(log.phases["grpo"].all()) == 1, "the view reads around it"


def test_values_that_are_no_finite_numbers_are_not_known(run: RunDirectory) -> None:
    for value in ("null", "1e999", "-Infinity", DIGITS, "NaN"):
        line = parse_line(f'{{"phase": "eval", "step": 3, "train_s": {value}, "parts/x": 2}}')
        assert (line.phase, line.step, line.values["spans/x"]) == ("eval", 3, 2.0)
        assert math.isnan(line.values["train_s"]) and seconds_of(line.values) == 0
    values = f'"sample_s": null, "train_s": 1e99, "reward": {DIGITS}, "not_finite": null, "strict": null, "loss": 1e99'
    for name in ("metrics.jsonl", "timings.jsonl"):
        with (run.path / name).open("a") as file:
            file.write(f'{{"phase": "grpo", "step": 2, {values}}}\n' * 2)
    assert "Questions answered right" in render(run)


def test_logs_that_are_no_text_or_no_file(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    file = run.path / "metrics.jsonl"
    file.write_bytes(file.read_bytes() + b'{"phase": "\xff"}\n')
    with pytest.raises(SystemExit) as ended:
        main(["report", str(run.path)])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1 and "metrics.jsonl, line 2: not text" in said
    file.unlink()
    file.mkdir()
    with pytest.raises(UserError, match=r"metrics\.jsonl is a folder"):
        render(run)


PARENT = {"parent": "p", "folder": "/runs/p", "step": 3, "changed": {"seed": 1, "grpo.kl": "0.1"}}


@pytest.mark.parametrize("damage", [[1], {}, PARENT | {"step": "x"}, PARENT | {"changed": [1]}, None])
def test_what_is_no_parent(run: RunDirectory, damage: object) -> None:
    (run.path / "parent.json").write_text(json.dumps(damage))
    with pytest.raises(UserError, match=r"parent\.json: not what a fork says"):
        render(run)


def test_a_parent_is_told(run: RunDirectory) -> None:
    (run.path / "parent.json").write_text(json.dumps(PARENT))
    assert "continues from step 3 of the run p, with seed 1, grpo.kl 0.1." in render(run)
    (run.path / "parent.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"parent\.json: not a JSON file"):
        render(run)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("outcome", "late"),
        ("reward", 1e308),
        ("reward", math.nan),
        ("answers", "{"),
        ("answers", "[1]"),
        ("answers", '{"A": 3}'),
        ("right", '{"A": "yes"}'),
        ("gold", "null"),
        ("spans", "[[1]]"),
        ("spans", "7"),
        ("spans", '[["a", 2, "right"]]'),
    ],
)
def test_rows_that_are_none_are_named(tmp_path: Path, column: str, value: object) -> None:
    table = pq.read_table(io.BytesIO(to_parquet(EvaluationRow, [EVALUATION])))
    records: list[dict[str, Any]] = [*table.to_pylist(), *table.to_pylist()]
    records[1][column] = value
    file = tmp_path / "e.parquet"
    pq.write_table(pa.Table.from_pylist(records, schema=table.schema), file)
    with pytest.raises(UserError, match=r"e\.parquet, row 2: damaged"):
        read_parquet(EvaluationRow, file)


def test_columns_of_other_kinds(tmp_path: Path) -> None:
    table = pq.read_table(io.BytesIO(to_parquet(EvaluationRow, [EVALUATION])))
    place = table.schema.get_field_index("length_tokens")
    file = tmp_path / "e.parquet"
    for cells in (["many"], [None]):
        pq.write_table(table.set_column(place, "length_tokens", pa.array(cells)), file)
        with pytest.raises(UserError, match="not rows of completions"):
            read_parquet(EvaluationRow, file)
    file.unlink()
    file.mkdir()
    with pytest.raises(UserError, match="is a folder"):
        read_parquet(EvaluationRow, file)


@pytest.mark.parametrize("several", [False, True])
def test_a_report_checks_its_place_before_it_draws(
    run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str], several: bool
) -> None:
    """Hundreds of charts, and then: not like that."""
    others = [str(RunDirectory.create(tmp_path / "other", run.config).path)] if several else []
    out = tmp_path / ("x.txt" if several else "x.html")
    with pytest.raises(SystemExit) as ended:
        main(["report", str(run.path), *others, "--charts", str(tmp_path / "charts"), "--out", str(out)])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1 and ("name the file .html" in said or "--out is for" in said)
    assert not (tmp_path / "charts").exists() and not out.exists()
