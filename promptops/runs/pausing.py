"""Whether a process at work can be held, and is: told by a file that it keeps beside the database.

A signal that nobody listens to would end the process, so it is sent only to whoever says that it listens.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from promptops.runs.owner import is_dead

WORKING, HELD = "working", "held"


@contextlib.contextmanager
def listening(root: Path, run_ids: Sequence[str], owner: str) -> Iterator[None]:
    """Say that this process can be held, for as long as it works."""
    _tidy(root)
    say(root, run_ids, owner, held=False)
    try:
        yield
    finally:
        for run_id in run_ids:
            with contextlib.suppress(OSError):
                _file(root, run_id).unlink()


def say(root: Path, run_ids: Sequence[str], owner: str, *, held: bool) -> None:
    """Say whether this process is held. Where that can't be written, it can't be held from elsewhere."""
    for run_id in run_ids:
        file = _file(root, run_id)
        fresh = file.with_suffix(f".{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            file.parent.mkdir(mode=0o700, exist_ok=True)
            fresh.write_text(f"{owner}\n{HELD if held else WORKING}\n", "utf-8")
            fresh.replace(file)


def holds(root: Path, run_id: str, owner: str) -> bool | None:
    """Tell whether a run's owner is held; None where it does not say."""
    try:
        lines = _file(root, run_id).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return lines[1] == HELD if len(lines) == 2 and lines[0] == owner else None


def _tidy(root: Path) -> None:
    """Take away what processes said that were killed."""
    for file in (root / ".promptops").glob("work-*"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            owner = file.read_text("utf-8").partition("\n")[0]
            if is_dead(owner):
                file.unlink()


def _file(root: Path, run_id: str) -> Path:
    return root / ".promptops" / f"work-{run_id}"
