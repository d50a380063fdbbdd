"""How much of a SQLite write-ahead log is in use, read from its index without letting go of any lock.

A process loses all its locks on a file as soon as it closes any descriptor of it (POSIX), also those that
SQLite holds in the same process. Another process would then take the index for abandoned and cut it off under
our feet. So a descriptor is kept until the file is gone.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

_kept: dict[tuple[int, int], int] = {}
"""Descriptors by device and inode."""
_lock = threading.Lock()


def log_bytes(database: Path) -> int:
    """Return how many bytes of a database's write-ahead log are in use; 0 where there is no log.

    The file itself keeps its size when the log begins anew. The layout is part of SQLite's documented
    WAL-index format: page size at byte 14, last frame at byte 16.
    """
    try:
        with _lock:
            head = os.pread(_descriptor(f"{database}-shm"), 20, 0)
    except FileNotFoundError:
        return 0
    page, frames = (int.from_bytes(part, sys.byteorder) for part in (head[14:16], head[16:20]))
    return max(page, 512) * frames


def _descriptor(index: str) -> int:
    found = Path(index).stat()
    place = (found.st_dev, found.st_ino)
    if place not in _kept:
        for other, descriptor in list(_kept.items()):
            # Nobody can open a file again that has no name left: its locks mean nothing.
            if os.fstat(descriptor).st_nlink == 0:
                os.close(_kept.pop(other))
        opened = os.open(index, os.O_RDONLY | os.O_CLOEXEC)
        held = os.fstat(opened)
        _kept[held.st_dev, held.st_ino] = opened
        return opened
    return _kept[place]
