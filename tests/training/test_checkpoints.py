"""Checkpoints: whole or passed over, nothing lost."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from sleuth.config import OptimizerConfig
from sleuth.errors import UserError
from sleuth.training import checkpoints
from sleuth.training.optimizer import MasterOptimizer
from tests.tiny import tiny_llama, tiny_tokenizer

BFLOAT16 = torch.bfloat16


def _trained(seed: int = 0, updates: int = 1) -> tuple[LlamaForCausalLM, MasterOptimizer]:
    model = tiny_llama(seed).to(BFLOAT16)
    optimizer = MasterOptimizer(model, OptimizerConfig())
    for _ in range(updates):
        sum(p.square().sum() for p in model.parameters()).backward()
        optimizer.step(1e-3)
    return model, optimizer


def _save(folder: Path, step: int, keep: int = 9) -> MasterOptimizer:
    model, optimizer = _trained(updates=step)
    checkpoints.save(folder, step, model, tiny_tokenizer(), optimizer, {"step": step}, keep)
    return optimizer


def test_weights_and_optimizer_come_back_bit_for_bit(tmp_path: Path) -> None:
    saved = _save(tmp_path, 3)
    model, optimizer = _trained(seed=1, updates=0)
    assert checkpoints.load_latest(tmp_path, optimizer) == {"step": 3}
    for name, master in saved.masters.items():
        assert torch.equal(optimizer.masters[name], master)
        assert torch.equal(model.get_parameter(name), master.to(BFLOAT16))
    state = optimizer.state()
    assert state.keys() == saved.state().keys()
    assert all(torch.equal(state[key], value) for key, value in saved.state().items())


def test_layout_is_hugging_faces_in_float32(tmp_path: Path) -> None:
    optimizer = _save(tmp_path, 1)
    folder = tmp_path / "step_000001"
    assert {"config.json", "generation_config.json", "tokenizer.json", "model.safetensors"} < {
        path.name for path in folder.iterdir()
    }
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.dtype == torch.float32
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, optimizer.masters[name])
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert AutoTokenizer.from_pretrained(folder)("abc")["input_ids"] == tiny_tokenizer()("abc")["input_ids"]


def test_an_empty_folder_changes_nothing(tmp_path: Path) -> None:
    model, optimizer = _trained(updates=0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert checkpoints.load_latest(tmp_path / "none", optimizer) is None
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "trainer_state.json", "config.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_checkpoint_is_passed_over(
    tmp_path: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    _save(tmp_path, 1)
    _save(tmp_path, 2)
    path = tmp_path / "step_000002" / name
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif name == "trainer_state.json":
        path.write_bytes(data.replace(b'"step": 2', b'"step": 3'))
    else:
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    _, optimizer = _trained(updates=0)
    with caplog.at_level(logging.WARNING):
        assert checkpoints.load_latest(tmp_path, optimizer) == {"step": 1}
    (record,) = caplog.records
    assert "step_000002" in record.getMessage() and "\n" not in record.getMessage()
    weights = load_file(tmp_path / "step_000001" / "model.safetensors")
    assert all(torch.equal(optimizer.masters[key], value) for key, value in weights.items())


def test_a_damaged_checkpoint_is_written_again(tmp_path: Path) -> None:
    _save(tmp_path, 1)
    (tmp_path / "step_000001" / "model.safetensors").write_bytes(b"")
    _save(tmp_path, 1)
    assert checkpoints.load_latest(tmp_path, _trained(updates=0)[1]) == {"step": 1}


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10):
        _save(tmp_path, step, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_000002", "step_000010"]


def test_a_kill_while_old_ones_are_removed_leaves_none_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _save(tmp_path, 1, keep=1)

    class Killed(BaseException):
        pass

    def killed(folder: Path) -> None:
        next(folder.iterdir()).unlink()
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.shutil, "rmtree", killed)
        with pytest.raises(Killed):
            checkpoints.remove_old(tmp_path, 2, keep=0)
    assert list(tmp_path.glob("step_*")) == []
    assert [path.name for path in tmp_path.iterdir()] == [".step_000001.tmp"]
    checkpoints.remove_old(tmp_path, 2, keep=0)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_later_one_does_not_push_out_a_whole_one(tmp_path: Path) -> None:
    _save(tmp_path, 3)
    (tmp_path / "step_000003" / "model.safetensors").write_bytes(b"")
    _save(tmp_path, 2, keep=1)
    assert checkpoints.load_latest(tmp_path, _trained(updates=0)[1]) == {"step": 2}


def test_a_failed_save_leaves_the_old_one_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _save(tmp_path, 1, keep=1)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(UserError, match="disk is full"):
        _save(tmp_path, 2, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step_000001"]


def test_another_models_checkpoint_is_refused(tmp_path: Path) -> None:
    _save(tmp_path, 1)
    optimizer = MasterOptimizer(tiny_llama(num_hidden_layers=1), OptimizerConfig())
    with pytest.raises(UserError, match="another model"):
        checkpoints.load_latest(tmp_path, optimizer)


def test_export_is_the_model_alone(tmp_path: Path) -> None:
    model, optimizer = _trained()
    folder = checkpoints.export(tmp_path / "final", model, tiny_tokenizer(), optimizer)
    checkpoints.export(tmp_path / "final", model, tiny_tokenizer(), optimizer)  # again: replaced
    assert not {"optimizer.safetensors", "trainer_state.json"} & {path.name for path in folder.iterdir()}
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float32"
    loaded = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(loaded.model.norm.weight, optimizer.masters["model.norm.weight"])
