"""A family named without its version is pinned when a run starts: a later version changes neither it nor its kin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sleuth
from sleuth.config import RunConfig
from sleuth.pipeline import run as pipelines
from sleuth.pipeline.read import read_pipeline
from sleuth.puzzles import registry
from sleuth.runs.directory import RunDirectory
from sleuth.runs.settings import change, pinned
from sleuth.study import run as studies
from sleuth.study.read import read_study
from sleuth.training.preflight import start
from sleuth.training.run import train_to_end
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
