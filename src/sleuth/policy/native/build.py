"""Builds the C++ files when they are first used, keeps the result in the cache folder, and declares its functions.

They depend on the compiler alone, and the build takes a few seconds. What works on float32 needs AVX2; what works on
bfloat16 needs AVX-512 with bfloat16, and is faster where there is AMX (Advanced Matrix Extensions), too; elsewhere
there is nothing to build. Where the build fails, `library` says why, once. Torch operations then do the same work.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sleuth.policy.models import cache_folder
from sleuth.progress import say

FOLDER = Path(__file__).parent
HEADERS = ("tiles.h", "train.h", "turn.h", "vector.h")


@dataclass(frozen=True, slots=True)
class Build:
    """One way to build the library."""

    needs: frozenset[str]
    """As Linux names what a processor can do."""
    sources: tuple[str, ...]
    flags: tuple[str, ...]


_FLAGS = ("-O3", "-std=c++17", "-fPIC", "-shared", "-fopenmp", "-mfma")
FLOAT32 = Build(frozenset({"avx2", "fma"}), ("attend.cpp", "sample.cpp", "train_f32.cpp"), (*_FLAGS, "-mavx2"))
BFLOAT16 = Build(
    frozenset({"avx512_bf16", "avx512bw", "avx512vl", "avx512dq"}),
    (*FLOAT32.sources, "train_bf16.cpp", "decode.cpp", "attention.cpp"),
    (*_FLAGS, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512bf16"),
)
TILES = Build(
    BFLOAT16.needs | {"amx_tile", "amx_bf16"}, BFLOAT16.sources, (*BFLOAT16.flags, "-mamx-tile", "-mamx-bf16")
)
COMPILERS = ("c++", "g++", "clang++")
BUILD_LIMIT_S = 300


class LayerArguments(ctypes.Structure):
    """`Layer` of decode.cpp."""

    _fields_ = [
        *(
            (name, ctypes.c_void_p)
            for name in (
                *("norm", "mlp_norm", "after_attention", "after_mlp", "q_norm", "k_norm", "qkv_bias", "cos", "sin"),
                *("qkv", "out", "gate_up", "down"),
            )
        ),
        ("window", ctypes.c_int64),
    ]


class ModelArguments(ctypes.Structure):
    """`Model` of decode.cpp."""

    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in ("layers", "hidden", "heads", "kv_heads", "head_size", "intermediate", "vocabulary", "gelu")
        ),
        *((name, ctypes.c_double) for name in ("epsilon", "scale", "embedding_scale")),
        *((name, ctypes.c_void_p) for name in ("layer", "embedding", "norm", "head")),
    ]


class BlockArguments(ctypes.Structure):
    """`Block` of decode.cpp."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("first", "count", "prefix_tokens")),
        *((name, ctypes.c_void_p) for name in ("keys", "values")),
    ]


class BatchArguments(ctypes.Structure):
    """`Batch` of decode.cpp."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "blocks")),
        *((name, ctypes.c_void_p) for name in ("tokens", "positions", "logits_row", "place", "keys", "values")),
        *((name, ctypes.c_int64) for name in ("own_capacity", "prefix_capacity", "prompt")),
        *((name, ctypes.c_void_p) for name in ("block", "logits")),
    ]


@functools.cache
def library() -> ctypes.CDLL | None:
    """The functions of the C++ files, or None where they cannot be had.

    The best build that is to be had: the system may refuse tiles that the processor has, and an old compiler may not
    know the newest instructions.
    """
    flags, failed = _processor_flags(), ""
    found: ctypes.CDLL | None = None
    for build in (TILES, BFLOAT16, FLOAT32):
        if found is None and build.needs.issubset(flags):
            try:
                found = load(build)
            except (OSError, subprocess.SubprocessError) as error:
                failed = failed or _reason(error)
    if failed:
        say(f"The fast engine cannot be built ({failed}); a slower one is used. Install a new C++ compiler (g++).")
    return found


def bfloat16_library() -> ctypes.CDLL | None:
    """The same, where it has the functions that work on bfloat16."""
    loaded = library()
    return loaded if loaded is not None and hasattr(loaded, "sleuth_forward") else None


def load(build: Build) -> ctypes.CDLL | None:
    """The functions, built in this way; None if the system does not allow them."""
    loaded = ctypes.CDLL(str(_build(build)))
    integer, pointer, real = ctypes.c_int64, ctypes.c_void_p, ctypes.c_double
    values = {
        "norm": (*[pointer] * 3, integer, integer, real, *[pointer] * 3),
        "norm_backward": (*[pointer] * 5, integer, integer, pointer, pointer),
        "rotate": (*[pointer] * 4, *[integer] * 4, real),
        "gate": (pointer, *[integer] * 3, pointer),
        "gate_backward": (pointer, pointer, *[integer] * 3, pointer),
        "logprobs": (pointer, pointer, integer, integer, real, *[pointer] * 3),
        "logprobs_backward": (*[pointer] * 4, integer, integer, real),
    }
    declared: dict[str, tuple[type, ...]] = {
        "draw": (pointer, pointer, integer, integer, real, pointer, pointer),
        "attend": (*[pointer] * 3, integer, *[pointer] * 4, *[integer] * 4, real, pointer),
        **{f"{name}_f32": arguments for name, arguments in values.items()},
    }
    if build is not FLOAT32:
        declared |= {f"{name}_bf16": arguments for name, arguments in values.items()}
        declared |= {
            "attention": (*[pointer] * 3, *[integer] * 4, real, pointer, pointer),
            "attention_backward": (*[pointer] * 3, *[integer] * 4, real, *[pointer] * 4),
            "pack": (pointer, integer, integer, integer, pointer),
            "forward": (ctypes.POINTER(ModelArguments), ctypes.POINTER(BatchArguments), integer, pointer),
        }
    for name, arguments in declared.items():
        function = getattr(loaded, f"sleuth_{name}")
        function.argtypes, function.restype = list(arguments), None
    if build is FLOAT32:
        return loaded
    loaded.sleuth_begin.argtypes = []
    loaded.sleuth_packed.argtypes, loaded.sleuth_packed.restype = [integer, integer], integer
    loaded.sleuth_workspace.argtypes = [ctypes.POINTER(ModelArguments), integer, integer, integer, integer]
    loaded.sleuth_workspace.restype = integer
    return loaded if loaded.sleuth_begin() == 0 else None


def _processor_flags() -> set[str]:
    """What Linux says the processor can do; elsewhere nothing is known."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}


def _build(build: Build) -> Path:
    """The shared library for these sources, these flags and this compiler."""
    compiler = shlex.split(os.environ.get("CXX", "")) or [*filter(shutil.which, COMPILERS)][:1]
    if not compiler:
        raise OSError("no C++ compiler")
    version = subprocess.run([*compiler, "--version"], capture_output=True, check=True, timeout=BUILD_LIMIT_S).stdout
    texts = [(FOLDER / name).read_bytes() for name in (*build.sources, *HEADERS)]
    key = hashlib.blake2b(b"".join([*texts, " ".join(build.flags).encode(), version]), digest_size=8).hexdigest()
    target = cache_folder() / "native" / f"sleuth-{key}.so"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            fresh = Path(folder) / target.name
            command = [*compiler, *build.flags, *(str(FOLDER / name) for name in build.sources), "-o", str(fresh)]
            subprocess.run(command, capture_output=True, check=True, timeout=BUILD_LIMIT_S)
            fresh.replace(target)  # several processes may build at once; the last one wins with the same bytes
    return target


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = error.stderr.decode(errors="replace").splitlines()
        return next((line for line in lines if "error" in line), f"the compiler ended with code {error.returncode}")
    return str(error)
