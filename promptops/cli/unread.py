"""Output whose reader (`head`, a pager) has gone: it goes nowhere, and the command goes on to its exit code.

A command that ended with its reader would have to make up an exit code, and a gate's verdict is no guess.
"""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Outlet(io.FileIO):
    """A file descriptor whose reader may go."""

    told = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, or drop what nobody reads. Raises OSError once where it cannot, and drops the rest."""
        try:
            return super().write(data)
        except BrokenPipeError:
            return memoryview(data).nbytes
        except OSError:
            if not self.told:
                self.told = True
                raise
            return memoryview(data).nbytes


def outlive_readers() -> None:
    """Let standard output and errors outlive their readers; what is no file (in a test) stays as it is."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):
                setattr(sys, name, _outlet(stream))


def _outlet(stream: io.TextIOWrapper) -> TextIO:
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Outlet(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
