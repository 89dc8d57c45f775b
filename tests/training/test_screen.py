"""What training shows: one screen on a terminal, plain lines when piped, and nothing that a model wrote is obeyed."""

from __future__ import annotations

import contextlib
import math
import os
import pty
import subprocess
import sys

import pytest
from rich.console import Console

from sleuth.training import screen
from sleuth.training.screen import SAMPLE, Sample, Screen, marked, progress, small_curve


def drawn(shown: object, width: int = 72) -> str:
    console = Console(width=width, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def test_small_curves() -> None:
    assert small_curve([0.0, 0.5, 1.0]) == "▁▅█"
    assert small_curve([1.0, math.nan, 2.0]) == "▁ █"
    assert small_curve([3.0, 3.0]) == "▄▄" and small_curve([]) == ""
    assert small_curve([0.0, 0.0, 1.0, 1.0], columns=2) == "▁█"
    assert len(small_curve([float(i) for i in range(1000)])) == 32


def test_a_screen_has_everything_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: now_s[0])
    shown = Screen("GRPO", 10, 2)
    assert "step 2 of 10" in drawn(shown) and "left" not in drawn(shown)
    for number, reward in enumerate((0.25, 0.5), start=1):
        now_s[0] = 30.0 * number
        figures = {"reward": (reward, f"{reward:.0%}"), "entropy": (1.0, "1.000 nats")}
        shown.step("unused", figures, "sampling 820, training 1,900", Sample("case #0", "It was Ada."))
    shown.alarm("alarm in step 4: entropy: 0.1. Try: a lower rate")
    now_s[0] = 90.0  # six steps of 30 s, less the 30 s that have passed
    text = drawn(shown)
    assert "step 4 of 10" in text and "about 2:30 left" in text and text.count("left") == 1
    assert "▁█" in text and "50%" in text and "25%" not in text and "1.000 nats" in text
    assert "sampling 820, training 1,900" in text and "▲ alarm in step 4" in text and "It was Ada." in text


def test_completions_wrap_at_words_and_cannot_command_the_terminal() -> None:
    text = "\x1b]0;owned\x07\x1b[2J [red]Ada[/red] " + "deduction " * 200
    parts = ((0, 9, "false"), (3, 10**6, "<script>"), (-4, 2, "derived"))
    found = drawn(marked(Sample("", text, parts)), width=40)
    assert "\x1b" not in found and "\x07" not in found
    assert "␛]0;owned␇␛[2J" in found and "[red]Ada[/red]" in found
    words = {word for line in found.splitlines()[1:-1] for word in line.split()}
    assert words <= {"deduction", "[red]Ada[/red]"} and len(found.replace("\n", "")) < SAMPLE + 100


def test_parts_are_styled_where_they_stand() -> None:
    text = marked(Sample("", "It was Ada. It was Bo.", ((0, 11, "derived"), (12, 22, "false"))))
    assert [(span.start, span.end) for span in text.spans] == [(0, 11), (12, 22)]
    assert "cyan" in str(text.spans[0].style) and "red" in str(text.spans[1].style)


def test_on_a_terminal_one_screen_is_drawn_and_ends_with_the_stage() -> None:
    """In a process whose standard error is a terminal; a bar meanwhile draws nothing, and a line goes above."""
    code = """
from sleuth.progress import say, track
from sleuth.training.screen import Sample, progress
with progress("GRPO", 3, 0) as shown:
    shown.step("PLAIN", {"reward": (0.5, "50 %")}, "fast", Sample("case", "It was \\x1b[2J Ada."))
    assert list(track(range(3), "making val puzzles", 3)) == [0, 1, 2]
    say("a line for people")
say("afterwards")
"""
    mine, its = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "40"}
    with subprocess.Popen([sys.executable, "-c", code], stderr=its, env=environment) as process:
        os.close(its)
        written = b""
        with contextlib.suppress(OSError):  # the other end was closed
            while some := os.read(mine, 65536):
                written += some
    os.close(mine)
    text = written.decode()
    assert process.returncode == 0, text
    assert "step 1 of 3" in text and "50 %" in text and "␛[2J" in text and "\x1b[2J" not in text
    assert "PLAIN" not in text and "making val puzzles" not in text
    assert text.index("a line for people") < text.rindex("step 1 of 3") < text.index("afterwards")
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is hidden, and shown again


def test_piped_it_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("GRPO", 3, 0) as shown:
        shown.step("GRPO 1/3  reward 0.5", {"reward": (0.5, "50 %")}, "fast", Sample("case", "text"))
        shown.alarm("alarm in step 1: entropy")
    assert capsys.readouterr().err == "GRPO 1/3  reward 0.5\nalarm in step 1: entropy\n"
