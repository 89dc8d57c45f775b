"""Files that are whole or not there: atomic replacement, and lines that are appended whole."""

from __future__ import annotations

import codecs
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sleuth.errors import UserError, shortened

COMPRESSIONS = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
"""What files that are compressed begin with."""


def free_disk_bytes(path: Path) -> int:
    """What is free where `path` is, or will be made."""
    return shutil.disk_usage(_nearest(path)).free


def _nearest(path: Path) -> Path:
    """The path, or the nearest above it that is there."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())


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
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(
                f"{path.parent}: a name of {len(path.name)} characters is too long; take a shorter one"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(f"{path}: not allowed to write here; choose another folder") from error
        raise


@contextmanager
def atomic_open(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, whose content takes the place of `path` when the block ends: a reader, or a crash at any time,
    sees the old content or the new, never a part.

    Raises `UserError` on a full disk or a missing permission. After that, or any exception in the block, nothing of the
    new content is left.
    """
    # A fixed name: what a killed process left is written over by the next, not piled up.
    temporary = _temporary(path)
    with writing(path), _locked(temporary) as file:
        try:
            file.truncate()
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


@contextmanager
def alone(lock: Path, what: str, patience_s: float = 0.0) -> Iterator[None]:
    """Keeps other processes that call this from the same meanwhile, by the lock on an empty file; however this one
    ends, that ends with it. `what` another one does is told by the `UserError` that is raised if it has the lock for so
    long."""
    from filelock import FileLock, Timeout

    held = FileLock(lock)
    try:
        with writing(lock):
            held.acquire(timeout=patience_s)
    except Timeout:
        raise UserError(f"{what}; wait for it, or stop it") from None
    try:
        yield
    finally:
        held.release()


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """A file, made if it is not there, that no other process has locked meanwhile; waits for one that has."""
    while True:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, path):  # who had it locked may have renamed or removed it
                yield file
                return


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def atomic_write(path: Path, data: bytes) -> None:
    """Writes a file as `atomic_open` does."""
    with atomic_open(path) as file:
        file.write(data)


LONGEST_NAME_BYTES = 200
"""File systems allow 255 bytes; names are also given a number or a suffix."""

NO_FILE_NAME = (
    f"a folder or file is named by it; give one without slashes, of at most {LONGEST_NAME_BYTES} bytes, that can be "
    "printed"
)
"""What is said of a name that is none."""


def is_file_name(name: str) -> bool:
    """Whether a file or folder can be called so, wherever it is: no slash, nothing that a terminal would obey, not too
    long."""
    return (
        name.strip() not in ("", ".", "..")
        and Path(name).name == name
        and name.isprintable()
        and len(name.encode(errors="replace")) <= LONGEST_NAME_BYTES
    )


def read_data(path: Path) -> bytes:
    """A file's bytes, unpacked where it is compressed with gzip or zstd, without a byte order mark. Raises `UserError`
    if it is missing, a folder, not to be read, or damaged."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    for compression, magic in COMPRESSIONS.items():
        if data.startswith(magic):
            import pyarrow as pa

            try:
                data = pa.input_stream(pa.py_buffer(data), compression=compression).read()
            except (OSError, pa.ArrowInvalid) as error:
                raise UserError(f"{path}: damaged, or cut short ({' '.join(str(error).split())})") from None
    return data.removeprefix(codecs.BOM_UTF8)


def _unreadable(path: Path, error: OSError) -> UserError:
    if isinstance(error, IsADirectoryError):
        return UserError(f"{path} is a folder; name a file")
    return UserError(f"{shortened(str(path), 300)}: cannot be read ({error.strerror})")


def read_text(path: Path) -> str:
    """A text file, read as `read_data` does. Raises `UserError` as that, and if it is not UTF-8."""
    try:
        return read_data(path).decode()
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file (UTF-8)") from None


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises `UserError` as `read_data` does, and as `parse_json`."""
    try:
        return parse_json(read_data(path))
    except ValueError as error:
        raise error if isinstance(error, UserError) else UserError(f"{path}: not a JSON file: {error}") from None


def parse_json(data: bytes) -> Any:
    """What JSON (UTF-8) holds. Raises `ValueError` for anything else, and for texts with half of a surrogate pair: its
    escapes can spell them, and no file can hold them."""
    text = data.decode()
    try:
        found = json.loads(text)
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair (\\ud800 to \\udfff) stands alone, which is no character") from None
    except RecursionError:
        raise ValueError("lists or objects are nested too deep") from None
    return found


def check_output(path: Path, *suffixes: str) -> None:
    """Raises `UserError` where a file could not be written later: another suffix than these, a folder in its place, no
    folder to hold it, or no permission. To be called before the work whose result goes there."""
    if suffixes and path.suffix not in suffixes:
        raise UserError(f"{path}: name the file {' or '.join(suffixes)}")
    with writing(path):
        if path.is_dir():
            raise UserError(f"{path} is a folder; name a file")
        _temporary(path).is_dir()  # its name is a little longer
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: no such folder; make it first")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path}: not allowed to write here; choose another folder")


def check_folder(path: Path) -> None:
    """Raises `UserError` where a folder could not be made, with those above it, or not be written into: a file in its
    place or in theirs, or no permission. To be called before the work whose results go there."""
    nearest = _nearest(path)
    if not nearest.is_dir():
        raise UserError(f"{path}: {nearest} is a file; choose another folder")
    if not os.access(nearest, os.W_OK):
        raise UserError(f"{path}: not allowed to write in {nearest}; choose another folder")


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
    """The whole lines of a file, without a torn last one; none if the file is not there. Raises `UserError` for one
    that cannot be read, and for a line that is not UTF-8."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(path, error) from None
    whole, _, _torn = data.rpartition(b"\n")
    try:
        # Not splitlines(): a JSON string may hold characters that it takes for line ends.
        return whole.decode().split("\n") if whole else []
    except UnicodeDecodeError as error:
        number = 1 + whole.count(b"\n", 0, error.start)
        raise UserError(f"{path}, line {number}: not text (UTF-8)") from None


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
