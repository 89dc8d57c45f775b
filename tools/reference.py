"""Writes the reference pages that follow from the program itself: keys of a recipe, commands, families.

    python -m tools.reference

`tests/test_docs.py` compares the pages with what this would write.
"""

from __future__ import annotations

import re
from pathlib import Path

from sleuth.cli import app
from sleuth.puzzles.registry import family_ids, get_task
from sleuth.puzzles.task import MIXED
from sleuth.recipes import keys

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


def recipe_page() -> str:
    """The keys of a recipe, from the documentation of the configuration's attributes."""
    lines = [
        "# Keys of a recipe",
        "",
        "Every key can be set in a recipe (`[grpo]`, then `steps = 20`) and as an option (`--grpo.steps 20`). "
        "`sleuth train --help` prints the same list. This page is made from the configuration by `make reference`.",
    ]
    section = None
    for name, kind, default, text in keys():
        if name.rpartition(".")[0] != section:
            section = name.rpartition(".")[0]
            lines += [
                "",
                f"## {section or 'The run'}",
                "",
                "| key | type | default | what |",
                "| --- | --- | --- | --- |",
            ]
        shown = "" if default == "" else f"`{default}`"
        lines.append(f"| `{name}` | {kind.replace('|', '/')} | {shown} | {text.replace('|', '/')} |")
    return "\n".join(lines) + "\n"


def command_page() -> str:
    """All commands with their options, from the application."""
    made = app.generate_docs()
    # cyclopts puts how this process was started behind the verb of a usage line: `sleuth ask -m tools.reference FILE`.
    made = re.sub(r"^(sleuth [\w-]+)(?: (?!\[|--|[A-Z])\S+)+", r"\1", made, flags=re.MULTILINE)
    first = made.index("**Commands**")
    body = made[first:].replace("**Commands**:", "").strip()
    head = "# Commands\n\nThis page is made from the command line's own help by `make reference`.\n"
    return f"{head}\n{body}\n"


def families_page() -> str:
    """Families with their levels and styles, from the registry."""
    lines = [
        "# Families, levels and styles",
        "",
        "This page is made from the registry by `make reference`. What the styles are for is said in "
        "[Make puzzles](../how-to/make-puzzles.md#choose-a-style). "
        "Tasks of reasoning-gym have [a page of their own](../how-to/reasoning-gym.md).",
    ]
    for id in family_ids():
        task = get_task(id)
        lines += ["", f"## {id}", "", "| level | puzzles |", "| --- | --- |"]
        lines += [f"| `{level}` | {said} |" for level, said in task.levels.items()]
        lines += ["", "Styles: " + ", ".join(f"`{style}`" for style in (*task.styles, MIXED)) + "."]
    return "\n".join(lines) + "\n"


PAGES = {"recipe.md": recipe_page, "command-line.md": command_page, "families.md": families_page}
"""File under `docs/reference` to what makes it."""


def main() -> None:
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
