"""A model made from nothing: it loses no text, its bytes hang on the configuration alone, its run is a run like any
other."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.config import RunConfig
from sleuth.policy import architecture, nano
from sleuth.policy.base import Request, Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import end_token_id, load_model, prompt_tokens
from sleuth.runs.directory import INITIAL, RunDirectory
from sleuth.training.preflight import start
from sleuth.training.run import MODEL, train

SMALL = {"kind": "nano", "hidden": 32, "layers": 1, "heads": 2, "device": "cpu", "dtype": "float32", "threads": 1}


@pytest.fixture(autouse=True, scope="module")
def few_puzzles() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nano, "PUZZLES", 24)
        yield


def config(**sections: Any) -> RunConfig:
    return RunConfig.model_validate({"mode": "reason", "model": SMALL} | sections)


@functools.cache
def made() -> tuple[Any, Any]:
    return nano.make(config())


def weights(model: Any) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@settings(deadline=None)
@given(st.one_of(st.text(), st.text(alphabet=" \n.A1é\t", max_size=12)))
def test_text_comes_back_as_it_was(text: str) -> None:
    _, tokenizer = made()
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_a_name_is_one_token_wherever_it_stands_and_digits_are_apart() -> None:
    tokenizer = nano.learn(["Ella was out.\nNot so Ella: 1010 1010."] * 9, 2048)
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("Ella was out.\nElla: not 1010.")["input_ids"])
    assert tokens == ["ĠElla", "Ġwas", "Ġout", ".", "Ċ", "ĠElla", ":", *"Ġnot", *"Ġ1010", "."]


def test_a_tokenizer_has_at_most_the_size_that_is_asked_for() -> None:
    texts = ["Ella was out.\nNot so Ella: 1010 1010."] * 9
    # Three marks, 256 bytes, then a merge for every letter of Ella, was, out, Not and so.
    assert len(nano.learn(texts, 2048)) == 3 + 256 + 4 + 3 + 3 + 3 + 2
    assert len(nano.learn(texts, 262)) == 262


def test_prompts_have_the_marks_of_the_template() -> None:
    _, tokenizer = made()
    prompt = prompt_tokens(tokenizer, Request("key", "Solve.", "Who?\nWhere?"))
    assert tokenizer.decode(prompt) == "Solve.<|user|> Who?\nWhere?<|assistant|>"
    assert [token for token in prompt if token < 3] == [0, 1]
    assert end_token_id(tokenizer) == 2


def test_the_size_is_that_of_a_llama_with_tied_embeddings() -> None:
    model, tokenizer = nano.make(config(model=SMALL | {"hidden": 64, "layers": 3, "vocabulary": 400}))
    layer = 4 * 64 * 64 + 3 * 64 * (3 * 64) + 2 * 64
    assert len(tokenizer) == 400
    assert sum(parameter.numel() for parameter in model.parameters()) == 400 * 64 + 3 * layer + 64
    assert architecture.read(model) is not None


def test_the_defaults_are_about_a_million_parameters() -> None:
    model, _ = nano.make(config(model={"kind": "nano"}))
    assert 0.8e6 < sum(parameter.numel() for parameter in model.parameters()) < 1.2e6


def test_matrices_begin_with_their_spread() -> None:
    model, _ = nano.make(config(model={"kind": "nano"}))
    assert model.model.layers[0].mlp.gate_proj.weight.std().item() == pytest.approx(nano.SPREAD, rel=0.02)
    assert model.model.embed_tokens.weight.std().item() == pytest.approx(nano.SPREAD, rel=0.02)


def test_weights_hang_on_the_seed_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    again, tokenizer = nano.make(config())
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(weights(again), weights(made()[0]))
    assert tokenizer.backend_tokenizer.to_str() == made()[1].backend_tokenizer.to_str()
    assert not torch.equal(weights(nano.make(config(seed=1))[0]), weights(again))


def test_what_a_tokenizer_reads_is_the_run_s() -> None:
    # `So` begins the steps of mode `reason` and stands nowhere else in level 1.
    assert "ĠSo" in made()[1].get_vocab()
    assert "ĠSo" not in nano.make(config(mode="answer"))[1].get_vocab()
    assert "Ġcat" not in made()[1].get_vocab()
    assert "Ġcat" in nano.make(config(puzzles={"family": "zebra"}))[1].get_vocab()


SHORT = {
    "sft": {"examples": 8, "batch_size": 4},
    "grpo": {"steps": 1, "puzzles_per_step": 2, "samples": 2, "kl": 0.01},
    "sampling": {"max_new_tokens": 4},
    "eval": {"count": 2, "every_count": 2},
}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_constrained_run(tmp_path: Path) -> None:
    """Its tokenizer puts a space before every line; the reference and the evaluations are constrained, too."""
    sections = SHORT | {"mode": "answer", "sampling": {"max_new_tokens": 60, "constrain": True}}
    run = start(config(**sections), tmp_path / "run")
    train(run)
    [step] = run.read_metrics("grpo")
    assert step.values["readable"] == 1 and step.values["mismatch_max"] < 2e-5
    assert [one.values["readable"] for one in run.read_metrics("eval")] == [1, 1]
    # The completions of the first step are from the reference itself.
    first, last = run.read_metrics("eval")
    assert "kl" not in first.values and last.values["kl"] == pytest.approx(0, abs=1e-6)
    assert first.values["fluency"] < 0 and last.values["fluency"] < 0


def test_a_run_keeps_its_initial_model_and_ends_like_any_other(tmp_path: Path) -> None:
    run = start(config(**SHORT), tmp_path / "run")
    initial = files(run.path / INITIAL)
    loaded = load_model(str(run.path / INITIAL), torch.float32, "cpu")
    assert torch.equal(weights(loaded.model), weights(made()[0]))

    train(RunDirectory.open(run.path))
    assert files(run.path / INITIAL) == initial
    assert [line.step for line in run.read_metrics("sft")] == [1, 2]

    trained = load_model(str(run.path / MODEL), torch.float32, "cpu")
    assert not torch.equal(weights(trained.model), weights(loaded.model))
    [[rollout]] = TorchPolicy(trained.model, trained.tokenizer).rollout([Request("k", "", "Who?")], 1, Sampling(3))
    assert 1 <= len(rollout.tokens) <= 3

    # Going on from the last checkpoint ends with the same bytes.
    shutil.move(run.path / MODEL, tmp_path / "before")
    train(RunDirectory.open(run.path))
    assert files(run.path / MODEL) == files(tmp_path / "before")
