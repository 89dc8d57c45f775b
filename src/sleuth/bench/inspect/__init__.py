"""Sleuth in Inspect (the library inspect-ai, the extra `inspect`): tasks, their scorer, and our engine as a provider.

Inspect finds this module by the entry point `inspect_ai` of the package, so `inspect eval sleuth/bench` works wherever
Sleuth is installed.
"""

from sleuth.bench.inspect.provider import sleuth
from sleuth.bench.inspect.scoring import deduction, share
from sleuth.bench.inspect.tasks import bench, puzzles

__all__ = ["bench", "deduction", "puzzles", "share", "sleuth"]
