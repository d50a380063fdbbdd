"""An evaluation set as it was read before, as long as none of its files changed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from promptops.sets.evalset import read_evalset
from promptops.types import EvalSet

State = tuple[tuple[str, int, int, int], ...]


def unchanged_evalset(folder: Path) -> EvalSet:
    """Return a set as `read_evalset` does, and read it again only where a file of its folder changed."""
    return _read(folder.absolute(), _state(folder))


def _state(folder: Path) -> State:
    found = []
    for path in folder.iterdir():
        if path.is_file():
            stat = path.stat()
            found.append((path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(sorted(found))


@lru_cache(maxsize=8)
def _read(folder: Path, state: State) -> EvalSet:
    return read_evalset(folder)
