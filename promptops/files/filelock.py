"""One writer at a time: files that several people or processes change are changed in turn."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from promptops.errors import FileProblems, Problem
from promptops.files.textfile import file_name


@contextlib.contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Let one process or thread at a time change files: two at once must not undo each other.

    `path` is a file that is locked and holds nothing. Raises FileProblems where it can't be opened.
    """
    try:
        path.parent.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.mkdir(exist_ok=True)
        (path.parent / ".gitignore").write_text("*\n", "utf-8")
        file = path.open("ab")
    except OSError as error:
        raise FileProblems([Problem(file_name(path), f"can't be written: {error.strerror}")]) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)  # closing it lets go
        yield
