"""Atomic writes and whole lines, also when the disk is full or a crash left a part."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sleuth.errors import UserError
from sleuth.files import alone, append_line, atomic_write, check_output, read_lines


def full_disk(_descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_atomic_write_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a"
    atomic_write(path, b"one")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_full_disk_keeps_the_old_file_and_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    atomic_write(path, b"one")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(UserError) as caught:
        atomic_write(path, b"two")
    assert str(path) in str(caught.value) and "disk is full" in str(caught.value) and "\n" not in str(caught.value)
    assert path.read_bytes() == b"one"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_full_disk_keeps_the_lines_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    append_line(path, "one")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(UserError, match="disk is full"):
            append_line(path, "two")
    assert path.read_bytes() == b"one\n"
    append_line(path, "three")
    assert read_lines(path) == ["one", "three"]


def test_other_errors_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "nowhere" / "a", b"")


@pytest.mark.parametrize(
    ("torn", "whole"), [(b"one\ntw", ["one"]), (b"tw", []), (b"", []), (b"one\n", ["one"]), (b"a\n\xe2\x82", ["a"])]
)
def test_torn_last_line(tmp_path: Path, torn: bytes, whole: list[str]) -> None:
    path = tmp_path / "log"
    path.write_bytes(torn)
    assert read_lines(path) == whole
    assert path.read_bytes() == torn  # a reader never changes the file: its writer may be at work
    append_line(path, "new")
    assert read_lines(path) == [*whole, "new"]


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    append_line(tmp_path / "log", "a\u2028b\x0bc")
    assert read_lines(tmp_path / "log") == ["a\u2028b\x0bc"]


def test_no_file_has_no_lines(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "log") == []


@pytest.mark.parametrize("length", [249, 252, 300])
def test_a_name_that_is_too_long_is_refused_before_the_work(length: int, tmp_path: Path) -> None:
    # 255 bytes is what file systems take, and the file is written as .NAME.tmp first.
    with pytest.raises(UserError, match="is too long"):
        check_output(tmp_path / f"{'n' * length}.jsonl", ".jsonl")
    check_output(tmp_path / f"{'n' * 240}.jsonl", ".jsonl")


def test_processes_that_write_one_file(tmp_path: Path) -> None:
    """Nothing half-written is ever seen, and nothing is left over."""
    script = "import sys; from pathlib import Path; from sleuth.files import atomic_write\n"
    script += "for i in range(150): atomic_write(Path('file'), sys.argv[1].encode() * 20000)"
    others = [subprocess.Popen([sys.executable, "-c", script, name], cwd=tmp_path) for name in ("a", "b")]
    while any(other.poll() is None for other in others):
        if (tmp_path / "file").exists():
            assert (tmp_path / "file").read_bytes() in (b"a" * 20000, b"b" * 20000)
    assert [other.returncode for other in others] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    lock, what = tmp_path / ".lock", "x: another process is at work on it"
    with alone(lock, what), pytest.raises(UserError, match=f"{what}; wait for it, or stop it"), alone(lock, what):
        pass
    with alone(lock, what):
        pass
