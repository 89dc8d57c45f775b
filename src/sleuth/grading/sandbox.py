"""Running a Python program of a stranger's: under bubblewrap (`bwrap`), or not at all.

The program has a read-only system with Python's own library and OR-Tools, and nothing else: no network, no home folder,
no other package (so no Sleuth, whose solver would do its work), no place to write, no other processes in sight and none
of its own. Limits of time, memory, output and threads end it. What it prints is all that comes out.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
import selectors
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sleuth.errors import UserError
from sleuth.grading.seccomp import seccomp_filter

SECONDS = 20.0
"""Wall-clock time of a program."""
PROCESSOR_SECONDS = 120
"""Of all its threads together."""
MEMORY_BYTES = 2 << 30
"""Address space. A program has one process, so this bounds all of it."""
OUTPUT_BYTES = 1 << 16
"""Of standard output, and of standard error."""
THREADS = 256
"""CP-SAT starts one or a few for each core."""
TICK_S = 0.05
"""How often threads are counted."""
PACKAGES = ("ortools",)
"""Distributions that a program may import, with all that they need."""
_PROGRAM, _PACKAGES = "/program.py", "/packages"
_SYSTEM = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/lib", "/lib32", "/lib64", "/libx32")
_LIMITED = f"""
import resource, sys
limits = {{"AS": {MEMORY_BYTES}, "CPU": {PROCESSOR_SECONDS}, "CORE": 0, "NOFILE": 64, "FSIZE": 0, "MSGQUEUE": 0}}
for name, limit in limits.items():
    resource.setrlimit(getattr(resource, "RLIMIT_" + name), (limit, limit))
sys.argv = [{_PROGRAM!r}]
"""
_EXECUTED = 'exec(compile(source, "program.py", "exec"), {"__name__": "__main__"})'
_RUNNER = f"""{_LIMITED}
sys.path.append({_PACKAGES!r})
with open({_PROGRAM!r}, "rb") as file:
    source = file.read()
{_EXECUTED}
"""
FROM_INPUT = f"{_LIMITED}source = sys.stdin.buffer.read()\n{_EXECUTED}"
"""What runs a program that comes through standard input, within the limits, in a container that somebody else made."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a program."""

    output: str
    """What it printed."""
    problem: str = ""
    """Why it did not come to its end, for people."""
    bound: bool = False
    """Whether that was one of the limits."""


def check_sandbox() -> None:
    """Raises `UserError`, in one line, where programs cannot be run safely here."""
    if why := _unusable():
        raise UserError(f"mode python runs programs under bubblewrap only, and {why}")


def run_program(source: str) -> Ran:
    """Runs a program to its end or to one of the limits. Raises `UserError` where that is not possible safely."""
    check_sandbox()
    return _run(source)


@cache
def _unusable() -> str:
    """Why the sandbox cannot be used; empty where it can."""
    if _bwrap() is None:
        return "there is no bwrap here: install the package bubblewrap (Linux)"
    if seccomp_filter(platform.machine()) is None:
        return f"its filter of system calls is not written for {platform.machine()}"
    try:
        ran = _run("import ortools; print('ready')")
    except importlib.metadata.PackageNotFoundError as error:
        return f"the package {error.name} is missing"
    return "" if ran.output == "ready\n" else f"it does not work here ({ran.problem})"


def _run(source: str) -> Ran:
    started_s = time.monotonic()
    with _file(source.encode(errors="replace")) as program, _file(_filter()) as calls:
        process = subprocess.Popen(
            [_bwrap() or "bwrap", *_command(program, calls)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(program, calls),
            cwd="/",
            env={},
            start_new_session=True,
        )
    assert process.stdout is not None and process.stderr is not None
    kept = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with process, selectors.DefaultSelector() as waiting:
        try:
            for stream in kept:
                waiting.register(stream, selectors.EVENT_READ)
            bound = _watch(process, waiting, kept, started_s + SECONDS)
        finally:
            process.kill()  # and, by --die-with-parent, all within
            code = process.wait()
    output, said = (bytes(one[:OUTPUT_BYTES]).decode(errors="replace") for one in kept.values())
    return Ran(output, bound, True) if bound else ended(output, said, code)


def _watch(
    process: subprocess.Popen[bytes], waiting: selectors.BaseSelector, kept: dict[int, bytearray], end_s: float
) -> str:
    """Reads what a program writes until it ends. The limit that it met, or nothing."""
    while waiting.get_map():
        for key, _ in waiting.select(TICK_S):
            data = os.read(key.fd, OUTPUT_BYTES)
            kept[key.fd] += data
            if not data:
                waiting.unregister(key.fd)
            if len(kept[key.fd]) > OUTPUT_BYTES:
                return too_much()
        if time.monotonic() > end_s:
            return too_long()
        if _threads(process.pid) > THREADS:
            return f"the program had more than {THREADS} threads"
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, end_s - time.monotonic()))
        return ""
    return too_long()


def _threads(pid: int) -> int:
    """Threads of a process and all below it."""
    with contextlib.suppress(OSError):
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        below = [child for thread in threads[:THREADS] for child in _children(thread)]
        return len(threads) + sum(map(_threads, below))
    return 0


def _children(thread: Path) -> list[int]:
    try:
        return [int(child) for child in (thread / "children").read_text().split()]
    except OSError:
        return []


def too_long() -> str:
    """What is said of a program that met the limit of time."""
    return f"the program took longer than {SECONDS:g} s"


def too_much() -> str:
    """What is said of a program that met the limit of output."""
    return f"the program wrote more than {OUTPUT_BYTES >> 10} KB"


def ended(output: str, said: str, code: int) -> Ran:
    """A program that came to an end: what it printed, what it wrote to standard error, its exit code."""
    if not code:
        return Ran(output)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1][:200] if lines else f"exit code {code}"
    if re.search(r"MemoryError|bad_alloc|[Cc]annot allocate memory", said):
        return Ran(output, f"the program needed more than {MEMORY_BYTES >> 20} MB of memory", True)
    if code in (137, 152):  # 128 + SIGKILL or SIGXCPU: its processor time is used up
        return Ran(output, too_long(), True)
    return Ran(output, f"the program failed: {last}")


def _filter() -> bytes:
    found = seccomp_filter(platform.machine())
    assert found is not None
    return found


@contextlib.contextmanager
def _file(data: bytes) -> Iterator[int]:
    """A descriptor of a file with this content, which is gone afterwards."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        yield file.fileno()


def _bwrap() -> str | None:
    return shutil.which("bwrap")


def _command(program: int, calls: int) -> list[str]:
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    return [
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--hostname", "sandbox"),
        *("--die-with-parent", "--new-session", "--clearenv", "--setenv", "MALLOC_ARENA_MAX", "2"),
        *("--setenv", "OPENBLAS_NUM_THREADS", "1", "--setenv", "PYTHONIOENCODING", "utf-8"),
        *_binds(python),
        *("--ro-bind-data", str(program), _PROGRAM, "--seccomp", str(calls), "--chdir", "/", "--remount-ro", "/"),
        *("--", python, "-I", "-S", "-B", "-c", _RUNNER),
    ]


@cache
def _binds(python: str) -> tuple[str, ...]:
    """What the program sees of this system."""
    words: list[str] = []
    for path in _SYSTEM:
        if Path(path).is_symlink():
            words += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).is_dir():
            words += ["--ro-bind", path, path]
    library = sysconfig.get_path("stdlib")
    shared = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib").glob("libpython*.so*")
    for path in (python, library, *map(str, shared), "/etc/ld.so.cache"):
        if Path(path).exists() and not path.startswith(_SYSTEM):
            words += ["--ro-bind", path, path]
    for hidden in (f"{library}/site-packages", f"{library}/dist-packages", "/usr/lib/python3/dist-packages"):
        if Path(hidden).is_dir():
            words += ["--tmpfs", hidden, "--remount-ro", hidden]
    for device in ("/dev/null", "/dev/urandom"):
        words += ["--dev-bind", device, device]
    for name, source in sorted(_importable().items()):
        words += ["--ro-bind", str(source), f"{_PACKAGES}/{name}"]
    return tuple(words)


def _importable() -> dict[str, Path]:
    """Top-level name to the file or folder of all that `PACKAGES` need. Raises `PackageNotFoundError` where one of them
    is missing."""
    found: dict[str, Path] = {}
    names, seen = list(PACKAGES), set[str]()
    while names:
        name = names.pop()
        if name in seen:
            continue
        seen.add(name)
        distribution = importlib.metadata.distribution(name)
        for requirement in distribution.requires or ():
            if "extra ==" not in requirement and (match := re.match(r"[\w.-]+", requirement)):
                with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # one for another system
                    importlib.metadata.distribution(match[0])
                    names.append(match[0])
        for file in distribution.files or ():
            top = file.parts[0]
            if top != ".." and top != "__pycache__" and not top.endswith((".dist-info", ".pth")):
                found[top] = Path(str(distribution.locate_file(top)))
    return found
