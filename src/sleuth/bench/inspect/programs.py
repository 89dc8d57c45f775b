"""Programs of mode `python` in a sandbox of Inspect's, such as Docker: for machines without bubblewrap.

The container (`docker/compose.yaml`) has no network and nothing to write to, and bounds memory and processes; the
limits of time, address space and output are those of `sleuth.grading.sandbox`, whose runner reads the program here from
standard input.
"""

from __future__ import annotations

from pathlib import Path

from inspect_ai.util import OutputLimitExceededError, sandbox

from sleuth.grading import sandbox as limits
from sleuth.grading.sandbox import FROM_INPUT, Ran, ended, too_long, too_much

COMPOSE = Path(__file__).parent / "docker" / "compose.yaml"


async def run_in_sandbox(source: str) -> Ran:
    """Runs a program in the sandbox of the sample that is being scored. What it did before it met a limit is lost.

    Raises `ProcessLookupError` where the sample has no sandbox.
    """
    command = ["python3", "-I", "-B", "-c", FROM_INPUT]
    try:
        done = await sandbox().exec(command, input=source, timeout=int(limits.SECONDS), timeout_retry=False)
    except TimeoutError:
        return Ran("", too_long(), True)
    except OutputLimitExceededError:
        return Ran("", too_much(), True)
    if max(len(done.stdout.encode()), len(done.stderr.encode())) > limits.OUTPUT_BYTES:
        return Ran("", too_much(), True)
    return ended(done.stdout, done.stderr, done.returncode)
