"""Which settings make a difference to a run's results: comparing two configurations, and a digest of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any

from sleuth.config import RunConfig
from sleuth.recipes import keys

INDIFFERENT = (
    *("model.device", "model.dtype", "model.threads", "sampling.rows", "optimizer.micro_batch_tokens"),
    *("checkpoint.", "mirror.", "name"),
)
"""Keys, or beginnings of keys, that a run's start fills in, or that make no difference to its results."""


def differing(one: RunConfig, other: RunConfig) -> str:
    """The first key that sets two runs apart, or an empty text."""
    return next((name for name in _names() if attrgetter(name)(one) != attrgetter(name)(other)), "")


def change(found: RunConfig, wanted: RunConfig) -> str:
    """The first difference in words, or an empty text: what was found, and what is wanted."""
    if not (key := differing(found, wanted)):
        return ""
    if key == "puzzles.mixture":
        return f"another {key}"
    return f"{key} {attrgetter(key)(found)}, where it says {attrgetter(key)(wanted)} now"


def digest(config: RunConfig | None, sources: Iterable[str] = ()) -> str:
    """A hash of the settings that are not their defaults, and of the digests of what a run comes from; `config` None:
    of those alone. A key that a later version adds changes nothing."""
    plain = {} if config is None else {name: attrgetter(name)(config) for name in _names()}
    defaults = RunConfig()
    told: dict[str, Any] = {
        name: [one.model_dump(mode="json") for one in value] if name == "puzzles.mixture" else value
        for name, value in plain.items()
        if value != attrgetter(name)(defaults)
    }
    return hashlib.sha256(json.dumps([told, list(sources)], sort_keys=True).encode()).hexdigest()


def _names() -> Iterator[str]:
    return (name for name, *_ in keys() if not name.startswith(INDIFFERENT))
