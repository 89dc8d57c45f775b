"""Start weights with which a small model can copy from the first step on.

What a small model learns last, and without help for a long time not at all, is to go on as the text went on before:
to find the place where the same words stood and to write what followed them. That takes two layers of attention, an
*induction head* (Olsson et al. 2022, arXiv:2209.11895), of which neither is of use without the other. Here both are put
into the weights at the start; training is free to change them.

The hidden space is divided, by a random rotation, into one constant direction and blocks of D (a head's size): block 0
is for which token this is, block k for which token stood k places before.

- *Embeddings* are random of equal length, and have the same part in the constant direction, so that every query and
  key can have a part that does not depend on the token. Those of one name, with a small letter and with a capital, are
  alike but for a direction that all capitals share; else a model would have to learn of each name that the two are one.
- *Layer 1, head k*, looks k places back: with the rotary embedding, the score of a constant query turned by -k steps
  and a constant key is Σ cos((distance - k) f), over the FAST fastest frequencies f, largest at distance k. It writes
  block 0 of what it sees into block k.
- *Layer 2*, its first heads, looks for the place whose words before it are the newest words here: its query has the
  blocks 0, 1, 2 … of this token, its key the blocks 1, 2, 3 … of another. They are laid on the slow frequencies, which
  hardly turn over a page. It writes block 0 of what it sees into block 0, and with tied embeddings that makes what
  followed there likelier here.

All else begins small. A model of one layer gets the first half only, one too narrow for two blocks the embeddings only.

Shapes: E hidden size, H heads, D head size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention

BACK = 4
"""Places that layer 1 looks back, at most."""
FAST = 5
"""Frequencies that tell a distance."""
CAPITAL = 0.7
"""Length of what sets a capitalised name apart, over that of a name's embedding."""
SLOW = 0.016
"""Radians a token: frequencies below it turn by less than half a circle within 200 tokens."""
MATCHED = ((1, 2, 3), (1, 2, 3, 4), (1, 2))
"""Of layer 2, by head: the places before, all of which must hold the same words."""


@torch.no_grad()
def set_copying(model: LlamaForCausalLM, capitals: Sequence[tuple[int, int]] = ()) -> None:
    """Changes the weights in place, with torch's global random generator. The embeddings must be tied, and keys have as
    many heads as queries. `capitals`: tokens of names, and of the same names with a capital letter."""
    config = model.config
    E, H = config.hidden_size, config.num_attention_heads
    D = E // H
    back = min(BACK, H, (E - 1) // D - 1)
    constant_E, blocks_KED = _directions(E, D, back + 1)
    embedding_VE = model.model.embed_tokens.weight
    spread = config.initializer_range
    embedding_VE.normal_()  # the padding token's, too, which transformers leaves at 0
    if capitals:
        small, large = map(list, zip(*capitals, strict=True))
        shared_E = embedding_VE[large].sum(0) / len(large) ** 0.5
        embedding_VE[large] = embedding_VE[small] + CAPITAL * shared_E
    for taken_ED in (constant_E[:, None], *blocks_KED[1:]):
        embedding_VE -= embedding_VE @ taken_ED @ taken_ED.T
    embedding_VE *= spread * E**0.5 / embedding_VE.norm(dim=1, keepdim=True)
    embedding_VE += spread * E**0.5 * constant_E
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight *= 0.3
        layer.mlp.down_proj.weight *= 0.1
    if back < 1:
        return
    frequencies = config.rope_parameters["rope_theta"] ** (-torch.arange(D // 2) / (D // 2))
    _look_back(model.model.layers[0].self_attn, constant_E, blocks_KED, frequencies)
    if len(model.model.layers) > 1:
        _match(model.model.layers[1].self_attn, blocks_KED, frequencies)


def _directions(E: int, D: int, blocks: int) -> tuple[Tensor, list[Tensor]]:
    """The constant direction, in which all coordinates are equal, and E × D orthonormal blocks beside it."""
    constant_E = torch.ones(E) / E**0.5
    rotation_EE, _ = torch.linalg.qr(torch.cat([constant_E[:, None], torch.randn(E, E - 1)], 1))
    return constant_E, [rotation_EE[:, 1 + D * block : 1 + D * (block + 1)] for block in range(blocks)]


def _look_back(attention: LlamaAttention, constant_E: Tensor, blocks_KED: list[Tensor], frequencies: Tensor) -> None:
    """Head k - 1 sees the token k places before."""
    D = 2 * len(frequencies)
    fast = (torch.arange(D // 2) < FAST).float()
    key_D = torch.cat([fast, torch.zeros(D // 2)])
    for places in range(1, len(blocks_KED)):
        rows = slice(D * (places - 1), D * places)
        turned_D = torch.cat([fast * torch.cos(places * frequencies), -fast * torch.sin(places * frequencies)])
        # Sharp: of neighbouring places one has nearly all the attention (scores differ by about 5).
        for weight, wanted_D in ((attention.q_proj.weight, turned_D), (attention.k_proj.weight, key_D)):
            weight[rows] = 0.2 * weight[rows] + 0.7 * torch.outer(wanted_D, constant_E)
        attention.v_proj.weight[rows] = blocks_KED[0].T
        attention.o_proj.weight[:, rows] = 0.2 * blocks_KED[places]


def _match(attention: LlamaAttention, blocks_KED: list[Tensor], frequencies: Tensor) -> None:
    """The first heads see what came after the words that are newest here."""
    D = 2 * len(frequencies)
    [slow] = torch.nonzero(frequencies < SLOW, as_tuple=True)
    channels = torch.cat([slow, slow + D // 2])
    heads = attention.q_proj.weight.shape[0] // D
    for head, matched in enumerate(MATCHED[:heads]):
        rows = slice(D * head, D * (head + 1))
        query_DE, key_DE = torch.zeros(2, D, len(blocks_KED[0])).unbind()
        for places in matched:
            if places >= len(blocks_KED):
                continue
            mixed, _ = torch.linalg.qr(torch.randn(D, D))
            wanted_CD = mixed[:, : len(channels)].T
            # An embedding's own block 0 is that much shorter than what layer 1 writes into the other blocks.
            strength = 2.4 if places == 1 else 1.0
            query_DE[channels] += strength * wanted_CD @ blocks_KED[places - 1].T
            key_DE[channels] += wanted_CD @ blocks_KED[places].T
        attention.q_proj.weight[rows] = 0.05 * attention.q_proj.weight[rows] + query_DE
        attention.k_proj.weight[rows] = 0.05 * attention.k_proj.weight[rows] + key_DE
        attention.v_proj.weight[rows] = blocks_KED[0].T
        attention.o_proj.weight[:, rows] = 0.5 * blocks_KED[0]
