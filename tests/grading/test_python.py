"""Mode `python`: programs are run in a sandbox, and those that try to break it meet its bounds."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from pathlib import Path

import pytest

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.grading import sandbox
from sleuth.grading.grade import grade
from sleuth.grading.python import program_of
from sleuth.grading.sandbox import Ran, run_program
from sleuth.grading.seccomp import seccomp_filter
from sleuth.grading.worker import grade_safely
from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.score import Outcome
from tests.test_cli import sleuth

PUZZLE = make_puzzle("round-table", "1", "val", 3, 0).puzzle

needs_bwrap = pytest.mark.skipif(
    bool(sandbox._unusable()) and not os.environ.get("CI"), reason=f"needs bubblewrap: {sandbox._unusable()}"
)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may take three seconds."""
    monkeypatch.setattr(sandbox, "SECONDS", 3.0)


def test_a_program_is_found_at_once() -> None:
    assert program_of("`" * 200_000) == "`" * 200_000
    assert program_of("````python\nprint(1)\n```\n````") == "print(1)\n```"


def test_the_program_is_the_last_block() -> None:
    assert program_of("First:\n```python\n1\n```\nbetter:\n```py\nprint(2)\n```\nDone.") == "print(2)"
    assert program_of("```python\nprint('```')\nx\n```") == "print('```')\nx"
    assert program_of("print(3)") == "print(3)"
    assert program_of("~~~\nprint(4)") == "print(4)", "not closed"
    assert program_of("```python\na\n```\nOutput:\n```\nA. Ada\n```") == "a", "what it printed"
    assert program_of("```\nold\n```\n```\nnew\n```") == "new"
    assert program_of("1. So:\n   ```python\n   if a:\n       b\n   ```") == "if a:\n    b", "within a list"
    assert program_of("```python\na\n```\n```text\nA. b\n```") == "a", "what it would print is no program"


@needs_bwrap
def test_what_a_program_prints_is_graded() -> None:
    right = gold_completion(PUZZLE, "answer")
    for grading in (grade, grade_safely):
        score = grading(PUZZLE, f"<think>hm</think>```python\nprint({right!r})\n```", "python")
        assert score.outcome is Outcome.CORRECT and score.answers == PUZZLE.answers
    letter = next(iter(PUZZLE.answers))
    assert grade(PUZZLE, f"print('{letter}. nobody')", "python").outcome is Outcome.WRONG
    assert grade(PUZZLE, "print('hello')", "python").outcome is Outcome.UNREADABLE
    assert (grade(PUZZLE, "", "python").outcome, grade(PUZZLE, "", "python", True).outcome) == (
        Outcome.UNREADABLE,
        Outcome.TRUNCATED,
    )
    failing = grade(PUZZLE, f"print({right!r})\nraise ValueError('no')", "python")
    assert failing.outcome is Outcome.UNREADABLE and failing.detail == "the program failed: ValueError: no"
    assert grade(PUZZLE, "print(", "python", truncated=True).outcome is Outcome.TRUNCATED


@needs_bwrap
def test_programs_may_call_ortools_and_nothing_of_ours() -> None:
    ran = run_program("""
from ortools.sat.python import cp_model
model = cp_model.CpModel()
x = model.new_int_var(0, 9, "x")
model.add(3 * x == 21)
solver = cp_model.CpSolver()
assert solver.solve(model) == cp_model.OPTIMAL
print(solver.value(x))
for name in ("sleuth", "pysat", "torch", "pip"):
    try:
        __import__(name)
        print(name)
    except ImportError:
        pass
""")
    assert ran == Ran("7\n"), ran


def denied(code: str) -> str:
    """What the program says of the error that it meets."""
    ran = run_program(f"try:\n    {code}\n    print('done')\nexcept BaseException as error:\n    print(repr(error))")
    assert ran.problem == "", ran
    return ran.output


@needs_bwrap
def test_no_new_processes() -> None:
    """So no fork bomb, no zombies, no daemons that stay behind."""
    for code in (
        "import os; os.fork()",
        "import os; os.posix_spawn('/usr/lib/x', ['x'], {})",
        "import subprocess, sys; subprocess.run([sys.executable])",
        "import multiprocessing; multiprocessing.get_context('fork').Process(target=print).start()",
        "import ctypes; ctypes.CDLL(None, use_errno=True).fork() < 0 or 1 / 0; raise OSError(ctypes.get_errno())",
    ):
        assert "PermissionError" in denied(code) or "OSError(1)" in denied(code), code
    assert denied("import threading; t = threading.Thread(target=print, args=(1,)); t.start(); t.join()") == "1\ndone\n"


@needs_bwrap
def test_a_bomb_of_threads_is_ended(short: None) -> None:
    started_s = time.monotonic()
    sleeper = "threading.Thread(target=time.sleep, args=(99,)).start()"
    ran = run_program(f"import threading, time\nthreading.stack_size(32768)\nwhile True: {sleeper}")
    assert ran.bound and ("threads" in ran.problem or "longer" in ran.problem)
    assert time.monotonic() - started_s < 10


@needs_bwrap
def test_memory_is_bounded() -> None:
    for code in (f"bytearray({sandbox.MEMORY_BYTES})", f"import mmap; mmap.mmap(-1, {sandbox.MEMORY_BYTES})"):
        ran = run_program(code)
        assert ran.bound and ran.problem == "the program needed more than 2048 MB of memory", ran
    assert "Operation not permitted" in denied("import os; os.memfd_create('x')"), "memory that is nobody's"


@needs_bwrap
def test_output_is_bounded(short: None) -> None:
    for stream in ("stdout", "stderr"):
        ran = run_program(f"import sys\nwhile True: sys.{stream}.write('x' * 65536)")
        assert ran.problem == "the program wrote more than 64 KB" and len(ran.output) <= sandbox.OUTPUT_BYTES


@needs_bwrap
def test_endless_programs_are_ended(short: None) -> None:
    for code in (
        "while True: pass",
        "import time; time.sleep(99)",
        "import signal\nfor s in (2, 15, 1): signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
        "import os; os.close(1); os.close(2)\nwhile True: pass",
    ):
        started_s = time.monotonic()
        assert run_program(code).problem == "the program took longer than 3 s"
        assert time.monotonic() - started_s < 8
    end_s = time.monotonic() + 5
    while running() and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not running(), "nothing stays behind"


def running() -> list[int]:
    """Processes below this one that are, or are in, a sandbox."""
    found = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if b"program.py" in _read(path)]
    return [pid for pid in found if pid != os.getpid()]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@needs_bwrap
def test_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = denied(f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")
        assert "Error" in said and "done" not in said
    assert "Error" in denied("import socket; socket.create_connection(('1.1.1.1', 53), 2)")
    assert "gaierror" in denied("import socket; socket.getaddrinfo('example.com', 80)")


@needs_bwrap
def test_no_place_to_write() -> None:
    for path in (
        "/x",
        "/tmp/x",
        "/dev/shm/x",
        "/packages/x",
        "/usr/lib/x",
        "/program.py",
        "/proc/x",
        os.path.realpath(sys.executable),
    ):
        said = denied(f"open({path!r}, 'w')")
        assert "Read-only file system" in said or "No such file" in said or "Permission" in said, (path, said)
    assert "Error" in denied("import os; os.mkdir('/y')") and "Error" in denied("import os; os.remove('/program.py')")
    assert "Error" in denied("import tempfile; tempfile.TemporaryFile()")


@needs_bwrap
def test_nothing_of_the_user_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither home, nor files, nor environment, nor other processes, nor what this process has open."""
    secret = tmp_path / "answers.jsonl"
    secret.write_text("the answer")
    monkeypatch.setenv("SLEUTH_SECRET", "the answer")
    interpreter = str(Path(os.path.realpath(sys.executable)).parent.parent)
    with secret.open() as held:
        os.set_inheritable(held.fileno(), True)
        program = f"""
import os, sys
home = {str(Path.home() / ".bashrc")!r}
print(sys.argv, os.environ.get("SLEUTH_SECRET"), os.path.exists({str(secret)!r}), os.path.exists(home))
print(os.path.exists("/proc/1"), os.path.exists("/etc/passwd"), os.getuid(), os.getcwd())
for number in range(3, 64):
    try:
        print(number, os.read(number, 99))
    except OSError:
        pass
for root in ("/root", "/home", "/work", "/tmp"):
    for folder, _, files in os.walk(root):
        if files and not folder.startswith({interpreter!r}):
            print(folder)
"""
        ran = run_program(program)
    assert ran.problem == ""
    first, second, *rest = ran.output.splitlines()
    assert first == "['/program.py'] None False False" and second == "False False 65534 /"
    assert not rest


def test_where_there_is_no_bubblewrap_the_mode_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    sandbox._unusable.cache_clear()
    try:
        for words in (
            ("eval", "--mode", "python", "--count", 1),
            ("bench", "guessing", "--mode", "python", "--out", tmp_path / "out"),
        ):
            done = sleuth(*words)
            assert done.returncode == 2 and "there is no bwrap here" in done.stderr, done.stderr
            assert len(done.stderr.strip().splitlines()) == 1
        with pytest.raises(UserError, match="there is no bwrap here"):
            grade(PUZZLE, "print(1)", "python")
    finally:
        sandbox._unusable.cache_clear()


@needs_bwrap
def test_a_sandbox_that_does_not_work_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox._unusable.cache_clear()
    try:
        with pytest.raises(UserError, match=r"does not work here .*No permissions to create a new namespace"):
            run_program("print(1)")
    finally:
        sandbox._unusable.cache_clear()


def test_the_mode_is_for_evaluation_only() -> None:
    with pytest.raises(ValueError, match="'answer', 'reason' or 'program'"):
        RunConfig.model_validate({"mode": "python"})
    done = sleuth("distill", "--mode", "python", "--count", 1, "--out", "x.jsonl")
    assert done.returncode == 2 and "for evaluation only" in done.stderr


def test_models_are_asked_for_a_program() -> None:
    request = ask(PUZZLE, "python")
    assert "Python program" in request.system and request.user == PUZZLE.prompt
    assert request.grammar is None and request.answered is None


def test_the_filter_begins_with_the_machine() -> None:
    """Load the machine's number; if it is this one, skip what kills."""
    for machine, number in (("x86_64", "3e0000c0"), ("aarch64", "b70000c0")):
        found = seccomp_filter(machine)
        assert found is not None and len(found) % 8 == 0
        assert found[:24].hex() == f"2000000004000000150001{'00'}{number}0600000000000080"
    assert seccomp_filter("riscv64") is None
