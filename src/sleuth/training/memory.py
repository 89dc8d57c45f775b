"""How much memory a run will take, known before it starts, and how its work is split so that it fits.

Counted from the model's shape: what is there all the time (the program itself, weights, float32 masters, AdamW's two
moments, gradients) and the larger of what comes and goes: sampling (the decoder's own copies of weights, keys and
values, logits) and training (activations of a micro-batch, logits, the gradient of the output head). Where that
exceeds what may be taken, fewer completions are decoded side by side and micro-batches are made smaller.

Left out: the file system's cache, which gives way, so checkpoints cost nothing here.

Shapes: E hidden size, H query heads, K key/value heads, D head size, F width of the feed-forward layer, V vocabulary.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sleuth.config import RunConfig, WeightsConfig
from sleuth.errors import UserError
from sleuth.policy import architecture
from sleuth.policy.native import decoder as native
from sleuth.policy.native import functions
from sleuth.training.logprobs import CHUNK_TOKENS
from sleuth.training.lowrank import trained
from sleuth.training.optimizer import ALL

GB = 1e9
PROGRAM_BYTES = 500_000_000
"""The program before a model is loaded, where the system does not tell."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Longest sequences of a run, in tokens."""

    prompt: int
    target: int
    """A completion of the warm start."""
    said: int = 0
    """What is said to a completion when it is asked for again, with what the chat template puts around it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes."""

    program: int
    weights: int
    optimizer: int
    """Masters, moments, gradients."""
    sampling: int
    training: int

    @property
    def total(self) -> int:
        """At the most: sampling and training take turns."""
        return self.program + self.weights + self.optimizer + max(self.sampling, self.training)

    def __str__(self) -> str:
        parts = {
            "program": self.program,
            "weights": self.weights,
            "optimizer": self.optimizer,
            "then sampling": self.sampling,
            "or training": self.training,
        }
        listed = ", ".join(f"{name} {value / GB:.1f}" for name, value in parts.items())
        return f"about {self.total / GB:.1f} GB: {listed}".replace(", or training", " or training")


class Footprint:
    """The memory that a model takes, by its shape; its weights may be on the meta device.

    What is counted for each token of a micro-batch is what autograd keeps for the backward pass on the path that
    `completion_logprobs` takes (a test counts both), and what a layer's own backward pass needs beside it.
    """

    def __init__(self, model: Any, dtype: torch.dtype, device: str) -> None:
        self._described = architecture.read(model)
        config = model.config.get_text_config()
        self._shapes: dict[str, torch.Size] = {name: one.shape for name, one in model.named_parameters()}
        self.parameters: int = sum(shape.numel() for shape in self._shapes.values())
        self._size: int = dtype.itemsize
        self._layers: int = config.num_hidden_layers
        self._hidden: int = config.hidden_size
        self._vocabulary: int = config.vocab_size
        self._heads: int = config.num_attention_heads
        self._kv_heads: int = getattr(config, "num_key_value_heads", None) or self._heads
        self._head_size: int = getattr(config, "head_dim", None) or self._hidden // self._heads
        self._width: int = getattr(config, "intermediate_size", None) or 4 * self._hidden
        on_processor = torch.device(device).type == "cpu"
        self.kernels = (
            on_processor
            and self._described is not None
            and native.suits(self._described)
            and functions.available(torch.empty(0, dtype=dtype))
        )
        """Whether the C++ kernels train it."""
        self._fused = dtype == torch.float32
        """Whether attention is torch's own, which takes copies and keeps them."""
        self._copies_all = on_processor and dtype == torch.bfloat16

    def weights(self, reference: bool) -> int:
        """The model, and a frozen copy of it."""
        return self.parameters * self._size * (1 + reference)

    def optimizer(self, weights: WeightsConfig = ALL) -> int:
        """Of what is trained two moments and a gradient in float32, and masters unless the model is its own; with LoRA
        both parts of each difference, and the matrix as it was. Raises `UserError` if nothing is trained."""
        chosen = [self._shapes[name] for name in trained(self._shapes, weights)]
        numbers = sum(shape.numel() for shape in chosen)
        if weights.lora_rank:
            return 16 * weights.lora_rank * sum(sum(shape) for shape in chosen) + numbers * self._size
        return numbers * 4 * (3 + (self._size != 4))

    def sampling(self, rows: int, groups: int, prompt: int, new: int) -> int:
        """Decoding so many rows of so many prompts side by side."""
        head = self._vocabulary * self._hidden
        joined, single = self._projections()
        if self._described is None:
            copies, cached = 0, 2 * rows * (prompt + new)  # transformers builds the caches anew with every token
        else:
            copies = head + joined + single if self._copies_all else joined
            cached = groups * prompt + rows * new
        per_token = 2 * self._layers * self._kv_heads * self._head_size * self._size
        logits = rows * self._vocabulary * (4 if self.kernels and not self._fused else self._size + 8)
        return copies * self._size + cached * per_token + logits

    def training(self, tokens: int, context: int, checkpointing: bool) -> int:
        """One micro-batch of so many tokens, none of which sees more than `context` others."""
        layer = self.kept_per_token(context)
        joined, _ = self._projections()
        kept_weights = joined * self._size if self.kernels else 0
        if checkpointing:
            entering = self._hidden * self._size * (2 if self.kernels else 1)
            per_token, kept_weights = self._layers * entering + layer, kept_weights // self._layers
        else:
            per_token = self._layers * layer
        passing = self._size * (4 * self._width + 4 * self._hidden)
        if not self.kernels:
            passing += self._size * 2 * self._heads * context
        logits = min(tokens, CHUNK_TOKENS) * self._vocabulary * (self._size if self.kernels else self._size + 8)
        head = self._vocabulary * self._hidden * (4 + 2 * self._size)
        ends = tokens * self._hidden * self._size * 4
        return tokens * (per_token + passing) + kept_weights + logits + head + ends

    def kept_per_token(self, context: int) -> int:
        """What one layer keeps of one token for the backward pass."""
        s, E, F = self._size, self._hidden, self._width
        q, k = self._heads * self._head_size, self._kv_heads * self._head_size
        normed = 0 if self._described is None or self._described.layers[0].q_norm is None else q + k
        after = 0 if self._described is None or self._described.layers[0].after_attention is None else 2
        if self.kernels:
            factors = 4 * (2 + after + self._heads + (normed and self._heads + self._kv_heads))
            # What torch's attention takes and gives is laid out for it, and its mask is of numbers.
            fused = q + self._heads // self._kv_heads * context if self._fused else 0
            return s * ((4 + after) * E + 2 * q + 2 * k + normed + 3 * F + fused) + factors
        norms = (2 * E + normed) * (4 + 2 * s) + after * E * (4 + s)
        return norms + s * (2 * q + 2 * k + 4 * F + self._heads * context)

    def _projections(self) -> tuple[int, int]:
        """Weights of all layers that are put side by side (of q, k and v; of gate and up), and of the others."""
        q, k = self._heads * self._head_size, self._kv_heads * self._head_size
        joined = self._hidden * (q + 2 * k + 2 * self._width)
        return self._layers * joined, self._layers * self._hidden * (q + self._width)


def fitted(config: RunConfig, model: Any, lengths: Lengths) -> tuple[RunConfig, list[str]]:
    """The configuration with rows and micro-batches that fit into memory, and what there is to say of it: the estimate,
    and what was made smaller. `config` is settled; of `model` only the shape counts.

    Raises `UserError` if one completion at a time and the smallest micro-batch do not fit.
    """
    device = config.model.device
    footprint = Footprint(model, getattr(torch, config.model.dtype), device)
    program = _resident_bytes() if torch.device(device).type == "cpu" else 0
    limit = free_bytes(device) if config.model.memory_gb is None else config.model.memory_gb * GB
    prompt, new, retries = lengths.prompt, config.sampling.max_new_tokens, config.grpo.retries
    last_prompt = prompt + retries * (new + lengths.said)  # of a conversation's last turn
    if (context := getattr(model.config, "max_position_embeddings", None)) is not None:
        last_prompt = max(prompt, min(last_prompt, context - new))
    longest = max(last_prompt + new, prompt + (lengths.target if config.sft.examples else 0))
    samples, puzzles = config.grpo.samples, config.grpo.puzzles_per_step if config.grpo.steps else 0
    batch = puzzles * (prompt + samples * new) + retries * puzzles * samples * (last_prompt + new)
    batch = max(batch, config.sft.batch_size * longest if config.sft.examples else 0)

    def sampling(rows: int) -> int:
        # Each row has its prompt in an evaluation, and where completions are asked for again.
        alone = min(rows, max(config.eval.count, config.eval.every_count, puzzles * samples if retries else 0))
        together = min(rows, puzzles * samples)
        shared = min(puzzles, 2 * -(-together // samples))  # the last rows of some groups, the first of others
        works = ((alone, alone, last_prompt), (together, shared, prompt))
        return max(footprint.sampling(*work, new) for work in works)

    def training(tokens: int) -> int:
        computed = max(longest, min(tokens, batch))
        return footprint.training(computed, longest, config.optimizer.activation_checkpointing)

    compared = config.grpo.kl > 0 or config.reward.fluency > 0 or config.eval.reference
    weights, optimizer = footprint.weights(compared), footprint.optimizer(config.weights)
    room = None if limit is None else limit - program - weights - optimizer
    rows = _largest(config.sampling.rows, 1, sampling, room)
    tokens = _largest(config.optimizer.micro_batch_tokens, longest, training, room)
    estimate = Estimate(program, weights, optimizer, sampling(rows), training(tokens))
    if limit is not None and estimate.total > limit:
        remedies = ["take a smaller model"]
        if not config.optimizer.activation_checkpointing and estimate.training > estimate.sampling:
            remedies.append("set --optimizer.activation_checkpointing true")
        remedies.append("free some memory" if config.model.memory_gb is None else "raise --model.memory_gb")
        raise UserError(
            f"memory: the run needs {estimate}, even with {rows} completion at a time and micro-batches of one "
            f"completion, and {_may(config, limit)}; {' or '.join(remedies)}"
        )
    said = [f"memory: {estimate}" + ("" if limit is None else f" ({_may(config, limit)})")]
    smaller = []
    if rows < config.sampling.rows:
        smaller.append(f"{rows} completions side by side instead of {config.sampling.rows}")
    if tokens < config.optimizer.micro_batch_tokens:
        smaller.append(f"micro-batches of {tokens} tokens instead of {config.optimizer.micro_batch_tokens}")
    if smaller:
        said.append(f"to fit into memory: {', '.join(smaller)}")
    sections = {
        "sampling": config.sampling.model_copy(update={"rows": rows}),
        "optimizer": config.optimizer.model_copy(update={"micro_batch_tokens": tokens}),
    }
    return config.model_copy(update=sections), said


def _largest(most: int, least: int, cost: Callable[[int], int], room: float | None) -> int:
    """The largest of most, most / 2, … that costs no more than there is room; if none does, least (or most, where that
    is less)."""
    amount = most
    while room is not None and cost(amount) > room and amount > least:
        amount = max(least, amount // 2)
    return amount


def _may(config: RunConfig, limit: float) -> str:
    return f"{limit / GB:.1f} GB {'are free' if config.model.memory_gb is None else 'are allowed'}"


def free_bytes(device: str) -> float | None:
    """What this process may take on the device: what it has and what is free; None where the system does not tell."""
    if torch.device(device).type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    found = available + _resident_bytes()
    try:  # a container's own limit
        allowed = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return found
    return found if allowed == "max" else min(found, int(allowed))


def give_back() -> None:
    """Returns to the system what this process has freed. glibc keeps freed blocks between used ones: with steps of
    different sizes that came to 4 GB in 40 steps (docs/LOG.md). With other C libraries nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return PROGRAM_BYTES
