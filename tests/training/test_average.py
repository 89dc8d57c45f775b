"""The mean of models: every weight by hand, and twins only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sleuth.errors import UserError
from sleuth.policy.models import load_model
from sleuth.training.average import average
from tests.tiny import tiny_folder, tiny_llama, tiny_tokenizer


def test_every_weight_is_the_mean(tmp_path: Path) -> None:
    names = [str(tiny_folder(tmp_path / str(seed), seed)) for seed in range(3)]
    average(names, tmp_path / "mean")
    found = load_model(str(tmp_path / "mean"), torch.float32, "cpu")
    each = [dict(tiny_llama(seed).named_parameters()) for seed in range(3)]
    for key, weight in found.model.named_parameters():
        torch.testing.assert_close(weight, sum(one[key] for one in each) / 3)
    assert found.model.config.tie_word_embeddings
    assert found.model.lm_head.weight.data_ptr() == found.model.model.embed_tokens.weight.data_ptr()
    assert found.tokenizer.get_vocab() == tiny_tokenizer().get_vocab()


def test_a_model_with_itself_is_that_model(tmp_path: Path) -> None:
    name = str(tiny_folder(tmp_path / "one", 5))
    average([name, name], tmp_path / "mean")
    found = dict(load_model(str(tmp_path / "mean"), torch.float32, "cpu").model.named_parameters())
    assert all(torch.equal(found[key], weight) for key, weight in tiny_llama(5).named_parameters())


def test_what_has_no_mean_is_refused(tmp_path: Path) -> None:
    one = str(tiny_folder(tmp_path / "one"))
    larger = str(tiny_folder(tmp_path / "larger", intermediate_size=64))
    with pytest.raises(UserError, match="other weights"):
        average([one, larger], tmp_path / "mean")
    with pytest.raises(UserError, match="at least two"):
        average([one], tmp_path / "mean")
    with pytest.raises(UserError, match="there already"):
        average([one, one], tmp_path / "larger")
    words = tiny_folder(tmp_path / "words") / "tokenizer.json"
    described = json.loads(words.read_text())
    vocabulary = described["model"]["vocab"]
    vocabulary["<other>"] = vocabulary.pop(min(vocabulary))
    words.write_text(json.dumps(described))
    with pytest.raises(UserError, match="another vocabulary"):
        average([one, str(tmp_path / "words")], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()
