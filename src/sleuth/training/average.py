"""The mean of several models' weights, which is often better than each of them where one was trained on from the other
or all from the same (Wortsman et al. 2022, "Model soups", and "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from sleuth.errors import UserError
from sleuth.files import check_folder
from sleuth.policy.models import Loaded, load_model
from sleuth.training.checkpoints import export_as_is


def average(models: Sequence[str], out: Path) -> None:
    """Writes a model whose weights are the means of those of `models` (names as `load_model` takes them), float32, with
    configuration and tokenizer of the first.

    Raises `UserError` for fewer than two, for models of different architecture or vocabulary, and where `out` exists
    or cannot be made.
    """
    if len(models) < 2:
        raise UserError(f"{len(models)} model to average; name at least two")
    if out.exists():
        raise UserError(f"{out} is there already; give another folder with --out")
    check_folder(out)
    mean = load_model(models[0], torch.float32, "cpu")
    parameters = dict(mean.model.named_parameters())
    with torch.no_grad():
        for name in models[1:]:
            other = load_model(name, torch.float32, "cpu")
            _check_twin(mean, other)
            for key, weight in other.model.named_parameters():
                parameters[key] += weight
        for weight in parameters.values():
            weight /= len(models)
    export_as_is(out, mean.model, mean.tokenizer)


def _check_twin(one: Loaded, other: Loaded) -> None:
    shapes = [{key: weight.shape for key, weight in each.model.named_parameters()} for each in (one, other)]
    if shapes[0] != shapes[1]:
        raise UserError(f"{other.name} has other weights than {one.name}; only models of one architecture have a mean")
    if one.tokenizer.get_vocab() != other.tokenizer.get_vocab():
        raise UserError(f"{other.name} has another vocabulary than {one.name}; their weights mean different tokens")
