"""Files that are whole or not there: atomic replacement, and lines that are appended whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sleuth.errors import UserError


def free_disk_bytes(path: Path) -> int:
    """What is free where `path` is, or will be made."""
    there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(there).free


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a full disk, a full quota or a missing permission met while writing `path` into a `UserError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"{path}: the disk is full; free some space, then resume the run") from error
        if error.errno in (errno.EISDIR, errno.ENOTDIR):
            raise UserError(f"{path}: a folder where a file should be, or a file in the place of a folder") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(f"{path}: not allowed to write here; choose another folder") from error
        raise


def atomic_write(path: Path, data: bytes) -> None:
    """Writes a file so that a reader, or a crash at any time, sees the old content or the new, never a part.

    Raises `UserError` on a full disk or a missing permission, and then leaves nothing of the new content behind.
    """
    # A fixed name: what a killed process left is written over by the next, not piled up.
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path):
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def read_text(path: Path) -> str:
    """A text file. Raises `UserError` if it is missing, a folder, or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; name a file") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file (UTF-8)") from None


def append_line(path: Path, line: str) -> None:
    """Appends one line; it is on the disk when this returns. A torn line that a crash left at the end is cut first.

    Raises `UserError` on a full disk, and then leaves the file as it was.
    """
    assert "\n" not in line
    with writing(path), path.open("ab", buffering=0) as file:
        size = _whole_size(path)
        try:
            os.truncate(file.fileno(), size)
            data = memoryview(line.encode() + b"\n")
            while data:
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except OSError:
            os.truncate(file.fileno(), size)
            raise


def read_lines(path: Path) -> list[str]:
    """The whole lines of a file, without a torn last one; none if the file is not there."""
    if not path.exists():
        return []
    whole, _, _torn = path.read_bytes().rpartition(b"\n")
    # Not splitlines(): a JSON string may hold characters that it takes for line ends.
    return whole.decode().split("\n") if whole else []


def _whole_size(path: Path) -> int:
    """Bytes up to the end of the last whole line."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size == 0:
            return 0
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return size
        file.seek(0)
        return file.read().rfind(b"\n") + 1


def _sync_folder(folder: Path) -> None:
    """Makes the renaming itself durable, where a folder can be opened (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
