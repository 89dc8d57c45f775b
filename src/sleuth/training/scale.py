"""What a GRPO run would take on graphics cards: a cost model on paper. Nothing here was measured on one.

A step is the sum of what happens one after the other:

    sampling     all new tokens, by the rate of one decode step with as many rows as fit into memory
    last rows    the longest completion goes on alone: its tokens cannot be computed side by side
    training     forward, backward and recomputed activations: 8 operations a parameter and token; with LoRA (low-rank
                 adaptation) 6, since the model's own weights have no gradients
    exchange     what the cards send one another for each update, where that takes longer than computing it
                 (with LoRA next to nothing is sent)
    offload      what goes to the host's memory and back for each update, where the optimizer is there
    fixed        starting an engine, loading weights, copying them

A decode step reads all weights once, and the keys and values of every row, and computes 2 operations a parameter and
row; the slower of the two counts, and the engine's own time on top. Attention's products are left out: at 2,000 tokens
they are less than a tenth. `docs/explanation/scale.md` says where each rate is from.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from sleuth.config import NANO_WIDTH, ModelConfig
from sleuth.errors import UserError, nearest
from sleuth.model_names import SHIPPED, SHIPPED_FOLDER, local_folder

BYTES = 2
"""Of a number: bfloat16."""
NODE = 8
"""Graphics cards of one machine, which are joined by a faster link than machines are."""
MACHINE_LINK = 50e9
"""Bytes a second and card between machines: 400 Gbit/s InfiniBand."""
MEMORY_SHARE = 0.9
"""Of a card's memory that the sampler may use."""
TRAINED_BYTES = 16
"""Of a parameter in training: bfloat16 weight and gradient, float32 master and two moments. With LoRA: `BYTES`."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card, by its maker's data sheet."""

    flops: float
    """Operations a second, bfloat16, dense."""
    bandwidth: float
    """Bytes a second of its memory."""
    memory: float
    """Bytes."""
    link: float
    """Bytes a second to the other cards of its machine, in one direction."""


GPUS = {
    "a100": Gpu(312e12, 2.04e12, 80e9, 300e9),
    "h100": Gpu(989e12, 3.35e12, 80e9, 450e9),
    "h200": Gpu(989e12, 4.8e12, 141e9, 450e9),
    "b200": Gpu(2250e12, 8.0e12, 180e9, 900e9),
}
"""SXM versions: A100 80 GB, H100, H200, B200."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a model the cost depends on."""

    parameters: float
    key_value_bytes: float
    """Of one token in all layers."""

    @property
    def weight_bytes(self) -> float:
        return BYTES * self.parameters


def _shape(parameters: float, layers: int, width: int) -> Shape:
    """`width`: of the keys of a layer, all heads."""
    return Shape(parameters, 2 * layers * width * BYTES)


SHAPES = {
    "smollm2-135m": _shape(134.5e6, 30, 192),
    "Qwen/Qwen2.5-0.5B-Instruct": _shape(0.494e9, 24, 128),
    "Qwen/Qwen2.5-1.5B-Instruct": _shape(1.54e9, 28, 256),
    "Qwen/Qwen2.5-3B-Instruct": _shape(3.09e9, 36, 256),
    "Qwen/Qwen2.5-7B-Instruct": _shape(7.62e9, 28, 512),
    "Qwen/Qwen2.5-14B-Instruct": _shape(14.8e9, 48, 1024),
    "Qwen/Qwen2.5-32B-Instruct": _shape(32.8e9, 64, 1024),
}
"""Models whose shape is known without their files."""


@dataclass(frozen=True, slots=True)
class Work:
    """One step of GRPO."""

    puzzles: int
    samples: int
    prompt_tokens: float
    completion_tokens: float
    """On average."""
    longest_tokens: float
    """The longest completion."""
    updates: float
    """Updates of a step."""
    lora: bool = False
    """Whether low-rank adapters are trained in the place of all weights. Their own cost is left out."""

    @property
    def rows(self) -> int:
        return self.puzzles * self.samples


@dataclass(frozen=True, slots=True)
class Engine:
    """How well a program uses the cards, and what it does besides."""

    bandwidth_share: float
    """Of the memory's rate that decoding gets."""
    decode_share: float
    """Of the rate of operations that decoding gets."""
    training_share: float
    """Of the rate of operations that training gets."""
    launch_s: float
    """A decode step's own time, whatever it computes."""
    fixed_s: float
    """Once a step."""
    share_prompts: bool
    """Whether training computes a prompt once for its whole group."""
    one_copy: bool
    """Whether all cards sample as one (tensor parallel); otherwise each few that hold a copy sample on their own."""
    offload_bytes: float = 0
    """Of a parameter, to the host or back, in every update."""
    offload_rate: float = 25e9
    """Bytes a second and card."""


ENGINES = {
    "2025": Engine(0.6, 0.4, 0.35, 0.025, 300, True, True, offload_bytes=14),
    "now": Engine(0.7, 0.5, 0.4, 0.004, 20, True, False),
}
"""`2025`: the recipe of that year (an engine started anew in every step, launched operation by operation; the optimizer
on the host). `now`: an engine that stays, with captured graphs and copies that sample on their own."""


@dataclass(frozen=True, slots=True)
class Step:
    """Seconds of a step, by part."""

    sampling_s: float
    last_rows_s: float
    training_s: float
    exchange_s: float
    offload_s: float
    fixed_s: float

    @property
    def total_s(self) -> float:
        return math.fsum(seconds for _, seconds in self.parts)

    @property
    def parts(self) -> list[tuple[str, float]]:
        """Name and seconds of each."""
        return [
            ("sampling", self.sampling_s),
            ("last rows", self.last_rows_s),
            ("training", self.training_s),
            ("exchange", self.exchange_s),
            ("offload", self.offload_s),
            ("fixed", self.fixed_s),
        ]


def shape_of(model: str) -> Shape:
    """A model's shape, by its name or from the `config.json` of its folder. Raises `UserError` for another name."""
    if model in SHAPES:
        return SHAPES[model]
    folder = SHIPPED_FOLDER / model if model in SHIPPED else local_folder(model)
    path = (folder or Path(model)) / "config.json"
    if folder is None or not path.is_file():
        known = nearest(model, list(SHAPES))
        raise UserError(
            f"the size of {model!r} is not known; name a folder with its config.json, or a model that is: {known}"
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        hidden, layers, between = (config[name] for name in ("hidden_size", "num_hidden_layers", "intermediate_size"))
        heads = config["num_attention_heads"]
        head = config.get("head_dim") or hidden // heads
        width = head * config.get("num_key_value_heads", heads)
        embeddings = config["vocab_size"] * hidden * (1 if config.get("tie_word_embeddings") else 2)
        layer = 2 * hidden * head * heads + 2 * hidden * width + 3 * hidden * between
        return _shape(float(layers * layer + embeddings), layers, width)
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: no configuration of a model that Sleuth can train") from None


def nano_shape(sizes: ModelConfig) -> Shape:
    """The shape of a nano model with as many tokens as it may have at most."""
    layer = (4 + 3 * NANO_WIDTH) * sizes.hidden**2
    return _shape(float(sizes.layers * layer + sizes.vocabulary * sizes.hidden), sizes.layers, sizes.hidden)


def gpu_of(name: str) -> Gpu:
    """A card by name. Raises `UserError` for one that is not known."""
    if name.lower() not in GPUS:
        raise UserError(f"unknown GPU {name!r}; {nearest(name.lower(), list(GPUS))}")
    return GPUS[name.lower()]


def step(shape: Shape, work: Work, gpu: Gpu, gpus: int, engine: Engine) -> Step:
    """What a step takes. Raises `UserError` for cards that the model does not fit on."""
    if gpus < 1:
        raise UserError(f"--gpus {gpus}: 1 or more")
    copy = gpus if engine.one_copy else _cards_of_a_copy(shape, gpu, gpus)
    held = shape.weight_bytes if work.lora else TRAINED_BYTES * shape.parameters
    if not engine.offload_bytes and held > MEMORY_SHARE * gpu.memory * gpus:
        needed = math.ceil(held / (MEMORY_SHARE * gpu.memory))
        raise UserError(
            f"training needs {held / 1e9:.0f} GB for {'weights' if work.lora else 'weights and optimizer'}; take "
            f"{needed} or more of these GPUs{'' if work.lora else ', or LoRA (--weights.lora_rank)'}"
        )
    copies = max(1, gpus // copy)
    context = work.prompt_tokens + work.completion_tokens / 2
    room = (MEMORY_SHARE * gpu.memory * copy - shape.weight_bytes) / (shape.key_value_bytes * context)
    if room < 1:
        raise UserError(
            f"{copy} of these GPUs have no room for {shape.weight_bytes / 1e9:.0f} GB of weights; take more"
        )
    rows = min(work.rows / copies, room)
    new = work.rows * work.completion_tokens
    rate = copies * rows / _decode_s(shape, rows, context, gpu, copy, engine)
    alone = max(0.0, work.longest_tokens - work.completion_tokens)
    trained = new + work.prompt_tokens * (work.puzzles if engine.share_prompts else work.rows)
    training_s = (6 if work.lora else 8) * shape.parameters * trained / (gpu.flops * gpus * engine.training_share)
    link = gpu.link if gpus <= NODE else MACHINE_LINK
    sent_s = 0.0 if gpus == 1 or work.lora else work.updates * 3 * shape.weight_bytes / link
    moved_bytes = 0.0 if work.lora else work.updates * engine.offload_bytes * shape.parameters
    return Step(
        sampling_s=new / rate + 2 * shape.parameters * work.prompt_tokens * work.puzzles / (gpu.flops * gpus * 0.5),
        last_rows_s=alone * _decode_s(shape, 1, work.longest_tokens, gpu, copy, engine),
        training_s=training_s,
        exchange_s=max(0.0, sent_s - training_s),
        offload_s=moved_bytes / (engine.offload_rate * gpus),
        fixed_s=engine.fixed_s,
    )


def _cards_of_a_copy(shape: Shape, gpu: Gpu, gpus: int) -> int:
    """The fewest cards, a power of two, of which the weights take at most half."""
    copy = 1
    while copy < gpus and shape.weight_bytes > gpu.memory * copy / 2:
        copy *= 2
    return min(copy, gpus)


def _decode_s(shape: Shape, rows: float, context: float, gpu: Gpu, cards: int, engine: Engine) -> float:
    """Seconds of one decode step."""
    read = (shape.weight_bytes + rows * context * shape.key_value_bytes) / (
        gpu.bandwidth * cards * engine.bandwidth_share
    )
    computed = 2 * shape.parameters * rows / (gpu.flops * cards * engine.decode_share)
    return engine.launch_s + max(read, computed)
