"""Pipelines, run whole on a tiny model: every stage once, killed and continued to the same bits, changes refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sleuth.commands import run_pipeline
from sleuth.errors import UserError
from sleuth.pipeline.read import Pipeline, read_pipeline
from sleuth.pipeline.run import outlook, run
from sleuth.runs.directory import RunDirectory
from sleuth.training.checkpoints import WEIGHTS
from tests.tiny import tiny_folder

RECIPE = """\
mode = "answer"
model = {name = "MODEL", dtype = "float32", device = "cpu", threads = 1}
sft = {examples = 8, batch_size = 4}
grpo.steps = 0
sampling.max_new_tokens = 4
eval = {count = 4, every = 0}
checkpoint.every = 1

[stage.first]
[stage.second]
from = "first"
puzzles.seed = 1
[stage.mean]
from = ["first", "second"]
[stage.last]
from = "mean"
sft.examples = 4
grpo = {steps = 1, puzzles_per_step = 2, samples = 2}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "tiny.toml").write_text(RECIPE.replace("MODEL", str(tiny_folder(folder / "model", words=True))))
    return folder / "tiny.toml"


@pytest.fixture(scope="module")
def pipeline(recipe: Path) -> Pipeline:
    return read_pipeline(recipe)


@pytest.fixture(scope="module")
def made(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished one; not to be changed."""
    folder = tmp_path_factory.mktemp("made") / "out"
    assert run(pipeline, folder) == folder / "model"
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / WEIGHTS)


def same(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_every_stage_goes_on_from_the_one_it_names(made: Path, recipe: Path) -> None:
    assert not same(made / "first" / "model", recipe.parent / "model")
    assert not same(made / "second" / "model", made / "first" / "model")
    means, first, second = (weights(made / name / "model") for name in ("mean", "first", "second"))
    for name, mean in means.items():
        torch.testing.assert_close(mean, (first[name] + second[name]) / 2)
    assert RunDirectory.open(made / "last").config.model.name == str(made / "mean" / "model")
    assert same(made / "model", made / "last" / "model")
    assert all((made / name / "report.html").exists() for name in ("first", "second", "last"))


def test_the_overview_tells_each_stage(made: Path) -> None:
    rows = [line.split(" | ") for line in (made / "overview.md").read_text().splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows] == ["| stage", "| ---", "| first", "| second", "| mean", "| last"]
    assert rows[3][1:4] == ["first", "2", "8"] and rows[3][5:7] == ["0 of 4", "0 of 4"]
    assert rows[4][1] == "mean of first and second"
    assert rows[5][1:4] == ["mean", "1 + 1 GRPO", "4"]


def test_what_is_made_is_not_made_again(made: Path, pipeline: Pipeline) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*.safetensors")}
    assert run(pipeline, made) == made / "model"
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*.safetensors")} == before


def test_killed_in_a_stage_it_goes_on_to_the_same_bits(made: Path, pipeline: Pipeline, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "sleuth", "train", pipeline.path, "--out", out]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ends_s = time.monotonic() + 200
    while not (out / "second" / "config.json").exists():
        assert process.poll() is None and time.monotonic() < ends_s
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (out / "mean").exists() and not (out / "model").exists()
    first = (out / "first" / "model" / WEIGHTS).stat().st_mtime_ns
    assert run(read_pipeline(pipeline.path), out) == out / "model"
    assert (out / "first" / "model" / WEIGHTS).stat().st_mtime_ns == first
    assert all(same(out / name / "model", made / name / "model") for name in pipeline.stages)


def copied(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "out", symlinks=True))


def test_a_folder_that_moved_is_still_the_same(made: Path, pipeline: Pipeline, tmp_path: Path) -> None:
    out = copied(made, tmp_path)
    shutil.rmtree(out / "last")
    assert run(pipeline, out) == out / "model"
    assert same(out / "model", made / "model")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            {"stage.second.sft.examples": "12"},
            r"second was made with sft.examples 8, where it says 12 now; set it back, or remove the folder .*second to",
        ),
        ({"stage.first.seed": "1"}, r"first was made with seed 0, where it says 1 now; set it back"),
    ],
)
def test_changed_settings_are_refused(
    made: Path, recipe: Path, overrides: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said) as refused:
        run(read_pipeline(recipe, overrides), made)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("gone", "told"), [("first", "second"), ("second", "mean")])
def test_what_goes_on_from_changed_settings_is_refused_too(
    made: Path, recipe: Path, gone: str, told: str, tmp_path: Path
) -> None:
    out = copied(made, tmp_path)
    shutil.rmtree(out / gone)
    said = rf"{told} goes on from .*{gone} as made with other settings; remove the folder"
    with pytest.raises(UserError, match=said):
        run(read_pipeline(recipe, {f"stage.{gone}.seed": "1"}), out)
    assert not (out / gone).exists()  # nothing is run at all


def test_ctrl_c_leaves_a_pipeline_that_goes_on_up_to_the_stage_asked_for(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sleuth.pipeline.run._make", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(pipeline.path, {}, tmp_path / "out", "first")
    assert capsys.readouterr().err.endswith("stopped; the same command goes on\n")
    monkeypatch.undo()
    run_pipeline(pipeline.path, {}, tmp_path / "out", "first")
    assert f"model: {tmp_path / 'out' / 'first' / 'model'}" in capsys.readouterr().err
    assert not (tmp_path / "out" / "second").exists() and not (tmp_path / "out" / "model").exists()
    assert "not made yet" in (tmp_path / "out" / "overview.md").read_text()


def test_a_folder_with_something_else_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="holds something else than a pipeline; name another folder with --out"):
        run(pipeline, tmp_path)


@pytest.mark.parametrize("records", ["{", "[]", "[" * 100_000, json.dumps({"first": 3})], ids=range(4))
def test_records_that_cannot_be_read_are_refused(pipeline: Pipeline, tmp_path: Path, records: str) -> None:
    (tmp_path / "stages.json").write_text(records)
    with pytest.raises(UserError, match=r"stages\.json"):
        run(pipeline, tmp_path)


def test_the_outlook_tells_every_stage_and_the_whole(made: Path, pipeline: Pipeline, tmp_path: Path) -> None:
    lines = outlook(pipeline, list(pipeline.stages.values()), tmp_path)
    assert lines[0] == "tiny: 4 of 4 stages to make"
    assert lines[1].startswith("  first: 2 steps, 8 examples, 0 of the steps GRPO, about 0:0")
    assert lines[3].startswith("  mean: the mean of first and second, ")
    assert lines[5].startswith("in all: 6 steps, 20 examples, about 0:0")
    assert outlook(pipeline, [pipeline.last], made)[1].startswith("  last: 2 steps (2 are made), 4 examples")


def test_what_would_stop_a_later_stage_is_told_before_the_first(recipe: Path, tmp_path: Path) -> None:
    pipeline = read_pipeline(recipe, {"stage.last.puzzles.level": "9"})
    with pytest.raises(UserError, match="level"):
        run(pipeline, tmp_path / "out")
    assert not (tmp_path / "out").exists()
