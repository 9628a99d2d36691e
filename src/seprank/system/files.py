"""Files that are at any moment either the old one or the whole new one, and files that are read with a limit."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import secrets
import select
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Write = Callable[[Path], object] | str
"""The text of a file, or what writes it to the path it is given"""

MOST_BYTES = 2**28
"""Of a file that is read whole: more than any certificate, measurement or configuration has"""
_PATIENCE = 10.0
"""Seconds for which a pipe may say nothing before it is given up"""


class FileError(OSError):
    """Raised here for all files that cannot be read or written; the message says which, why, and what to do."""


class FileTooLarge(FileError):
    """A file is larger than what is expected of its kind."""


def write_whole(path: str | Path, write: Write) -> Path:
    """Write a file at once or not at all; it is on the disk when this returns.

    A file that is there keeps its mode and its owner. A symbolic link stays, and what it points to is written. What is
    no regular file (a pipe, a terminal, the standard output of this process) is written into, never replaced. Of a file
    with several names (hard links), only this name gets the new content.

    Args:
        path: of the file; its folder is made if there is none.
        write: the text, or what writes to the path it is given.

    Returns:
        The path.

    Raises:
        FileError: the file cannot be written; an old one is still there then.

    Example:
        >>> folder = tempfile.TemporaryDirectory()
        >>> write_whole(f"{folder.name}/new/a.txt", "whole").read_text()
        'whole'
        >>> folder.cleanup()
    """
    path = Path(path)
    with _explained(path, "written"):
        found = _writable(path)
        if found is None or _is_replaceable(found):
            target = Path(os.path.realpath(path))
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, write, found)
        else:
            _pour(path, write, found)
    return path


def check_writable(path: str | Path) -> None:
    """Refuse a file that `write_whole` could not write, before the work whose result it is to hold."""
    path = Path(path)
    with _explained(path, "written"):
        found = _writable(path)
    if found is None or _is_replaceable(found):
        check_folder(Path(os.path.realpath(path)).parent)


def check_folder(path: str | Path) -> None:
    """Refuse a folder into which no file could be written, before the work whose results it is to hold."""
    path = Path(path)
    with _explained(path, "written"):
        real = Path(os.path.realpath(path))
        folder = next(place for place in (real, *real.parents) if os.path.lexists(place))
        if not folder.is_dir():
            raise FileError(f"{path} cannot be a folder: {folder} is a file; give another path")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise FileError(f"{path} cannot be written: {folder} is write-protected; give another path")


def _writable(path: Path) -> os.stat_result | None:
    """The status of the file that is to be written, None if there is none yet."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise FileError(f"{path} is a folder; give the name of a file")
    if stat.S_ISBLK(found.st_mode) or stat.S_ISSOCK(found.st_mode):
        kind = "a disk" if stat.S_ISBLK(found.st_mode) else "a socket"
        raise FileError(f"{path} is {kind}, on which no file is written; give another path")
    if not os.access(path, os.W_OK):
        raise FileError(f"{path} is write-protected; give another path, or remove the protection")
    return found


def _is_replaceable(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and _open_as(found) is None


def _open_as(found: os.stat_result) -> int | None:
    """The standard output or standard error of this process, if the file is that."""
    for number in (1, 2):
        try:
            if os.path.samestat(os.fstat(number), found):
                return number
        except OSError:  # it is closed
            continue
    return None


def _replace(target: Path, write: Write, found: os.stat_result | None) -> None:
    draft = target.with_name(f".seprank-{secrets.token_hex(8)}")
    # Exclusive, so that nobody has put a link there; closed to others from the start where the old one is.
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if found is None else 0o600))
    try:
        _write(draft, write)
        if found is not None:
            _keep_owner(draft, target, found)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(target)
        _keep_name(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _write(draft: Path, write: Write) -> None:
    if isinstance(write, str):
        # Names of files may contain bytes that are not text.
        draft.write_text(write, encoding="utf-8", errors="backslashreplace")
    else:
        write(draft)


def _keep_owner(draft: Path, target: Path, found: os.stat_result) -> None:
    """Give the new file the mode, the owner and the group of the old one."""
    made = draft.stat()
    if (made.st_uid, made.st_gid) != (found.st_uid, found.st_gid):
        try:
            os.chown(draft, found.st_uid, found.st_gid)
        except PermissionError:
            raise FileError(f"{target} belongs to another user, and a new one would not; give another path") from None
    draft.chmod(stat.S_IMODE(found.st_mode))


def _keep_name(folder: Path) -> None:
    """Flush a folder to the disk: only then is a new name in it safe."""
    if hasattr(os, "O_DIRECTORY"):
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _pour(path: Path, write: Write, found: os.stat_result) -> None:
    """Write into a pipe or device, once the content is complete."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft"
        _write(draft, write)
        with draft.open("rb") as source, open(_opened(path, found), "wb") as sink:
            shutil.copyfileobj(source, sink)


def _opened(path: Path, found: os.stat_result) -> int:
    standard = _open_as(found)
    if standard is not None:
        stream = sys.stdout if standard == 1 else sys.stderr
        if stream is not None:
            stream.flush()
        return os.dup(standard)
    try:
        # Without waiting for a reader, which may never come.
        number = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise FileError(f"nobody reads the pipe {path}; start its reader first, or give a file") from None
    os.set_blocking(number, True)
    return number


@contextmanager
def _explained(path: Path, done: str) -> Iterator[None]:
    """Errors of the system as `FileError`, with the path."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{path} cannot be {done}: {error.strerror or error}") from error


def existing_file(path: str | Path) -> Path:
    """The path, if there is a file of ordinary kind: no folder and no device."""
    path = Path(path)
    with _explained(path, "read"):
        mode = _mode(path)
    if not stat.S_ISREG(mode):
        raise FileError(f"{path} is not a regular file; give a file")
    return path


def _mode(path: Path) -> int:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise FileError(f"there is no file {path}; check the path") from None
    if stat.S_ISDIR(mode):
        raise FileError(f"{path} is a folder; give a file in it")
    return mode


def read_whole(path: str | Path, *, most: int = MOST_BYTES) -> bytes:
    """The content of a file, or of a pipe that somebody writes to, of at most `most` bytes."""
    path = Path(path)
    with _explained(path, "read"):
        _mode(path)
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode) and not select.select([file], [], [], _PATIENCE)[0]:
                raise FileError(f"nobody has written to the pipe {path} for {_PATIENCE:.0f} s; give a file")
            os.set_blocking(file.fileno(), True)
            content = file.read(most + 1)
    if len(content) > most:
        raise FileTooLarge(f"{path} is larger than {most:,} bytes; is it the file you mean?")
    return content


def read_json(path: str | Path) -> Any:
    """What a file of JSON holds; `ValueError` as `parsed`."""
    try:
        return parsed(read_whole(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def parsed(content: bytes) -> Any:
    """What JSON says; `ValueError` if it is not JSON, or nested too deeply to be read."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error}); is the file complete?") from None
    except RecursionError:
        raise ValueError("it is nested too deeply to be one of our files; is it the file you mean?") from None


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as comma-separated values under the names that occur in any of them.

    Example:
        >>> csv_text([{"a": 1}, {"a": 2, "b": "x"}])
        'a,b\\n1,\\n2,x\\n'
    """
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
