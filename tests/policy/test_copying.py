"""Start weights that copy: what each layer looks at, and how fast a model learns to copy from there."""

from __future__ import annotations

from itertools import chain
from random import Random
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sleuth.config import OptimizerConfig
from sleuth.policy.copying import set_copying
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.optimizer import MasterOptimizer, scheduled_rate
from sleuth.training.packing import Group, pack

NAMES, PHRASES = range(2, 202), range(202, 212)
USER, END = 0, 1
SENTENCES = 6


def model(hidden: int = 192, layers: int = 4, heads: int = 6, copying: bool = True) -> Any:
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=212,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        tie_word_embeddings=True,
        initializer_range=0.06,
        attn_implementation="eager",
    )
    made = LlamaForCausalLM(shape).eval()
    if copying:
        set_copying(made)
    return made


def exercise(rng: Random) -> Group:
    """Sentences of a name, a phrase, a name, a phrase and a name; to be written again in another order."""
    phrases = [rng.sample(PHRASES, 2) for _ in range(SENTENCES)]
    sentences = [
        [name for pair in zip(rng.sample(NAMES, 3), [*some, END], strict=True) for name in pair][:-1]
        for some in phrases
    ]
    again = rng.sample(sentences, SENTENCES)
    return Group([USER, *chain(*sentences), USER], [[*chain(*again), END]])


def test_the_first_layer_looks_one_to_four_tokens_back() -> None:
    tokens = torch.tensor([Random(0).choices(NAMES, k=120)])
    with torch.no_grad():
        first = model()(tokens, output_attentions=True).attentions[0][0]
    for places in (1, 2, 3, 4):
        seen = first[places - 1].diagonal(-places)
        assert seen.min() > 0.9, places


def test_the_second_layer_finds_what_followed_the_same_words() -> None:
    rng = Random(0)
    found, best = [], []
    copier = model()
    for _ in range(8):
        story = rng.sample(NAMES, 60)
        place = rng.randrange(5, 50)
        tokens = torch.tensor([[*story, *story[place - 4 : place + 1]]])  # … and the newest word is story[place]
        with torch.no_grad():
            out = copier(tokens, output_attentions=True)
        found.append(float(out.attentions[1][0, 0, -1, place + 1]))
        best.append(int(out.logits[0, -1].argmax()) == story[place + 1])
    assert min(found) > 0.5
    assert sum(best) >= 6


def copy_loss(copier: Any, exercises: int) -> float:
    """Mean loss of the words that can be known, after training: of a copy's sentences, all but their first words."""
    rng, batch = Random(0), 32
    known = torch.arange(5 * SENTENCES + 1) % 5 != 0
    known[-1] = True
    optimizer, steps = MasterOptimizer(copier, OptimizerConfig(kind="muon", muon_factor=4)), exercises // batch
    for step in range(steps):
        groups = [exercise(rng) for _ in range(batch)]
        logprobs_N, _ = completion_logprobs(copier, pack(groups))
        loss_BT = -logprobs_N.view(batch, -1)
        loss_BT.mean().backward()
        optimizer.step(scheduled_rate(step, 5e-3, 2, steps, "linear"))
    return float(loss_BT[:, known].mean().detach())


def test_copying_is_learned_in_320_exercises() -> None:
    """In an eighth of the exercises in which a model without these start weights has not begun to."""
    torch.set_num_threads(1)
    assert copy_loss(model(hidden=128, layers=2, heads=4), 320) < 0.7
    assert copy_loss(model(hidden=128, layers=2, heads=4, copying=False), 320) > 3


@pytest.mark.parametrize(("hidden", "layers", "heads"), [(32, 2, 2), (64, 1, 2), (32, 3, 1), (96, 2, 3)])
def test_small_models_get_what_they_have_room_for(hidden: int, layers: int, heads: int) -> None:
    small = model(hidden, layers, heads)
    assert all(bool(torch.isfinite(parameter).all()) for parameter in small.parameters())
    embedding = small.model.embed_tokens.weight
    assert torch.allclose(embedding.norm(dim=1), torch.full((212,), 0.06 * (2 * hidden) ** 0.5), rtol=1e-4)
