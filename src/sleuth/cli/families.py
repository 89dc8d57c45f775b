"""What `--help` says of families, from the registry: their levels and styles.

Loading all families takes longer than most commands, so it is done only where help is asked for.
"""

from __future__ import annotations

from cyclopts import App

from sleuth.errors import UserError
from sleuth.puzzles.registry import family_names, get_task
from sleuth.puzzles.task import MIXED

VERBS = ("make", "distill", "eval", "play", "book")
"""Those that are given a family."""
HELP = frozenset({"--help", "-h"})


def families_help() -> str:
    """Each family with its styles, and what its levels are."""
    paragraphs = ["Families:"]
    for name in family_names():
        try:
            task = get_task(name)
        except UserError as error:  # of a package of someone else's
            paragraphs.append(f"`{name}`: {error}")
            continue
        styles = ", ".join(f"`{style}`" for style in (*task.styles, MIXED))
        levels = "\n".join(f"- `{level}`: {said}" for level, said in task.levels.items())
        paragraphs.append(f"**{name}** (styles {styles}):\n\n{levels}")
    paragraphs.append("Tasks of reasoning-gym (extra `gym`), such as `reasoning-gym/chain_sum`, have level `default`.")
    return "\n\n".join(paragraphs)


def describe_families(app: App) -> None:
    """Puts the paragraphs under the help of the verbs that are given a family."""
    text = families_help()
    for verb in VERBS:
        app[verb].help_epilogue = text
