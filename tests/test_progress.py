import json
import re
from pathlib import Path

import pytest

from sleuth import progress
from sleuth.progress import bar, say, tell
from sleuth.visible import json_line, table


def test_the_estimate_leaves_out_what_was_done_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = iter([0.0, 20.0, 40.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now_s))
    with bar("warm start", 100, before=80) as advance:
        advance(1)  # a twentieth of what was left: too early to tell
        advance(4)  # 5 in 40 s, 15 to go
    assert capsys.readouterr().err == "warm start: 81/100\nwarm start: 85/100, about 2:00 left\n"


HOSTILE = "\x1b]0;pwn\x07\x1b[31mX\x9b2J\u202e"
"""Renames a window, colours, clears the screen, turns the reading direction."""
SHOWN = "␛]0;pwn␇␛[31mX⟨U+009B⟩2J⟨U+202E⟩"


def test_what_is_printed_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"a {HOSTILE}\n\tb")
    tell(f"c {HOSTILE}", end="")
    with bar(HOSTILE, 1) as advance:
        progress.PLAIN_EVERY_S, every = -1.0, progress.PLAIN_EVERY_S
        advance(1)
        progress.PLAIN_EVERY_S = every
    said = capsys.readouterr()
    assert said.out == f"c {SHOWN}" and said.err.startswith(f"a {SHOWN}\n\tb\n{SHOWN}: 1/1")


def test_tables_hold_text_of_one_line_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    Console(width=200).print(table(("[red]h", HOSTILE), [("[bold]a\nb", f"{HOSTILE}\\")], HOSTILE))
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\x9b" not in said and said.count(SHOWN) == 3
    assert "[red]h" in said and "[bold]a b" in said


def test_json_stays_the_same_data() -> None:
    value = {"a": f"{HOSTILE}\U000e0041é", "b": [1, None]}
    line = json_line(value)
    assert json.loads(line) == value and "é" in line
    assert not any(character in line for character in "\x1b\x9b\u202e\U000e0041")


def test_everything_is_printed_through_them() -> None:
    """`print` writes what a file holds to the terminal as it is. What is left: the functions themselves, and JSON."""
    source = Path(progress.__file__).parent
    found = {
        (str(file.relative_to(source)), line.strip())
        for file in source.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.match(r"(?!.*lambda)\s+print\(|.*lambda.*\bprint\(", line)
    }
    assert found == {
        ("progress.py", "print(visible(text), file=sys.stderr, flush=True)"),
        ("progress.py", "print(visible(str(text)), end=end, flush=True)"),
        ("cli/models.py", "print(json_line(line))"),
        *(("__init__.py", f"print({what})") for what in IN_A_DOCSTRING),
    }


IN_A_DOCSTRING = ("puzzle.prompt", "sleuth.solve(puzzle.prompt).answers", 'sleuth.grade(puzzle, "A. …").outcome')
