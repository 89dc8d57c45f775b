"""Who answers: the baselines by name, else a model that Sleuth's own engine runs."""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from sleuth.bench.result import ModelFacts, Settings, Training
from sleuth.bench.run import WithinContext
from sleuth.bench.stored import MOST
from sleuth.errors import UserError
from sleuth.files import read_text
from sleuth.model_names import local_folder
from sleuth.policy.base import Policy
from sleuth.policy.baselines import guessing, solver
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_task

if TYPE_CHECKING:
    from sleuth.policy.models import Loaded

BASELINES = ("guessing", "solver")
PROVIDERS = frozenset(
    (
        "anthropic",
        "azureai",
        "bedrock",
        "cloudflare",
        "deepseek",
        "fireworks",
        "google",
        "grok",
        "groq",
        "hf-inference-providers",
        "litellm-proxy",
        "llama-cpp-python",
        "meta",
        "mistral",
        "moonshot",
        "ollama",
        "openai",
        "openai-api",
        "openrouter",
        "perplexity",
        "sagemaker",
        "sambanova",
        "sglang",
        "sleuth",
        "together",
        "vllm",
    )
)
"""First parts of the names of models that are asked through Inspect, as Inspect has them."""


@dataclass(frozen=True, slots=True)
class Interface:
    """How a model behind an interface is asked."""

    retries: int = 3
    """After a request that failed in a way that may pass."""
    timeout_s: int = 300
    """Longest wait for one reply."""
    connections: int = 16
    """Requests under way at once."""

    def __post_init__(self) -> None:
        """Raises `UserError` for what cannot be."""
        if self.retries < 0 or self.timeout_s < 1 or self.connections < 1:
            raise UserError("--max-retries is 0 or more, --timeout and --connections are 1 or more")


def behind_interface(name: str) -> bool:
    """Whether a name is one of Inspect's (`openai/gpt-5`), and not the folder of a model."""
    provider, slash, model = name.partition("/")
    return bool(slash and model) and provider in PROVIDERS and local_folder(name) is None


def check_interface(settings: Settings) -> None:
    """Raises `UserError` where the extra `inspect` is missing, and for settings that no interface takes."""
    if importlib.util.find_spec("inspect_ai") is None:
        raise UserError("models behind an interface need the extra 'inspect': pip install 'sleuth[inspect]'")
    if settings.constrain or settings.until != "end":
        raise UserError("--constrain and --until are for models that Sleuth runs itself")


def check_engine(name: str, settings: Settings) -> None:
    """Raises `UserError` for settings that only models behind an interface take."""
    if settings.effort is not None or settings.thinking_tokens is not None:
        raise UserError(f"{name}: --effort and --thinking-tokens are for models behind an interface, such as openai/…")


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
    facts = ModelFacts(
        name=name, kind="engine", quantisation=loaded.quantisation, training=training_of(Path(loaded.source))
    )
    return Contestant(facts, engine_policy(loaded))


def engine_policy(loaded: Loaded) -> Policy:
    """A loaded model as a policy that leaves out what its context has no room for."""
    from sleuth.policy.chat import prompt_tokens
    from sleuth.policy.engine import TorchPolicy

    context = getattr(loaded.model.config, "max_position_embeddings", None)
    policy = TorchPolicy(loaded.model, loaded.tokenizer)
    return WithinContext(policy, functools.partial(prompt_tokens, loaded.tokenizer), context)


def training_of(folder: Path) -> Training | None:
    """What a model's folder says of its training (`training.json`), or the run that it is in (`RUN/model`,
    `RUN/checkpoints/…`); None where neither does. Raises `UserError` for a damaged file."""
    card = folder / "training.json"
    if card.is_file():
        try:
            return Training.model_validate_json(read_text(card))
        except ValidationError as error:
            raise UserError(f"{card}: not what a training was ({error.errors()[0]['msg']})") from None
    for run_folder in folder.absolute().parents[:2]:
        if (run_folder / "config.json").is_file() and (run_folder / "metrics.jsonl").is_file():
            from sleuth.runs.directory import RunDirectory
            from sleuth.runs.metrics import seconds_of

            run = RunDirectory.open(run_folder)
            sources = (f"{get_task(source.family).id}/{source.level}" for source in run.config.puzzles.sources)
            seconds = math.fsum(seconds_of(line.values) for line in run.read_timings())
            if seconds > MOST:
                raise UserError(f"{run_folder / 'timings.jsonl'}: it sums up to {seconds:.3g} seconds")
            return Training(sources=tuple(dict.fromkeys(sources)), seconds=seconds)
    return None
