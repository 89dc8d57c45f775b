"""Who answers: the baselines by name, else a model that Sleuth's own engine runs."""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sleuth.bench.result import ModelFacts, Training
from sleuth.bench.run import WithinContext
from sleuth.errors import UserError
from sleuth.policy.base import Policy
from sleuth.policy.baselines import guessing, solver
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_task

if TYPE_CHECKING:
    from sleuth.policy.models import Loaded

BASELINES = ("guessing", "solver")


@dataclass(frozen=True, slots=True)
class Contestant:
    """A policy and what is known of it."""

    facts: ModelFacts
    policy: Policy


def contestant(name: str, puzzles: Sequence[Puzzle], seed: int, device: str) -> Contestant:
    """`guessing` and `solver` need only the puzzles; every other name is a model's, as `sleuth eval` takes it.

    Raises `UserError` for a model that is not there or cannot be read, and where the extra `train` is missing.
    """
    if name in BASELINES:
        policy = guessing(puzzles, seed) if name == "guessing" else solver(puzzles)
        return Contestant(ModelFacts(name=name, kind="baseline"), policy)
    needed = ("torch", "transformers", "llguidance")
    if missing := [module for module in needed if importlib.util.find_spec(module) is None]:
        raise UserError(f"models need the extra 'train' ({missing[0]} is missing): pip install 'sleuth[train]'")
    from sleuth.policy.machine import choose_device, fast_dtype
    from sleuth.policy.models import load_model

    chosen = choose_device(device)
    loaded = load_model(name, fast_dtype(chosen), chosen)
    facts = ModelFacts(name=name, kind="engine", quantisation=loaded.quantisation, training=training_of(Path(name)))
    return Contestant(facts, engine_policy(loaded))


def engine_policy(loaded: Loaded) -> Policy:
    """A loaded model as a policy that leaves out what its context has no room for."""
    from sleuth.policy.chat import prompt_tokens
    from sleuth.policy.engine import TorchPolicy

    context = getattr(loaded.model.config, "max_position_embeddings", None)
    policy = TorchPolicy(loaded.model, loaded.tokenizer)
    return WithinContext(policy, functools.partial(prompt_tokens, loaded.tokenizer), context)


def training_of(folder: Path) -> Training | None:
    """What a run says of the model in it (`RUN/model`, `RUN/checkpoints/…`); None for a folder of no run."""
    for run_folder in folder.absolute().parents[:2]:
        if (run_folder / "config.json").is_file() and (run_folder / "metrics.jsonl").is_file():
            from sleuth.runs.directory import RunDirectory

            run = RunDirectory.open(run_folder)
            sources = (f"{get_task(source.family).id}/{source.level}" for source in run.config.puzzles.sources)
            seconds = math.fsum(
                value for line in run.read_timings() for name, value in line.values.items() if name.endswith("_s")
            )
            return Training(sources=tuple(dict.fromkeys(sources)), seconds=seconds)
    return None
