"""The spool: records on disk that are not in the database yet, as files that belong to one process each.

A process appends to a segment of its own and holds a lock (flock) on it; the system lets go of the lock when
the process dies, however that happens. A segment that nobody holds is whole: whoever takes its lock
may move its lines into the database and delete it. Lines are written in one call and synced to the disk
once a second and when a segment is let go.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

LARGEST = 4_000_000
"""Bytes of a segment, from which the next one is begun."""
SYNCED = 1.0
"""Seconds after which what was written is synced to the disk."""
_ENDING = ".jsonl"
_SYNC = getattr(os, "fdatasync", os.fsync)  # macOS has the latter only
UNREAD = ".unread"
"""The ending of files with lines that could not be read; they are kept for their owner to look at."""


class Lines(NamedTuple):
    """What a segment holds."""

    whole: tuple[bytes, ...]
    torn: bytes
    """What follows the last line end: a line of which the rest was never written."""


class Segment:
    """A file of the spool that this process appends to."""

    def __init__(self, folder: Path, name: str) -> None:
        """Begin a segment. Raises OSError."""
        _make_folder(folder)
        self.path = folder / f"{name}{_ENDING}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        self._file = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(self._file).st_nlink == 0:
                raise FileNotFoundError(
                    errno.ENOENT, "another process took it for an old one", str(self.path)
                )
        except OSError:
            os.close(self._file)
            raise
        self.size = 0
        self._synced = time.monotonic()
        self._dirty = False

    def append(self, lines: bytes) -> None:
        """Write whole lines, all or none. Raises OSError where they could not be written."""
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._file, lines[written:] if written else lines)
        except OSError:
            # Works on a full disk too. Where it does not, the reader recognises half of a line.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise
        self.size += len(lines)
        self._dirty = True

    @property
    def due(self) -> bool:
        """Whether it is time to sync."""
        return time.monotonic() - self._synced >= SYNCED

    def sync(self) -> None:
        """Have the system write to the disk what was appended. Raises OSError."""
        self._synced = time.monotonic()
        if self._dirty:
            _SYNC(self._file)
            self._dirty = False

    def let_go(self) -> None:
        """Sync and unlock: from now on it is anybody's. An empty one is deleted."""
        with contextlib.suppress(OSError):
            self.sync()
        if not self.size:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self.forget()

    def forget(self) -> None:
        """Close the file and no more: in a forked child the segment stays the parent's."""
        with contextlib.suppress(OSError):
            os.close(self._file)


class Found:
    """A segment whose lock was taken, to be moved into the database."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file

    def read(self) -> Lines:
        """Return its lines. Raises OSError."""
        parts = []
        while part := os.read(self._file, 1 << 20):
            parts.append(part)
        *whole, torn = b"".join(parts).split(b"\n")
        return Lines(tuple(whole), torn)

    def keep(self, unread: bytes) -> None:
        """Put lines aside that can't be used. Raises OSError."""
        aside = os.open(self.path.with_suffix(UNREAD), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(aside, "ab") as file:
            file.write(unread + b"\n")

    def delete(self) -> None:
        """Delete it: all of it is elsewhere now. Raises OSError."""
        self.path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        os.close(self._file)


def free_segments(folder: Path) -> Iterator[Found]:
    """Yield the segments that nobody holds, the oldest first, each with its lock.

    Raises OSError at the end where some could not be opened, such as another user's.
    """
    refused: OSError | None = None
    for path in segment_paths(folder):
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue  # another process was quicker
        except OSError as error:
            refused = error
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            gone = os.fstat(file).st_nlink == 0
        except OSError:
            gone = True
        if gone:
            os.close(file)
            continue
        with Found(path, file) as found:
            yield found
    if refused is not None:
        raise refused


def segment_paths(folder: Path) -> list[Path]:
    """Return the segments of a spool by age, whoever holds them."""
    try:
        with os.scandir(folder) as entries:
            names = [each.name for each in entries if each.name.endswith(_ENDING)]
    except OSError:
        return []
    return [folder / name for name in sorted(names)]


def spool_bytes(folder: Path) -> int:
    """Return how many bytes lie in a spool, with lines that were put aside."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    if folder.parent.name == ".promptops" and folder.parent.parent.is_dir():
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        note = folder.parent / ".gitignore"
        if not note.exists():  # as where the database is made: git is told to leave the folder alone
            note.write_text("*\n", "utf-8")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
