"""A family named without its version is pinned when a run starts: a later version changes neither it nor its kin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sleuth
from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.pipeline import run as pipelines
from sleuth.pipeline.read import read_pipeline
from sleuth.puzzles import registry
from sleuth.runs.directory import RunDirectory
from sleuth.runs.settings import change, pinned
from sleuth.study import run as studies
from sleuth.study.read import read_study
from sleuth.training.preflight import start
from sleuth.training.run import train, train_to_end
from sleuth.training.step_log import StepLog
from tests.contract.sums import Sums
from tests.tiny import tiny_folder


class LaterSums(Sums):
    version = 2


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    sleuth.register("sums@1", Sums)
    yield
    registry.unregister("sums@1")
    registry.unregister("sums@2")


def bring_out_version_2() -> None:
    sleuth.register("sums@2", LaterSums)
    assert registry.get_task("sums").id == "sums@2"


RECIPE = """\
mode = "answer"
model = {name = "MODEL", dtype = "float32", device = "cpu", threads = 1}
puzzles = {family = "sums", style = "plain"}
sft = {examples = 2, batch_size = 2}
grpo.steps = 0
sampling.max_new_tokens = 2
eval = {count = 2, every = 0}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return RECIPE.replace("MODEL", str(tiny_folder(tmp_path_factory.mktemp("recipe") / "model")))


def families(*runs: Path) -> set[str]:
    """The ids of the families that runs have stored puzzles of, in rollouts and evaluations."""
    found = set()
    for path in runs:
        run = RunDirectory.open(path)
        rows = [row.puzzle_id for phase, step in run.rollout_steps() for row in run.read_rollouts(phase, step)]
        rows += [row.puzzle_id for name in run.evaluation_names() for row in run.read_evaluation(name)]
        assert rows
        found |= {id.partition("/")[0] for id in rows}
    return found


def test_a_run_keeps_the_version_that_it_started_with(recipe: str, tmp_path: Path) -> None:
    (tmp_path / "sums.toml").write_text(recipe)
    config = sleuth.load_recipe(tmp_path / "sums.toml")
    start(config, tmp_path / "run")
    assert RunDirectory.open(tmp_path / "run").config.puzzles.family == "sums@1"
    bring_out_version_2()
    run = train_to_end(config, tmp_path / "run", lambda: pytest.fail("the run is there"))
    assert families(run.path) == {"sums@1"}
    assert start(config, tmp_path / "later").config.puzzles.family == "sums@2"


def test_a_study_compares_arms_on_one_version(recipe: str, tmp_path: Path) -> None:
    (tmp_path / "sums.toml").write_text(recipe)
    lines = ['name = "tiny"', 'question = "Does it?"', 'recipe = "sums.toml"', "seeds = [0]"]
    lines += ["[arms.low]", '"sft.learning_rate" = 0.001', "[arms.high]", '"sft.learning_rate" = 0.002']
    (tmp_path / "study.toml").write_text("\n".join(lines))
    study, runs = read_study(tmp_path / "study.toml"), tmp_path / "runs"
    start(study.arms["low"][0], runs / "low-0")  # and stopped at once
    bring_out_version_2()
    assert studies.run(study, runs, tmp_path / "results") is not None
    assert families(runs / "low-0", runs / "high-0") == {"sums@1"}


def test_a_pipeline_goes_on_with_the_version_of_its_first_stage(recipe: str, tmp_path: Path) -> None:
    (tmp_path / "sums.toml").write_text(f'{recipe}[stage.first]\n[stage.second]\nfrom = "first"\n')
    pipeline, out = read_pipeline(tmp_path / "sums.toml"), tmp_path / "out"
    pipelines.run(pipeline, out, until="first")
    bring_out_version_2()
    pipelines.run(pipeline, out)
    assert families(out / "first", out / "second") == {"sums@1"}


def test_a_name_agrees_with_its_versions_only() -> None:
    def config(*names: str) -> RunConfig:
        return RunConfig.model_validate({"puzzles": {"mixture": [{"family": name, "level": "1"} for name in names]}})

    assert not change(config("sums@1", "zebra@1"), config("sums", "zebra"))
    assert not change(config("sums", "zebra@1"), config("sums@2", "zebra"))
    assert change(config("sums@1", "zebra@1"), config("zebra", "sums"))
    assert change(config("sums@1"), config("sums@2")) and change(config("zebra@1"), config("zeb"))
    found = pinned(config("sums", "zebra", "sums@1"), {"sums": "sums@3"})
    assert [source.family for source in found.puzzles.sources] == ["sums@3", "zebra@1", "sums@1"]
    assert pinned(RunConfig()).puzzles.family == "temporal-clue@1"


def test_a_run_that_fixed_the_time_is_the_one_whose_recipe_names_none() -> None:
    recipe = RunConfig()
    run, other = (
        recipe.model_copy(update={"model": recipe.model.model_copy(update={"template_time": time})})
        for time in ("2026-11-30T10:00:00", "2026-12-01")
    )
    assert change(run, recipe) == "" and change(run, other).startswith("model.template_time 2026-11-30T10:00:00, where")


def test_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    tiny_folder(tmp_path / "model")
    config = RunConfig.model_validate({"model": {"name": str(tmp_path / "model"), "template_time": "noon"}})
    with pytest.raises(UserError, match="template time 'noon': give it as"):
        start(config, tmp_path / "run")


def test_completions_of_a_file_may_not_change_within_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_folder(tmp_path / "model", words=True)
    shown = tmp_path / "shown.jsonl"
    shown.write_text('{"system": "", "user": "Who?", "completion": "Ada"}\n', encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    run = start(
        RunConfig.model_validate(
            {
                "model": {"name": "model", "dtype": "float32", "device": "cpu", "threads": 1},
                "sft": {"examples": 4, "batch_size": 1, "file": "shown.jsonl"},
                "grpo": {"steps": 0},
                "eval": {"count": 1},
                "sampling": {"max_new_tokens": 2},
            }
        ),
        tmp_path / "run",
    )
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(StepLog, "metrics", stop)
    with pytest.raises(KeyboardInterrupt):
        train(run)
    monkeypatch.undo()
    content = shown.read_bytes()
    shown.write_bytes(content.replace(b"Ada", b"Bob"))
    with pytest.raises(UserError, match=r"shown\.jsonl has changed since the run .* began with it"):
        train(RunDirectory.open(tmp_path / "run"))
    shown.write_bytes(content)
    train(RunDirectory.open(tmp_path / "run"))
    assert RunDirectory.open(tmp_path / "run").finished


def stop(*_: object) -> None:
    raise KeyboardInterrupt
