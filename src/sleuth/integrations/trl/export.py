"""`sleuth export trl`: a folder with all that TRL needs to run a recipe's GRPO. Of Sleuth it needs only the reward."""

from __future__ import annotations

import shutil
from pathlib import Path

from sleuth.config import RunConfig
from sleuth.engines import check_trl
from sleuth.errors import UserError
from sleuth.files import atomic_write, check_folder, writing
from sleuth.integrations.trl import scripts
from sleuth.integrations.trl.arguments import DATA, SETTINGS, as_yaml, on_cpu, trl_arguments
from sleuth.integrations.trl.data import write_data
from sleuth.model_names import local_folder
from sleuth.puzzles.registry import get_task
from sleuth.training.curriculum import spec_of

_HEAD = """\
# The recipe "{name}" in TRL's terms, made by `sleuth export trl`; run it with: trl grpo --config grpo.yaml
# Change settings in the recipe and export again: several keys, and the data, belong together.
"""


def export_trl(config: RunConfig, folder: Path) -> None:
    """Writes the folder, which is new or empty.

    Raises `UserError` for keys that TRL has no equivalent of, puzzles that cannot be made, and a folder that cannot be
    written.
    """
    _check(config)
    check_folder(folder)
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder}: the folder holds something; choose one that is new or empty")
    model = model_path(config.model.name)
    unfinished = folder.absolute().with_name(f".{folder.absolute().name}.tmp")
    """What takes the folder's place once it is whole; what a killed export left is thrown away."""
    with writing(folder):
        shutil.rmtree(unfinished, ignore_errors=True)
        (unfinished / scripts.ACCELERATE).mkdir(parents=True)
    try:
        write_data(unfinished / DATA, config)
        write_settings(unfinished, config, model)
        for name, text in scripts.files(config, model).items():
            atomic_write(unfinished / name, text.encode())
            if name.endswith(".sh"):
                (unfinished / name).chmod(0o755)
        with writing(folder):
            unfinished.replace(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def write_settings(folder: Path, config: RunConfig, model: str, **others: object) -> None:
    """Writes `grpo.yaml`; `others` are set on top of what the recipe says."""
    text = _HEAD.format(name=config.name) + as_yaml(trl_arguments(config, model) | others)
    atomic_write(folder / SETTINGS, text.encode())


def model_path(name: str) -> str:
    """A model as TRL finds it from any folder: an absolute path or a Hugging Face id."""
    if (local := local_folder(name)) is not None:
        return str(local.resolve())
    if "/" in name and not name.startswith((".", "/", "~")):
        return name
    from sleuth.policy.models import folder_of  # needs the extra `train`

    return str(folder_of(name))


def _check(config: RunConfig) -> None:
    """Raises `UserError` for what only a run of Sleuth's own can do, and for puzzles that there are not."""
    check_trl(config)
    if config.sft.examples:
        raise UserError(
            f"sft.examples {config.sft.examples}: an export is GRPO alone. Make the warm start with sleuth train and "
            "--grpo.steps 0, then export with --sft.examples 0 and --model.name RUN/model"
        )
    if config.model.made:
        raise UserError(
            f"model.kind {config.model.kind}: a run makes that model; train it first, and export with "
            "--model.name RUN/model"
        )
    if config.model.template == "plain" or config.model.template_time:
        raise UserError(
            "model.template plain and model.template_time are for sleuth train --engine trl, which makes the prompts "
            "itself; leave them out of an export"
        )
    if on_cpu(config) and config.engine.vllm_server:
        raise UserError("engine.vllm_server: vLLM needs graphics cards, and model.device is cpu; leave one out")
    for source in config.puzzles.sources:
        spec_of(source, "train", config.puzzles.seed, 1).check()
        get_task(source.family).check_mode(config.mode)
