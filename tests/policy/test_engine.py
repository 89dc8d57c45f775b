"""The engine against transformers' own generation and forward pass, and against itself in other company."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from sleuth.errors import UserError
from sleuth.policy import sampling as sampling_module
from sleuth.policy.base import Request, Rollout, Sampling, StopReason
from sleuth.policy.chat import prompt_tokens
from sleuth.policy.decoder import TransformersDecoder
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.fused import FusedDecoder
from sleuth.policy.models import Loaded
from sleuth.policy.native import functions
from sleuth.policy.native.build import FLOAT32, Build
from sleuth.policy.stream import stream
from tests.devices import DEVICES
from tests.policy.builds import loaded
from tests.policy.families import FAMILIES, tiny_family
from tests.tiny import CHAT_TEMPLATE, END, tiny_llama, tiny_tokenizer

needs_functions = pytest.mark.skipif(
    "not functions.available(torch.empty(0))",
    reason="THE C++ FUNCTIONS ARE NOT TESTED: no AVX2 here, or they cannot be built",
)
TOKENIZER = tiny_tokenizer()
REQUESTS = [
    Request("puzzle/0", "Answer.", "Who was it?"),
    Request("puzzle/1", "Answer in one word.", "Where was the one with the candlestick at midnight, and why?"),
    Request("puzzle/2", "A.", "B?"),
]


def model_of(kind: str) -> Any:
    if kind == "llama":
        return tiny_llama()
    if kind == "llama with biases, untied":
        return tiny_family(
            "Llama", tie_word_embeddings=False, attention_bias=True, mlp_bias=True, num_key_value_heads=2
        )
    if kind == "llama 3 rope":
        rope = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0}
        rope |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}
        return tiny_llama(rope_parameters=rope)
    return tiny_family(kind)


KINDS = ["llama", "llama with biases, untied", "llama 3 rope", *FAMILIES]
WINDOWS = {
    "Mistral": {},
    "Gemma3": {},
    "Qwen2": {"use_sliding_window": True, "max_window_layers": 1},
    "Qwen3": {"use_sliding_window": True, "max_window_layers": 1},
}
"""What it takes besides `sliding_window` for layers to have one."""
LONGEST = max(len(prompt_tokens(TOKENIZER, request)) for request in REQUESTS)


def windowed(family: str, window: int) -> Any:
    return tiny_family(family, sliding_window=window, **WINDOWS[family])


def flat(groups: list[list[Rollout]]) -> list[Rollout]:
    return [rollout for group in groups for rollout in group]


def forward_logprobs(model: Any, rollout: Rollout, temperature: float) -> torch.Tensor:
    """The log-probability of each new token, from one forward pass over prompt and completion."""
    tokens = torch.tensor([[*rollout.prompt_tokens, *rollout.tokens]])
    with torch.no_grad():
        logits = model(tokens).logits[0, len(rollout.prompt_tokens) - 1 : -1]
    new = tokens[0, len(rollout.prompt_tokens) :, None]
    logprobs: torch.Tensor = (logits / temperature).log_softmax(-1).gather(1, new)[:, 0]
    return logprobs


def decoder_of(model: Any, new: int = 40) -> type:
    return type(TorchPolicy(model, TOKENIZER).decoder(2, LONGEST, new, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_fused_path_is_taken_for_kin_of_llama(kind: str) -> None:
    assert decoder_of(model_of(kind)) is FusedDecoder


def test_other_models_take_the_path_that_works_for_all() -> None:
    assert decoder_of(tiny_llama(hidden_act="gelu")) is TransformersDecoder
    dynamic = {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 2.0}
    assert decoder_of(tiny_llama(rope_parameters=dynamic, max_position_embeddings=64)) is TransformersDecoder
    model = tiny_llama()
    model.model.layers[1].mlp.to(torch.bfloat16)
    assert decoder_of(model) is TransformersDecoder


@pytest.mark.parametrize("family", WINDOWS)
def test_fused_path_is_taken_where_no_window_hides_a_token(family: str) -> None:
    assert decoder_of(windowed(family, LONGEST + 40), 40) is FusedDecoder
    assert decoder_of(windowed(family, LONGEST + 39), 40) is TransformersDecoder


def assert_greedy_equals_generate(model: Any) -> None:
    expected = []
    for request in REQUESTS:
        prompt = torch.tensor([prompt_tokens(TOKENIZER, request)], device=model.device)
        with torch.no_grad():
            expected.append(model.generate(prompt, max_new_tokens=24, do_sample=False)[0, prompt.shape[1] :].tolist())
    for samples in (1, 3):
        groups = TorchPolicy(model, TOKENIZER).rollout(REQUESTS, samples, Sampling(24, temperature=0))
        assert [[list(rollout.tokens) for rollout in group] for group in groups] == [[t] * samples for t in expected]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", KINDS)
def test_greedy_tokens_equal_generate(kind: str, device: str) -> None:
    assert_greedy_equals_generate(model_of(kind).to(device))


@pytest.mark.parametrize("family", WINDOWS)
@pytest.mark.parametrize("window", [12, LONGEST + 24])
def test_greedy_tokens_equal_generate_with_windows(family: str, window: int) -> None:
    """The shorter one is passed by prompts and by completions."""
    assert_greedy_equals_generate(windowed(family, window))


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_in_two_parts(kind: str) -> None:
    """As processes of other engines cut it."""
    policy, sampling = TorchPolicy(model_of(kind), TOKENIZER), Sampling(20, seed=(3, 1))
    whole = policy.rollout(REQUESTS, 5, sampling)
    begun = policy.rollout(REQUESTS, 2, sampling)
    rest = policy.rollout(REQUESTS, 3, dataclasses.replace(sampling, first=2))
    assert [[one.tokens for one in group] for group in whole] == [
        [one.tokens for one in (*first, *second)] for first, second in zip(begun, rest, strict=True)
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("samples", "temperature"), [(1, 1.0), (5, 0.7)])
def test_logprobs_equal_a_forward_pass(kind: str, samples: int, temperature: float) -> None:
    model = model_of(kind)
    groups = TorchPolicy(model, TOKENIZER, rows=4).rollout(REQUESTS, samples, Sampling(30, temperature, seed=(3, 1)))
    for rollout in flat(groups):
        assert len(rollout.logprobs) == len(rollout.tokens)
        expected = forward_logprobs(model, rollout, temperature)
        torch.testing.assert_close(torch.tensor(rollout.logprobs), expected, atol=1e-4, rtol=0)


def test_greedy_logprobs_are_those_of_temperature_one() -> None:
    model = tiny_llama()
    [[rollout]] = TorchPolicy(model, TOKENIZER).rollout(REQUESTS[:1], 1, Sampling(10, temperature=0))
    expected = forward_logprobs(model, rollout, 1.0)
    torch.testing.assert_close(torch.tensor(rollout.logprobs), expected, atol=1e-4, rtol=0)


@needs_functions
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_torch_operations_draw_what_the_functions_in_c_draw(
    kind: str, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, sampling = TorchPolicy(model_of(kind), TOKENIZER), Sampling(20, temperature=0.8, seed=(3,))
    found = flat(policy.rollout(REQUESTS, samples, sampling))
    monkeypatch.setattr(functions, "available", lambda weight: False)
    monkeypatch.setattr(sampling_module, "library", lambda: None)
    for one, other in zip(found, flat(policy.rollout(REQUESTS, samples, sampling)), strict=True):
        assert one.tokens == other.tokens
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


@needs_functions
@pytest.mark.parametrize("one", [None, FLOAT32], ids=["", "AVX2"])
@pytest.mark.parametrize(("heads", "kv_heads", "size"), [(4, 2, 16), (3, 3, 48), (5, 1, 80), (2, 1, 256)])
def test_attention_is_what_it_says(
    heads: int, kv_heads: int, size: int, one: Build | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a prompt that two share, of another one, and of none; the new key and value are kept."""
    if one is not None:
        library = loaded(one)
        monkeypatch.setattr(functions, "library", lambda: library)
    generator = torch.Generator().manual_seed(0)
    prompts = [torch.randn(2, kv_heads, count, size, generator=generator) for count in (0, 21, 40)]
    rows, own, capacity = [1, 2, 1, 0], [0, 7, 30, 3], 32
    qkv = torch.randn(len(rows), heads + 2 * kv_heads, size, generator=generator)
    caches = torch.randn(2, len(rows), kv_heads, capacity, size, generator=generator)
    before = caches.clone()
    addresses = torch.tensor([[prompts[row][which].data_ptr() for row in rows] for which in range(2)])
    lengths = torch.tensor([prompts[row].shape[2] for row in rows])
    found = functions.attend(qkv, caches[0], caches[1], torch.tensor(own), addresses, lengths, heads, 0.3)
    new = torch.stack([qkv[:, heads : heads + kv_heads], qkv[:, heads + kv_heads :]])
    for number, (row, count) in enumerate(zip(rows, own, strict=True)):
        before[:, number, :, count] = new[:, number]
        seen = torch.cat([prompts[row], before[:, number, :, : count + 1]], 2).double()
        keys, values = seen.repeat_interleave(heads // kv_heads, 1)
        weights = (torch.einsum("hd,htd->ht", qkv[number, :heads].double(), keys) * 0.3).softmax(-1)
        wanted = torch.einsum("ht,htd->hd", weights, values).flatten()
        torch.testing.assert_close(found[number].double(), wanted, rtol=1e-5, atol=1e-5)
    assert torch.equal(caches, before)


@pytest.mark.parametrize("kind", ["llama", "Qwen2"])
def test_tokens_do_not_depend_on_company(kind: str) -> None:
    model = model_of(kind)
    sampling = Sampling(100, temperature=1.5, seed=(7, 2))
    together = TorchPolicy(model, TOKENIZER).rollout(REQUESTS, 6, sampling)
    assert len({rollout.tokens for rollout in flat(together)}) == 18  # no draw is used twice
    lengths = {len(rollout.tokens) for rollout in flat(together)}
    assert len(lengths) > 2  # rows end at different times, so places are taken over
    for rows in (2, 5):
        assert_same(TorchPolicy(model, TOKENIZER, rows).rollout(REQUESTS, 6, sampling), together)
    backwards = TorchPolicy(model, TOKENIZER, 4).rollout(REQUESTS[::-1], 6, sampling)
    assert_same(backwards[::-1], together)
    alone = [TorchPolicy(model, TOKENIZER).rollout([request], 1, sampling)[0] for request in REQUESTS]
    assert_same(alone, [group[:1] for group in together])


def assert_same(one: list[list[Rollout]], other: list[list[Rollout]]) -> None:
    """Equal in all but the last digits of the log-probabilities."""
    for a, b in zip(flat(one), flat(other), strict=True):
        assert (a.prompt_tokens, a.tokens, a.stop, a.text) == (b.prompt_tokens, b.tokens, b.stop, b.text)
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)


def test_seed_and_key_decide_the_draws() -> None:
    policy = TorchPolicy(tiny_llama(), TOKENIZER)
    first = policy.rollout(REQUESTS[:1], 2, Sampling(20, seed=(1, 1)))
    assert policy.rollout(REQUESTS[:1], 2, Sampling(20, seed=(1, 1))) == first
    other_seed = policy.rollout(REQUESTS[:1], 2, Sampling(20, seed=(1, 2)))
    renamed = policy.rollout([Request("other", REQUESTS[0].system, REQUESTS[0].user)], 2, Sampling(20, seed=(1, 1)))
    assert len({rollout.tokens for rollout in flat([*first, *other_seed, *renamed])}) == 6


def test_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    TorchPolicy(tiny_llama(), TOKENIZER).rollout(REQUESTS[:1], 2, Sampling(5))
    assert torch.equal(torch.get_rng_state(), before)


def test_end_token_is_kept_and_ends_a_completion() -> None:
    rollouts = flat(TorchPolicy(tiny_llama(), TOKENIZER).rollout(REQUESTS, 30, Sampling(60, temperature=1.5)))
    ended = [rollout for rollout in rollouts if rollout.stop is StopReason.END]
    cut = [rollout for rollout in rollouts if rollout.stop is StopReason.LENGTH]
    assert ended and cut and len(ended) + len(cut) == len(rollouts)
    for rollout in ended:
        assert rollout.tokens.index(END) == len(rollout.tokens) - 1
    for rollout in cut:
        assert len(rollout.tokens) == 60 and END not in rollout.tokens
    for rollout in rollouts:
        assert "<|" not in rollout.text
        assert rollout.text == TOKENIZER.decode([token for token in rollout.tokens if token > 2])


@pytest.mark.parametrize("kind", ["llama", "Qwen3"])
def test_single_token_completions(kind: str) -> None:
    groups = TorchPolicy(model_of(kind), TOKENIZER, rows=2).rollout(REQUESTS, 5, Sampling(1))
    assert [len(rollout.tokens) for rollout in flat(groups)] == [1] * 15


def test_progress_counts_every_rollout() -> None:
    seen: list[int] = []
    TorchPolicy(tiny_llama(), TOKENIZER, rows=4).rollout(REQUESTS, 4, Sampling(30), progress=seen.append)
    assert sum(seen) == 12 and 0 not in seen and len(seen) > 1


def test_changed_weights_are_seen_and_training_mode_is_kept() -> None:
    model, changed = tiny_llama(0), tiny_llama(1)
    policy = TorchPolicy(model, TOKENIZER)
    before = policy.rollout(REQUESTS, 2, Sampling(20))
    model.load_state_dict(changed.state_dict())
    model.train()
    after = policy.rollout(REQUESTS, 2, Sampling(20))
    assert model.training
    assert after != before
    assert_same(after, TorchPolicy(changed, TOKENIZER).rollout(REQUESTS, 2, Sampling(20)))


def test_each_prompt_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    prefill = FusedDecoder.prefill

    def counting(self: FusedDecoder, tokens: list[int]) -> Any:
        computed.append(len(tokens))
        return prefill(self, tokens)

    monkeypatch.setattr(FusedDecoder, "prefill", counting)
    TorchPolicy(tiny_llama(), TOKENIZER, rows=3).rollout(REQUESTS, 8, Sampling(12))
    assert computed == [len(prompt_tokens(TOKENIZER, request)) for request in REQUESTS]


def test_freed_places_are_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    step = FusedDecoder.step

    def counting(self: FusedDecoder, tokens: list[int]) -> torch.Tensor:
        steps.append(len(tokens))
        return step(self, tokens)

    monkeypatch.setattr(FusedDecoder, "step", counting)
    groups = TorchPolicy(tiny_llama(), TOKENIZER, rows=4).rollout(REQUESTS, 20, Sampling(40, temperature=1.5))
    lengths = [len(rollout.tokens) for rollout in flat(groups)]
    assert min(lengths) < 10 and max(lengths) == 40
    assert sum(steps) == sum(lengths) - len(lengths)  # the first token of a row comes from its prompt
    busy = len(steps) - next(number for number, rows in enumerate(steps[::-1]) if rows == 4)
    assert set(steps[:busy]) == {4}  # no place is empty while a row waits


def test_too_long_for_the_context_is_refused_in_one_line() -> None:
    policy = TorchPolicy(tiny_llama(max_position_embeddings=64), TOKENIZER)
    with pytest.raises(UserError, match=r"puzzle/1.*context of 64") as refused:
        policy.rollout(REQUESTS, 1, Sampling(32))
    assert "\n" not in str(refused.value)


def test_interrupt_passes_and_the_policy_still_works() -> None:
    model = tiny_llama()
    model.train()
    policy = TorchPolicy(model, TOKENIZER)

    def interrupt(finished: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        policy.rollout(REQUESTS, 2, Sampling(5), progress=interrupt)
    assert model.training
    assert len(policy.rollout(REQUESTS, 2, Sampling(5))) == 3


@pytest.mark.parametrize("device", DEVICES)
def test_draws_from_the_likeliest_tokens_alone(device: str) -> None:
    """Every token drawn is among the three likeliest, and its log-probability is that among them."""
    model = tiny_llama().to(device)
    groups = TorchPolicy(model, TOKENIZER).rollout(REQUESTS, 4, Sampling(12, temperature=1.5, top_k=3))
    places = set()
    for rollout in flat(groups):
        tokens = torch.tensor([[*rollout.prompt_tokens, *rollout.tokens]], device=device)
        with torch.no_grad():
            logits = model(tokens).logits[0, len(rollout.prompt_tokens) - 1 : -1].cpu() / 1.5
        best, order = logits.topk(3)
        place = (order == torch.tensor(rollout.tokens)[:, None]).nonzero()[:, 1]
        assert len(place) == len(rollout.tokens)
        expected = best.log_softmax(-1).gather(1, place[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(rollout.logprobs), expected, atol=1e-4, rtol=1e-4)
        places |= set(place.tolist())
    assert places == {0, 1, 2}


def test_a_stream_is_the_rollout_piece_by_piece() -> None:
    loaded = Loaded(tiny_llama(), TOKENIZER, "tiny", "", "")
    pieces: list[str] = []
    sampling = Sampling(30, temperature=1.0, seed=(3,))
    rollout = stream(loaded, REQUESTS[1], sampling, pieces.append)
    assert [[rollout]] == TorchPolicy(loaded.model, TOKENIZER).rollout([REQUESTS[1]], 1, sampling)
    assert "".join(pieces) == rollout.text and len(rollout.text) > 3


def test_no_requests_no_rollouts() -> None:
    assert TorchPolicy(tiny_llama(), TOKENIZER).rollout([], 3, Sampling(5)) == []


def test_a_completion_ends_with_the_line_that_answers_all() -> None:
    """Two lines are enough here: what follows them is not written, and nothing before changes."""
    requests = [dataclasses.replace(REQUESTS[0], answered=lambda text: text.count("\n") >= 2), REQUESTS[1]]
    policy, sampling = TorchPolicy(tiny_llama(), TOKENIZER), Sampling(300, temperature=3.0)
    whole = policy.rollout(requests, 8, sampling)
    cut = policy.rollout(requests, 8, dataclasses.replace(sampling, until="answers"))
    assert_same(cut[1:], whole[1:])
    answered = [rollout for rollout in cut[0] if rollout.stop is StopReason.ANSWERED]
    assert answered
    for before, after in zip(whole[0], cut[0], strict=True):
        if after.stop is StopReason.ANSWERED:
            assert before.tokens[: len(after.tokens)] == after.tokens and len(after.tokens) < len(before.tokens)
            assert TOKENIZER.decode(after.tokens).count("\n") >= 2 > TOKENIZER.decode(after.tokens[:-1]).count("\n")
        else:
            assert after.tokens == before.tokens


def test_thinking_that_the_template_opened_is_told_from_an_answer() -> None:
    tokenizer = tiny_tokenizer()
    seen: list[str] = []
    asked = dataclasses.replace(REQUESTS[0], answered=lambda text: bool(seen.append(text)))
    sampling = Sampling(100, temperature=3.0, until="answers")
    for ends, opened in (("<think>\n", "<think>"), ("<think>\n\n</think>\n", ""), ("", "")):
        tokenizer.chat_template = CHAT_TEMPLATE + ends
        seen.clear()
        rollouts = TorchPolicy(tiny_llama(), tokenizer).rollout([asked], 4, sampling)[0]
        assert seen and all(text.startswith("<think>") == bool(opened) for text in seen)
        assert {text.removeprefix(opened)[:5] for text in seen} <= {rollout.text[:5] for rollout in rollouts}


def test_a_spent_budget_begins_no_further_group_and_finishes_what_was_begun() -> None:
    policy, sampling = TorchPolicy(tiny_llama(), TOKENIZER, rows=4), Sampling(20)
    whole = policy.rollout(REQUESTS, 6, sampling)
    first = sum(len(rollout.tokens) for rollout in whole[0])
    for budget, begun in ((1, 1), (first // 2, 1), (first + 1, 2), (10**9, 3)):
        groups = policy.rollout(REQUESTS, 6, dataclasses.replace(sampling, token_budget=budget))
        assert [len(group) for group in groups] == [6] * begun + [0] * (3 - begun)
        assert_same(groups[:begun], whole[:begun])
