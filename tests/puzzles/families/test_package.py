"""The family of docs/how-to/write-a-family.md, word for word: a package of its own, installed, found and used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parents[3] / "docs/how-to/write-a-family.md"


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as pip installs it."""
    source, site = (tmp_path_factory.mktemp(name) for name in ("source", "site"))
    (source / "ice_cream.py").write_text(block("python"), encoding="utf-8")
    (source / "pyproject.toml").write_text(block("toml"), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", site, source], check=True, capture_output=True, text=True)
    return site


def sleuth(site: Path, *arguments: str) -> str:
    """What a command prints where the package is installed."""
    code = "import sys; from sleuth.cli import main; sys.exit(main())"
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        cwd=site,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_of_the_page_works(site: Path) -> None:
    commands = re.findall(r"^\$ sleuth (.+)$", block("console"), re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["check", "make", "show", "audit", "play"]
    check, make, show, audit, _ = (command.replace("1000", "5").split() for command in commands)
    assert "broken" not in sleuth(site, *check)
    sleuth(site, *make)
    assert "Nobody wants the same flavour as the child right behind." in sleuth(site, *show)
    assert "5 of 5 puzzles are sound" in sleuth(site, *audit)
    assert len((site / "ice-cream.jsonl").read_text(encoding="utf-8").splitlines()) == 5


def test_without_the_package_there_is_no_such_family(site: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="unknown family 'ice-cream'"):
        sleuth(tmp_path, "check", "ice-cream")
