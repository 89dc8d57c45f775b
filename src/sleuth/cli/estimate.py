"""The verb that says what a recipe would take on graphics cards: estimate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from sleuth.cli.app import RECIPE, KeyValue, Whole, app
from sleuth.recipes import load_recipe, parse_overrides


@app.command
def estimate(
    recipe: Annotated[Path, RECIPE],
    /,
    *key_values: KeyValue,
    gpus: Whole = 8,
    gpu: str = "h100",
    engine: Literal["now", "2025"] = "now",
    prompt_tokens: Whole | None = None,
    completion_tokens: Whole | None = None,
) -> None:
    """Estimate what the GRPO steps of a recipe would take on graphics cards, on paper (docs/explanation/scale.md).

    Parameters
    ----------
    gpus
        Number of GPUs.
    gpu
        `a100`, `h100`, `h200` or `b200`.
    engine
        `now`: an engine that stays up, with captured graphs. `2025`: as in the recipe of that year.
    prompt_tokens
        Mean length of a prompt; by default that of a few of the recipe's puzzles, at four characters a token.
    completion_tokens
        Mean length of a completion; by default 1,000, or half of the longest where that is less.
    """
    from sleuth.training.scale_table import show_estimate

    config = load_recipe(recipe, parse_overrides(key_values))
    show_estimate(config, gpus, gpu, engine, prompt_tokens, completion_tokens)
