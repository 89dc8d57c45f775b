"""Beginning a run: all that is checked, decided and said before its folder is there."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sleuth.config import RunConfig
from sleuth.engines import check_trl
from sleuth.errors import UserError, installing
from sleuth.files import free_disk_bytes
from sleuth.policy import extended, nano
from sleuth.policy.chat import fix_time, longest_said
from sleuth.policy.machine import choose_device, fast_dtype, fast_threads
from sleuth.policy.models import load_shape
from sleuth.policy.prompts import ask
from sleuth.progress import say
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.registry import get_task
from sleuth.runs.directory import INITIAL, RunDirectory
from sleuth.runs.fork import branch, origin
from sleuth.runs.mirrors import check_mirrors
from sleuth.runs.settings import aligned, located, pinned
from sleuth.training import checkpoints
from sleuth.training.curriculum import spec_of
from sleuth.training.estimate import Cost, estimate, expected, measured_rate
from sleuth.training.examples import read_examples
from sleuth.training.lowrank import trained
from sleuth.training.memory import Lengths, fitted
from sleuth.training.session import dress
from sleuth.training.sft import encode

LENGTH_MARGIN = 1.25
"""The longest puzzle of a level over one of them."""


def start(config: RunConfig, path: Path) -> RunDirectory:
    """A new run directory, with all that is decided at the start in its configuration.

    Raises `UserError` for puzzles that can't be made, a folder that is not empty, a device or a model that is not to be
    had, patterns of weights that match none, and a run that does not fit into memory.
    """
    RunDirectory.check_new(path)
    config = _checked(config)
    if config.model.made:
        model, tokenizer = _made(config)
        config = _outlined(config, path, model, tokenizer)

        def keep(run: RunDirectory) -> None:
            checkpoints.export_as_is(run.path / INITIAL, model, tokenizer)

        return RunDirectory.create(path, config, keep)
    return RunDirectory.create(path, _outlined(config, path, *load_shape(config.model.name, _dtype(config))))


def start_from(
    parent: RunDirectory, step: str, path: Path, config: RunConfig, changed: Mapping[str, object]
) -> RunDirectory:
    """A new run directory that goes on from a checkpoint of another run (`sleuth.runs.fork`), checked as one that
    begins with nothing. Raises `UserError` as `start` and `origin` do."""
    RunDirectory.check_new(path)
    config = aligned(parent.config, config)[1]
    source = origin(parent, step, config)
    config = _checked(config)
    shape = load_shape(parent.base_model, _dtype(config))
    return branch(parent, source, path, _outlined(config, path, *shape), changed)


Shape = tuple[Any, Any]
"""A model, of which the shape counts, and its tokenizer."""


def shape_of(config: RunConfig) -> Shape:
    """The shape that a run begins with. Raises `UserError` for a model that is not to be had."""
    return _made(config) if config.model.made else load_shape(config.model.name, _dtype(settled(config)))


def _made(config: RunConfig) -> Shape:
    return nano.make(config) if config.model.kind == "nano" else extended.make(config)


def cost_of(config: RunConfig, shape: Shape) -> Cost:
    """What a run would take that begins with such a model, checked as `start` does, but nothing is said or made.
    Raises `UserError` as `start` does."""
    model, tokenizer = shape
    config = _checked(config)
    trained({name: parameter.shape for name, parameter in model.named_parameters()}, config.weights)
    dress(tokenizer, config)
    lengths = _lengths(config, tokenizer)
    config, _ = fitted(config, model, lengths)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return expected(config, parameters, lengths, measured_rate(config.model.device, _dtype(config)))


def settled(config: RunConfig) -> RunConfig:
    """The configuration with what this machine decides filled in: device, number format, threads, and where a local
    model is. Raises `UserError` for a device that it has not."""
    device, dtype = choose_device(config.model.device), config.model.dtype
    if dtype == "auto":
        dtype = "bfloat16" if fast_dtype(device) is torch.bfloat16 else "float32"
    threads = config.model.threads or fast_threads(getattr(torch, dtype))
    chosen: dict[str, Any] = {"device": device, "dtype": dtype, "threads": threads}
    return located(config.model_copy(update={"model": config.model.model_copy(update=chosen)}))


def _dtype(config: RunConfig) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, config.model.dtype)
    return dtype


def _checked(config: RunConfig) -> RunConfig:
    """The configuration, pinned and settled, after all that can be said without a model."""
    config = pinned(config)
    for source in config.puzzles.sources:
        spec_of(source, "train", config.puzzles.seed, 1).check()
        get_task(source.family).check_mode(config.mode)
        if config.sampling.constrain and config.mode not in get_task(source.family).grammar_modes:
            raise UserError(f"sampling.constrain: {source.family} has no grammar to hold answers to; leave it out")
    check_mirrors(config)
    config = settled(config)
    if config.engine.kind == "trl":
        check_trl(config)
        if importlib.util.find_spec("trl") is None:
            raise UserError(f"engine.kind trl needs the extra 'trl' (trl is missing): {installing('trl')}")
    return config


def _outlined(config: RunConfig, path: Path, model: Any, tokenizer: Any) -> RunConfig:
    """The configuration, fitted to memory, after what it will cost was said. `model`: shapes are enough."""
    trained({name: parameter.shape for name, parameter in model.named_parameters()}, config.weights)
    config = _timed(config, tokenizer)
    dress(tokenizer, config)
    lengths = _lengths(config, tokenizer)
    _check_window(config, model, lengths)
    config, said = fitted(config, model, lengths)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    rate = measured_rate(config.model.device, _dtype(config))
    for line in [*said, *estimate(config, parameters, lengths, rate, free_disk_bytes(path))]:
        say(line)
    return config


def _timed(config: RunConfig, tokenizer: Any) -> RunConfig:
    """The configuration with the model's own or the present time, where its template asks for one and none is set."""
    time = fix_time(tokenizer, config.model.template_time)
    if config.model.template_time or not time:
        return config
    return config.model_copy(update={"model": config.model.model_copy(update={"template_time": time})})


def _check_window(config: RunConfig, model: Any, lengths: Lengths) -> None:
    """Raises `UserError` for sequences that a sliding window of the model would cut: sampling knows windows, training
    does not."""
    layers = getattr(model.config, "layer_types", None) or ["sliding_attention"]
    window = getattr(model.config, "sliding_window", None)
    if window is None or not getattr(model.config, "use_sliding_window", True) or "sliding_attention" not in layers:
        return
    new = config.sampling.max_new_tokens if config.grpo.steps else 0
    longest = lengths.prompt + max(new, lengths.target)
    if longest > window:
        raise UserError(
            f"model.name: this model attends to {window} tokens at a time (a sliding window), and sequences of this "
            f"run have up to about {longest}; training needs them whole: take shorter puzzles, a lower "
            "sampling.max_new_tokens or another model"
        )


def _lengths(config: RunConfig, tokenizer: Any) -> Lengths:
    """Judged from the first puzzle of each source, with something to spare: others are longer."""
    examples = []
    for source in config.puzzles.sources:
        puzzle = spec_of(source, "train", config.puzzles.seed, 1).make(0).puzzle
        shown = (
            gold_completion(puzzle, config.mode, config.sft.telling)
            if config.sft.examples and not config.sft.file
            else ""
        )
        examples.append(encode(tokenizer, ask(puzzle, config.mode), shown))
    if config.sft.file:
        try:
            pairs = read_examples(Path(config.sft.file))
        except UserError as error:
            raise UserError(f"sft.file: {error}") from None
        examples += [encode(tokenizer, *pair) for pair in pairs]
    return Lengths(
        prompt=int(LENGTH_MARGIN * max(len(example.prompt_tokens) for example in examples)),
        target=int(LENGTH_MARGIN * max(example.predicted_tokens for example in examples)),
        said=longest_said(tokenizer, puzzle.prompt) if config.grpo.retries else 0,
    )
