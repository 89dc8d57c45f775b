"""Recipes: read, overridden, refused; every shipped one is valid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sleuth.config import (
    EvalConfig,
    GrpoConfig,
    ModelConfig,
    PuzzlesConfig,
    RewardConfig,
    RunConfig,
    demo_config,
    reasoning_demo_config,
)
from sleuth.errors import UserError
from sleuth.pipeline.read import read_pipeline
from sleuth.recipes import RENAMED, has_stages, keys, load_recipe, parse_config, parse_overrides
from sleuth.study.read import read_study

RECIPES = sorted((Path(__file__).parent.parent / "recipes").glob("*.toml"))
STUDIES = sorted((Path(__file__).parent.parent / "recipes" / "studies").glob("*.toml"))
DEMO, NANO, TRANSLATE = (next(path for path in RECIPES if path.stem == name) for name in ("demo", "nano", "translate"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    named = read_pipeline(path) if has_stages(path) else load_recipe(path)
    assert named.name == path.stem


def test_recipes_and_studies_are_read_with_the_mark_that_editors_put_ahead(tmp_path: Path) -> None:
    marked = {path: tmp_path / path.name for path in (TRANSLATE, STUDIES[0])}
    for path, copy in marked.items():
        text = path.read_text(encoding="utf-8").replace('recipe = "..', f'recipe = "{TRANSLATE.parent.as_posix()}')
        copy.write_text(text, encoding="utf-8-sig")
    assert load_recipe(marked[TRANSLATE]) == load_recipe(TRANSLATE)
    assert read_study(marked[STUDIES[0]]).arms == read_study(STUDIES[0]).arms


@pytest.mark.parametrize("path", [*RECIPES, *STUDIES], ids=lambda path: path.stem)
def test_every_recipe_and_study_begins_with_a_line_that_says_what_it_is_for(path: Path) -> None:
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"# [A-Z][^`]{38,}[.?:;,\w]", first), first


def test_there_are_at_most_a_dozen_recipes() -> None:
    assert len(RECIPES) <= 12
    assert all(read_study(path).name == path.stem for path in STUDIES)


def test_the_defaults_are_the_translator_but_for_its_reward_and_its_length() -> None:
    recipe, longer = load_recipe(TRANSLATE), {"grpo": GrpoConfig(), "eval": EvalConfig()}
    assert recipe.model_copy(update={"reward": RewardConfig(), "name": "run", **longer}) == RunConfig()
    assert recipe.grpo == GrpoConfig(steps=24) and recipe.eval == EvalConfig(every=12)


def test_the_demo_s_first_act_is_its_recipe() -> None:
    assert load_recipe(DEMO) == demo_config()


def test_the_demo_s_second_act_is_the_last_stage_of_the_nano_recipe_but_for_its_length() -> None:
    """And that of its completions: `nano-novice` writes shorter ones than today's telling. It is also less sure, so it
    learns at a higher rate, by its answers alone."""
    demo = reasoning_demo_config(12)
    stage = list(read_pipeline(NANO).stages.values())[-1].config
    assert stage is not None
    changed = {
        "name": stage.name,
        "model": stage.model,
        "eval": stage.eval,
        "checkpoint": stage.checkpoint,
        "grpo": demo.grpo.model_copy(update={"steps": stage.grpo.steps, "learning_rate": 2e-4}),
        "reward": demo.reward.model_copy(update={"nothing_false": 0.5}),
        "puzzles": stage.puzzles,
        "sampling": demo.sampling.model_copy(update={"max_new_tokens": 512}),
    }
    assert demo.grpo.steps == 12 and demo.puzzles == PuzzlesConfig() and demo.model == ModelConfig(name="nano-novice")
    assert demo.model_copy(update=changed) == stage


def test_every_key_is_documented() -> None:
    for name, kind, _, text in keys():
        assert text and kind, name


def test_overrides() -> None:
    overrides = parse_overrides(["--grpo.steps", "20", "--mode=answer", "--optimizer.weight_decay", "0.1"])
    config = load_recipe(TRANSLATE, overrides)
    assert (config.grpo.steps, config.mode, config.optimizer.weight_decay) == (20, "answer", 0.1)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["--grpo.setps", "3"], "did you mean 'grpo.steps'"),
        (["--grpo.steps"], "a value is missing"),
        (["--grpo.steps", "--mode"], "a value is missing"),
        (["grpo.steps", "3"], "keys are given as"),
        (["--grpo.steps", "many"], "grpo.steps: Input should be a valid integer"),
        (["--grpo.steps", "-1"], "grpo.steps: Input should be greater than or equal to 0"),
        (["--mode", "dance"], "mode: Input should be 'answer', 'reason' or 'program'"),
        (["--grpo", "3"], "unknown key"),
        (["--model.template_kwargs", "a=" + "[" * 3000], "give it as name=value"),
        (["--model.template_kwargs", "a=" + "9" * 5000], "give it as name=value"),
        (["--name", "../x"], "a folder or file is named by it"),
        (["--grpo.kl", "inf"], "grpo.kl: Input should be a finite number"),
        (["--optimizer.learning_rate", "1e-6"], "two keys: sft.learning_rate .* grpo.learning_rate"),
        (["--sampling.top_p", "0.9"], "sampling.top_p is for sleuth eval and ask, .* bias the ratio"),
        (["--model.memory_gb", "0"], "memory_gb: Input should be greater than 0"),
        (["--mode", "reason", "--sampling.constrain", "true"], "sampling.constrain is for modes program and answer"),
    ],
)
def test_bad_overrides(tokens: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        load_recipe(TRANSLATE, parse_overrides(tokens))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[grpo]\nstpes = 3", "unknown key 'grpo.stpes'; did you mean 'grpo.steps'"),
        ("[grpo]\nsteps = 'x'", "grpo.steps"),
        ("grpo = 3", "grpo: "),
        ("[grpo]\nkl = true", "grpo.kl: true is neither a number nor a text"),
        ("[puzzles]\nlevel = '2'\n[[puzzles.mixture]]\nlevel = '3'", "puzzles.level stands beside puzzles.mixture"),
        ("[puzzles]\nfixed = 16\nenter = 0.5\n[[puzzles.mixture]]\n[[puzzles.mixture]]", "puzzles.fixed is the same"),
        ("[sampling]\ntop_k = 40", "sampling.top_k is for sleuth eval and ask, .* bias the ratio"),
        ("name = ", "not a TOML file"),
        (f"seed = {'9' * 5000}", "not a TOML file: Exceeds the limit"),
        ("a = " + "[" * 3000 + "]" * 3000, "nested too deep"),
        ("a = " + "{b = " * 400 + "1" + "}" * 400, "nested too deep"),
        (".".join("a" * 600) + " = 1", "nested too deep"),
        ("name = ''", "name '': a folder or file is named by it"),
        ("name = '../../x'", "name '../../x': a folder or file is named by it"),
        ("name = '..'", "name '..': a folder"),
        ("name = 'a/b'", "name 'a/b': a folder"),
        (f"name = '{'n' * 201}'", "of at most 200 bytes"),
        (r'name = "a\u001b[31m"', "that can be printed"),
    ],
)
def test_bad_recipes(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(content)
    with pytest.raises(UserError, match=said) as error:
        load_recipe(path)
    assert str(error.value).startswith(str(path)) and len(str(error.value)) < 500 + len(str(path))


def test_a_key_of_no_section_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("grpo = 3")
    with pytest.raises(UserError, match=r"--grpo.steps: grpo is 3 in the recipe, and not a section of keys"):
        load_recipe(path, {"grpo.steps": "2"})


def test_missing_recipe(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such recipe"):
        load_recipe(tmp_path / "x.toml")


def test_a_recipe_extends_another_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "bottom.toml").write_text(
        'name = "bottom"\nseed = 3\n[grpo]\nsteps = 5\nsamples = 4\n'
        '[[puzzles.mixture]]\nlevel = "1"\n[[puzzles.mixture]]\nlevel = "2"\n'
    )
    (tmp_path / "middle.toml").write_text('extends = "far/bottom.toml"\n[grpo]\nsteps = 6\nkl = 0.1\n')
    (tmp_path / "top.toml").write_text('extends = "middle.toml"\ngrpo.kl = 0.2\n[[puzzles.mixture]]\nlevel = "3"\n')
    config = load_recipe(tmp_path / "top.toml", {"grpo.kl_end": "0.0"})
    assert (config.seed, config.grpo.steps, config.grpo.samples) == (3, 6, 4)
    assert (config.grpo.kl, config.grpo.kl_end) == (0.2, 0.0)
    assert [source.level for source in config.puzzles.mixture] == ["3"]  # a list of tables is replaced whole
    assert config.name == "top"  # another recipe is another run, and folder
    assert load_recipe(tmp_path / "middle.toml").name == "middle"


@pytest.mark.parametrize(
    ("extends", "said"),
    [
        ('"r.toml"', r"r\.toml: extends 'r\.toml', which extends this recipe; leave one of the two out"),
        ('"other.toml"', r"other\.toml: extends 'r\.toml', which extends this recipe"),
        ('"missing.toml"', r"r\.toml: extends 'missing\.toml', but there is no file .*missing\.toml"),
        ('"."', "but there is no file"),
        ("3", "r.toml: extends names one other recipe, as in"),
        (f"'{'x' * 5000}'", "r.toml: extends 'x{200}…', but there is no file"),
        (r'"a\u0000"', "but there is no file"),
    ],
)
def test_what_cannot_be_extended(tmp_path: Path, extends: str, said: str) -> None:
    (tmp_path / "other.toml").write_text('extends = "r.toml"')
    (tmp_path / "r.toml").write_text(f"extends = {extends}")
    with pytest.raises(UserError, match=said) as error:
        load_recipe(tmp_path / "r.toml")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("old", RENAMED)
def test_old_names_of_keys_are_read_and_told(tmp_path: Path, old: str, capsys: pytest.CaptureFixture[str]) -> None:
    new, path = RENAMED[old], tmp_path / "r.toml"
    path.write_text(f"{old} = 0.25\n")
    by_file = load_recipe(path)
    assert capsys.readouterr().err == f"{path}: {old} is called {new} now; the old name is read for one more version\n"
    path.write_text("")
    assert load_recipe(path, {old: "0.25"}) == by_file == load_recipe(path, {new: "0.25"})
    assert f"--{old} is called --{new} now" in capsys.readouterr().err
    section, _, last = old.partition(".")
    assert parse_config({"name": "r", section: {last: 0.25}}, "config.json") == by_file  # a run of an earlier version
    assert capsys.readouterr().err == ""
    with pytest.raises(UserError, match=f"{old} is the old name of {new}, which is given, too; leave {old} out"):
        path.write_text(f"{old} = 0.25\n{new} = 1\n")
        load_recipe(path)


@pytest.mark.parametrize("model", [{}, {"kind": "nano", "hidden": 64, "heads": 4}])
def test_configuration_survives_json(model: dict[str, Any]) -> None:
    config = RunConfig(name="x", model=ModelConfig(**model))
    assert parse_config(config.model_dump(mode="json"), "config.json") == config


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["--grpo.loss", "gspo", "--reward.spans", "1"], "set reward.spans to 0"),
        (
            ["--grpo.loss", "gspo", "--reward.spans", "0", "--grpo.correction", "2"],
            "a weight for each token; set it to 0",
        ),
        (["--sampling.until", "answers"], "sampling.until answers is for modes answer and reason"),
        (["--mode", "answer", "--reward.answers", "0"], "no weight above 0 that mode answer can earn"),
        (["--checkpoint.best", "strict", "--eval.every", "0"], "set eval.every and grpo.steps above 0"),
        (["--checkpoint.best", "nonsense"], "checkpoint.best 'nonsense' is measured by no evaluation; take one of"),
        (["--checkpoint.best", "-"], "checkpoint.best '-' is measured by no evaluation"),
        (["--puzzles.leave", "0.9"], "puzzles.leave is of a curriculum by success; set puzzles.enter above 0"),
        (["--sampling.temperature", "1e-50"], "sampling.temperature: Input should be greater than or equal to 0.001"),
        (["--seed", str(2**63)], "seed: Input should be less than or equal to 9223372036854775807"),
        (["--sft.examples", "0", "--grpo.steps", "0"], "there is nothing to train"),
        (["--grpo.loss", "reinforce", "--grpo.updates_per_batch", "2"], "set grpo.updates_per_batch to 1"),
        (["--grpo.updates_per_batch", "17"], "above grpo.puzzles_per_step"),
        (["--grpo.loss", "ppo"], "grpo.loss"),
        (["--model.kind", "nano", "--model.name", "HuggingFaceTB/SmolLM2-360M"], "leave model.name out"),
        (
            ["--model.kind", "nano", "--model.hidden", "200"],
            "hidden 200 is no multiple of 16 for each of 6 heads",
        ),
        (["--model.kind", "nano", "--model.hidden", "128", "--model.heads", "3"], "take 96"),
        (["--model.kind", "nano", "--model.hidden", "16", "--model.heads", "4"], "take 64"),
        (["--model.kind", "nano", "--model.vocabulary", "259"], "model.vocabulary: Input should be greater than or"),
        (["--model.layers", "2"], "model.layers is a size of a nano model"),
        (["--model.vocabulary", "500"], "model.vocabulary is a size of a nano model"),
        (["--model.kind", "extended", "--model.layers", "2"], "model.layers is a size of a nano model"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(tokens: list[str], said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)) as refused:
        load_recipe(TRANSLATE, parse_overrides(tokens))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


def test_a_source_s_number_is_no_truth_value() -> None:
    with pytest.raises(UserError, match=r"puzzles\.mixture\.1\.weight: true is neither a number nor a text"):
        parse_config({"puzzles": {"mixture": [{"family": "zebra"}, {"weight": True}]}}, "x")
