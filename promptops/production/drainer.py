"""The thread that moves the spool into the database, and is the only one that waits for it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from promptops.errors import PromptopsError
from promptops.production.draining import drain
from promptops.production.spooler import Place
from promptops.production.tally import Tally
from promptops.store import Store
from promptops.texts.figures import counted

FIRST_WAIT = 1.0
"""Seconds until a database that failed is tried again; twice as long each time, up to ..."""
LONGEST_WAIT = 30.0
SLOW = 1.0
"""Seconds of one pass after which whoever waits in vain, or asks how it goes, is told of it."""


class Drainer:
    """Drains when it is asked to, and by itself after a failure."""

    def __init__(self, place: Callable[[], Place | None], tally: Tally, pass_turn: threading.Lock) -> None:
        self._place = place
        self._pass_turn = pass_turn
        self._tally = tally
        self._turn = threading.Condition()
        self._asked = 0
        self._done = 0
        self._ended_well = True
        self._wait = 0.0
        self._again = 0.0
        self._store: Store | None = None
        self._opened = ""
        self._database = ""
        self._began: float | None = None

    @property
    def ready(self) -> bool:
        """Whether it has nothing to do, and the database did not fail the last time."""
        return self._done == self._asked and self._ended_well

    @property
    def failing(self) -> bool:
        """Whether the database failed the last time."""
        return not self._ended_well

    def ask(self, *, now: bool = False) -> int:
        """Ask for a pass over the spool; `now` also while a database that failed is left alone."""
        with self._turn:
            self._asked += 1
            if now:
                self._again = 0.0
            self._turn.notify_all()
            return self._asked

    def wait(self, number: int, deadline: float) -> bool:
        """Wait until the pass with this number is done; returns whether all is in the database."""
        with self._turn:
            while self._done < number:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._turn.wait(left)
            else:
                return self._ended_well
        self.tell_slow()
        return False

    def tell_slow(self) -> None:
        """Say that a pass is still at the database; SQLite waits for a lock much longer than most callers."""
        with self._turn:
            took = 0.0 if self._began is None else time.monotonic() - self._began
            if took < SLOW or self._tally.troubled("database"):  # of a failure the cause is told already
                return
            lock = "; another program may hold its lock" if self._database.startswith("sqlite") else ""
            told = f"The database takes nothing for {took:.0f} s{lock}."
            # It may yet take all: whoever waits or asks is told, and a warning is for a pass that failed.
            self._tally.trouble("slow", f"promptops.log: records wait in the spool. {told}", quietly=True)

    def work(self) -> None:
        """Drain for ever."""
        while True:
            number = self._next()
            with self._pass_turn:
                well = self._drained()
            with self._turn:
                self._tally.trouble("slow", None)
                if well:
                    self._tally.trouble("database", None)
                self._began = None
                self._done = number
                self._ended_well = well
                self._wait = 0.0 if well else min(max(2 * self._wait, FIRST_WAIT), LONGEST_WAIT)
                self._again = time.monotonic() + self._wait
                self._turn.notify_all()

    def _next(self) -> int:
        """Wait until there is something to do: asked for, and a failed database has been left alone."""
        with self._turn:
            while True:
                left = self._again - time.monotonic()
                if self._ended_well:
                    if self._asked > self._done:
                        return self._asked
                    self._turn.wait()
                elif left <= 0:
                    return self._asked
                else:
                    self._turn.wait(left)

    def _drained(self) -> bool:
        place = self._place()
        if place is None:
            return False
        with self._turn:
            if place.database != self._database:
                self._tally.trouble("database", None)  # what was wrong with another
            self._database, self._began = place.database, time.monotonic()
        try:
            done = drain(place.folder, self._open(place.database))
        except Exception as error:
            # Whatever a driver raises: this thread must live on. What it could not store stays in the spool.
            self._close()
            told = str(error) if isinstance(error, PromptopsError) else type(error).__name__
            self._tally.trouble("database", f"promptops.log: records wait in the spool. {told}")
            return False
        self._tally.count("stored", done.records + done.feedback)
        if done.unread:
            self._tally.count("unread", done.unread)
            self._tally.tell(
                "unread",
                f"promptops.log: {counted(done.unread, 'line')} of the spool could not be read "
                f"({done.torn} cut off when a process died); they are kept in {place.folder}, in files that "
                "end with .unread.",
                again=True,
            )
        return True

    def _open(self, database: str) -> Store:
        if self._store is None or self._opened != database:
            self._close()
            self._store = Store.open(database)
            self._opened = database
        return self._store

    def _close(self) -> None:
        if self._store is not None:
            with contextlib.suppress(Exception):  # it failed already, and is given up
                self._store.close()
            self._store = None

    def abandoned(self) -> Store | None:
        """Return the open store, which a forked child must keep as it is: closing it disturbs the parent."""
        return self._store
