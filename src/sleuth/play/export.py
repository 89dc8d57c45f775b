"""The game as files: a folder that plays from disk or from any web host, without a server behind it.

    index.html, static/    the page
    cases/catalog.js       what can be chosen
    cases/….js             a case each, with its explanation, loaded when it is played

Scripts and not JSON, since a page that was opened from disk may load scripts, but may not fetch files.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sleuth.errors import UserError
from sleuth.files import atomic_write, writing
from sleuth.play.catalog import Catalog, Offer, case_of
from sleuth.play.dossier import Data, dossier, steps_of
from sleuth.progress import Advance
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import adopting
from sleuth.web import STATIC
from sleuth.workers import map_in_order, processes

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
"""The content security policy of the page, which has no server to send one."""
FILES = STATIC / "play"
MARKER = "<!-- head -->"
"""Where the page takes the policy and the catalogue."""

Slot = tuple[str, str, int]
"""Family, level, number of a case."""
SCRIPT = b"globalThis.sleuth"
"""What every file of cases begins with."""


def export(
    folder: Path,
    offered: Sequence[Offer],
    first: int,
    count: int,
    tried: Sequence[tuple[Puzzle, list[Data]]] = (),
    workers: int = 0,
    advance: Advance = lambda done: None,
) -> int:
    """Writes the game with `count` cases of every family and level, numbered from `first`, and those of a run; returns
    how many cases there are.

    `advance` is called with the number of cases just done. Raises `UserError` for a folder that holds something else.
    """
    check_target(folder)
    slots = [
        (offer.family, level, first + place) for offer in offered for level in offer.levels for place in range(count)
    ]
    contents = Catalog(offered, tried).contents() | {"first": first, "count": count}
    with writing(folder):
        (folder / "cases").mkdir(parents=True, exist_ok=True)
        shutil.copytree(FILES, folder / "static", dirs_exist_ok=True, ignore=_not_shown)
    for slot, found in zip(slots, map_in_order(adopting(_case), slots, processes(workers)), strict=True):
        _write(folder, "/".join(map(str, slot)), found)
        advance(1)
    for place, (puzzle, attempts) in enumerate(tried):
        _write(folder, f"run/{place}", dossier(puzzle, attempts) | {"steps": steps_of(puzzle)})
        advance(1)
    atomic_write(folder / "cases" / "catalog.js", _script("Catalog", contents))
    # Last, since it is what makes the folder a game.
    atomic_write(folder / "index.html", page().encode())
    return len(slots) + len(tried)


def check_target(folder: Path) -> None:
    """Raises `UserError` for a folder that is not to be written to: a file, or one with something that is no game."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--export {folder}: this is a file; name a folder that is new or empty")
    if folder.exists() and any(folder.iterdir()) and not _is_game(folder):
        raise UserError(f"--export {folder}: the folder holds something else; name one that is new or empty")


def _is_game(folder: Path) -> bool:
    """Whether all that an export would replace is of an export, be it a finished one or not."""
    cases = folder / "cases"
    if not cases.is_dir() or ((folder / "index.html").exists() and not (cases / "catalog.js").exists()):
        return False
    for path in cases.iterdir():
        if not path.is_file():
            return False
        with path.open("rb") as file:
            if file.read(len(SCRIPT)) != SCRIPT:
                return False
    return True


def page() -> str:
    """The page as it is opened from disk."""
    html = (FILES / "index.html").read_text(encoding="utf-8")
    assert html.count(MARKER) == 1
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return html.replace(MARKER, f'{policy}\n<script defer src="cases/catalog.js"></script>')


def _not_shown(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "index.html" or name.endswith(".sha256")]


def _case(slot: Slot) -> Data:
    puzzle = case_of(*slot)
    return dossier(puzzle) | {"steps": steps_of(puzzle)}


def _write(folder: Path, key: str, found: Data) -> None:
    atomic_write(folder / "cases" / f"{key.replace('/', '-')}.js", _script("Case", {"key": key, **found}))


def _script(name: str, data: Any) -> bytes:
    return f"{SCRIPT.decode()}{name}={json.dumps(data, ensure_ascii=True, separators=(',', ':'))};\n".encode()
