"""What is trained: chosen parameters, and LoRA against autograd through its formula and against peft."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sleuth.config import OptimizerConfig, WeightsConfig
from sleuth.errors import UserError
from sleuth.training import checkpoints
from sleuth.training.lowrank import layer_of, write_adapter
from sleuth.training.optimizer import MasterOptimizer
from tests.tiny import tiny_llama, tiny_tokenizer

TOKENS = torch.tensor([[5, 9, 20, 7, 80, 33]])
LORA = WeightsConfig(train=("*q_proj*", "*down_proj*"), lora_rank=4, lora_alpha=8.0)


def loss_of(model: torch.nn.Module) -> torch.Tensor:
    return model(input_ids=TOKENS, labels=TOKENS).loss  # type: ignore[no-any-return]


def trained_names(**keys: object) -> set[str]:
    model = tiny_llama()
    MasterOptimizer(model, OptimizerConfig(), WeightsConfig(**keys))  # type: ignore[arg-type]
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_patterns_and_layers_choose_what_is_trained() -> None:
    everything = trained_names()
    assert trained_names(freeze=("*embed_tokens*",)) == everything - {"model.embed_tokens.weight"}
    attention = trained_names(train=("*self_attn*",))
    assert len(attention) == 8 and all("self_attn" in name for name in attention)
    # Of two layers the first 30 % is one layer, rounded up; what is in no layer stays.
    assert {layer_of(name) for name in trained_names(frozen_layers=0.3)} == {None, 1}
    with pytest.raises(UserError, match=r"weights.train \*nose\* matches no parameter"):
        trained_names(train=("*nose*",))
    with pytest.raises(UserError, match=r"weights.freeze \*embed_tokns\* matches no parameter"):
        trained_names(freeze=("*embed_tokns*",))
    with pytest.raises(UserError, match="nothing to train"):
        trained_names(train=("*norm*",), freeze=("*",))


def test_frozen_weights_do_not_move_and_others_do() -> None:
    model = tiny_llama()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = MasterOptimizer(model, OptimizerConfig(), WeightsConfig(freeze=("*embed_tokens*",)))
    loss_of(model).backward()
    optimizer.step(1e-2)
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == before.keys() - {"model.embed_tokens.weight"}


def test_lora_gradients_are_those_of_its_formula() -> None:
    model, plain = tiny_llama(), tiny_llama()
    optimizer = MasterOptimizer(model, OptimizerConfig(max_grad_norm=1e9), LORA)
    for one in optimizer.adapters.values():  # away from B = 0, where A has no gradient
        with torch.no_grad():
            one.b.normal_(generator=torch.Generator().manual_seed(1))
    optimizer.publish()
    loss_of(model).backward()

    leaves = {name: (one.a.detach().clone(), one.b.detach().clone()) for name, one in optimizer.adapters.items()}
    weights = dict(plain.named_parameters())
    for a, b in leaves.values():
        a.requires_grad_(), b.requires_grad_()
    merged = {name: weights[name].detach() + 8 / 4 * b @ a for name, (a, b) in leaves.items()}
    loss = torch.func.functional_call(plain, merged, kwargs={"input_ids": TOKENS, "labels": TOKENS}).loss
    loss.backward()
    assert len(leaves) == 4
    for name, (a, b) in leaves.items():
        torch.testing.assert_close(optimizer.adapters[name].a.grad, a.grad)
        torch.testing.assert_close(optimizer.adapters[name].b.grad, b.grad)


def test_lora_trains_nothing_else_and_starts_where_the_model_is() -> None:
    model = tiny_llama()
    start = float(loss_of(model))
    optimizer = MasterOptimizer(model, OptimizerConfig(), LORA)
    assert float(loss_of(model)) == pytest.approx(start)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for _ in range(8):
        loss_of(model).backward()
        optimizer.step(1e-2)
    assert float(loss_of(model)) < start - 0.1
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == set(optimizer.adapters) and len(moved) == 4
    for name, one in optimizer.adapters.items():
        assert torch.linalg.matrix_rank(one.merged() - before[name]) == 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lora_goes_on_from_a_checkpoint_to_the_same_bits(tmp_path: Path, dtype: torch.dtype) -> None:
    def steps(optimizer: MasterOptimizer, model: torch.nn.Module, count: int) -> None:
        for _ in range(count):
            loss_of(model).backward()
            optimizer.step(1e-2)

    whole = tiny_llama().to(dtype)
    optimizer = MasterOptimizer(whole, OptimizerConfig(), LORA)
    steps(optimizer, whole, 2)
    checkpoints.save(tmp_path, 2, whole, tiny_tokenizer(), optimizer, {"step": 2}, keep=1)
    steps(optimizer, whole, 2)
    resumed = tiny_llama().to(dtype)
    second = MasterOptimizer(resumed, OptimizerConfig(), LORA)
    assert checkpoints.load_latest(tmp_path, second) == {"step": 2}
    steps(second, resumed, 2)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_an_adapter_means_the_same_to_peft(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    model = tiny_llama()
    optimizer = MasterOptimizer(model, OptimizerConfig(), LORA)
    for _ in range(3):
        loss_of(model).backward()
        optimizer.step(1e-2)
    write_adapter(tmp_path, optimizer.adapters, LORA, "tiny")
    loaded = peft.PeftModel.from_pretrained(tiny_llama(), tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(loaded(TOKENS).logits, model(TOKENS).logits, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(loaded(TOKENS).logits, tiny_llama()(TOKENS).logits, atol=1e-2)
