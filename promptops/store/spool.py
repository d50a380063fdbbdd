"""Samples of a large file while they are worked on: in a temporary database, a page of them in memory."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, overload

from promptops.canonical import canonical_json
from promptops.errors import StoreError
from promptops.store.encoding import noun_from, nouns_from
from promptops.types import KeptSamples, Sample

PAGE = 200
"""Samples that are read at a time: few enough that reading them holds up no call for more than 2 ms."""
CACHE_KIB = 4096
FEW = 5_000
"""Samples chosen from a large set that are held in memory."""
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE ids (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID;
CREATE TABLE samples (place INTEGER PRIMARY KEY, id TEXT NOT NULL, content TEXT NOT NULL);
"""


class Spool(KeptSamples):
    """Takes samples in, then gives them back; the file goes with the process.

    It lies where SQLite puts temporary files: in SQLITE_TMPDIR or TMPDIR, else in /var/tmp.
    Raises StoreError where there is no room.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._length = 0
        self._waiting: list[tuple[int, str, str]] = []
        with _told():
            # Without a name: on disk once it outgrows the cache, and deleted when it is closed.
            self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._database.executescript(_TABLES)
            self._database.execute("BEGIN")

    def claim(self, sample_id: str, line: int | None) -> tuple[bool, int | None]:
        """Take an id; returns whether it was free, and if not the line of the one that has it."""
        with self._turn, _told():
            taken = self._database.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (sample_id, line))
            if taken.rowcount:
                return True, None
            found = self._database.execute("SELECT line FROM ids WHERE id = ?", (sample_id,)).fetchone()
        return False, found[0]

    def add(self, sample: Sample) -> None:
        """Put a sample behind the others."""
        self._waiting.append((self._length, sample.id, canonical_json(sample.model_dump(mode="json"))))
        self._length += 1
        if len(self._waiting) >= PAGE:
            self._written()

    def canonical(self) -> Iterator[str]:
        """Yield each sample's canonical JSON, in the order of their ids."""
        self._written()
        with self._turn, _told():
            self._database.execute("CREATE INDEX IF NOT EXISTS by_id ON samples (id)")
        last = ""
        while True:
            # No sample's id is empty, so that all come after.
            rows = self._rows("SELECT id, content FROM samples WHERE id > ? ORDER BY id LIMIT ?", last, PAGE)
            if not rows:
                return
            yield from (content for _, content in rows)
            last = rows[-1][0]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Sample]:
        for start in range(0, self._length, PAGE):
            yield from self._between(start, min(start + PAGE, self._length))

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Sample, ...]: ...
    def __getitem__(self, place: int | slice) -> Sample | tuple[Sample, ...]:
        if isinstance(place, slice):
            start, stop, step = place.indices(self._length)
            if step == 1:
                return tuple(self._between(start, stop))
            return tuple(self[each] for each in range(start, stop, step))
        place = range(self._length)[place]  # raises IndexError, and knows what is before the end
        self._written()
        [(content,)] = self._rows("SELECT content FROM samples WHERE place = ?", place)
        return noun_from(Sample, content)

    def _between(self, start: int, stop: int) -> list[Sample]:
        self._written()
        rows = self._rows(
            "SELECT content FROM samples WHERE place >= ? AND place < ? ORDER BY place", start, stop
        )
        return nouns_from(Sample, [content for (content,) in rows])

    def _written(self) -> None:
        if self._waiting:
            with self._turn, _told():
                self._database.executemany("INSERT INTO samples VALUES (?, ?, ?)", self._waiting)
            self._waiting = []

    def _rows(self, sql: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._turn, _told():
            return self._database.execute(sql, values).fetchall()


class Shelf:
    """Bytes by key, in a temporary file. Raises StoreError where there is no room."""

    def __init__(self) -> None:
        with _told():
            self._database = sqlite3.connect("", isolation_level=None)
            self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._database.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                "CREATE TABLE kept (key TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;"
            )
            self._database.execute("BEGIN")

    def put(self, key: str, content: bytes) -> bool:
        """Keep something; False where the key has something already, which stays."""
        with _told():
            sql = "INSERT OR IGNORE INTO kept VALUES (?, ?)"
            return self._database.execute(sql, (key, content)).rowcount == 1

    def get(self, key: str) -> bytes | None:
        """Return what was kept under a key."""
        with _told():
            row = self._database.execute("SELECT content FROM kept WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def __len__(self) -> int:
        with _told():
            return int(self._database.execute("SELECT count(*) FROM kept").fetchone()[0])


def spooled(samples: Iterable[Sample]) -> tuple[Sample, ...] | Spool:
    """Return samples that are as many as they like; few of them in memory."""
    rest = iter(samples)
    first = tuple(islice(rest, FEW + 1))
    if len(first) <= FEW:
        return first
    spool = Spool()
    for sample in chain(first, rest):
        spool.add(sample)
    return spool


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(
            f"The samples can't be kept in a temporary file: {error}. Make room where temporary files lie, "
            "or name another folder in TMPDIR, and run the same again."
        ) from None
