"""Atomic writes and whole lines, also when the disk is full or a crash left a part."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sleuth.errors import UserError
from sleuth.files import append_line, atomic_write, check_output, read_lines


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
