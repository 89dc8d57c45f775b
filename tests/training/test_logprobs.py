"""The packed pass against plain transformers: one row per completion, nothing shared."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from sleuth.errors import UserError
from sleuth.policy import architecture
from sleuth.policy.constraint import Bits, Constraint
from sleuth.policy.native import functions
from sleuth.training import attention, logprobs, packed_forward
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.packing import Group, micro_batches, pack
from tests.devices import DEVICES
from tests.policy.families import FAMILIES, tiny_family
from tests.tiny import END, VOCABULARY, tiny_llama, tiny_tokenizer
from tests.training.groups import GROUPS, random_tokens

TOKENIZER = tiny_tokenizer()

MODELS = {
    "llama": lambda: tiny_llama(),
    "llama-many-heads": lambda: tiny_llama(num_key_value_heads=4),
    **{family: functools.partial(tiny_family, family) for family in FAMILIES},
}


def _unpacked(model: PreTrainedModel, groups: list[Group], temperature: float) -> tuple[Tensor, Tensor]:
    """Where a group has a grammar, of the distribution over the tokens that it allows, each row on its own."""
    logprobs, entropies = [], []
    for group in groups:
        for completion in group.completions:
            row = torch.tensor([[*group.prompt_tokens, *completion]], device=model.device)
            logits = model(input_ids=row).logits[0, len(group.prompt_tokens) - 1 : -1] / temperature
            masks = None if group.grammar is None else constraint().along(group.grammar, completion)
            for place, token in enumerate(completion):
                allowed = range(VOCABULARY) if masks is None else _tokens(masks[place])
                logp = logits[place, list(allowed)].log_softmax(-1)
                logprobs.append(logp[allowed.index(token)])
                entropies.append(-(logp.exp() * logp).sum())
    return torch.stack(logprobs), torch.stack(entropies)


@functools.cache
def constraint() -> Constraint:
    return Constraint(TOKENIZER, VOCABULARY, END)


def _tokens(mask: Bits) -> list[int]:
    return [token for token in range(VOCABULARY) if int(mask[token // 32]) >> (token % 32) & 1]


def _constrained(prompt: list[int], grammar: str, *texts: str) -> Group:
    """Completions that are whole, or, with an ellipsis at the end, cut off."""
    tokens = [TOKENIZER(text.removesuffix("…"), add_special_tokens=False)["input_ids"] for text in texts]
    ended = [found if text.endswith("…") else [*found, END] for found, text in zip(tokens, texts, strict=True)]
    return Group(prompt, ended, grammar)


CONSTRAINED = [
    _constrained(random_tokens(9, 1), r"(?:ab|[c-z]+)(?:\n[0-9]{3})*", "ab", "hello\n123\n456", "xy\n1…", "c…"),
    _constrained(random_tokens(40, 2), r"in\((?:Ada|Ben|Bea), Hall\)", "in(Ada, Hall)"),
    _constrained(random_tokens(3, 3), "x", "x", "x"),
]


def _weights(count: int) -> Tensor:
    """An arbitrary loss: a weighted sum, of both signs, over the completion tokens."""
    return torch.randn(count, generator=torch.Generator().manual_seed(0))


def _gradients(model: PreTrainedModel, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_packed_equals_unpacked(name: str, temperature: float, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logprobs, "CHUNK_TOKENS", 7)  # several chunks of logits, the last one shorter
    model = MODELS[name]().to(device)
    wanted_N, wanted_entropy_N = _unpacked(model, GROUPS, temperature)
    weights_N = _weights(len(wanted_N)).to(device)
    bonus = 0.0 if temperature == 1 else 0.3  # of the entropy, whose gradient only a bonus needs
    wanted = _gradients(model, (wanted_N * weights_N + bonus * wanted_entropy_N).sum())

    got_N, entropy_N = completion_logprobs(model, pack(GROUPS, device), temperature)
    assert got_N.dtype == entropy_N.dtype == torch.float32
    torch.testing.assert_close(got_N, wanted_N, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(entropy_N, wanted_entropy_N, rtol=1e-4, atol=1e-5)
    loss = (got_N * weights_N).sum()
    got = _gradients(model, loss + bonus * entropy_N.sum() if bonus else loss)
    assert got.keys() == wanted.keys()
    for key, gradient in wanted.items():
        assert (got[key] - gradient).norm() <= 1e-4 * gradient.norm(), key


def test_the_entropys_gradient_in_bfloat16() -> None:
    """The kernels do not know it: torch computes it, with theirs."""
    model = tiny_family("Llama", initializer_range=0.08).to(torch.bfloat16)
    exact = copy.deepcopy(model).float()
    _, exact_entropy_N = _unpacked(exact, GROUPS, 1.0)
    wanted = _gradients(exact, exact_entropy_N.sum())
    _, entropy_N = completion_logprobs(model, pack(GROUPS), 1.0)
    got = _gradients(model, entropy_N.sum())
    for key, gradient in wanted.items():
        assert (got[key].float() - gradient).norm() <= 0.05 * gradient.norm(), key


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_is_as_near_to_float32_as_transformers_own(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernels are to be had this is their pass, elsewhere transformers' with our attention."""
    monkeypatch.setattr(logprobs, "CHUNK_TOKENS", 7)
    model = tiny_family(family, initializer_range=0.08).to(torch.bfloat16)
    exact = copy.deepcopy(model).float()
    exact_N, exact_entropy_N = _unpacked(exact, GROUPS, 0.8)
    wanted = _gradients(exact, (exact_N * _weights(len(exact_N))).sum())
    plain_N, _ = _unpacked(model, GROUPS, 0.8)
    plain = _gradients(model, (plain_N * _weights(len(plain_N))).sum())

    got_N, entropy_N = completion_logprobs(model, pack(GROUPS), 0.8)
    got = _gradients(model, (got_N * _weights(len(got_N))).sum())

    assert (got_N - exact_N).norm() <= 1.2 * (plain_N - exact_N).norm()
    assert (entropy_N - exact_entropy_N).abs().mean() < 0.02
    assert got.keys() == wanted.keys()

    def distance(gradients: dict[str, Tensor]) -> float:
        return float(torch.stack([(gradients[key].float() - wanted[key]).norm() ** 2 for key in wanted]).sum() ** 0.5)

    assert distance(got) <= 1.2 * distance(plain)


def _untied(dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """With a bias in the head, which none of the families has."""
    model = tiny_llama(tie_word_embeddings=False, initializer_range=0.08)
    bias = torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(1))
    model.lm_head.bias = torch.nn.Parameter(bias)
    return model.to(dtype)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("bonus", [0.0, 0.3])
def test_constrained_is_over_what_is_allowed(bonus: float, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logprobs, "CHUNK_TOKENS", 7)
    model = _untied().to(device)
    wanted_N, wanted_entropy_N = _unpacked(model, CONSTRAINED, 0.7)
    weights_N = _weights(len(wanted_N)).to(device)
    wanted = _gradients(model, (wanted_N * weights_N + bonus * wanted_entropy_N).sum())

    packed = pack(CONSTRAINED, device, constraint())
    got_N, entropy_N = completion_logprobs(model, packed, 0.7)
    torch.testing.assert_close(got_N, wanted_N, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(entropy_N, wanted_entropy_N, rtol=1e-4, atol=1e-5)
    loss = (got_N * weights_N).sum()
    got = _gradients(model, loss + bonus * entropy_N.sum() if bonus else loss)
    for key, gradient in wanted.items():
        assert (got[key] - gradient).norm() <= 1e-4 * gradient.norm(), key

    somewhere = {token for mask in packed.allowed for token in _tokens(mask)}  # type: ignore[union-attr]
    never = [token for token in range(VOCABULARY) if token not in somewhere]
    assert len(never) > 100 and not got["lm_head.weight"][never].any() and not got["lm_head.bias"][never].any()
    # Where one token alone is allowed there is nothing to learn: "x" and its end. Three tokens of "xy…1" are free.
    assert got_N[-4:].tolist() == entropy_N[-4:].tolist() == [0.0] * 4


def test_constrained_gradient_is_exactly_0_where_a_token_is_not_allowed() -> None:
    """One that is allowed elsewhere in the batch, so that its logit is computed."""
    model = _untied()
    one, other = CONSTRAINED[2], CONSTRAINED[0]
    packed = pack([one, other], constraint=constraint())
    logprobs_N, entropy_N = completion_logprobs(model, packed)
    alone = len(one.completions) * 2
    got = _gradients(model, logprobs_N[:alone].sum() + entropy_N[:alone].sum())
    assert not any(gradient.any() for name, gradient in got.items() if name.startswith("lm_head"))


@pytest.mark.parametrize("entropy", [False, True])
def test_constrained_in_bfloat16_is_as_near_to_float32_as_unpacked(entropy: bool) -> None:
    """With the entropy's gradient it is torch's arithmetic, without it the kernels', where there are any."""
    model = _untied(torch.bfloat16)
    exact = copy.deepcopy(model).float()

    def loss(found: tuple[Tensor, Tensor]) -> Tensor:
        value = (found[0] * _weights(len(found[0]))).sum()
        return value + found[1].sum() if entropy else value

    exact_found, plain_found = _unpacked(exact, CONSTRAINED, 0.8), _unpacked(model, CONSTRAINED, 0.8)
    found = completion_logprobs(model, pack(CONSTRAINED, constraint=constraint()), 0.8)
    wanted, plain, got = (
        _gradients(one, loss(pair)) for one, pair in ((exact, exact_found), (model, plain_found), (model, found))
    )
    assert (found[0] - exact_found[0]).norm() <= 1.2 * (plain_found[0] - exact_found[0]).norm()
    assert (found[1] - exact_found[1]).abs().mean() < 0.02

    def distance(gradients: dict[str, Tensor]) -> float:
        return float(torch.stack([(gradients[key].float() - wanted[key]).norm() ** 2 for key in wanted]).sum() ** 0.5)

    assert distance(got) <= 1.2 * distance(plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_kernels_are_taken_where_they_fit(family: str, dtype: torch.dtype) -> None:
    described = architecture.read(tiny_family(family).to(dtype))
    assert described is not None
    if not functions.available(described.embedding):
        pytest.skip("THE C++ KERNELS ARE NOT TO BE HAD HERE: what they compute is not tested")
    assert packed_forward.fits(described, pack(GROUPS))
    odd = architecture.read(tiny_family(family, intermediate_size=40).to(dtype))
    assert odd is not None and not packed_forward.fits(odd, pack(GROUPS))


def test_the_models_own_attention_comes_back() -> None:
    model = tiny_llama()
    before = model.config._attn_implementation
    completion_logprobs(model, pack(GROUPS))
    assert model.config._attn_implementation == before != attention.ATTENTION


@pytest.mark.parametrize("max_tokens", [1, 12, 20, 10_000])
def test_micro_batches_keep_order_and_gradient(max_tokens: int) -> None:
    model = tiny_llama()
    whole_N, _ = completion_logprobs(model, pack(GROUPS))
    weights = _weights(len(whole_N))
    wanted = _gradients(model, (whole_N * weights).sum())

    batches = micro_batches(GROUPS, max_tokens)
    model.zero_grad()
    parts = []
    for batch in batches:
        computed = sum(group.computed_tokens for group in batch)
        assert computed <= max_tokens or (len(batch) == 1 and len(batch[0].completions) == 1)
        part_N, _ = completion_logprobs(model, pack(batch))
        done = sum(map(len, parts))
        (part_N * weights[done : done + len(part_N)]).sum().backward()
        parts.append(part_N.detach())
    assert (len(batches) == 1) == (max_tokens == 10_000)
    torch.testing.assert_close(torch.cat(parts), whole_N.detach(), rtol=1e-5, atol=1e-5)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert (parameter.grad - wanted[name]).norm() <= 1e-5 * wanted[name].norm(), name


def test_a_short_window_is_refused() -> None:
    model = tiny_family("Qwen2", use_sliding_window=True, sliding_window=8, max_window_layers=0)
    with pytest.raises(UserError, match="window of 8 tokens"):
        completion_logprobs(model, pack(GROUPS))


def test_logits_that_are_not_linear_are_refused() -> None:
    model = tiny_llama()
    model.config.logits_scaling = 2.0
    with pytest.raises(UserError, match="logits_scaling"):
        completion_logprobs(model, pack(GROUPS))


def _kept_bytes(model: PreTrainedModel, checkpointing: bool) -> tuple[int, dict[str, Tensor]]:
    """What a forward pass keeps for the backward pass, parameters not counted, and the gradients of that pass."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logprobs_N, _ = completion_logprobs(model, pack(GROUPS), 0.9, checkpointing)
    return sum(kept.values()), _gradients(model, (logprobs_N * _weights(len(logprobs_N))).sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_checkpointing_keeps_less_and_the_gradient(family: str, dtype: torch.dtype) -> None:
    """Every layer beyond the first costs what enters it, instead of all that it computes."""
    costs, gradients = [], []
    layers = {layers: tiny_family(family, num_hidden_layers=layers, **_deeper(family, layers)) for layers in (2, 6)}
    for checkpointing in (False, True):
        few, _ = _kept_bytes(layers[2].to(dtype), checkpointing)
        many, gradient = _kept_bytes(layers[6].to(dtype), checkpointing)
        costs.append((many - few) / 4)
        gradients.append(gradient)
    assert 0 < costs[1] < costs[0] / 4
    assert all(torch.equal(gradients[0][name], gradients[1][name]) for name in gradients[0])


def _deeper(family: str, layers: int) -> dict[str, object]:
    """Settings of a family that hang on the number of its layers."""
    if family == "Gemma3":
        return {"layer_types": ["sliding_attention", "full_attention"] * (layers // 2)}
    return {"no_rope_layers": [1, 0] * (layers // 2)} if family == "SmolLM3" else {}
