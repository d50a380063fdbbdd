"""The logger of this process: a buffer, a thread that spools, a thread that drains; forks and the end."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from promptops.production.buffer import Buffer, Entry, Kind
from promptops.production.ids import Ids
from promptops.production.snapshots import Snapshot, whole_words
from promptops.production.tally import LoggerStats, Tally

if TYPE_CHECKING:
    # Slow to import. The end of this page tells when the spooler is; the drainer is once all is on disk.
    from promptops.production.drainer import Drainer
    from promptops.production.spooler import Configuration, Place, Spooler

SECONDS_AT_FORK = 5.0
"""How long a fork waits for the threads to be between two turns."""
SECONDS_AT_EXIT = 5.0
"""How long the end of a process waits for the database; what is not in it by then stays in the spool."""
LONGEST_NAME = 1_000
_NAMES = frozenset({"subject", "session", "by", "model", "alias", "outcome", "parent", "record", "root"})


class Logger:
    """Takes records without waiting for anything, and brings them into the database."""

    def __init__(self) -> None:
        self._configuration: Configuration | None = None
        self._reset()

    def _reset(self) -> None:
        """Be as new: nothing in memory, no threads."""
        self._buffer = Buffer()
        self._tally = Tally()
        self._ids = Ids()
        self._starting = threading.Lock()
        self._started = False
        self._running: set[str] = set()
        self._turn = threading.Lock()
        self._drain_turn = threading.Lock()
        self._held: list[threading.Lock] = []
        self._may_drain = threading.Event()
        self._drains = threading.Event()
        self._spooler: Spooler | None = None
        self._drainer: Drainer | None = None
        self._ending = False
        self.off = os.environ.get("PROMPTOPS_LOG", "").strip().lower() in ("off", "0", "no", "false")
        """Whether nothing is logged in this process, by PROMPTOPS_LOG=off."""

    def new_id(self) -> str:
        """Return an id for a record."""
        return self._ids.new()

    def take(
        self, kind: Kind, entry_id: str, fields: Mapping[str, object], *, cuts: Sequence[str] = ()
    ) -> None:
        """Take what a call said, as it is at this moment. Does no I/O, waits for nobody, raises nothing."""
        if self.off:
            return
        try:
            snapshot = Snapshot()
            said = {name: value for name, value in fields.items() if value is not None}
            held: dict[str, object] = {name: _name(said.pop(name)) for name in _NAMES if name in said}
            held.update(snapshot.fields(said))
            places = (*cuts, *(place for place in snapshot.cuts if place not in cuts))
            self._buffer.put(Entry(kind, entry_id, time.time_ns(), held, places, snapshot.characters))
            if not self._started:
                self._start()
            if self._ending:
                self._spool_at_once()
        except Exception as error:
            # Whatever it is, the application must not suffer for it; the thread tells.
            self._buffer.fail(type(error).__name__)

    def configure(self, configuration: Configuration) -> None:
        """Go by other settings from now on; what is in memory goes by them, too."""
        with self._turn:
            self._configuration = configuration
            if self._spooler is not None:
                self._spooler.configure(configuration)

    def flush(self, timeout: float) -> bool:
        """Return whether all that was logged before is in the database within so many seconds.

        Whether it could be written to the spool, `stats` tell: then nothing is `waiting`.
        """
        if self.off:
            return True
        try:
            return self._flushed(time.monotonic() + max(timeout, 0))
        except Exception as error:
            # As in `take`: an application that shuts down must not fail by its logging.
            kind = type(error).__name__
            self._tally.tell(f"bug {kind}", f"promptops.flush: failed ({kind}).")
            return False

    @property
    def stats(self) -> LoggerStats:
        """What became of what was logged."""
        from promptops.production.segments import spool_bytes

        spooler, place, drainer = self._spooler, self._place(), self._drainer
        if drainer is not None:
            drainer.tell_slow()
        waiting = len(self._buffer) + (spooler.waiting if spooler is not None else 0)
        return self._tally.stats(waiting, spool_bytes(place.folder) if place else 0)

    def _flushed(self, deadline: float) -> bool:
        if not self._started:
            self._start()
        if not self._turn.acquire(timeout=max(deadline - time.monotonic(), 0)):
            return False
        try:
            spooler = self._made()
            spooler.hurry()
            spooler.spool(lambda: True, deadline)
            spooled = not spooler.waiting and spooler.place is not None
        finally:
            self._turn.release()
        self._may_drain.set()
        # Its thread makes it: to import the database's library may take longer than this may.
        if not self._drains.wait(max(deadline - time.monotonic(), 0)):
            return False
        drainer = self._made_drainer()
        return drainer.wait(drainer.ask(now=True), deadline) and spooled

    def _start(self) -> None:
        """Start both threads; where another thread is doing it, it is done soon."""
        if not self._starting.acquire(blocking=False):
            return
        try:
            for name, work in (("spool", self._spool_for_ever), ("drain", self._drain_for_ever)):
                if name not in self._running:  # the system may have refused the second one
                    threading.Thread(target=work, name=f"promptops-{name}", daemon=True).start()
                    self._running.add(name)
            if not self._started:
                self._register()
            self._started = True
        finally:
            self._starting.release()

    def _register(self) -> None:
        atexit.register(self._at_exit)
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            # Children of multiprocessing end without what was registered at exit; they do call this.
            sys.modules["multiprocessing.util"].Finalize(None, self._at_exit, exitpriority=0)

    def _spool_for_ever(self) -> None:
        wake = self._buffer.wake
        adopted = False
        while True:
            spooler = self._spooler
            wake.wait(None if adopted and (spooler is None or not spooler.holds) else 1.0)
            # Set while it sleeps, so that most calls need not set it.
            time.sleep(spooler.seconds if spooler is not None else 0.1)
            wake.clear()
            try:
                adopted = self._spool_once(adopt=not adopted) or adopted
            except Exception as error:
                # A fault of ours must not end the logging of all that comes after.
                kind = type(error).__name__
                self._tally.tell(f"bug {kind}", f"promptops.log: the spool failed ({kind}).", again=True)

    def _spool_once(self, *, adopt: bool) -> bool:
        """Spool, and have drained what was let go, or what dead processes left; returns whether it could."""
        drainer = self._drainer
        with self._turn:
            spooler = self._made()
            let_go = spooler.spool(lambda: drainer is not None and drainer.ready and spooler.due)
            ready = spooler.place is not None
        if ready:
            self._may_drain.set()
        if drainer is not None and ready and (let_go or adopt):
            drainer.ask()
        return ready and drainer is not None

    def _made(self) -> Spooler:
        if self._spooler is None:
            from promptops.production.spooler import Configuration, Spooler

            self._spooler = Spooler(self._buffer, self._tally, self._configuration or Configuration())
        return self._spooler

    def _drain_for_ever(self) -> None:
        # Not before the first records are on disk: its imports take a second of the interpreter's time.
        self._may_drain.wait()
        drainer = self._made_drainer()
        self._drains.set()
        drainer.work()

    def _made_drainer(self) -> Drainer:
        if self._drainer is None:
            # Not in the spooler's turn: to import the database's library takes half a second.
            with self._drain_turn:
                from promptops.production.drainer import Drainer

                if self._drainer is None:
                    self._drainer = Drainer(self._place, self._tally, self._drain_turn)
        return self._drainer

    def _place(self) -> Place | None:
        spooler = self._spooler
        return None if spooler is None else spooler.place

    def _spool_at_once(self) -> None:
        """Spool in the caller's thread: the process ends, and no other thread will. What can't be is lost."""
        if self._turn.acquire(timeout=1.0):
            try:
                spooler = self._made()
                spooler.hurry()  # perhaps the settings have been mended meanwhile
                spooler.spool(lambda: True)
                spooler.give_up()
            finally:
                self._turn.release()

    def _at_exit(self) -> None:
        """Spool what is in memory, and give the database its time, if it did not fail the last time."""
        self._ending = True
        with contextlib.suppress(Exception):  # the interpreter is half gone, and nobody is left to tell
            self._spool_at_once()
            if self._place() is None:
                return
            self._may_drain.set()
            drainer = self._made_drainer()
            if not drainer.failing:
                drainer.wait(drainer.ask(), time.monotonic() + SECONDS_AT_EXIT)

    def _before_fork(self) -> None:
        """Let no thread of ours be in the middle of something: a child would find its locks taken for ever.

        Those of modules that are being imported are the worst: the application's own imports would hang.
        """
        _wait_for_imports(time.monotonic() + SECONDS_AT_FORK)
        for turn in (self._turn, self._drain_turn):
            if turn.acquire(timeout=SECONDS_AT_FORK):
                self._held.append(turn)

    def _after_fork(self) -> None:
        """Let the threads of the parent go on."""
        while self._held:
            self._held.pop().release()

    def _forked(self) -> None:
        """Begin anew in a child: what is in memory is the parent's, and so are its files."""
        spooler, drainer = self._spooler, self._drainer
        if spooler is not None:
            spooler.forget()
        if drainer is not None:
            _ABANDONED.append(drainer.abandoned())
        atexit.unregister(self._at_exit)
        self._reset()


_ABANDONED: list[object] = []
"""Databases that a parent had open when it forked: to close them here would disturb it."""


def _wait_for_imports(deadline: float) -> None:
    """Wait until no other thread of the application is about to import what logs."""
    for name in ("logger", "face", "trace"):
        spec = getattr(sys.modules.get(f"promptops.production.{name}"), "__spec__", None)
        while getattr(spec, "_initializing", False) and time.monotonic() < deadline:
            time.sleep(0.001)


def _name(value: object) -> str:
    if type(value) is str:
        return whole_words(value, LONGEST_NAME)
    try:
        return whole_words(str(value), LONGEST_NAME)
    except Exception as error:  # the object's own code
        return f"[{type(value).__name__}: {type(error).__name__}]"


LOGGER = Logger()
"""The one of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=LOGGER._before_fork, after_in_parent=LOGGER._after_fork, after_in_child=LOGGER._forked
    )

if not LOGGER.off:
    # Where an application imports `log`, and not when the first record waits for it: what a process that is
    # killed in its first second had logged would be in memory only.
    importlib.import_module("promptops.production.spooler")
