"""What the benchmarks share: naming the machine, its memory, and keeping dated tables."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from sleuth.files import atomic_write

QUICK = "everything once and small, to see that it runs"
"""What `--quick` does."""
QUICK_MODEL = "nano-novice"
"""The model that is measured then: it comes with Sleuth, has two million parameters, and is not so sure of what it
writes that all samples are alike."""


def machine() -> str:
    """Processor and cores, in a few words."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def peak_bytes() -> int:
    """The most memory that this program has had, on Linux. `ru_maxrss` would be no less than what the process that
    started it had taken by then."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def write_page(name: str, text: str, folder: Path | None) -> None:
    """Prints a page, and writes it in place of `folder`/`name`.md."""
    print(text)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / f"{name}.md", text.encode())


def write_table(name: str, title: str, head: Sequence[str], rows: Sequence[Sequence[str]], folder: Path | None) -> None:
    """Prints a Markdown table, and adds it with today's date to `folder`/`name`.md."""
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    today = datetime.date.today().isoformat()
    text = f"## {today}: {title}\n\n" + "\n".join(lines) + "\n"
    print(text)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{name}.md").open("a", encoding="utf-8") as file:
            file.write(text + "\n")
