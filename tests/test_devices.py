"""Every tensor is made where the model is. No graphics card is needed to see that: tensors on torch's meta device have
shapes alone, and an operation that mixes them with tensors on the processor is refused, as it is on a card."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from transformers import PreTrainedModel

from sleuth.policy import architecture
from sleuth.policy.fused import FusedDecoder
from sleuth.policy.native import decoder as native
from sleuth.policy.sampling import likeliest, sample_tokens
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.packing import Block, Packed, pack
from tests.policy.families import FAMILIES, tiny_family
from tests.tiny import VOCABULARY
from tests.training.groups import GROUPS


def on_meta(family: str, dtype: torch.dtype) -> PreTrainedModel:
    return tiny_family(family).to(dtype).to("meta")


def packed_on_meta() -> Packed:
    """Laid out on the processor, since a layout looks at lengths."""
    packed = pack([*GROUPS[:2], GROUPS[3]])
    blocks = tuple(
        Block(
            block.prefix,
            block.rows.to("meta"),
            None if block.real is None else block.real.to("meta"),
            block.future.to("meta"),
        )
        for block in packed.blocks
    )
    fields = {field.name: getattr(packed, field.name) for field in dataclasses.fields(packed)}
    moved = Packed(**{name: one.to("meta") if isinstance(one, torch.Tensor) else one for name, one in fields.items()})
    moved.__dict__["blocks"] = blocks
    return moved


@pytest.mark.parametrize(("dtype", "checkpointing"), [(torch.float32, False), (torch.bfloat16, True)])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_training_pass(family: str, dtype: torch.dtype, checkpointing: bool) -> None:
    model = on_meta(family, dtype)
    logprobs_N, entropy_N = completion_logprobs(model, packed_on_meta(), 0.7, checkpointing)
    (logprobs_N.sum() + entropy_N.sum()).backward()
    tensors = [logprobs_N, entropy_N, *(parameter.grad for parameter in model.parameters())]
    assert all(tensor is not None and tensor.device.type == "meta" for tensor in tensors)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shared", [False, True])
def test_decoding(family: str, shared: bool) -> None:
    """Rows of two prompts enter, decode, leave and enter again."""
    model = on_meta(family, torch.bfloat16)
    described = architecture.read(model)
    assert described is not None and not native.fits(described)
    with torch.no_grad():
        decoder = FusedDecoder(described, 4, 40, shared)
        for count, prompt in ((2, [5, 6, 7]), (2, [8, 9])):
            prefix, logits_V = decoder.prefill(prompt)
            assert logits_V.shape == (VOCABULARY,) and logits_V.device.type == "meta"
            decoder.enter(prefix, count)
        assert decoder.step([5, 6, 7, 8]).device.type == "meta"
        decoder.drop([0, 2])
        decoder.enter(prefix, 2)
        assert decoder.step([5, 6, 7, 8]).shape == (4, VOCABULARY)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_drawing(dtype: torch.dtype, temperature: float) -> None:
    logits_BV = torch.empty(3, VOCABULARY, dtype=dtype, device="meta")
    uniforms = [0.1, 0.5, 0.9] if temperature else None
    for logits in (logits_BV, likeliest(logits_BV, temperature or 1.0, 5, 0.9)):
        assert all(tensor.device.type == "meta" for tensor in sample_tokens(logits, uniforms, temperature))
