"""Reasons for verdicts, found by a process of its own that can be killed: completions are anybody's text."""

from __future__ import annotations

import atexit
import json
import queue
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import IO, Any

from sleuth.errors import UserError
from sleuth.grading.reasons import reasons
from sleuth.puzzles.registry import get_family
from sleuth.workers import start_interpreter

SECONDS = 30.0
"""For one completion, and for the process to start."""


class Judging:
    """A process that is started when it is needed, and again after it was killed. Several threads may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        atexit.register(self.close)

    def ask(self, puzzle_id: str, prompt: str, completion: str) -> dict[str, Any]:
        """The lines of the prompt that are clues, and a reason for each sentence. Raises `UserError` for a puzzle that
        has no solver, and where it takes too long."""
        request = {"family": puzzle_id.partition("/")[0], "prompt": prompt, "completion": completion}
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                reply = self._lines.get(timeout=SECONDS)
            except (queue.Empty, OSError):
                reply = b""
            if not reply:
                self.close()
                raise UserError(f"the solver found no reasons within {SECONDS:g} seconds")
        told: dict[str, Any] = json.loads(reply)
        if "error" in told:
            raise UserError(told["error"])
        return told

    def close(self) -> None:
        """Ends the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = start_interpreter("from sleuth.view.judging import serve; serve()")
            self._lines = queue.SimpleQueue()
            assert self._process.stdout is not None
            threading.Thread(target=_pass_on, args=(self._process.stdout, self._lines), daemon=True).start()
        return self._process


def _pass_on(lines: IO[bytes], to: queue.SimpleQueue[bytes]) -> None:
    with lines:
        for line in lines:
            to.put(line)
    to.put(b"")


def serve() -> None:
    """Answers each line of standard input with one of standard output, until the input ends."""
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            answer = _answer(**request)
        except UserError as error:
            answer = {"error": str(error)[:500]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _answer(family: str, prompt: str, completion: str) -> dict[str, Any]:
    found = reasons(family, prompt, completion)
    return {"clue_lines": list(get_family(family).clue_lines(prompt)), "reasons": [asdict(one) for one in found]}
