"""Files that are at any moment either the old one or the whole new one."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def write_whole(path: str | Path, write: Callable[[Path], object] | str) -> Path:
    """Write a file at once or not at all; it is on the disk when this returns.

    Args:
        path: of the file; its folder is made if there is none.
        write: the text, or what writes to the path it is given.

    Returns:
        The path.

    Raises:
        OSError: the file cannot be written; an old one is still there then.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if isinstance(write, str):
            draft.write_text(write, encoding="utf-8")
        else:
            write(draft)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


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
