"""Grading in a process of its own, which can be killed: no completion can hang or exhaust the process that asks.

The bounds of `program` and `soundness` count work, so that a grade does not depend on the machine, and are met first.
What they cannot see (a step of the solver that does not end, memory of C++ code, a fault of ours) ends here: after
`SECONDS`, or beyond `MEMORY_BYTES`, the worker is gone, the outcome is `undecided`, and the next completion gets a new
worker.

The worker is a plain interpreter and not `multiprocessing`'s, which would run an unguarded script of the caller again.
It reads lines of JSON and answers each with one. It leads a session of its own, so Ctrl-C on the terminal does not
reach it. It ends when its input does, hence with its parent; and while it grades, an alarm of its own is set.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterable
from typing import IO, Any

from sleuth.config import Mode
from sleuth.errors import UserError
from sleuth.grading.grade import grade
from sleuth.grading.python import grade_python
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import adopt, get_task, registrations
from sleuth.puzzles.score import Outcome, Score, Span, failed
from sleuth.workers import start_interpreter

OWN = "sleuth.grading.deduction"
"""What grades our own families."""
SECONDS = 20.0
"""Wall-clock time of one completion. The bounds on work are met within about two seconds of processor time, and by
shuffled reasoning of many hundred sentences at the largest levels within about eight."""
MEMORY_BYTES = 2 << 30
"""Address space of the worker, where the system can limit it."""
SLICES = 20
"""The wait for a reply is made of so many: while the whole machine stands still, or a shell has stopped this process,
the clock goes on, but one slice at most is lost."""
START_SECONDS = 120.0
"""For a new interpreter to import what grades, on a machine that is busy."""
ALARM_MARGIN_S = 5.0
"""The worker's own alarm, in processor time, is for when nobody is left to kill it."""


def grade_safely(
    puzzle: Puzzle, completion: str, mode: Mode = "answer", truncated: bool = False, strict_format: bool = False
) -> Score:
    """As `grade`; in a worker where the puzzle's task wants that (`Task.isolated`).

    A completion that takes more than `SECONDS` or `MEMORY_BYTES` is `undecided`, with the bound as detail.
    """
    if mode == "python":  # its sandbox is a process apart, with limits of its own
        return grade_python(puzzle, completion, truncated, strict_format, grade_safely)
    task = get_task(puzzle.family)
    if not task.isolated(mode):
        return grade(puzzle, completion, mode, truncated, strict_format)
    return shared_worker(task.worker_module).grade(puzzle, completion, mode, truncated, strict_format)


class Worker:
    """A process that grades one completion at a time; started when it is needed, and again after it was killed. Several
    threads may share one."""

    def __init__(self, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES, module: str = OWN) -> None:
        """`module`: one that takes long to import, so that the time of the first completion is not spent on it."""
        self._seconds, self._memory_bytes, self._module = seconds, memory_bytes, module
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        """What the process wrote; an empty line is its end."""
        self._puzzle: Puzzle | None = None
        """The one that the process has: completions of a group come one after the other, so it is sent once."""
        atexit.register(self.kill)

    @property
    def pid(self) -> int | None:
        """The process, where there is one."""
        return self._process.pid if self._process else None

    def grade(
        self, puzzle: Puzzle, completion: str, mode: Mode, truncated: bool = False, strict_format: bool = False
    ) -> Score:
        """As `grade`, within the worker's bounds."""
        request = {"completion": completion, "mode": mode, "truncated": truncated, "strict_format": strict_format}
        with self._lock:
            try:
                reply = self._ask(puzzle, request)
            except BaseException:
                self.kill()  # after Ctrl-C, say: its reply must not be taken for that to the next request
                raise
        if "over" in reply:
            return failed(puzzle, Outcome.UNDECIDED, reply["over"])
        if "wrong" in reply:
            raise UserError(reply["wrong"])
        if "fault" in reply:
            raise RuntimeError(f"grading failed\n{reply['fault']}")
        spans = tuple(Span(*span) for span in reply.pop("spans"))
        return Score(**reply | {"outcome": Outcome(reply["outcome"])}, spans=spans)

    def kill(self) -> None:
        """Ends the process at once, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._gone()

    def _ask(self, puzzle: Puzzle, request: dict[str, Any]) -> dict[str, Any]:
        self._send(puzzle, request)
        line = self._reply()
        if line is None:
            self.kill()
            return {"over": f"grading took longer than {self._seconds:g} s"}
        reply: dict[str, Any] = json.loads(line) if line else {"over": ""}
        if "over" in reply:
            code = self._gone()
            how = "" if line else f", or failed (its process ended with {code})"
            return {"over": f"grading needed more than {self._memory_bytes >> 20} MB{how}"}
        return reply

    def _reply(self) -> bytes | None:
        """The next line of the process; None if it takes too long."""
        for _ in range(SLICES):
            with contextlib.suppress(queue.Empty):
                return self._lines.get(timeout=self._seconds / SLICES)
        return None

    def _send(self, puzzle: Puzzle, request: dict[str, Any]) -> None:
        if self._process is not None and self._process.poll() is not None:
            self._gone()  # somebody ended it between two completions, or it is the child of who forked this process
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        if puzzle is not self._puzzle:
            self._puzzle = puzzle
            request["puzzle"] = puzzle.model_dump(mode="json")
        with contextlib.suppress(BrokenPipeError):  # it ended just now, and the reply will be its end
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def _start(self) -> None:
        code = (
            "from sleuth.grading.worker import serve; "
            f"serve({self._seconds + ALARM_MARGIN_S}, {self._memory_bytes}, {self._module!r}, {registrations()!r})"
        )
        # Address space is limited, and OpenBLAS takes some for every thread that it might use.
        self._process = start_interpreter(code, {"OPENBLAS_NUM_THREADS": "1"})
        self._lines = queue.SimpleQueue()
        threading.Thread(target=_pass_on, args=(self._process.stdout, self._lines), daemon=True).start()
        ready = b""
        with contextlib.suppress(queue.Empty):
            ready = self._lines.get(timeout=START_SECONDS)
        if not ready:
            self.kill()
            raise RuntimeError("the process that grades does not start")

    def _gone(self) -> int:
        """Forgets a process that ends, and returns its exit code."""
        assert self._process is not None and self._process.stdin is not None
        code = self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # what was not sent yet
            self._process.stdin.close()
        self._process = self._puzzle = None
        return code


def _pass_on(source: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    with source:
        for line in source:
            lines.put(line)
    lines.put(b"")


def serve(alarm_s: float, memory_bytes: int, module: str = OWN, registered: Iterable[tuple[str, str]] = ()) -> None:
    """The worker: imports a module, takes in what its parent has registered, reads requests from
    standard input until its end, and writes a reply to each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory(memory_bytes)
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)  # exceptions are replied; the rest is what C++ says as it aborts
    with contextlib.suppress(ImportError):  # whoever needs it says so
        importlib.import_module(module)
    adopt(registered)
    replies.write(b"ready\n")
    replies.flush()
    puzzle: Puzzle | None = None
    for line in sys.stdin.buffer:
        _set_alarm(alarm_s)
        try:
            request = json.loads(line)
            if "puzzle" in request:
                puzzle = Puzzle.model_validate(request["puzzle"])
            assert puzzle is not None
            reply = _plain(grade(puzzle, **{key: value for key, value in request.items() if key != "puzzle"}))
        except UserError as error:
            reply = {"wrong": str(error)}
        except MemoryError:
            reply = {"over": "memory"}
        except Exception:
            reply = {"fault": traceback.format_exc()}
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()
        if "over" in reply:
            return
        _set_alarm(0.0)


def _plain(score: Score) -> dict[str, Any]:
    return {
        "outcome": score.outcome,
        "reward": score.reward,
        "correct": score.correct,
        "answers": score.answers,
        "right": score.right,
        "detail": score.detail,
        "spans": [(span.start, span.end, span.verdict) for span in score.spans],
    }


def _limit_memory(memory_bytes: int) -> None:
    """Of this process, where the system can; no core dumps, either."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _set_alarm(seconds: float) -> None:
    """This process ends after so many seconds of processor time; 0: not any more. Nothing where there are no alarms."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def shared_worker(module: str = OWN) -> Worker:
    """The worker of all who grade in this process and need the module."""
    if module not in _workers:
        _workers[module] = Worker(module=module)
    return _workers[module]


_workers: dict[str, Worker] = {}
