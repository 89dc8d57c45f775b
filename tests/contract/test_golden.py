"""A version's puzzles never change: their digests are those in golden.json (see golden.py)."""

from __future__ import annotations

import pytest

from tests.contract import golden

STORED = golden.stored()


@pytest.mark.parametrize("key", list(golden.all_keys()), ids="/".join)
def test_puzzles_of_a_version_never_change(key: tuple[str, str, str, str]) -> None:
    name = "/".join(key)
    assert name in STORED, f"no digest of {name}; run make golden"
    assert golden.digest(*key) == STORED[name], (  # type: ignore[arg-type]
        f"the puzzles of {name} have changed; give the family a new version"
    )


def test_every_stored_digest_is_still_checked() -> None:
    """A version that is dropped, or a level, would otherwise go unseen."""
    assert set(STORED) == {"/".join(key) for key in golden.all_keys()}
