"""Recipes: read, overridden, refused; every shipped one is valid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sleuth.config import ModelConfig, RewardConfig, RunConfig, demo_config
from sleuth.errors import UserError
from sleuth.recipes import keys, load_recipe, parse_config, parse_overrides

RECIPES = sorted((Path(__file__).parent.parent / "recipes").glob("*.toml"))
[DEMO] = [path for path in RECIPES if path.stem == "demo"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    assert load_recipe(path).name == path.stem


def test_the_defaults_are_the_demo_but_for_its_reward() -> None:
    assert load_recipe(DEMO) == demo_config()
    assert demo_config().model_copy(update={"reward": RewardConfig(), "name": "run"}) == RunConfig()


def test_every_key_is_documented() -> None:
    for name, kind, _, text in keys():
        assert text and kind, name


def test_overrides() -> None:
    overrides = parse_overrides(["--grpo.steps", "20", "--mode=answer", "--optimizer.weight_decay", "0.1"])
    config = load_recipe(DEMO, overrides)
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
        (["--grpo.kl", "inf"], "grpo.kl: Input should be a finite number"),
        (["--optimizer.learning_rate", "1e-6"], "two keys: sft.learning_rate .* grpo.learning_rate"),
        (["--sampling.top_p", "0.9"], "sampling.top_p is for sleuth eval and ask, .* bias the ratio"),
        (["--model.memory_gb", "0"], "memory_gb: Input should be greater than 0"),
        (["--mode", "reason", "--sampling.constrain", "true"], "sampling.constrain is for modes program and answer"),
    ],
)
def test_bad_overrides(tokens: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        load_recipe(DEMO, parse_overrides(tokens))
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
    ],
)
def test_bad_recipes(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(content)
    with pytest.raises(UserError, match=said) as error:
        load_recipe(path)
    assert str(error.value).startswith(str(path))


def test_a_key_of_no_section_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("grpo = 3")
    with pytest.raises(UserError, match=r"--grpo.steps: grpo is 3 in the recipe, and not a section of keys"):
        load_recipe(path, {"grpo.steps": "2"})


def test_missing_recipe(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such recipe"):
        load_recipe(tmp_path / "x.toml")


@pytest.mark.parametrize("model", [{}, {"kind": "nano", "hidden": 64}])
def test_configuration_survives_json(model: dict[str, Any]) -> None:
    config = RunConfig(name="x", model=ModelConfig(**model))
    assert parse_config(config.model_dump(mode="json"), "config.json") == config


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["--grpo.loss", "gspo", "--reward.parts", "1"], "set reward.parts to 0"),
        (
            ["--grpo.loss", "gspo", "--reward.parts", "0", "--grpo.correction", "2"],
            "a weight for each token; set it to 0",
        ),
        (["--sampling.until", "answers"], "sampling.until answers is for modes answer and reason"),
        (["--mode", "answer", "--reward.answers", "0"], "no weight above 0 that mode answer can earn"),
        (["--checkpoint.best", "strict", "--eval.every", "0"], "set eval.every and grpo.steps above 0"),
        (["--sft.examples", "0", "--grpo.steps", "0"], "there is nothing to train"),
        (["--grpo.loss", "reinforce", "--grpo.updates_per_batch", "2"], "set grpo.updates_per_batch to 1"),
        (["--grpo.updates_per_batch", "17"], "above grpo.puzzles_per_step"),
        (["--grpo.loss", "ppo"], "grpo.loss"),
        (["--model.kind", "nano", "--model.name", "HuggingFaceTB/SmolLM2-360M"], "leave model.name out"),
        (
            ["--model.kind", "nano", "--model.hidden", "200"],
            "hidden 200 is no multiple of 16 for each of model.heads 4",
        ),
        (["--model.kind", "nano", "--model.heads", "3"], "take 96"),
        (["--model.kind", "nano", "--model.hidden", "16"], "take 64"),
        (["--model.kind", "nano", "--model.vocabulary", "259"], "model.vocabulary: Input should be greater than or"),
        (["--model.layers", "2"], "model.layers is a size of a nano model"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(tokens: list[str], said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)) as refused:
        load_recipe(DEMO, parse_overrides(tokens))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300
