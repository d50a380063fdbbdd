"""What the spool still holds of a person: files of running processes, and lines that could not be read."""

from __future__ import annotations

from pathlib import Path

from promptops.production.segments import UNREAD, segment_paths


def remaining(folder: Path, subject: str) -> int:
    """Return how many lines of a spool name a person, by the person's mark."""
    mark = subject.encode("ascii", "replace")
    found = 0
    for path in [*segment_paths(folder), *sorted(folder.glob(f"*{UNREAD}"))]:
        try:
            with path.open("rb") as file:
                found += sum(mark in line for line in file)
        except FileNotFoundError:
            continue  # its process has brought it in meanwhile
    return found
