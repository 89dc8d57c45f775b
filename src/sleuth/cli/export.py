"""The verb `export`: a recipe's work for the engines of others, one command for each."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from sleuth.cli.app import KeyValue, app
from sleuth.cli.training import KEY_TABLE
from sleuth.recipes import load_recipe, parse_overrides

export = App(name="export", help="Write what an engine of others needs to run a recipe.")
app.command(export)


@export.command(help_epilogue=KEY_TABLE)
def trl(
    recipe: Path,
    /,
    *key_values: KeyValue,
    out: Path,
    processes: str | None = None,
) -> None:
    """Write a recipe's GRPO for TRL: data, `grpo.yaml`, configurations for accelerate, scripts.

    Parameters
    ----------
    recipe
        Recipe (.toml) without a warm start.
    out
        Folder to write, new or empty.
    processes
        Short for `--engine.processes`: how many processes will train, on graphics cards one for each.
    """
    from sleuth.commands import export_to_trl

    given = {} if processes is None else {"engine.processes": processes}
    overrides = {"engine.kind": "trl"} | parse_overrides(key_values) | given
    export_to_trl(load_recipe(recipe, overrides), out)
