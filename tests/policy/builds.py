"""The C++ library as other processors and compilers build it, as far as this machine can run it."""

from __future__ import annotations

import ctypes

import pytest

from sleuth.policy.native import build


def loaded(one: build.Build) -> ctypes.CDLL:
    """The functions of this build; the test is skipped where the processor lacks the instructions, and where this build
    is what tests use anyway."""
    if one is build.FLOAT32 and build.library() is not None and build.bfloat16_library() is None:
        pytest.skip("what C++ computes here is computed by this build already")
    if not one.needs.issubset(build._processor_flags()):
        pytest.skip("this processor has no such instructions")
    found = build.load(one)
    assert found is not None
    return found
