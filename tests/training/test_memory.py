"""Memory: what is counted against what autograd really keeps, and how a limit splits the work."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import Any

import pytest
import torch

from sleuth.config import RunConfig, WeightsConfig
from sleuth.errors import UserError
from sleuth.policy.native import functions
from sleuth.training import memory
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.memory import GB, Footprint, Lengths, fitted
from sleuth.training.packing import Group, pack
from tests.policy.families import FAMILIES, tiny_family
from tests.tiny import tiny_llama
from tests.training.groups import random_tokens

LENGTHS = Lengths(prompt=100, target=20)


@pytest.fixture(autouse=True)
def a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a program, and with 2 GB free."""
    monkeypatch.setattr(memory, "_resident_bytes", lambda: 0)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2 * GB)


def config(**sections: dict[str, Any]) -> RunConfig:
    model = {"device": "cpu", "dtype": "float32", "threads": 1} | sections.pop("model", {})
    return RunConfig.model_validate({"model": model} | sections)


def kept_bytes(model: Any, tokens: int) -> int:
    """What a forward pass over one sequence keeps for the backward pass, parameters not counted."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # One token is predicted, so that hardly anything beside the layers is kept.
        _keeps_alive = completion_logprobs(model, pack([Group(random_tokens(tokens, 1), [[5]])]))
    return sum(kept.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_activations_are_those_that_autograd_keeps(family: str, dtype: torch.dtype) -> None:
    """Of four layers more, and of tokens more: weights that are joined for a layer hang on neither."""
    if not functions.available(torch.empty(0, dtype=dtype)):
        pytest.skip("THE C++ KERNELS ARE NOT TO BE HAD HERE: what they keep is not counted")
    few, many = (
        tiny_family(family, num_hidden_layers=layers, **_deeper(family, layers)).to(dtype) for layers in (2, 6)
    )
    short, long = 32, 96
    added = [kept_bytes(many, tokens) - kept_bytes(few, tokens) for tokens in (short, long)]
    footprint = Footprint(few, dtype, "cpu")
    assert footprint.kernels
    counted = [4 * tokens * footprint.kept_per_token(tokens) for tokens in (short, long)]
    assert counted[1] - counted[0] == pytest.approx(added[1] - added[0], rel=0.1)


def _deeper(family: str, layers: int) -> dict[str, object]:
    if family == "Gemma3":
        return {"layer_types": ["sliding_attention", "full_attention"] * (layers // 2)}
    return {"no_rope_layers": [1, 0] * (layers // 2)} if family == "SmolLM3" else {}


def test_what_is_there_all_the_time() -> None:
    model = tiny_llama()
    count = sum(parameter.numel() for parameter in model.parameters())
    exact, rounded = (Footprint(model, dtype, "cpu") for dtype in (torch.float32, torch.bfloat16))
    assert (exact.weights(False), exact.optimizer()) == (4 * count, 12 * count)  # two moments and a gradient
    assert (rounded.weights(True), rounded.optimizer()) == (4 * count, 16 * count)  # a reference; masters
    # 2 layers, each with a query projection of 64 × 64: of rank 4 two parts of 4 × 64, each with master, gradient and
    # two moments; and the matrix as it was.
    lora = WeightsConfig(train=("*q_proj*",), lora_rank=4)
    assert exact.optimizer(lora) == 2 * (2 * 4 * 64) * 16 + 2 * 64 * 64 * 4
    assert rounded.optimizer(WeightsConfig(train=("*q_proj*",))) == 2 * 64 * 64 * 16


def test_a_shape_is_enough() -> None:
    """A model on the meta device counts as the model itself."""
    for family in FAMILIES:
        model = tiny_family(family)
        shape = tiny_family(family).to("meta")
        found = [Footprint(one, torch.float32, "cpu") for one in (model, shape)]
        assert found[0].training(1000, 200, False) == found[1].training(1000, 200, False), family
        assert found[0].sampling(32, 4, 100, 50) == found[1].sampling(32, 4, 100, 50), family


def test_what_fits_is_left_as_it_is() -> None:
    settled, said = fitted(config(), tiny_llama(), LENGTHS)
    assert settled == config()
    assert len(said) == 1 and said[0].startswith("memory: about 0.") and "2.0 GB are free" in said[0]


def test_a_limit_splits_the_work() -> None:
    work: dict[str, Any] = {"sampling": {"rows": 4096}, "eval": {"count": 5000}}
    model, whole = tiny_llama(), config(**work)
    footprint = Footprint(model, torch.float32, "cpu")
    fixed = footprint.weights(True) + footprint.optimizer()
    longest = 100 + whole.sampling.max_new_tokens
    room = max(footprint.training(600, longest, False), footprint.sampling(20, 20, 100, 96))
    limited = config(model={"memory_gb": (fixed + room) / GB}, **work)
    settled, said = fitted(limited, model, LENGTHS)
    tokens, rows = settled.optimizer.micro_batch_tokens, settled.sampling.rows
    assert tokens < 2048 and rows < 4096
    assert footprint.training(tokens, longest, False) <= room < footprint.training(2 * tokens, longest, False)
    assert footprint.sampling(rows, rows, 100, 96) <= room < footprint.sampling(2 * rows, 2 * rows, 100, 96)
    assert said[1] == (
        f"to fit into memory: {rows} completions side by side instead of 4096, "
        f"micro-batches of {tokens} tokens instead of 2048"
    )
    assert settled.model_copy(update={"sampling": whole.sampling, "optimizer": whole.optimizer}) == limited
    # What was decided is kept: planned again, it stays.
    assert fitted(settled, model, LENGTHS)[0] == settled


def test_what_can_not_fit_is_refused_with_a_remedy() -> None:
    with pytest.raises(UserError, match=r"one completion.*0\.00? GB are allowed.*raise --model.memory_gb") as refused:
        fitted(config(model={"memory_gb": 1e-3}), tiny_llama(), LENGTHS)
    assert "\n" not in str(refused.value)
    assert "activation_checkpointing" in str(refused.value)
    checkpointed = config(model={"memory_gb": 1e-3}, optimizer={"activation_checkpointing": True})
    with pytest.raises(UserError) as refused:
        fitted(checkpointed, tiny_llama(), LENGTHS)
    assert "activation_checkpointing" not in str(refused.value)


def test_where_the_system_does_not_tell_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: None)
    settled, said = fitted(config(), tiny_llama(), LENGTHS)
    assert settled == config() and "free" not in said[0]


def test_checkpointing_takes_less() -> None:
    footprint = Footprint(tiny_llama(num_hidden_layers=12), torch.float32, "cpu")
    assert footprint.training(4000, 300, True) < footprint.training(4000, 300, False) / 2


def test_free_memory_is_what_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    free = memory.free_bytes("cpu")
    assert free is None or memory._resident_bytes() < free


def test_freed_memory_is_given_back() -> None:
    """500 MB in blocks of 100 kB, of which every fiftieth stays: the C library keeps what lies between."""
    code = """if True:
        import os
        from pathlib import Path
        from sleuth.training.memory import give_back
        def resident():
            return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        blocks = [bytes([1]) * 100_000 for _ in range(5_000)]
        kept = blocks[49::50]
        del blocks
        before = resident()
        give_back()
        print(before - resident())
    """
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another C library")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) > 0.3 * GB


def test_further_turns_make_prompts_longer_and_rows_lonely(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest prompt is the last turn's, 100 + 2 · (96 + 30) tokens, each row having its own; with 96 new tokens it
    is the longest sequence, but never longer than the context."""
    sampled, trained = set[tuple[int, ...]](), set[int]()
    sampling, training = Footprint.sampling, Footprint.training

    def sampling_noted(self: Footprint, *work: int) -> int:
        sampled.add(work)
        return sampling(self, *work)

    def training_noted(self: Footprint, tokens: int, context: int, checkpointing: bool) -> int:
        trained.add(context)
        return training(self, tokens, context, checkpointing)

    monkeypatch.setattr(Footprint, "sampling", sampling_noted)
    monkeypatch.setattr(Footprint, "training", training_noted)
    lengths = Lengths(prompt=100, target=20, said=30)
    for retries, context, alone, longest in [
        (0, 2048, (3, 3, 100, 96), 196),
        (2, 2048, (128, 128, 352, 96), 448),
        (2, 300, (128, 128, 204, 96), 300),
    ]:
        sampled.clear(), trained.clear()
        settings = config(grpo={"retries": retries}, eval={"count": 3, "every_count": 3})
        fitted(settings, tiny_llama(max_position_embeddings=context), lengths)
        assert sampled == {alone, (128, 16, 100, 96)} and trained == {longest}
