"""A policy that writes what a function tells it: for demonstrations, tests and programs of one's own. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sleuth.policy.base import Request, Rollout, Sampling, StopReason


class ScriptedPolicy:
    """`write(request, sample)` is the text of that request's completion number `sample` (from 0).

    A script has no tokens: its rollouts hold text alone, and no limit cuts it short.
    """

    def __init__(self, write: Callable[[Request, int], str]) -> None:
        self._write = write

    def rollout(
        self,
        requests: Sequence[Request],
        samples: int,
        sampling: Sampling,
        progress: Callable[[int], None] | None = None,
    ) -> list[list[Rollout]]:
        """As `Policy.rollout`; `sampling` is not looked at."""
        groups = []
        for request in requests:
            texts = [self._write(request, sample) for sample in range(samples)]
            groups.append([Rollout((), (), (), StopReason.END, text) for text in texts])
            if progress:
                progress(samples)
        return groups
