"""The runs under a folder: found by what they hold, and looked up by name alone, so that no path leads out of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sleuth.errors import UserError

DEEPEST = 5
"""Folders below the root in which runs are looked for."""
MOST_FOLDERS = 20_000
AGAIN_S = 2.0
"""Seconds for which what was found is not looked for again."""


class Runs:
    """The run directories under `root`, by their path from there; `.` is the root itself."""

    def __init__(self, root: Path) -> None:
        """Raises `UserError` where there is no folder."""
        if not root.is_dir():
            raise UserError(f"{root}: no such folder; name a run, or a folder that holds runs")
        self.root = root.resolve()
        self._found: dict[str, Path] = {}
        self._looked_s = -AGAIN_S

    def all(self) -> dict[str, Path]:
        """Name to folder, sorted by name."""
        if time.monotonic() - self._looked_s >= AGAIN_S:
            self._found = dict(sorted(self._look()))
            self._looked_s = time.monotonic()
        return self._found

    def path(self, name: str) -> Path:
        """The folder of a run. Raises `UserError` where no run has this name."""
        found = self.all().get(name)
        if found is None:
            raise UserError(f"no run {name[:200]!r} under the folder that is shown")
        return found

    def _look(self) -> list[tuple[str, Path]]:
        found = []
        for number, (folder, folders, files) in enumerate(os.walk(self.root)):  # follows no links
            path = Path(folder)
            if "config.json" in files and "environment.json" in files:
                found.append((path.relative_to(self.root).as_posix(), path))
                folders.clear()
            if number >= MOST_FOLDERS or len(path.relative_to(self.root).parts) >= DEEPEST:
                folders.clear()
            folders[:] = [name for name in folders if not name.startswith(".")]
        return found


def inside(root: Path, file: Path) -> Path:
    """The file, if it lies in the folder once links are followed. Raises `UserError` if not."""
    if not file.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{file.name} leads out of its run")
    return file
