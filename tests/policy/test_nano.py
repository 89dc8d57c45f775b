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
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError
from sleuth.policy import architecture, nano
from sleuth.policy.base import Request, Sampling
from sleuth.policy.chat import end_token_id, prompt_tokens
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import load_model
from sleuth.puzzles.registry import family_names, get_family
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


def pieces(tokenizer: Any, text: str) -> list[str]:
    return [tokenizer.decode([token]) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]


def test_names_digits_and_what_is_between_them_are_tokens() -> None:
    text = "Ella was in the Tea Room at 10.\nSo: Al was with Ella.\n"
    tokenizer = nano.learn([text] * 2, ["Ella", "Al", "Tea", "Tea Room"], 2048)
    want = ["Ella", " was in the ", "Tea Room", " at ", "1", "0", ".\n", "So: ", "Al", " was with ", "Ella", ".\n"]
    assert pieces(tokenizer, text) == want
    # A name is whole words, and the longest that fits.
    assert pieces(tokenizer, "Tea was with Al") == ["Tea", " was with ", "Al"]
    assert pieces(tokenizer, "Also Ella") == ["A", "l", "s", "o", " ", "Ella"]


def test_what_is_not_repeated_is_in_pieces_of_words_and_bytes() -> None:
    texts = ["who is it?\n" * 2, "who was there?\n", "what was there\n"]
    tokenizer = nano.learn(texts, ["who"], 2048)
    assert pieces(tokenizer, "who is it?\n") == ["who", " is it?\n"]
    assert pieces(tokenizer, " was there.") == [" was", " there", "."]
    assert pieces(tokenizer, "é") == ["\ufffd"] * 2


def test_a_tokenizer_has_at_most_the_size_that_is_asked_for_the_commonest_phrases_first() -> None:
    names, texts = ["Ella", "Al"], ["Ella was out.\n"] * 9 + ["Al was not out.\n"] * 5 + ["Al might be.\n"] * 2
    # Three marks, 256 bytes, two names, three phrases.
    assert len(nano.learn(texts, names, 2048)) == 3 + 256 + 2 + 3
    small = nano.learn(texts, names, 262)
    assert len(small) == 262
    assert pieces(small, "Ella was out.\n") == ["Ella", " was out.\n"]
    assert len(pieces(small, "Al was not out.\n")) == 1 + len(" was not out.\n")
    with pytest.raises(UserError, match="take 261 or more"):
        nano.learn(texts, names, 260)


@pytest.mark.parametrize("family", family_names())
def test_every_name_of_a_family_s_pages_is_one_token(family: str) -> None:
    source = get_family(family)
    tokenizer = nano.learn([], source.names(), 4096)
    for style in source.styles[:3]:
        for index in range(5):
            puzzle = PuzzleSpec(family, "2", "train", 0, 5, style, "themed").make(index).puzzle
            page = source.read_page(puzzle.prompt)
            for question in page.questions:
                for choice in source.choices(page.case, question):
                    name = source.answer_text(page.case, choice)
                    assert len(pieces(tokenizer, name)) == 1 or name[0].isdigit()


def test_prompts_have_the_marks_of_the_template() -> None:
    _, tokenizer = made()
    prompt = prompt_tokens(tokenizer, Request("key", "Solve.", "Who?\nWhere?"))
    assert tokenizer.decode(prompt) == "Solve.<|user|>Who?\nWhere?<|assistant|>"
    assert [token for token in prompt if token < 3] == [0, 1]
    assert end_token_id(tokenizer) == 2


def test_the_size_is_that_of_a_llama_with_tied_embeddings() -> None:
    model, tokenizer = nano.make(config(model=SMALL | {"hidden": 64, "layers": 3}))
    layer = 4 * 64 * 64 + 3 * 64 * (3 * 64) + 2 * 64
    assert sum(parameter.numel() for parameter in model.parameters()) == len(tokenizer) * 64 + 3 * layer + 64
    assert architecture.read(model) is not None


def test_the_defaults_are_about_two_million_parameters() -> None:
    model, _ = nano.make(config(model={"kind": "nano"}))
    assert 1.9e6 < sum(parameter.numel() for parameter in model.parameters()) < 2.3e6


def test_matrices_begin_with_their_spread() -> None:
    model, _ = nano.make(config(model={"kind": "nano", "copying": False}))
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


def test_a_tokenizer_s_phrases_are_the_run_s() -> None:
    def tokens(tokenizer: Any) -> set[str]:
        return {tokenizer.decode([token]) for token in range(len(tokenizer))}

    # `So: ` begins the steps of mode `reason` and stands nowhere else in level 1.
    assert "So: " in tokens(made()[1])
    assert "So: " not in tokens(nano.make(config(mode="answer"))[1])
    assert "differ.\n" not in tokens(made()[1])
    assert "differ.\n" in tokens(nano.make(config(sft={"telling": "spelled"}))[1])
    assert "cat" not in tokens(made()[1])
    assert {"cat", "Cat"} < tokens(nano.make(config(puzzles={"family": "zebra"}))[1])


def test_a_name_at_the_beginning_of_a_sentence_begins_nearly_as_itself() -> None:
    """And as long as any other. A name that is never capitalised, or always, is like no other."""
    names = get_family("zebra").names()
    model, tokenizer = nano.make(config(puzzles={"family": "zebra"}, model=SMALL | {"hidden": 192, "heads": 6}))
    texts = ["Tea was with Amy.", "Amy had tea, no wool."]
    assert nano.pairs_of_capitals(texts, names) == [("tea", "Tea")]
    embedding_VE, ids = model.model.embed_tokens.weight.detach(), tokenizer.get_vocab()
    embedding_VE = embedding_VE - embedding_VE.mean(1, keepdim=True)  # without the part that all have
    small = embedding_VE[[ids[name] for name in ("cat", "tea", "wool", "dog")]]
    large = embedding_VE[[ids[name] for name in ("Cat", "Tea", "Wool", "Dog")]]
    likeness = torch.nn.functional.cosine_similarity(small[:, None], large[None], dim=2)
    assert likeness.diagonal().min() > 0.7 and likeness.fill_diagonal_(0).abs().max() < 0.6
    assert torch.allclose(embedding_VE.norm(dim=1), embedding_VE[0].norm(), rtol=1e-4)


SHORT = {
    "sft": {"examples": 8, "batch_size": 4},
    "grpo": {"steps": 1, "puzzles_per_step": 2, "samples": 2, "kl": 0.01},
    "sampling": {"max_new_tokens": 4},
    "eval": {"count": 2, "every_count": 2},
}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_constrained_run(tmp_path: Path) -> None:
    """The reference and the evaluations are constrained, too."""
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
