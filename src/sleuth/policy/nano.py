"""A model trained from scratch, for studies of many short runs: a small Llama whose tokens are names and phrases.

A puzzle's text is names with phrases between them. Every name that the family's pages can have is one token, and so is
every phrase that the run's first puzzles repeat: a clue has about five tokens where byte-pair encoding (BPE) has
twelve, and copying a name is copying one token. What is not repeated is cut into pieces of words by BPE learned from
just that, and in the end into bytes, so any text can be read and comes back as it was.

`sleuth.policy.copying` sets the weights at the start. Everything depends on the configuration alone: the same
configuration gives the same bytes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from sleuth.config import NANO_WIDTH, RunConfig
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError
from sleuth.policy.copying import set_copying
from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import rng_of
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.names import capitalised
from sleuth.puzzles.registry import get_task

PUZZLES = 512
"""Phrases are those of so many puzzles of each source."""
REPEATED = 2
"""A phrase is a token if it is seen so often."""
CONTEXT = 8192
"""Longest sequence, in tokens."""
SPREAD = 0.06
"""Standard deviation of the matrices at the start; transformers' 0.02 is usual for models many times as wide."""
ROPE_BASE = 100_000.0
"""Of the rotary embedding: with 10,000, the slow half of a head of 32 turns within a page, and copying needs what does
not turn."""
USER, ASSISTANT, END = SPECIAL_TOKENS = ("<|user|>", "<|assistant|>", "<|end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}<|user|>{% elif message['role'] == 'assistant' %}"
    "<|assistant|>{% endif %}{{ message['content'] }}{% if message['role'] == 'assistant' %}<|end|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
ENDS = r"\n|: "
"""What a phrase ends with at the latest."""
WORDS = Regex(r"\n|\p{N}| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s")
"""Pieces that BPE does not reach beyond, in what is not a phrase: a line break, a digit, a word or signs with the space
before them."""


def make(config: RunConfig) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """The model before training (float32, on the processor, in evaluation mode) and its tokenizer."""
    sizes = config.model
    texts, names = list(texts_of(config)), names_of(config)
    tokenizer = learn(texts, names, sizes.vocabulary)
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=sizes.hidden,
        intermediate_size=NANO_WIDTH * sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.head_count,
        num_key_value_heads=sizes.head_count,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_BASE},
        tie_word_embeddings=True,
        initializer_range=SPREAD,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng_of("nano", config.seed).getrandbits(63))
        model = LlamaForCausalLM(shape).float().eval()
        if sizes.copying:
            ids = tokenizer.get_vocab()
            pairs = pairs_of_capitals(texts, names)
            set_copying(model, [(ids[byte_level(name)], ids[byte_level(capital)]) for name, capital in pairs])
        return model, tokenizer


def pairs_of_capitals(texts: Iterable[str], names: Collection[str]) -> list[tuple[str, str]]:
    """The names that texts have also with a capital letter, as at the beginning of a sentence ("tea", "Tea"): both."""
    split = split_of(names)
    said = {piece for text in texts for piece, _ in split.pre_tokenize_str(text)}
    pairs = [(name, capitalised(name)) for name in sorted(names) if capitalised(name) != name]
    return [pair for pair in pairs if said.issuperset(map(byte_level, pair)) and pair[1] in names]


def learn(texts: Iterable[str], names: Collection[str], size: int) -> PreTrainedTokenizerFast:
    """A tokenizer with a token for every name and, up to `size` tokens, for the phrases that the texts repeat, the
    commonest first, and for pieces of what they do not repeat; with a chat template.

    Raises `UserError` if the size is too small for the names.
    """
    split = split_of(names)
    counts = Counter(piece for text in texts for piece, _ in split.pre_tokenize_str(text))
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = dict.fromkeys([*SPECIAL_TOKENS, *bytes_, *(byte_level(name) for name in sorted(names))])
    if len(tokens) > size:
        raise UserError(f"model.vocabulary {size} is too small for bytes and names; take {len(tokens)} or more")
    repeated = [piece for piece in repeated_in(counts) if piece not in tokens]
    tokens |= dict.fromkeys(repeated[: size - len(tokens)])
    rest = [text for text, count in counts.items() for _ in range(count) if text not in tokens]
    merges: list[tuple[str, str]] = []
    if rest and len(tokens) < size:
        more, merges = _pieces_of_words(rest, size - len(tokens) + len(bytes_))
        tokens |= dict.fromkeys(more)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.ByteLevel()
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


def repeated_in(counts: Mapping[str, int]) -> list[str]:
    """The pieces that are seen again, the commonest first."""
    return sorted((one for one, count in counts.items() if count >= REPEATED), key=lambda one: (-counts[one], one))


def split_of(names: Collection[str]) -> pre_tokenizers.PreTokenizer:
    """Cuts a text into names, digits and the phrases between them, in the 256 characters that stand for bytes."""
    named = rf"(?<!\w)(?:{any_of(names)})(?!\w)|" if names else ""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(rf"{named}\d"), "isolated"),
            pre_tokenizers.Split(Regex(ENDS), "merged_with_previous"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def any_of(words: Collection[str]) -> str:
    """A regular expression for any of the words, a longer one before those that it begins with. What words begin with
    together is written once, which is many times as fast as a list of them all."""
    by_letter: dict[str, set[str]] = {}
    for word in words:
        by_letter.setdefault(word[:1], set()).add(word[1:])
    ends = by_letter.pop("", None) is not None
    branches = [re.escape(letter) + any_of(rest) for letter, rest in sorted(by_letter.items())]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)}){'?' if ends else ''}" if ends or len(branches) > 1 else branches[0]


def byte_level(text: str) -> str:
    """A text in the 256 characters that stand for bytes."""
    [(piece, _)] = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)
    return piece


def _pieces_of_words(phrases: Iterable[str], size: int) -> tuple[list[str], list[tuple[str, str]]]:
    """BPE tokens, the single bytes among them, and their merges, learned from phrases written in characters for
    bytes."""
    text = decoders.ByteLevel()
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(WORDS, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=REPEATED,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator((text.decode([phrase]) for phrase in phrases), trainer)
    learned = json.loads(bpe.to_str())["model"]
    return sorted(learned["vocab"], key=learned["vocab"].get), [(one, other) for one, other in learned["merges"]]


def names_of(config: RunConfig) -> set[str]:
    """All that the pages of the run's families can name."""
    families = [get_task(source.family).family for source in config.puzzles.sources]
    return {name for family in families if family is not None for name in family.names()}


def texts_of(config: RunConfig) -> Iterator[str]:
    """What the model of a run will read and write."""
    puzzles = config.puzzles
    for source in puzzles.sources:
        spec = PuzzleSpec(source.family, source.level, "train", puzzles.seed, PUZZLES, source.style, source.names)
        for index in range(PUZZLES):
            puzzle = spec.make(index).puzzle
            request = ask(puzzle, config.mode)
            yield from (request.system, request.user)
            if config.mode in get_task(source.family).gold_modes or (config.sft.examples and not config.sft.file):
                yield gold_completion(puzzle, config.mode, config.sft.telling)
