"""The native decoder against a float32 forward pass of the same weights, and against itself in other company.

What rounding to bfloat16 costs depends on the model, so the measure is what it costs transformers' own forward pass.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sleuth.policy import architecture
from sleuth.policy.base import Request, Sampling
from sleuth.policy.decoder import after_drop
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.fused import FusedDecoder
from sleuth.policy.native import build as native_library
from sleuth.policy.native import decoder as native
from sleuth.policy.native.build import library
from tests.policy.families import FAMILIES, tiny_family
from tests.tiny import VOCABULARY, tiny_tokenizer

needs_library = pytest.mark.skipif(
    "native_library.bfloat16_library() is None",
    reason="THE NATIVE DECODER IS NOT TESTED: no AVX-512 with bfloat16 here, or decode.cpp cannot be built",
)

TOKENIZER = tiny_tokenizer()
REQUESTS = [Request(f"puzzle/{count}", "Answer.", "But why? " * count) for count in (1, 2, 5, 10)]
QWEN_WINDOW = {"use_sliding_window": True, "max_window_layers": 1}
# Sizes that are multiples of 16 but not of 32, heads of one key/value head from 1 to 5 and over, windows that end
# inside a prompt and inside a completion.
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "Llama, 3 heads of 16": ("Llama", {"num_attention_heads": 3, "hidden_size": 48, "intermediate_size": 80}),
    "Llama, own head per query": ("Llama", {"num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 48}),
    "SmolLM3, 10 heads of 64": (
        "SmolLM3",
        {"num_attention_heads": 10, "num_key_value_heads": 2, "head_dim": 64, "hidden_size": 80},
    ),
    "Mistral, window": (
        "Mistral",
        {"num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 32, "sliding_window": 20},
    ),
    "Qwen2": ("Qwen2", {"num_attention_heads": 6, "head_dim": 32}),
    "Qwen2, window": (
        "Qwen2",
        {"num_attention_heads": 3, "head_dim": 48, "hidden_size": 144, "sliding_window": 33, **QWEN_WINDOW},
    ),
    "Qwen3, 5 heads of 128": ("Qwen3", {"num_attention_heads": 5, "head_dim": 128, "hidden_size": 48}),
    "Qwen3, window": (
        "Qwen3",
        {"num_attention_heads": 4, "num_key_value_heads": 2, "sliding_window": 1, **QWEN_WINDOW},
    ),
    "Gemma3, window": ("Gemma3", {"sliding_window": 20, "num_attention_heads": 4, "num_key_value_heads": 2}),
    "Gemma3, heads of 256": ("Gemma3", {"head_dim": 256, "sliding_window": 90, "query_pre_attn_scalar": 256}),
}
PROMPTS = [[random.Random(count).randrange(3, VOCABULARY) for _ in range(count)] for count in (1, 15, 16, 17, 33, 100)]
LENGTHS = (1, 15, 16, 17, 31, 32, 33, 70)
"""Tokens of the completions of each prompt, after which a row is dropped."""
Row = tuple[int, list[int]]
"""The index of a prompt and the tokens that follow it."""


def completions() -> list[Row]:
    """Of every prompt one of each length, and 14 more of one prompt, so that its rows are not one block; shuffled."""
    rng = random.Random(0)
    sizes = [(prompt, length) for prompt in range(len(PROMPTS)) for length in LENGTHS] + [(3, 40)] * 14
    rng.shuffle(sizes)
    return [(prompt, [rng.randrange(3, VOCABULARY) for _ in range(length)]) for prompt, length in sizes]


ROWS = completions()


def bfloat16(family: str, **overrides: Any) -> Any:
    """With a spread at which rounding costs about a hundredth of the logits."""
    return tiny_family(family, **{"initializer_range": 0.1} | overrides).to(torch.bfloat16)


def decoded(model: Any, rows: list[Row], capacity: int) -> tuple[dict[int, torch.Tensor], list[torch.Tensor]]:
    """Logits (V) behind each prompt by its index, and logits (tokens × V) behind each token of each row.

    At most `capacity` rows are side by side; the next one enters as soon as there is room.
    """
    described = architecture.read(model)
    assert described is not None and native.fits(described)
    decoder = native.NativeDecoder(described, capacity, max(map(len, PROMPTS)), max(LENGTHS))
    prefixes: dict[int, tuple[native.Prefix, torch.Tensor]] = {}
    logits: list[list[torch.Tensor]] = [[] for _ in rows]
    waiting, live = list(range(len(rows)))[::-1], list[int]()
    while waiting or live:
        while waiting and decoder.room():
            number = waiting.pop()
            prompt = rows[number][0]
            if prompt not in prefixes:
                prefixes[prompt] = decoder.prefill(PROMPTS[prompt])
            decoder.enter(prefixes[prompt][0], 1)
            live.append(number)
        for number, row in zip(live, decoder.step([rows[n][1][len(logits[n])] for n in live]).clone(), strict=True):
            logits[number].append(row)
        ended = [slot for slot, number in enumerate(live) if len(logits[number]) == len(rows[number][1])]
        decoder.drop(ended)
        live = after_drop(live, ended)
    return {prompt: logits for prompt, (_, logits) in prefixes.items()}, [torch.stack(row) for row in logits]


def forward(model: Any, rows: list[Row]) -> list[torch.Tensor]:
    """From one forward pass for all rows of a prompt, logits behind it and behind each token of a row."""
    logits: list[torch.Tensor] = [torch.empty(0)] * len(rows)
    for prompt, tokens in enumerate(PROMPTS):
        members = [number for number, row in enumerate(rows) if row[0] == prompt]
        longest = max(len(rows[number][1]) for number in members)
        padded = [tokens + rows[number][1] + [0] * (longest - len(rows[number][1])) for number in members]
        with torch.no_grad():
            batch = model(torch.tensor(padded)).logits.float()
        for number, row in zip(members, batch, strict=True):
            logits[number] = row[len(tokens) - 1 :][: len(rows[number][1]) + 1]
    return logits


def error(logits: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Root mean square of the differences."""
    return float((torch.cat(logits) - torch.cat(expected)).square().mean().sqrt())


@needs_library
@pytest.mark.parametrize("name", MODELS)
def test_logits_are_as_exact_as_those_of_transformers(name: str) -> None:
    family, overrides = MODELS[name]
    model = bfloat16(family, **overrides)
    expected = forward(copy.deepcopy(model).float(), ROWS)
    theirs = forward(model, ROWS)
    behind_prompts, behind_tokens = decoded(model, ROWS, capacity=24)
    ours = [torch.cat([behind_prompts[row[0]][None], own]) for row, own in zip(ROWS, behind_tokens, strict=True)]
    # A place too far would drown among all the others, so each counts for itself: 0 is behind the prompts.
    for place in range(max(LENGTHS) + 1):
        here = [[row[place] for row in rows if len(row) > place] for rows in (ours, theirs, expected)]
        size = float(torch.cat(here[2]).square().mean().sqrt())
        assert error(here[1], here[2]) < 0.03 * size  # else the next line would not say much
        assert error(here[0], here[2]) <= error(here[1], here[2]), f"place {place}"


@needs_library
@pytest.mark.parametrize("name", MODELS)
def test_logits_do_not_depend_on_company(name: str) -> None:
    family, overrides = MODELS[name]
    model = bfloat16(family, **overrides)
    _, together = decoded(model, ROWS, capacity=24)
    _, backwards = decoded(model, ROWS[::-1], capacity=7)
    for one, other in zip(together, backwards[::-1], strict=True):
        assert torch.equal(one, other)
    for number in (0, 20):
        _, [alone] = decoded(model, [ROWS[number]], capacity=1)
        assert torch.equal(alone, together[number])


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@needs_library
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("name", ["Llama, 3 heads of 16", "Gemma3, window"])
def test_logits_do_not_depend_on_threads(name: str) -> None:
    family, overrides = MODELS[name]
    model = bfloat16(family, **overrides)
    results = []
    for count in (1, 2):
        torch.set_num_threads(count)
        behind_prompts, behind_tokens = decoded(model, ROWS, capacity=24)
        results.append([*(behind_prompts[prompt] for prompt in range(len(PROMPTS))), *behind_tokens])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


@needs_library
@pytest.mark.usefixtures("threads")
def test_more_threads_than_there_is_workspace_for() -> None:
    model = bfloat16("Llama")
    rows = [(4, [7])]
    _, [few] = decoded(model, rows, capacity=1)
    torch.set_num_threads(native.MOST_THREADS + 36)
    _, [many] = decoded(model, rows, capacity=1)
    assert torch.equal(few, many)


@needs_library
@pytest.mark.parametrize("family", FAMILIES)
def test_same_seed_same_rollouts_bit_for_bit(family: str) -> None:
    model = bfloat16(family)
    assert isinstance(TorchPolicy(model, TOKENIZER).decoder(4, 100, 50, 2), native.NativeDecoder)
    sampling = Sampling(50, temperature=0.9, seed=(5, 1))
    many = TorchPolicy(model, TOKENIZER, rows=64).rollout(REQUESTS, 6, sampling)
    assert TorchPolicy(model, TOKENIZER, rows=4).rollout(REQUESTS, 6, sampling) == many
    assert TorchPolicy(model, TOKENIZER, rows=64).rollout(REQUESTS[::-1], 6, sampling)[::-1] == many


@needs_library
def test_changed_weights_are_seen() -> None:
    model, changed = bfloat16("Gemma3", seed=1), bfloat16("Gemma3", seed=2)
    policy = TorchPolicy(model, TOKENIZER)
    before = policy.rollout(REQUESTS, 2, Sampling(10))
    model.load_state_dict(changed.state_dict())
    after = policy.rollout(REQUESTS, 2, Sampling(10))
    assert after == TorchPolicy(changed, TOKENIZER).rollout(REQUESTS, 2, Sampling(10)) != before


def fits(model: Any) -> bool:
    described = architecture.read(model)
    assert described is not None
    return native.fits(described)


@needs_library
def test_models_it_is_not_made_for() -> None:
    assert fits(bfloat16("Llama"))
    assert not fits(tiny_family("Llama"))
    assert not fits(tiny_family("Llama").half())
    assert not fits(bfloat16("Llama", hidden_size=72))
    assert not fits(bfloat16("Llama", intermediate_size=104))
    assert not fits(bfloat16("Llama", head_dim=24))
    assert fits(bfloat16("Llama", head_dim=native.LARGEST_HEAD))
    assert not fits(bfloat16("Llama", head_dim=native.LARGEST_HEAD + 16))
    assert not fits(bfloat16("Llama", attention_bias=True))
    assert not fits(bfloat16("Llama", mlp_bias=True))


@pytest.fixture
def fresh_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Nothing is built yet, and the processor has what it takes. Gives the folder of the cache."""
    monkeypatch.setenv("SLEUTH_CACHE", str(tmp_path))
    monkeypatch.setattr(native_library, "_processor_flags", lambda: set(native_library.FLOAT32.needs))
    native_library.library.cache_clear()
    yield tmp_path
    native_library.library.cache_clear()


def failing_compiler(folder: Path) -> str:
    """Tells its version, and fails with two lines."""
    path = folder / "compiler"
    path.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --version ]; then echo 1.0; exit 0; fi\n'
        "echo 'In file included from x:' >&2; echo 'x.h:1: error: no such thing' >&2; exit 1\n"
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("compiler", "reason"),
    [("/bin/false", "ended with code 1"), ("failing", "error: no such thing"), ("/not/there", "/not/there")],
)
def test_failing_compiler_is_told_once_and_the_policy_works(
    compiler: str,
    reason: str,
    fresh_build: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CXX", failing_compiler(fresh_build) if compiler == "failing" else compiler)
    policy = TorchPolicy(bfloat16("Llama"), TOKENIZER)
    for _ in range(2):
        assert [len(group) for group in policy.rollout(REQUESTS, 2, Sampling(5))] == [2] * len(REQUESTS)
    assert isinstance(policy.decoder(2, 20, 5, 2), FusedDecoder)
    assert library() is None
    written = capfd.readouterr()
    [line] = written.err.splitlines()
    assert reason in line and "C++ compiler" in line and not written.out
    assert not list(fresh_build.glob("**/*.so"))


def test_a_compiler_that_lacks_the_newest_instructions_builds_for_older_ones(
    fresh_build: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tried = []

    def load(build: native_library.Build) -> object:
        tried.append(build)
        if build is not native_library.FLOAT32:
            raise OSError("unrecognized option")
        return "built"

    monkeypatch.setattr(native_library, "_processor_flags", lambda: set(native_library.TILES.needs) | {"avx2", "fma"})
    monkeypatch.setattr(native_library, "load", load)
    assert library() == "built"  # type: ignore[comparison-overlap]
    assert tried == [native_library.TILES, native_library.BFLOAT16, native_library.FLOAT32]
    assert capfd.readouterr().err.count("cannot be built (unrecognized option)") == 1


def test_other_processors_build_nothing(
    fresh_build: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(native_library, "_processor_flags", lambda: {"avx2", "sse4_2"})
    monkeypatch.setenv("CXX", "/bin/false")
    assert library() is None
    assert capfd.readouterr() == ("", "")
