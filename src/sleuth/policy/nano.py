"""A model made from nothing, for studies of many short runs: a small Llama, and a tokenizer learned from the puzzles.

The tokenizer is byte-level byte-pair encoding (BPE), learned from the first puzzles of the run's training split: words
and names of the puzzle language are single tokens, and any other text is still read, byte by byte. A space is put
before every line and taken away in decoding, so that a name is the same token wherever it stands: otherwise a model
that learns to copy would have to find out name by name that two of them are one.

Everything hangs on the configuration alone: the same configuration gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from sleuth.config import RunConfig
from sleuth.datasets.make import PuzzleSpec
from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import rng_of
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.registry import get_task

PUZZLES = 256
"""The tokenizer is learned from so many of each source."""
CONTEXT = 8192
"""Longest sequence, in tokens."""
WIDTH = 3
"""Width of the feed-forward layer over the hidden size."""
SPREAD = 0.06
"""Standard deviation of the matrices at the start; transformers' 0.02 is usual for models many times as wide."""
USER, ASSISTANT, END = SPECIAL_TOKENS = ("<|user|>", "<|assistant|>", "<|end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}<|user|>{% elif message['role'] == 'assistant' %}"
    "<|assistant|>{% endif %}{{ message['content'] }}{% if message['role'] == 'assistant' %}<|end|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PIECES = Regex(r"\n|\p{N}| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s")
"""No token reaches beyond one: a line break, a digit, a word or signs with the space before them."""


def make(config: RunConfig) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """The model before training (float32, on the processor, in evaluation mode) and its tokenizer."""
    sizes, tokenizer = config.model, learn(_texts(config), config.model.vocabulary)
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=sizes.hidden,
        intermediate_size=WIDTH * sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.heads,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        tie_word_embeddings=True,
        initializer_range=SPREAD,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng_of("nano", config.seed).getrandbits(63))
        return LlamaForCausalLM(shape).float().eval(), tokenizer


def learn(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """A tokenizer of at most `size` tokens, learned from texts, with a chat template."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace("\n", "\n "), normalizers.Prepend(" ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(PIECES, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteLevel(), decoders.Replace("\n ", "\n"), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=END,
        additional_special_tokens=[USER, ASSISTANT],
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def _texts(config: RunConfig) -> Iterator[str]:
    """What the model of a run will read and write."""
    puzzles = config.puzzles
    for source in puzzles.sources:
        order = PuzzleSpec(source.family, source.level, "train", puzzles.seed, PUZZLES, source.style, source.names)
        for index in range(PUZZLES):
            puzzle = order.make(index).puzzle
            request = ask(puzzle, config.mode)
            yield from (request.system, request.user)
            if config.mode in get_task(source.family).gold_modes or (config.sft.examples and not config.sft.file):
                yield gold_completion(puzzle, config.mode, config.sft.telling)
