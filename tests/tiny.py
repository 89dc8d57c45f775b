"""A tiny randomly initialised Llama and a byte-level tokenizer: a whole model in memory, for tests.

The special tokens sit where SmolLM2 has them (0 `<|endoftext|>`, 1 `<|im_start|>`, 2 `<|im_end|>`), and as there the
padding token *is* the end token, so that code which masks by token value fails its tests.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from sleuth.config import Mode
from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
VOCABULARY = len(SPECIAL_TOKENS) + 256
END = SPECIAL_TOKENS.index("<|im_end|>")
WORDS = 600
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_llama(seed: int = 0, **overrides: Any) -> LlamaForCausalLM:
    """Two layers, hidden size 64, 4 heads over 2 key/value heads, tied embeddings, float32, in evaluation mode.

    `overrides` go to `LlamaConfig`. The weights are drawn with a wide spread (`initializer_range=0.2`), so that the
    next token hangs on the context and two computations that differ are told apart. Global random state is kept.
    """
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
        "tie_word_embeddings": True,
        "initializer_range": 0.2,
        "bos_token_id": 1,
        "eos_token_id": END,
        "pad_token_id": END,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(LlamaConfig(**settings | overrides)).float().eval()


def tiny_tokenizer(words: bool = False) -> PreTrainedTokenizerFast:
    """One token per byte after three special tokens (259 in all), with a chat template like SmolLM2's. With `words`,
    also `WORDS` tokens learned from what a model is asked, so that prompts are a quarter as long."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIAL_TOKENS, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=words)
    tokenizer.decoder = decoders.ByteLevel()
    if words:
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY + WORDS,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=alphabet,
            show_progress=False,
        )
        tokenizer.train_from_iterator(_asked(), trainer)
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<|endoftext|>",
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def _asked() -> list[str]:
    """What is asked about two cases in each mode, with the right completions."""
    puzzles = [make_puzzle("temporal-clue", level, "train", 1, 0).puzzle for level in ("1", "2")]
    modes: tuple[Mode, ...] = ("answer", "reason", "program")
    requests = [(ask(puzzle, mode), gold_completion(puzzle, mode)) for puzzle in puzzles for mode in modes]
    return [text for request, gold in requests for text in (request.system, request.user, gold)]


def tiny_folder(path: Path, seed: int = 0, words: bool = False, **overrides: Any) -> Path:
    """Saves both in Hugging Face layout (config.json, model.safetensors, tokenizer files) and returns `path`. `words`:
    as of `tiny_tokenizer`; whole runs are several times as fast with it."""
    size = {"vocab_size": VOCABULARY + WORDS} if words else {}
    tiny_llama(seed, **size | overrides).save_pretrained(path)
    tiny_tokenizer(words).save_pretrained(path)
    return path
