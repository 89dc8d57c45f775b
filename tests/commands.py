"""The command line, called in this process or in one of its own."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path
from unittest import mock

from sleuth.cli import main


def sleuth(*arguments: object, given: str | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Calls the command line here, with output and exit code as of a process."""
    words = list(map(str, arguments))
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.enter_context(mock.patch("sys.stdin", io.StringIO(given or "")))
        if cwd is not None:
            stack.enter_context(contextlib.chdir(cwd))
        try:
            main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def process(*arguments: object, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Calls the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "sleuth", *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
