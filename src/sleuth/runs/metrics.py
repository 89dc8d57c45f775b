"""Names of metrics: what an earlier version called otherwise is read under its name of now."""

from __future__ import annotations

RENAMED = {"parts/": "spans/"}
"""Old beginning of a name to that of now; old ones are read for one version."""


def metric_name(name: str) -> str:
    """A metric's name of now. A minus before it, as `checkpoint.best` may have, stays."""
    bare = name.removeprefix("-")
    for old, new in RENAMED.items():
        if bare.startswith(old):
            return name[: len(name) - len(bare)] + new + bare.removeprefix(old)
    return name
