"""A user's file as text: regular files only, of bounded size, in UTF-8; written whole or not at all."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from promptops.errors import FileProblems, Problem

MAX_LINE = 10_000_000
"""Bytes of one line of a data file."""


_WIDE = {
    **{codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32"},
    **{codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"},
}
"""By what a file begins with; that of UTF-16 begins that of UTF-32, which so comes first."""


def file_name(path: Path) -> str:
    """Spell a path for messages; characters that could forge a line are escaped."""
    text = str(path)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes; never waits on a pipe or a device.

    Raises FileProblems where there is none or it can't be read.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer that never comes.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as error:
        raise _refused(path, _why(error)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _refused(path, "is no regular file (a folder, a pipe or a device)")
    return os.fdopen(descriptor, "rb")


def check_inside(path: Path, root: Path) -> None:
    """Raise FileProblems where a path, with its links followed, leaves the folder `root`."""
    try:
        inside = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise _refused(path, _why(error)) from error
    if not inside:
        raise _refused(path, f"is a link that leads out of {file_name(root)}; copy the file instead")


def read_text(path: Path, limit: int) -> str:
    """Return a file's text of at most `limit` bytes, without a byte order mark, line ends as they are."""
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise _refused(path, f"is larger than {limit:,} bytes")
    return decode(data, file_name(path))


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield each line's number and bytes, without its end and the file's byte order mark."""
    with open_regular(path) as file:
        number = 0
        while line := file.readline(MAX_LINE + 3):
            number += 1
            if number == 1:
                refuse_wide(line, file_name(path))
            content = line.removesuffix(b"\n").removesuffix(b"\r")
            if len(content) > MAX_LINE:
                raise FileProblems(
                    [Problem(file_name(path), f"a line is longer than {MAX_LINE:,} bytes", number)]
                )
            yield number, content.removeprefix(b"\xef\xbb\xbf") if number == 1 else content


def refuse_wide(data: bytes, file: str) -> None:
    """Raise FileProblems where a file begins as one of UTF-16 or UTF-32 does: one fault, not one a line."""
    wide = next((name for mark, name in _WIDE.items() if data.startswith(mark)), None)
    if wide is None:
        wide = {2: "UTF-16", 3: "UTF-32"}.get(data[:4].count(0))
    if wide is not None:
        reason = f"is {wide}; save it as UTF-8 (for example by iconv -f {wide} -t UTF-8)"
        raise FileProblems([Problem(file, reason, 1, 1)])


def decode(data: bytes, file: str, line: int = 1) -> str:
    """Return bytes as text. Raises FileProblems with the line and column of the first wrong byte."""
    if line == 1:
        refuse_wide(data, file)
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        before = data[: error.start].decode("utf-8")
        column = len(before) - (before.rfind("\n") + 1) + 1
        raise FileProblems([Problem(file, reason, line + before.count("\n"), column)]) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be written whole: it takes the place of `path` only once all of it is on the disk."""
    fresh = path.with_name(f".{path.name[:100]}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with fresh.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise _refused(path, f"can't be written: {_why(error)}") from error


def _sync_folder(folder: Path) -> None:
    # The new name is durable only once its folder is; some systems can't sync a folder.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refused(path: Path, reason: str) -> FileProblems:
    return FileProblems([Problem(file_name(path), reason)])


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "is a link that leads to itself"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return "is no valid path"
