"""A pretrained model with tokens for names and phrases: it reads what it read before, and a run with it is a run like
any other."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.policy import extended, nano
from sleuth.policy.base import Request
from sleuth.policy.chat import end_token_ids, prompt_tokens
from sleuth.policy.models import load_model
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.runs.directory import INITIAL, RunDirectory
from sleuth.training.preflight import start
from sleuth.training.run import MODEL, train
from tests.tiny import CHAT_TEMPLATE, tiny_folder, tiny_tokenizer

TEXTS = ["Ella was in the Tea Room at 10.\nÉmile: differ.\n"] * 2
NAMES = ["Ella", "Émile", "Tea", "Tea Room"]


@pytest.fixture(autouse=True, scope="module")
def few_puzzles() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nano, "PUZZLES", 24)
        yield


@functools.cache
def made(words: bool = True, most: int = 100) -> PreTrainedTokenizerFast:
    return extended.extended(tiny_tokenizer(words), TEXTS, NAMES, most)


def ids(tokenizer: Any, text: str) -> list[int]:
    found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return found


def pieces(tokenizer: Any, text: str) -> list[str]:
    return [tokenizer.decode([token]) for token in ids(tokenizer, text)]


@settings(deadline=None)
@given(st.one_of(st.text(), st.text(alphabet=" \n.A1é\tElla", max_size=12)))
def test_text_comes_back_as_it_was(text: str) -> None:
    assert made().decode(ids(made(), text)) == text


def test_names_and_repeated_phrases_are_tokens_and_old_tokens_keep_their_numbers() -> None:
    old = tiny_tokenizer(words=True)
    assert pieces(made(), TEXTS[0]) == [
        *("Ella", " was in the ", "Tea Room", " at ", "1", "0", ".\n", "Émile", ": ", "differ.\n"),
    ]
    assert old.get_vocab().items() <= made().get_vocab().items()
    new = set(made().get_vocab()) - set(old.get_vocab())
    assert sorted(made().get_vocab()[one] for one in new) == list(range(len(old), len(old) + len(new)))


def test_what_is_neither_is_read_in_the_model_s_own_tokens() -> None:
    """In the same ones where these keep to words, as learned ones do. A name is whole words."""
    for words in (False, True):
        old = tiny_tokenizer(words)
        for text in ("Each question has one right answer", "Also", "zu weit"):
            assert ids(made(words), text) == ids(old, text)
    assert pieces(made(words=False), "Ellas") == list("Ellas")


def test_prompts_and_ends_are_as_before() -> None:
    old = tiny_tokenizer(words=True)
    assert made().chat_template == CHAT_TEMPLATE and made().special_tokens_map == old.special_tokens_map
    request = Request("key", "Solve.", "Who was in the Tea Room?")
    prompt = prompt_tokens(made(), request)
    assert made().decode(prompt) == old.decode(prompt_tokens(old, request))
    assert [token for token in prompt if token < 3] == [one for one in prompt_tokens(old, request) if one < 3]
    assert len(prompt) < len(prompt_tokens(old, request))


def test_at_most_so_many_tokens_are_added_names_first_and_then_the_commonest_phrases() -> None:
    old, texts = tiny_tokenizer(), ["Ella was out.\n"] * 2 + ["Al was not out.\n"] * 3
    small = extended.extended(old, texts, ["Ella", "Al"], 3)
    assert len(small) == len(old) + 3
    assert pieces(small, "Al was not out.\n") == ["Al", " was not out.\n"]
    assert pieces(small, "Ella was out.\n") == ["Ella", *" was out.\n"]
    with pytest.raises(UserError, match=r"model\.vocabulary 1 is too small for the names; take 2 or more"):
        extended.extended(old, texts, ["Ella", "Al"], 1)


def test_models_of_other_tokens_are_refused() -> None:
    words = Tokenizer(models.WordLevel({"who": 0, "?": 1}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(UserError, match="byte-level BPE"):
        extended.extended(PreTrainedTokenizerFast(tokenizer_object=words), [], [], 9)


def config(folder: Path, **sections: Any) -> RunConfig:
    model = {"kind": "extended", "name": str(folder), "device": "cpu", "dtype": "float32", "threads": 1}
    return RunConfig.model_validate({"mode": "reason", "model": model} | sections)


@pytest.mark.parametrize("tied", [True, False])
def test_a_new_token_begins_as_the_mean_of_those_that_it_replaces(tied: bool, tmp_path: Path) -> None:
    """In the output, too, whether or not that is the same matrix. Nothing else changes."""
    folder = tiny_folder(tmp_path / "tiny", words=True, tie_word_embeddings=tied)
    before, (model, tokenizer) = load_model(str(folder), torch.float32, "cpu"), extended.make(config(folder))
    old = len(before.tokenizer)
    assert model.config.vocab_size == len(tokenizer) > old
    for get in ("get_input_embeddings", "get_output_embeddings"):
        own, now = getattr(before.model, get)().weight, getattr(model, get)().weight
        assert torch.equal(now[:old], own[:old])
        [number] = ids(tokenizer, " was in the same room as the ")
        replaced = ids(before.tokenizer, " was in the same room as the ")
        assert number >= old and len(replaced) > 1
        assert torch.allclose(now[number], own[replaced].mean(dim=0))
    kept = {name: one for name, one in model.named_parameters() if one.shape[0] != len(tokenizer)}
    assert all(torch.equal(one, before.model.get_parameter(name)) for name, one in kept.items())
    puzzle = make_puzzle("temporal-clue", "1", "train", 1, 0, "terse").puzzle
    gold = gold_completion(puzzle, "reason")
    assert len(ids(tokenizer, gold)) < 0.7 * len(ids(before.tokenizer, gold))


def test_rows_that_a_model_has_to_spare_are_used(tmp_path: Path) -> None:
    """Embeddings are often longer than the tokenizer, for the sake of round numbers."""
    folder = tiny_folder(tmp_path / "tiny", vocab_size=2048)
    model, tokenizer = extended.make(config(folder))
    assert model.config.vocab_size == 2048 > len(tokenizer)


def test_a_run_keeps_the_extended_model_and_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    sections = {
        "sft": {"examples": 8, "batch_size": 4},
        "grpo": {"steps": 1, "puzzles_per_step": 2, "samples": 2, "kl": 0.01},
        "sampling": {"max_new_tokens": 4},
        "eval": {"count": 2, "every_count": 2},
    }
    folder = tiny_folder(tmp_path / "tiny", words=True)
    run = start(config(folder, **sections), tmp_path / "run")
    loaded = load_model(str(run.path / INITIAL), torch.float32, "cpu")
    model, tokenizer = extended.make(config(folder))
    text = "Ella was in the Hall.\nSo: it was Al.\n"
    assert ids(loaded.tokenizer, text) == ids(tokenizer, text)
    assert end_token_ids(loaded.tokenizer, loaded.model) == end_token_ids(tokenizer, model)
    assert torch.equal(loaded.model.get_input_embeddings().weight, model.get_input_embeddings().weight)

    train(RunDirectory.open(run.path))
    trained = load_model(str(run.path / MODEL), torch.float32, "cpu")
    assert ids(trained.tokenizer, text) == ids(tokenizer, text)
    first = (run.path / MODEL / "model.safetensors").read_bytes()
    shutil.rmtree(run.path / MODEL)
    train(RunDirectory.open(run.path))
    assert (run.path / MODEL / "model.safetensors").read_bytes() == first
