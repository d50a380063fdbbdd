"""Points of texts that embedding models gave, in a file of their own beside the database, of bounded size.

A cache and nothing else: no result refers to it, and a point that is not there is asked for again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np

from promptops.stats import Floats

MOST_BYTES = 500_000_000
"""Of the file; beyond it goes what was not used for longest. Some 40,000 points of 1,536 numbers."""
CHARACTERS = 6000
"""Of each text: models read some 8,000 tokens at most, and a longer text would be refused."""
_SPARED = 0.9
"""Share of the size that is left then, so that not every point that comes makes another go."""
_FORMAT = 2
_BEFORE_TEXTS = 1
"""The format whose points don't tell of which text they are."""
_WAIT = 5.0
"""Seconds for another process that writes."""
_TABLES = f"""
CREATE TABLE IF NOT EXISTS points (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, width INTEGER NOT NULL, point BLOB NOT NULL,
    used_at TEXT NOT NULL, hits INTEGER NOT NULL DEFAULT 0, text TEXT
);
CREATE INDEX IF NOT EXISTS by_text ON points (text);
CREATE INDEX IF NOT EXISTS by_use ON points (used_at, model, hits);
PRAGMA user_version = {_FORMAT};
"""
_TELL_TEXTS = f"""
BEGIN IMMEDIATE;
ALTER TABLE points ADD COLUMN text TEXT;
CREATE INDEX by_text ON points (text);
PRAGMA user_version = {_FORMAT};
COMMIT;
"""
_FIND = "SELECT key, width, point FROM points WHERE key IN (SELECT value FROM json_each(?))"
_KNOWN = "SELECT key FROM points WHERE key IN (SELECT value FROM json_each(?))"
_USE = "UPDATE points SET used_at = ?, hits = hits + 1 WHERE key IN (SELECT value FROM json_each(?))"
_INSERT = (
    "INSERT INTO points (key, model, width, point, used_at, text) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET width = excluded.width, point = excluded.point, "
    "used_at = excluded.used_at, text = excluded.text"
)
_BY_MODEL = (
    "SELECT model, COUNT(*), SUM(LENGTH(point)), SUM(hits), MIN(used_at), MAX(used_at) "
    "FROM points GROUP BY model ORDER BY model"
)
_OLD = "SELECT COUNT(*) FROM points WHERE used_at < ? AND (model = ? OR ? IS NULL)"
_FORGET = "DELETE FROM points WHERE used_at < ? AND (model = ? OR ? IS NULL)"
_FORGET_TEXTS = "DELETE FROM points WHERE text IS NULL OR text IN (SELECT value FROM json_each(?))"
_OLDEST = "DELETE FROM points WHERE key IN (SELECT key FROM points ORDER BY used_at LIMIT ?)"

Value = TypeVar("Value")


@dataclass(frozen=True)
class KeptPoints:
    """Points of one model that would be used again."""

    model: str
    entries: int
    bytes: int
    hits: int
    """Texts that were not asked about again so far."""
    oldest: str | None
    newest: str | None
    """When the point was kept or used that lies furthest, and least far, back."""


class Points:
    """Points by the key of their text and model. What can't be read or written is as if it weren't there.

    `read_only` makes no file and leaves no trace of a use.
    """

    def __init__(self, path: Path, *, read_only: bool = False, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._read_only = read_only
        self._most_bytes = most_bytes

    def find(self, keys: Sequence[str]) -> dict[str, Floats]:
        """Return the points that are there, by their key."""
        found = self._done(lambda file: _found(file, keys)) or {}
        if found and not self._read_only:
            self._done(lambda file: file.execute(_USE, (_now(), json.dumps(list(found)))))
        return found

    def known(self, keys: Sequence[str]) -> set[str]:
        """Return those of some keys that have a point; that is no use of it."""
        asked = (json.dumps(list(keys)),)
        return self._done(lambda file: {row[0] for row in file.execute(_KNOWN, asked)}) or set()

    def keep(
        self, model: str, points: Mapping[str, Sequence[float]], texts: Mapping[str, str] | None = None
    ) -> None:
        """Keep the points that a model gave; of their `texts` only a digest, by which they are forgotten."""
        marks = {key: _mark(text) for key, text in (texts or {}).items()}
        rows = [(key, model, *_written(point), _now(), marks.get(key)) for key, point in points.items()]

        def insert(file: sqlite3.Connection) -> None:
            file.executemany(_INSERT, rows)
            _make_room(file, self._most_bytes)

        if not self._read_only:
            self._done(insert, make=True)

    def kept(self) -> list[KeptPoints]:
        """Return what is kept by model, in the order of their names."""
        return [KeptPoints(*row) for row in self._done(lambda file: file.execute(_BY_MODEL).fetchall()) or ()]

    def forget(
        self, *, older_than: timedelta | None = None, model: str | None = None, dry_run: bool = False
    ) -> int:
        """Forget all points, or only those of a model or not used for some time; return how many."""
        before = "9" if older_than is None else _stamp(datetime.now(UTC) - older_than)
        which = (before, model, model)
        if dry_run or (older_than is None and model is None):
            count = self._done(lambda file: int(file.execute(_OLD, which).fetchone()[0])) or 0
            if not dry_run:
                # Also a file that can't be read any more; the next point makes another one.
                with contextlib.suppress(OSError):
                    self._path.unlink(missing_ok=True)
            return count
        return self._done(lambda file: file.execute(_FORGET, which).rowcount) or 0

    def forget_texts(self, texts: Iterable[str]) -> int:
        """Forget the points of some texts, and those of which it is not known whose they are."""
        marks = json.dumps([_mark(text) for text in texts])
        return self._done(lambda file: file.execute(_FORGET_TEXTS, (marks,)).rowcount) or 0

    def _done(self, work: Callable[[sqlite3.Connection], Value], *, make: bool = False) -> Value | None:
        """Do something in one transaction; None where the file is not there or of no use."""
        try:
            if make:
                self._path.parent.parent.mkdir(mode=0o700, exist_ok=True)
                self._path.parent.mkdir(exist_ok=True)
                (self._path.parent / ".gitignore").write_text("*\n", "utf-8")
            elif not self._path.is_file():
                return None
            mode = "ro" if self._read_only else "rwc" if make else "rw"
            address = f"{self._path.resolve().as_uri()}?mode={mode}"
            with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_WAIT)) as file, file:
                _check(file, new=make, read_only=self._read_only)
                return work(file)
        except (OSError, sqlite3.Error):
            return None


def _check(file: sqlite3.Connection, *, new: bool, read_only: bool) -> None:
    version = file.execute("PRAGMA user_version").fetchone()[0]
    if new and not version:
        file.execute("PRAGMA auto_vacuum = FULL")
        file.executescript(_TABLES)
    elif version == _BEFORE_TEXTS:
        if not read_only:
            file.executescript(_TELL_TEXTS)
    elif version != _FORMAT:
        raise sqlite3.DatabaseError(f"format {version}")
    file.execute("PRAGMA secure_delete = ON")


def _found(file: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Floats]:
    rows = file.execute(_FIND, (json.dumps(list(keys)),))
    return {key: _read(point, width) for key, width, point in rows}


def _make_room(file: sqlite3.Connection, most_bytes: int) -> None:
    pages, free, size = (
        file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    there = (pages - free) * size
    if there > most_bytes:
        count = file.execute("SELECT COUNT(*) FROM points").fetchone()[0]
        gone = count - int(count * most_bytes * _SPARED / there)
        file.execute(_OLDEST, (gone,))


def _written(point: Sequence[float]) -> tuple[int, bytes]:
    """Return a point's bytes a number and its bytes: as few as give back exactly the same numbers."""
    exact = np.asarray(point, dtype="<f8")
    with np.errstate(over="ignore"):
        short = exact.astype("<f4")
    return (4, short.tobytes()) if np.array_equal(short, exact) else (8, exact.tobytes())


def _read(point: bytes, width: int) -> Floats:
    return np.frombuffer(point, dtype=f"<f{width}").astype(np.float64)


def _mark(text: str) -> str:
    """Return what is kept of a text: a digest, by which the points of a person's texts are found."""
    cut = text[:CHARACTERS]
    return hashlib.sha256(f"promptops point\n{cut}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _now() -> str:
    return _stamp(datetime.now(UTC))


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
