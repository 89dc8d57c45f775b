"""The command line: verbs, no logic. One module for each group of verbs."""

from __future__ import annotations

import io
import sys

from cyclopts import CycloptsError

from sleuth.cli import bench, estimate, export, merge, models, playing, puzzles, training
from sleuth.cli.app import app
from sleuth.cli.families import HELP, describe_families
from sleuth.errors import UserError
from sleuth.progress import say

__all__ = ["app", "bench", "estimate", "export", "main", "merge", "models", "playing", "puzzles", "training"]


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line; exit code 0, 1 (an audit found something), 2 (bad input) or 130 (Ctrl-C)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows fewer letters is no reason to fail
    try:
        if HELP & set(sys.argv[1:] if arguments is None else arguments):
            describe_families(app)
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except (UserError, CycloptsError) as error:
        say(f"sleuth: {' '.join(str(error).split())}")
        sys.exit(2)
    except KeyboardInterrupt:
        say("sleuth: stopped")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    sys.exit(code or 0)
