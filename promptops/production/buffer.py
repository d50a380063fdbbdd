"""Where a record is between the call and the spool: in memory, put there without a lock.

`append` and `popleft` of a deque are one step each, so a thread that logs waits for nobody, not in a signal
handler and not in a destructor either.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Literal, NamedTuple

MOST = 20_000
"""Entries, and ..."""
MOST_CHARACTERS = 64_000_000
"""... characters in them, beyond which what is new is dropped: then the disk takes nothing any more."""

ABSENT = "trace.absent"
"""Under this name a traced call says which named arguments it had not: function, option and name of each."""
Kind = Literal["record", "feedback"]
Fault = Literal["dropped", "failed"]


class Entry(NamedTuple):
    """One call of `log` or `feedback`: what it said, as a snapshot."""

    kind: Kind
    id: str
    nanoseconds: int
    """When it was called, since 1970."""
    fields: dict[str, object]
    cuts: tuple[str, ...]
    """Where something was too large and left out."""
    characters: int = 0
    """How many characters it holds, about."""


class Buffer:
    """Entries that are not on disk yet."""

    def __init__(self) -> None:
        self.wake = threading.Event()
        """Set where there is something to do."""
        self._entries: deque[Entry] = deque()
        self._faults: deque[tuple[Fault, str]] = deque(maxlen=MOST)
        self._dropped: deque[None] = deque()
        # Threads may overwrite one another's sums; it is a measure, made anew whenever the buffer is emptied.
        self._characters = 0

    def put(self, entry: Entry) -> None:
        """Add an entry, or count it as dropped where there are too many."""
        if len(self._entries) >= MOST or self._characters > MOST_CHARACTERS:
            self._dropped.append(None)
        else:
            self._entries.append(entry)
            self._characters += entry.characters
        if not self.wake.is_set():
            self.wake.set()

    def fail(self, why: str) -> None:
        """Note that a call could not be taken."""
        self._faults.append(("failed", why))
        if not self.wake.is_set():
            self.wake.set()

    def take(self) -> Entry | None:
        """Take out the oldest entry."""
        try:
            entry = self._entries.popleft()
        except IndexError:
            self._characters = 0
            return None
        self._characters -= entry.characters
        return entry

    def faults(self) -> list[tuple[Fault, str]]:
        """Take out what went wrong since the last time."""
        found: list[tuple[Fault, str]] = []
        while self._faults:
            found.append(self._faults.popleft())
        while self._dropped:
            self._dropped.popleft()
            found.append(("dropped", "memory"))
        return found

    def __len__(self) -> int:
        return len(self._entries)
