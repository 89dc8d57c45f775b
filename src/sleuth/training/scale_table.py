"""`sleuth estimate`: the cost model of `sleuth.training.scale` for a recipe, as a table."""

from __future__ import annotations

from sleuth.config import RunConfig
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError, counted
from sleuth.policy.prompts import ask
from sleuth.progress import tell
from sleuth.training.scale import ENGINES, NODE, Step, Work, gpu_of, nano_shape, shape_of, step
from sleuth.visible import table

CHARACTERS = 4
"""Of a token, in English and with a large vocabulary."""
ASKED = 4
"""Puzzles of each source whose prompts are measured."""
COMPLETION_TOKENS = 1000
"""What the recipe of 2025 expects at its start."""


def work_of(config: RunConfig, prompt_tokens: int | None, completion_tokens: int | None) -> Work:
    """A GRPO step of a recipe. Raises `UserError` for one without GRPO, and for lengths that cannot be."""
    grpo, longest = config.grpo, config.sampling.max_new_tokens
    if not grpo.steps:
        raise UserError("this recipe has no GRPO steps (grpo.steps 0), and only these are estimated")
    completion = completion_tokens if completion_tokens is not None else min(COMPLETION_TOKENS, longest / 2)
    prompt = prompt_tokens if prompt_tokens is not None else _prompt_tokens(config)
    if not 1 <= completion <= longest:
        raise UserError(f"--completion-tokens {completion:g}: from 1 to sampling.max_new_tokens, {longest}")
    if prompt < 1:
        raise UserError(f"--prompt-tokens {prompt:g}: 1 or more")
    lora = config.weights.lora_rank > 0
    return Work(grpo.puzzles_per_step, grpo.samples, prompt, completion, longest, grpo.updates_per_batch, lora)


def show_estimate(
    config: RunConfig, gpus: int, gpu: str, engine: str, prompt_tokens: int | None, completion_tokens: int | None
) -> None:
    """Prints what a recipe would take, and what that follows from."""
    from rich.console import Console

    work, steps = work_of(config, prompt_tokens, completion_tokens), config.grpo.steps
    nano = config.model.kind == "nano"
    shape = nano_shape(config.model) if nano else shape_of(config.model.name)
    found = step(shape, work, gpu_of(gpu), gpus, ENGINES[engine])
    named = "a nano model" if nano else config.model.name
    title = f"{named} on {gpus} × {gpu.upper()}, engine {engine}: an estimate on paper"
    rows = [(name, f"{seconds:.1f}", f"{seconds / found.total_s:.0%}") for name, seconds in found.parts]
    rows.append(("a step", f"{found.total_s:.1f}", ""))
    hours = found.total_s * steps / 3600
    Console().print(table(("part of a step", "seconds", "share"), rows, title))
    lines = [
        f"a step: {work.puzzles} × {work.samples} completions of {work.completion_tokens:.0f} tokens on average, "
        f"{work.longest_tokens:.0f} at most; prompts of {work.prompt_tokens:.0f}; {work.updates:g} updates",
        f"{counted(steps, 'step')}: {hours:.1f} hours, {hours * gpus:.0f} GPU hours; the warm start and evaluations "
        "are left out",
        limit(found, gpus),
    ]
    for line in lines:
        tell(line)


def limit(found: Step, gpus: int) -> str:
    """What further cards would not shorten."""
    stays = found.last_rows_s + found.exchange_s + found.fixed_s
    share = f"further GPUs shorten at most {1 - stays / found.total_s:.0%} of a step"
    if found.exchange_s > 0 and gpus > NODE:
        return f"{share}: the updates wait for the link between machines; larger updates would wait less"
    return f"{share}: the longest completion and what is fixed stay"


def _prompt_tokens(config: RunConfig) -> float:
    lengths = []
    for source in config.puzzles.sources:
        order = PuzzleSpec(source.family, source.level, "train", config.puzzles.seed, ASKED, source.style, source.names)
        order.check()
        for index in range(ASKED):
            request = ask(order.make(index).puzzle, config.mode)
            lengths.append(len(request.system) + len(request.user))
    return sum(lengths) / len(lengths) / CHARACTERS
