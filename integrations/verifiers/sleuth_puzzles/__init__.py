"""Sleuth's puzzles as a taskset of verifiers, `sleuth-puzzles`.

A model answers in one message and has no tools, so the harness is `null` unless another one is named.
"""

from verifiers.v1.harnesses.null import NullHarness

from sleuth_puzzles.taskset import SleuthTaskset

__all__ = ["NullHarness", "SleuthTaskset"]
