"""What the logger has done so far, and its complaints: each kind is told once, not with every record."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import Literal, NamedTuple

KINDS = 200
AGAIN = 60.0
"""Seconds after which what goes on being lost is told again."""

Event = Literal[
    "taken", "sampled_out", "spooled", "stored", "dropped", "failed", "wrong", "cut", "withheld", "unread"
]


class LoggerStats(NamedTuple):
    """What became of what was logged by this process, in records and pieces of feedback."""

    taken: int
    """Calls that were taken from memory."""
    sampled_out: int
    spooled: int
    """Written to the spool."""
    stored: int
    """Moved into the database by this process, what others left behind too."""
    dropped: int
    """Lost, as memory or the spool was full, or the process ended before they could be written."""
    failed: int
    """Calls that could not be taken."""
    wrong: int
    """Arguments that could not be used; the rest of their record is kept."""
    cut: int
    """Records of which something was too large."""
    withheld: int
    """Texts that were not written, as a pattern took too long on them."""
    unread: int
    """Lines of the spool that could not be read."""
    waiting: int
    """Calls in memory only."""
    spool_bytes: int
    trouble: str
    """Why the database, the spool or the settings can't be used at this moment; empty where they can."""


class Tally:
    """Counts events and tells complaints."""

    def __init__(self) -> None:
        self._counts: Counter[Event] = Counter()
        self._turn = threading.Lock()
        self._told: dict[str, float] = {}
        self._troubles: dict[str, str] = {}

    def count(self, event: Event, by: int = 1) -> None:
        """Add to a count."""
        with self._turn:
            self._counts[event] += by

    def tell(self, kind: str, message: str, *, again: bool = False) -> None:
        """Warn once of a kind; with `again` once a minute."""
        now = time.monotonic()
        last = self._told.get(kind)
        if last is None and len(self._told) >= KINDS:
            return  # names of arguments that are made at run time would be told for ever
        if last is None or (again and now - last > AGAIN):
            self._told[kind] = now
            logging.getLogger("promptops").warning(message)

    def trouble(self, where: str, message: str | None, *, quietly: bool = False) -> None:
        """Note what can't be used now; None where it can. `quietly` warns nobody: `stats` alone tell it."""
        if message is None:
            if self._troubles.pop(where, None) is not None:
                self._told.pop(where, None)
            return
        self._troubles[where] = message
        if not quietly:
            self.tell(where, message)

    def troubled(self, where: str) -> bool:
        """Tell whether something can't be used now."""
        return where in self._troubles

    def stats(self, waiting: int, spool_bytes: int) -> LoggerStats:
        """Return all counts."""
        with self._turn:
            counts = dict(self._counts)
        told = {name: counts.get(name, 0) for name in LoggerStats._fields[:10]}  # type: ignore[call-overload]
        trouble = " ".join(list(self._troubles.values()))
        return LoggerStats(**told, waiting=waiting, spool_bytes=spool_bytes, trouble=trouble)
