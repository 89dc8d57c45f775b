"""A pretrained model with a token for every name and phrase of a run's puzzles beside those that it has.

As for a model from scratch (`sleuth.policy.nano`), a clue then has about five tokens, and copying a name is copying one
token; page and reasoning are less than half as long. What is neither a name nor a repeated phrase is read in the
model's own tokens. A new token begins as the mean of those that it replaces, in the embedding and, where that is
another matrix, in the output.

Everything depends on the configuration and the model alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

import torch
from tokenizers import Tokenizer, decoders
from transformers import PreTrainedTokenizerFast

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.policy.models import load_model
from sleuth.policy.nano import byte_level, names_of, repeated_in, split_of, texts_of


def make(config: RunConfig) -> tuple[Any, PreTrainedTokenizerFast]:
    """The model before training (float32, on the processor, in evaluation mode) and its tokenizer.

    Raises `UserError` as `load_model` does, and for a model whose tokens are no byte-level BPE.
    """
    loaded = load_model(config.model.name, torch.float32, "cpu")
    tokenizer = extended(loaded.tokenizer, texts_of(config), names_of(config), config.model.vocabulary)
    with torch.no_grad():
        _give_rows(loaded.model, loaded.tokenizer, tokenizer)
    return loaded.model, tokenizer


def extended(tokenizer: Any, texts: Iterable[str], names: Collection[str], most: int) -> PreTrainedTokenizerFast:
    """The tokenizer with at most `most` tokens more: for the names and, the commonest first, the phrases that the texts
    repeat. Old tokens keep their numbers.

    Raises `UserError` where it is no byte-level BPE, and where there are more names.
    """
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    if state["model"]["type"] != "BPE" or (state["decoder"] or {}).get("type") != "ByteLevel":
        raise UserError("model.kind extended takes models whose tokens are byte-level BPE; take model.kind pretrained")
    split = split_of(names)
    counts = Counter(piece for text in texts for piece, _ in split.pre_tokenize_str(text))
    vocabulary = state["model"]["vocab"] | {token["content"]: token["id"] for token in state["added_tokens"]}
    of_names = [piece for name in sorted(names) if (piece := byte_level(name)) not in vocabulary]
    if len(of_names) > most:
        raise UserError(f"model.vocabulary {most} is too small for the names; take {len(of_names)} or more")
    new = dict.fromkeys([*of_names, *(piece for piece in repeated_in(counts) if piece not in vocabulary)])
    for number, piece in enumerate(list(new)[:most], start=max(vocabulary.values()) + 1):
        vocabulary[piece] = number
    state["model"] |= {"vocab": vocabulary, "ignore_merges": True}
    own = Tokenizer.from_str(json.dumps(state))
    own.pre_tokenizer = split
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=own,
        clean_up_tokenization_spaces=False,
        model_max_length=tokenizer.model_max_length,
        **tokenizer.special_tokens_map,
    )
    wrapped.chat_template = tokenizer.chat_template
    return wrapped


def _give_rows(model: Any, before: Any, after: PreTrainedTokenizerFast) -> None:
    """Rows for new tokens in the embedding and the output, each the mean of those of the tokens that it replaces."""
    text, known = decoders.ByteLevel(), before.get_vocab()
    new = {number: piece for piece, number in after.get_vocab().items() if piece not in known}
    replaced = {
        number: before(text.decode([piece]), add_special_tokens=False).input_ids for number, piece in new.items()
    }
    rows = max(after.get_vocab().values()) + 1
    if rows > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(rows, mean_resizing=False)
    for matrix in (model.get_input_embeddings().weight, model.get_output_embeddings().weight):
        for number, tokens in replaced.items():
            matrix[number] = matrix[tokens].mean(dim=0)
