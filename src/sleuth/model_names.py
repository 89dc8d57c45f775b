"""How a model may be named: those that come with Sleuth, and folders of this machine. Needs no torch."""

from __future__ import annotations

from pathlib import Path

SMOLLM2 = "smollm2-135m"
SHIPPED = ("nano-detective", "nano-novice")
"""Models that come with Sleuth, the better and one with more to learn: safetensors in bfloat16, each with a README.md
that says how it was trained."""
NAMES = (SMOLLM2, *SHIPPED)
SHIPPED_FOLDER = Path(__file__).parent / "models"


def local_folder(name: str) -> Path | None:
    """The folder that a name means, if there is one; a name of `NAMES` means that model, whatever lies about."""
    if name in NAMES:
        return None
    try:
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long a name, a home that nobody has, a null character
        return None
