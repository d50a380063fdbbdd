"""What the spool still holds of a person: files of running processes, and lines that could not be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from promptops.production.segments import UNREAD, segment_paths


class Remains(NamedTuple):
    """Lines that name a person, by the person's mark."""

    spooled: int
    """In files of running processes."""
    unread: int
    """In files of what could not be read."""


def remaining(folder: Path, subject: str) -> Remains:
    """Return how many lines of a spool name a person."""
    mark = subject.encode("ascii", "replace")
    return Remains(
        _lines_with(mark, segment_paths(folder)), _lines_with(mark, sorted(folder.glob(f"*{UNREAD}")))
    )


def _lines_with(mark: bytes, paths: Iterable[Path]) -> int:
    found = 0
    for path in paths:
        try:
            with path.open("rb") as file:
                found += sum(mark in line for line in file)
        except FileNotFoundError:
            continue  # its process has brought it in meanwhile
    return found
