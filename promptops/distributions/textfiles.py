"""The files of a project that can be a side of a shift: tables of texts, wherever they lie in its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from promptops.distributions.windows import SUFFIXES
from promptops.errors import PromptopsError
from promptops.files.textfile import open_regular
from promptops.sets.candidates import TAG

MOST_FILES = 200
_MOST_ENTRIES = 20_000
"""Names in folders that are looked at: a project may lie beside millions of other files."""
_DEEPEST = 4
_OTHERS = frozenset({"evalsets", "prompts", "node_modules", "__pycache__", "venv", "env"})
_FIRST_LINE = 65_536
"""Bytes of a file's first line that are looked at."""
_ENVIRONMENT = "pyvenv.cfg"
_PROMPT = (".prompt.yaml", ".prompt.yml")


def text_files(root: Path) -> tuple[str, ...]:
    """List files below a folder that may hold texts, the newest first, named from the folder.

    Hidden folders, those of sets and prompts, and links are left out; of many files the newest 200 stand.
    Files of candidates for a set come after all others: they were picked from production, and are not it.
    """
    dated = []
    for path in islice(_files(root), _MOST_ENTRIES):
        try:
            dated.append((-path.stat().st_mtime_ns, path.relative_to(root).as_posix()))
        except OSError:
            continue  # It went away while the folder was read.
    names = [name for _, name in sorted(dated)[:MOST_FILES]]
    return tuple(sorted(names, key=lambda name: _holds_candidates(root / name)))


def _holds_candidates(path: Path) -> bool:
    """Tell whether a file's first line is a sample that waits for review."""
    if path.suffix != ".jsonl":
        return False
    try:
        with open_regular(path) as file:
            row = json.loads(file.readline(_FIRST_LINE))
    except (OSError, ValueError, RecursionError, PromptopsError):
        return False  # What can't be read is told when the file is chosen.
    tags = row.get("tags") if isinstance(row, dict) else None
    return isinstance(tags, list) and TAG in tags


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        deep = len(here.relative_to(root).parts) >= _DEEPEST
        folders[:] = [] if deep else sorted(each for each in folders if _is_searched(here / each))
        for name in names:
            # A name with a dash in front would be an option to the command that the page tells.
            if not name.endswith(SUFFIXES) or name.endswith(_PROMPT) or name.startswith((".", "-")):
                continue
            if (here / name).is_file() and not (here / name).is_symlink():
                yield here / name


def _is_searched(folder: Path) -> bool:
    return not (
        folder.name.startswith(".")
        or folder.name in _OTHERS
        or folder.is_symlink()
        or (folder / _ENVIRONMENT).exists()
    )
