"""The cost model of large runs: its arithmetic by hand, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sleuth.config import ModelConfig
from sleuth.errors import UserError
from sleuth.training.scale import ENGINES, GPUS, SHAPES, Engine, Gpu, Shape, Work, nano_shape, shape_of, step
from tests.commands import sleuth

GPU = Gpu(flops=1e15, bandwidth=1e12, memory=100e9, link=400e9)
SHAPE = Shape(parameters=10e9, key_value_bytes=1e5)
WORK = Work(puzzles=10, samples=10, prompt_tokens=1000, completion_tokens=2000, longest_tokens=5000, updates=2)
ENGINE = Engine(0.5, 0.5, 0.4, launch_s=0.01, fixed_s=7, share_prompts=True, one_copy=False)
RECIPE = Path(__file__).parents[2] / "recipes" / "reference-2025.toml"


def test_a_step_by_hand() -> None:
    """Four cards, a copy on each, 25 rows on each copy.

    A decode step reads 20 GB of weights and 25 × 2,000 × 100 KB = 5 GB of keys and values at 0.5 TB/s: 0.05 s; it
    computes 5e11 operations at 5e14 a second: 0.001 s, hidden. With 0.01 s of its own it takes 0.06 s for 100 tokens,
    so 200,000 tokens take 120 s, and ten prompts 2e14 / 2e15 = 0.1 s. The longest row goes on for 3,000 steps of
    20.5 GB / 0.5 TB/s + 0.01 s = 0.051 s. Training 210,000 tokens takes 1.68e16 operations at 1.6e15 a second.
    """
    found = step(SHAPE, WORK, GPU, 4, ENGINE)
    assert found.sampling_s == pytest.approx(120.1)
    assert found.last_rows_s == pytest.approx(153)
    assert found.training_s == pytest.approx(10.5)
    assert (found.exchange_s, found.offload_s, found.fixed_s) == (0, 0, 7)
    assert found.total_s == pytest.approx(290.6)


def test_all_cards_as_one_with_the_optimizer_on_the_host() -> None:
    """100 rows: 40 GB at 2 TB/s and 0.01 s are 0.03 s for 100 tokens. Two updates of 140 GB at 100 GB/s are 2.8 s."""
    found = step(SHAPE, WORK, GPU, 4, replace(ENGINE, one_copy=True, offload_bytes=14))
    assert found.sampling_s == pytest.approx(60.1) and found.offload_s == pytest.approx(2.8)


def test_rows_that_do_not_fit_wait() -> None:
    """Beside the weights 3 GB are free: 15 rows of 200 MB, (20 + 3) GB / 0.5 TB/s + 0.01 s = 0.056 s a step."""
    small = replace(GPU, memory=23e9 / 0.9)
    found = step(SHAPE, WORK, small, 1, replace(ENGINE, one_copy=True, offload_bytes=1))
    assert found.sampling_s == pytest.approx(200_000 * 0.056 / 15 + 2e14 / 5e14)


def test_prompts_that_are_not_shared_are_trained_for_every_row() -> None:
    found = step(SHAPE, WORK, GPU, 4, replace(ENGINE, share_prompts=False))
    assert found.training_s == pytest.approx(10.5 * 300 / 210)


def test_between_machines_updates_wait_for_one_another() -> None:
    """Four updates exchange 3 × 20 GB each at 50 GB/s, 4.8 s; computing them on 16 cards takes 2.625 s."""
    found = step(SHAPE, replace(WORK, updates=4), GPU, 16, ENGINE)
    assert found.training_s == pytest.approx(2.625) and found.exchange_s == pytest.approx(4.8 - 2.625)


def test_low_rank_adapters_need_less() -> None:
    """No gradients of the weights: 6 operations of 8, nothing is exchanged, and 20 GB must fit, not 160."""
    lora = replace(WORK, updates=4, lora=True)
    found = step(SHAPE, lora, GPU, 16, ENGINE)
    assert found.training_s == pytest.approx(2.625 * 6 / 8) and found.exchange_s == 0
    assert step(SHAPE, lora, GPU, 4, replace(ENGINE, offload_bytes=14)).offload_s == 0
    with pytest.raises(UserError, match="needs 160 GB for weights and optimizer"):
        step(SHAPE, replace(lora, lora=False), GPU, 1, ENGINE)
    step(SHAPE, lora, GPU, 1, ENGINE)
    with pytest.raises(UserError, match=r"needs 66 GB for weights; take 2 or more of these GPUs$"):
        step(SHAPES["Qwen/Qwen2.5-32B-Instruct"], lora, replace(GPUS["h100"], memory=70e9), 1, ENGINES["now"])


def test_what_does_not_fit_is_refused() -> None:
    large = SHAPES["Qwen/Qwen2.5-32B-Instruct"]
    with pytest.raises(UserError, match=r"needs 525 GB .* take 8 or more"):
        step(large, WORK, GPUS["h100"], 4, ENGINES["now"])
    with pytest.raises(UserError, match="no room for 66 GB of weights"):
        step(large, replace(WORK, prompt_tokens=1e6), GPUS["h100"], 1, ENGINES["2025"])


def test_a_shape_is_read_from_a_folder(tmp_path: Path) -> None:
    """Qwen2.5-14B, by its published configuration: 14.8 billion parameters, 192 KiB of keys and values a token."""
    config = {"hidden_size": 5120, "num_hidden_layers": 48, "intermediate_size": 13824, "num_attention_heads": 40}
    config |= {"num_key_value_heads": 8, "vocab_size": 152064, "tie_word_embeddings": False}
    (tmp_path / "config.json").write_text(json.dumps(config))
    shape, known = shape_of(str(tmp_path)), SHAPES["Qwen/Qwen2.5-14B-Instruct"]
    assert shape.parameters == pytest.approx(known.parameters, rel=0.005)
    assert shape.key_value_bytes == known.key_value_bytes == 192 * 1024
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="no configuration of a model"):
        shape_of(str(tmp_path))
    with pytest.raises(UserError, match=r"did you mean 'Qwen/Qwen2\.5-14B-Instruct'"):
        shape_of("Qwen/Qwen2.5-14B-Instrct")


def test_a_nano_model_is_of_the_size_that_its_recipe_gives_and_a_shipped_one_of_its_own() -> None:
    """4 layers of 4 matrices of 192 x 192 and 3 of 192 x 576, and 1,000 tokens."""
    made = nano_shape(ModelConfig(kind="nano", hidden=192, layers=4, vocabulary=1000))
    assert made == Shape(4 * (4 * 192**2 + 3 * 192 * 576) + 1000 * 192, 2 * 4 * 192 * 2)
    assert shape_of("nano-detective") == nano_shape(ModelConfig(kind="nano", hidden=192, layers=4, vocabulary=1059))
    done = sleuth("estimate", RECIPE.parent / "demo.toml", "--gpus", 1)
    assert done.returncode == 0 and "a nano model on 1 × H100" in done.stdout, done.stderr


def test_the_command(tmp_path: Path) -> None:
    lengths = ("--prompt-tokens", 1000, "--completion-tokens", 1500)
    done = sleuth("estimate", RECIPE, "--gpus", 8, "--gpu", "h100", *lengths)
    assert done.returncode == 0, done.stderr
    work = Work(32, 50, 1000, 1500, 8192, 4)
    expected = step(SHAPES["Qwen/Qwen2.5-14B-Instruct"], work, GPUS["h100"], 8, ENGINES["now"])
    assert f"100 steps: {expected.total_s / 36:.1f} hours" in done.stdout and "further GPUs shorten" in done.stdout
    for words, said in (
        (("--gpu", "h1000"), "did you mean 'h100'"),
        (("--gpus", 0), "--gpus 0: 1 or more"),
        (("--gpus", 1), "take 4 or more of these GPUs, or LoRA"),
        (("--completion-tokens", 9000), "from 1 to sampling.max_new_tokens, 8192"),
        (("--grpo.steps", 0, "--sft.examples", 16, "--checkpoint.best", ""), "no GRPO steps"),
    ):
        done = sleuth("estimate", RECIPE, *words)
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_the_tables_of_the_document_follow_from_the_model() -> None:
    text = (Path(__file__).parents[2] / "docs" / "explanation" / "scale.md").read_text()
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in text.splitlines() if line.startswith("| ")]
    now = [row for row in rows if row[0][:3] in ("14B", "32B") and len(row) == 12]
    assert len(now) == 12
    for name, gpus, engine, *figures in now:
        model, _, lora = name.partition(", ")
        work = Work(32, 50, 954, 1500, 8192, 4 if engine == "now" else 75, lora == "LoRA")
        found = step(SHAPES[f"Qwen/Qwen2.5-{model}-Instruct"], work, GPUS["h100"], int(gpus), ENGINES[engine])
        hours = found.total_s / 36
        shown = [f"{seconds:.0f}" for _, seconds in found.parts]
        assert figures == [*shown, f"{found.total_s:.0f}", f"{hours:.1f}", f"{hours * int(gpus):.0f}"]
    then = [row for row in rows if len(row) == 4 and row[1] in ("1,000", "1,500", "2,000")]
    assert len(then) == 6
    for place, (_, length, seconds, iterations) in enumerate(then):
        model, gpus, took = ("14B", 4, 58) if place < 3 else ("32B", 8, 19)
        tokens = int(length.replace(",", ""))
        work = Work(32, 50, 1700, tokens, 8192, (1600 * tokens + 32 * 1700) / 32768)
        found = step(SHAPES[f"Qwen/Qwen2.5-{model}-Instruct"], work, GPUS["h100"], gpus, ENGINES["2025"])
        assert (seconds, iterations) == (f"{found.total_s:,.0f}", f"{took * 3600 / found.total_s:.0f}")
