"""Calling a function on many items in several processes, with the results in the order of the items.

The processes are plain interpreters and not `multiprocessing`'s, which would run an unguarded script of the caller
again, in workers without end. Each is served by a thread: what is asked goes to its standard input and what comes of it
to its standard output, as pickles. A worker leads a session of its own, so Ctrl-C on the terminal reaches the parent
alone, and it ends when its input does, hence with its parent, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from itertools import islice
from queue import SimpleQueue
from typing import Any, TypeVar

from sleuth.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")
Job = tuple[Future[list[Any]], bytes]
"""Where the results go, and the pickle of (function, items)."""


STARTING_S = 1.0
"""About what it takes worker processes to start, in seconds."""


def processes(workers: int) -> int:
    """How many processes `workers` asks for: 0 is all cores. Raises `UserError` below that."""
    if workers < 0:
        raise UserError(f"--workers {workers}: 0 for one per core, or the number of processes")
    return workers or os.cpu_count() or 1


def start_interpreter(code: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A new interpreter that runs `code` with this one's module path, its input and output connected to pipes, in a
    session of its own. `environment` is set on top of this process's."""
    return subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | (environment or {}),
    )


def map_in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, *, chunk: int = 1
) -> Iterator[Result]:
    """`function` of each item, in order: in this process until that has taken about as long as starting others takes,
    and from then on by `in_order`. With one worker, in this process to the end."""
    source, spent_s = iter(items), 0.0
    for item in source:
        begun_s = time.perf_counter()
        result = function(item)
        spent_s += time.perf_counter() - begun_s
        yield result
        if workers > 1 and spent_s >= STARTING_S:
            yield from in_order(function, source, workers, chunk=chunk)


def in_order(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    *,
    chunk: int = 1,
    ahead: int | None = None,
) -> Iterator[Result]:
    """`function` of each item, in order, from `workers` processes; `items` may be endless.

    `function` must be found by importing its module, as the workers do; items and results are pickled. `chunk` items
    go to a worker at a time. Up to `ahead` items are begun before their results are asked for (None: twice what the
    workers can hold), and the workers go on with these while the caller does something else. Closing the iterator ends
    the processes. Raises what `function` raises, when it is the item's turn, and `UserError` for a worker that was
    killed.
    """
    if getattr(function, "__module__", None) == "__main__":
        raise ValueError(f"{function!r} is defined in the main script, which workers do not run; move it to a module")
    source = iter(items)
    most = -(-ahead // chunk) if ahead is not None else 2 * workers
    jobs: SimpleQueue[Job | None] = SimpleQueue()
    waiting: deque[Future[list[Result]]] = deque()
    crew: list[_Worker] = []
    try:
        while some := list(islice(source, chunk)):
            future: Future[list[Result]] = Future()
            jobs.put((future, pickle.dumps((function, some))))
            waiting.append(future)
            if len(crew) < workers:
                crew.append(_Worker(jobs))
            if len(waiting) > most:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        for worker in crew:
            worker.kill()
        for _ in crew:  # any of them may take it
            jobs.put(None)
        for worker in crew:
            worker.join()


class _Worker:
    """A process, and the thread that hands it jobs until it finds None among them."""

    def __init__(self, jobs: SimpleQueue[Job | None]) -> None:
        self._jobs = jobs
        self._process = start_interpreter("from sleuth.workers import serve; serve()")
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()

    def join(self) -> None:
        """Waits for the thread."""
        self._thread.join()

    def _work(self) -> None:
        for future, request in iter(self._jobs.get, None):
            try:
                future.set_result(self._asked(request))
            except BaseException as error:
                future.set_exception(error)
        with contextlib.suppress(OSError), self._process:  # what a killed process was not sent yet
            pass

    def _asked(self, request: bytes) -> list[Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
            reply = pickle.load(self._process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            code = self._process.wait()
            raise UserError(
                f"a worker process ended with code {code}, as it does where memory runs out; free some memory, or "
                "take fewer workers"
            ) from None
        results, error = pickle.loads(reply)
        if error is not None:
            raise error
        found: list[Any] = results
        return found


def serve() -> None:
    """A worker: reads requests from standard input until its end, and writes a reply to each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the function prints is no reply
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            # Wrapped twice, so that a request that can't be read leaves the next one where it begins.
            request = pickle.load(sys.stdin.buffer)
            pickle.dump(_reply(request), replies)
            replies.flush()
    # The parent is gone, and what the buffer holds is for nobody.
    os._exit(0)


def _reply(request: bytes) -> bytes:
    """The pickle of (results, None) or (None, exception)."""
    try:
        function, items = pickle.loads(request)
        return pickle.dumps(([function(item) for item in items], None))
    except UserError as error:
        return pickle.dumps((None, error))
    except Exception as error:
        told = traceback.format_exc()
        try:
            error.add_note(f"in a worker process:\n{told}")
            reply = pickle.dumps((None, error))
            pickle.loads(reply)
        except Exception:  # of a class that can't be pickled
            reply = pickle.dumps((None, RuntimeError(told)))
        return reply
