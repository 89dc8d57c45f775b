"""Reading pipelines: stages on top of common keys, what they come from, and every refusal in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sleuth.errors import UserError
from sleuth.pipeline.read import read_pipeline
from sleuth.recipes import has_stages, load_recipe

ROOT = Path(__file__).parents[2]

CHAIN = """\
name = "chain"
mode = "answer"
model = {kind = "nano", hidden = 64, heads = 4}
sft.examples = 8

[[puzzles.mixture]]
level = "1"

[stage.first]
[stage.second]
from = "first"
sft.batch_size = 2
[[stage.second.puzzles.mixture]]
level = "2"
[stage.other]
from = "first"
[stage.mean]
from = ["first", "second"]
[stage.last]
from = "mean"
"""


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    path = tmp_path / "chain.toml"
    path.write_text(CHAIN)
    return path


def test_a_stage_has_its_own_keys_on_top_of_the_common_ones(chain: Path) -> None:
    stages = read_pipeline(chain).stages
    first, second = stages["first"].config, stages["second"].config
    assert first is not None and second is not None and stages["mean"].config is None
    assert (first.sft.batch_size, second.sft.batch_size, second.sft.examples) == (16, 2, 8)
    assert [source.level for source in second.puzzles.mixture] == ["2"]  # lists of tables are replaced whole
    assert (first.name, second.name) == ("chain-first", "chain-second")
    # The second is whatever model the first came to, nano sizes included.
    assert (first.model.kind, second.model.kind) == ("nano", "pretrained")
    assert stages["second"].config_in(Path("runs")).model.name == "runs/first/model"
    assert stages["first"].config_in(Path("runs")) == first


def test_what_leads_to_a_stage(chain: Path) -> None:
    pipeline = read_pipeline(chain)
    assert [stage.name for stage in pipeline.up_to("mean")] == ["first", "second", "mean"]
    assert [stage.name for stage in pipeline.up_to("other")] == ["first", "other"]
    assert [stage.name for stage in pipeline.up_to(None)] == ["first", "second", "other", "mean", "last"]
    with pytest.raises(UserError, match=r"--stage secnd: .*chain.toml has no such stage; did you mean 'second'"):
        pipeline.up_to("secnd")


def test_keys_on_the_command_line_are_for_all_stages_or_for_one(chain: Path) -> None:
    stages = read_pipeline(chain, {"grpo.steps": "3", "stage.second.grpo.steps": "5", "model.hidden": "128"}).stages
    configs = {name: stage.config for name, stage in stages.items() if stage.config is not None}
    assert {name: config.grpo.steps for name, config in configs.items()} == {
        **{"first": 3, "second": 5},
        **{"other": 3, "last": 3},
    }
    assert configs["first"].model.hidden == 128


def test_a_key_for_one_stage_leaves_the_common_ones_of_later_stages_alone(chain: Path) -> None:
    """`sft.examples` is 8 for all of them, in a section that they share."""
    stages = read_pipeline(chain, {"stage.first.sft.examples": "4"}).stages
    configs = {name: stage.config for name, stage in stages.items() if stage.config is not None}
    assert {name: config.sft.examples for name, config in configs.items()} == {
        **{"first": 4, "second": 8},
        **{"other": 8, "last": 8},
    }


def changed_by(chain: Path, **overrides: str) -> set[str]:
    one, other = read_pipeline(chain).stages, read_pipeline(chain, overrides).stages
    return {name for name in one if one[name].digest != other[name].digest}


def test_a_digest_is_of_the_settings_and_of_all_that_came_before(chain: Path) -> None:
    assert changed_by(chain, **{"stage.second.seed": "7"}) == {"second", "mean", "last"}
    assert changed_by(chain, **{"stage.other.seed": "7"}) == {"other"}
    assert changed_by(chain, **{"stage.first.puzzles.seed": "7"}) == {"first", "second", "other", "mean", "last"}
    # What makes no difference to results: where it computes, what is kept.
    assert changed_by(chain, **{"model.threads": "2", "checkpoint.every": "3", "name": "x"}) == set()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'from = "first"\nsft',
            'from = "mean"\nsft',
            "stage second: from 'mean' names no stage above it; known: first",
        ),
        ("[stage.first]", '[stage.first]\nfrom = "last"', "from 'last' names no stage above it; this is the first"),
        ('["first", "second"]', '["first", "first"]', "stage mean: from lists one stage; a mean is of two or more"),
        ('["first", "second"]', "3", "stage mean: from is the name of a stage, or a list"),
        ('from = "mean"', 'from = "mean"\nmodel.kind = "nano"', "stage last: model.kind stands beside from"),
        ('["first", "second"]', '["first", "second"]\nseed = 3', "a mean of models is not trained; give seed to a"),
        ('["first", "second"]', "[]", "stage mean: from lists no stage; a mean is of two or more"),
        ('from = "mean"', 'from = "mean"\nmodel = "x"', "stage last: model is a section of keys"),
        ('name = "chain"', "name = 3", "chain.toml: name 3 is no text"),
        ('name = "chain"', 'name = "../chain"', "chain.toml: name '../chain': a folder or file is named by it"),
        ("[stage.last]", f"[stage.{'a' * 101}]", "names a folder; use at most 100 small letters"),
        ("[stage.last]", "[stage.model]", "stage 'model' names a folder"),
        ("[stage.last]", "[stage.'a/b']", "stage 'a/b' names a folder"),
        ("sft.batch_size", "sft.bacth_size", "stage second: unknown key 'sft.bacth_size'; did you mean 'sft.batch"),
        ("[stage.first]\n", "[stage.first]\ngrpo.steps = -1\n", "chain.toml, stage first: grpo.steps: Input should"),
    ],
)
def test_refusals(chain: Path, old: str, new: str, said: str) -> None:
    assert old in CHAIN
    chain.write_text(CHAIN.replace(old, new))
    with pytest.raises(UserError, match=said) as refused:
        read_pipeline(chain)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("stages", ["stage = 3", "stage.first = 3", "[stage]"])
def test_stages_are_tables(tmp_path: Path, stages: str) -> None:
    (tmp_path / "odd.toml").write_text(stages)
    with pytest.raises(UserError, match="stages are tables"):
        read_pipeline(tmp_path / "odd.toml")


@pytest.mark.parametrize("key", ["stage.third.seed", "stage.second", "stage"])
def test_a_stage_on_the_command_line_must_be_there(chain: Path, key: str) -> None:
    with pytest.raises(UserError, match=rf"--{key}: give --stage.NAME.KEY; stages of .*: first, second, other"):
        read_pipeline(chain, {key: "3"})


def test_a_mean_has_no_keys_on_the_command_line_either(chain: Path) -> None:
    with pytest.raises(UserError, match="a mean of models is not trained"):
        read_pipeline(chain, {"stage.mean.seed": "3"})


def test_a_pipeline_is_not_one_run(chain: Path) -> None:
    with pytest.raises(UserError, match="has stages, each a run of its own; train it with sleuth train"):
        load_recipe(chain)


def test_the_guide_names_every_shipped_pipeline() -> None:
    guide = (ROOT / "docs" / "how-to" / "recipes.md").read_text()
    named = re.search(r"The shipped pipelines are (.*?)\n\n", guide, re.DOTALL)
    shipped = {path.name for path in (ROOT / "recipes").glob("*.toml") if has_stages(path)}
    assert named and set(re.findall(r"recipes/([\w-]+\.toml)", named[1])) == shipped
