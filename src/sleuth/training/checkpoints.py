"""What a run resumes from: folders in Hugging Face layout that are whole or passed over.

    step_000100/
        config.json, generation_config.json, tokenizer files
        model.safetensors        the weights in float32, so that nothing is lost
        optimizer.safetensors    AdamW's state
        trainer_state.json       the caller's state, and a SHA-256 of it and of every other file

A checkpoint is written under another name, brought to the disk and renamed. Older ones go only after that and are
renamed first, so that a process killed at any moment leaves only whole folders under this name. Since every draw of a
run is keyed by its seed and step, weights, optimizer state and step are all there is to keep: a resumed run goes on to
the same bits.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from sleuth.errors import UserError
from sleuth.files import writing
from sleuth.policy.models import quiet_transformers
from sleuth.runs.directory import WEIGHTS, step_of
from sleuth.training.optimizer import MasterOptimizer

OPTIMIZER = "optimizer.safetensors"
STATE = "trainer_state.json"

log = logging.getLogger(__name__)


def save(
    folder: Path,
    step: int,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    optimizer: MasterOptimizer,
    state: dict[str, Any],
    keep: int,
    also: Callable[[int], bool] = lambda step: False,
) -> Path:
    """Writes `folder`/step_… with the caller's `state` (plain JSON data), then removes all but the newest `keep` and
    those of steps that `also` names.

    A whole checkpoint of the same step is left as it is. Raises `UserError` when the disk is full or not writable; what
    was there before is then still there.
    """
    target = folder / f"step_{step:06d}"
    if not target.exists() or _fault(target) is not None:
        with _whole_folder(target) as temporary:
            _write_model(temporary, model, tokenizer, optimizer)
            save_file(optimizer.state(), temporary / OPTIMIZER)
            files = {path.name: _digest(path) for path in sorted(temporary.iterdir())}
            seal = {"state": state, "files": files, "state_sha256": _state_digest(state)}
            (temporary / STATE).write_text(json.dumps(seal, indent=2) + "\n", encoding="utf-8")
    remove_old(folder, step, keep, also)
    return target


def remove_old(folder: Path, step: int, keep: int, also: Callable[[int], bool] = lambda step: False) -> None:
    """Removes all checkpoints up to `step` but the newest `keep` and those of steps that `also` names, and what a
    killed process left half-written or half-removed. Later ones stay: they are damaged, or the run would be there."""
    for old in [path for path in _newest_first(folder) if step_of(path) <= step][keep:]:
        if not also(step_of(old)):
            old.rename(_temporary(old))
    for left in folder.glob(_temporary(folder / "step_*").name):
        shutil.rmtree(left)


def load_latest(folder: Path, optimizer: MasterOptimizer) -> dict[str, Any] | None:
    """Puts the newest whole checkpoint's weights and optimizer state into `optimizer` and its model, and returns the
    state that was saved with it; None, with nothing changed, if there is none.

    A damaged checkpoint is passed over with a warning. Raises `UserError` if a checkpoint is of another model.
    """
    for path in _newest_first(folder):
        if (fault := _fault(path)) is not None:
            log.warning("passing over damaged checkpoint %s: %s", path, fault)
            continue
        weights = load_file(path / WEIGHTS)
        if {name: tensor.shape for name, tensor in weights.items()} != optimizer.shapes:
            raise UserError(f"{path} holds the weights of another model; resume with the model that the run began with")
        optimizer.load(weights, load_file(path / OPTIMIZER))
        state: dict[str, Any] = json.loads((path / STATE).read_text(encoding="utf-8"))["state"]
        return state
    return None


def export(
    folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, optimizer: MasterOptimizer
) -> Path:
    """Writes the model alone, float32, for use elsewhere: `AutoModelForCausalLM.from_pretrained(folder)` reads it.
    Replaces what `folder` held."""
    with _whole_folder(folder) as temporary:
        _write_model(temporary, model, tokenizer, optimizer)
    return folder


def export_as_is(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Path:
    """Writes the model in the number format that it computes in. Replaces what `folder` held."""
    with _whole_folder(folder) as temporary, quiet_transformers():
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
    return folder


def _temporary(folder: Path) -> Path:
    """The name of a folder that is being written or removed."""
    return folder.with_name(f".{folder.name}.tmp")


@contextmanager
def _whole_folder(target: Path) -> Iterator[Path]:
    """A folder to write into, which takes the target's place once all is on the disk; nothing is left on failure."""
    temporary = _temporary(target)
    with writing(target):
        if temporary.exists():  # of a killed process
            shutil.rmtree(temporary)
        temporary.mkdir(parents=True)
        try:
            yield temporary
            for path in [*temporary.iterdir(), temporary]:
                _sync(path)
            if target.exists():
                shutil.rmtree(target)
            temporary.rename(target)
            _sync(target.parent)
        except SafetensorError as error:
            raise UserError(f"{target} cannot be written ({error}); free some disk space, then resume") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _write_model(
    folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, optimizer: MasterOptimizer
) -> None:
    model.config.save_pretrained(folder)
    # The configuration names the number format that the model computed in; the file holds float32.
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    config["architectures"] = [type(model).__name__]
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if model.generation_config is not None:
        model.generation_config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    weights = {name: tensor.contiguous() for name, tensor in optimizer.weights().items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step_*"), key=step_of, reverse=True)


def _fault(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, None if it is whole."""
    try:
        seal = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        if _state_digest(seal["state"]) != seal["state_sha256"]:
            return f"{STATE} was changed"
        for name, digest in seal["files"].items():
            if _digest(checkpoint / name) != digest:
                return f"{name} was changed or cut"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{STATE} cannot be read"
    return None


def _state_digest(state: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Brings a file, or a folder's entries where they can be opened (not on Windows), to the disk."""
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
