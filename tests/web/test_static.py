"""Built files of the browser's pages belong to the sources beside them."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FRONTEND = ROOT / "frontend"
STATIC = ROOT / "src" / "sleuth" / "web" / "static"
APPS = sorted(main.parent.name for main in FRONTEND.glob("*/main.ts"))
LARGEST_BYTES = 200_000
"""Of one app, all files together."""


@pytest.mark.parametrize("app", APPS)
def test_built_from_these_sources(app: str) -> None:
    files = [path for folder in (app, "common") for path in (FRONTEND / folder).rglob("*") if path.is_file()]
    names = sorted(path.relative_to(FRONTEND).as_posix() for path in [*files, FRONTEND / "package-lock.json"])
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\0".encode() + (FRONTEND / name).read_bytes() + b"\0")
    assert (STATIC / app / "sources.sha256").read_text().strip() == digest.hexdigest(), "run `make frontend`"


def test_builder_gives_the_same_files() -> None:
    if not (FRONTEND / "node_modules").is_dir() or shutil.which("node") is None:
        pytest.skip("NOT BUILT AGAIN: npm's packages are not installed; `make check` does that where npm is")
    done = subprocess.run(["node", "build.mjs", "--check"], cwd=FRONTEND, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("app", APPS)
def test_small_and_loads_nothing_from_elsewhere(app: str) -> None:
    files = [path for path in (STATIC / app).iterdir() if path.suffix != ".sha256"]
    assert sum(path.stat().st_size for path in files) < LARGEST_BYTES
    for path in files:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//# source|@import|eval\(|new Function|innerHTML|insertAdjacentHTML", text), (
            path
        )


def test_no_host_of_a_registry_is_kept() -> None:
    assert "resolved" not in (FRONTEND / "package-lock.json").read_text(encoding="utf-8")
