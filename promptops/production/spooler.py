"""From memory to the disk: what the thread of the logger does ten times a second."""

from __future__ import annotations

import math
import os
import secrets
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from promptops.config import Settings, load_settings
from promptops.errors import PromptopsError
from promptops.production.buffer import Buffer
from promptops.production.censor import Censor
from promptops.production.entries import Entries
from promptops.production.segments import LARGEST, Segment, spool_bytes
from promptops.production.settings import LoggingSettings
from promptops.production.tally import Tally

PENDING = 32_000_000
"""Bytes of lines that wait in memory for a disk that takes nothing."""
AT_ONCE = 1_000_000
"""Bytes of lines, and ..."""
SECONDS_AT_ONCE = 0.05
"""... seconds of making them, after which they are written: what is not would be lost with the process."""
TURN = 0.001
"""Seconds after which the threads of the application have their turn."""
SETTINGS_AGAIN = 5.0
"""Seconds after which settings that could not be read are tried again."""


class Place(NamedTuple):
    """Where records go, and how."""

    settings: Settings
    root: Path

    @property
    def logging(self) -> LoggingSettings:
        """The table `[logging]`."""
        return self.settings.logging

    @property
    def folder(self) -> Path:
        """The spool."""
        return self.root / self.logging.spool

    @property
    def database(self) -> str:
        """The URL of the database."""
        return self.logging.database or self.settings.database


class Configuration(NamedTuple):
    """What the application said in Python; it goes before what the settings say."""

    project: Path | None = None
    given: dict[str, object] = {}  # noqa: RUF012 - never changed

    def place(self) -> Place:
        """Read the settings. Raises PromptopsError."""
        settings, root = load_settings(self.project or Path.cwd(), os.environ)
        logging = LoggingSettings.model_validate({**settings.logging.model_dump(), **self.given})
        return Place(settings.model_copy(update={"logging": logging}), root)


class Spooler:
    """Writes what is in the buffer to the spool. One thread at a time may use it."""

    def __init__(self, buffer: Buffer, tally: Tally, configuration: Configuration) -> None:
        self.place: Place | None = None
        self._buffer = buffer
        self._tally = tally
        self._configuration = configuration
        self._entries: Entries | None = None
        self._censor: Censor | None = None
        self._environment: dict[str, str] = {}
        self._tried = -SETTINGS_AGAIN
        self._fault = ""
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
        self._segment: Segment | None = None
        self._room = 0
        self._withheld = 0

    @property
    def seconds(self) -> float:
        """How long records may be in memory."""
        return (self.place.logging.flush_milliseconds if self.place else 100) / 1000

    @property
    def holds(self) -> bool:
        """Whether a segment is open, or lines wait for a disk that takes nothing."""
        return self._segment is not None or bool(self._pending)

    @property
    def waiting(self) -> int:
        """How many lines wait for a disk that takes nothing."""
        return len(self._pending)

    def spool(self, may_let_go: Callable[[], bool], deadline: float = math.inf) -> bool:
        """Write what is in memory; returns whether a segment was let go.

        One is let go when it is due and it may, or is full. A first piece is written whatever the deadline,
        which is one of the monotonic clock.
        """
        self._note_faults()
        if not self._is_ready():
            return False
        left = len(self._buffer)  # what comes meanwhile is for the next time
        while True:
            left = self._encode(left)
            self._write()
            if left == 0 or self._pending or time.monotonic() >= deadline:
                break
        segment = self._segment
        if segment is None:
            return False
        if segment.size >= LARGEST or may_let_go():
            self._let_go()
            return True
        if segment.due:
            self._attempt(segment.sync)
        return False

    @property
    def due(self) -> bool:
        """Whether the open segment has been open for its time."""
        return self._segment is not None and self._segment.due

    def configure(self, configuration: Configuration) -> None:
        """Go by other settings from now on; lines that wait for a disk go where these say."""
        self.close()
        self._configuration = configuration
        self._entries = None
        self.place = None
        self.hurry()

    def hurry(self) -> None:
        """Try settings that could not be read again at once."""
        self._tried = -SETTINGS_AGAIN

    def forget(self) -> None:
        """Let go of the parent's segment, in a forked child."""
        if self._segment is not None:
            self._segment.forget()
            self._segment = None

    def close(self) -> None:
        """Let go of the open segment."""
        if self._segment is not None:
            self._let_go()

    def give_up(self) -> None:
        """Count and tell what is lost because the process ends before it could be written."""
        if self.place is not None and not self._pending:
            return  # all is written; what other threads log meanwhile they write themselves
        self._note_faults()
        lost = len(self._pending)
        while self._buffer.take() is not None:
            lost += 1
        self._pending.clear()
        self._pending_bytes = 0
        if lost:
            self._tally.count("dropped", lost)
            told = f"{lost:,} {'record is' if lost == 1 else 'records are'} LOST"
            self._tally.tell("ended", f"promptops.log: {told}, as the process ends and {self._fault}")

    def _note_faults(self) -> None:
        for fault, why in self._buffer.faults():
            self._tally.count(fault)
            if fault == "dropped":
                self._tell_dropped(1, "memory is full, as the spool can't be written fast enough")
            else:
                self._tally.tell(f"failed {why}", f"promptops.log: a call could not be taken ({why}).")

    def _tell_dropped(self, count: int, why: str) -> None:
        self._tally.tell(
            f"dropped {why}",
            f"promptops.log: {count} or more records are LOST: {why}. "
            "See `promptops.logger().stats`, and set a smaller `sample`.",
            again=True,
        )

    def _is_ready(self) -> bool:
        """Read the settings where that is due: nothing may be written before it is known what must not be."""
        if self.place is None:
            if time.monotonic() - self._tried < SETTINGS_AGAIN:
                return False
            self._tried = time.monotonic()
            try:
                self.place = self._configuration.place()
            except (PromptopsError, OSError) as error:
                self._fault = f"the settings can't be read: {error}"
                self._tally.trouble("settings", f"promptops.log: records stay in memory, as {self._fault}")
                return False
            self._tally.trouble("settings", None)
        environment = dict(os.environ)
        if self._entries is None or environment != self._environment:
            self._environment = environment
            self._censor = Censor(self.place.settings, environment)
            self._withheld = 0
            self._entries = Entries(self.place.logging, self._censor, self._tally)
        return True

    def _encode(self, most: int) -> int:
        """Make lines of so many entries, as far as they are written at once; returns how many are left."""
        if self.place is None or self._entries is None:
            return 0
        room = PENDING if self._pending else AT_ONCE
        began = time.perf_counter()
        until = math.inf if self._pending else began + SECONDS_AT_ONCE
        while most and self._pending_bytes < room and began < until:
            if (entry := self._buffer.take()) is None:
                break
            most -= 1
            self._tally.count("taken")
            if not self.place.logging.enabled:
                continue
            try:
                line = self._entries.line(entry)
            except Exception as error:
                # A fault of ours in one record must not end the logging of all others.
                self._tally.count("failed")
                kind = type(error).__name__
                self._tally.tell(f"bug {kind}", f"promptops.log: a record could not be written ({kind}).")
                continue
            if line is not None:
                self._pending.append(line)
                self._pending_bytes += len(line)
            if time.perf_counter() - began > TURN:
                time.sleep(0)
                began = time.perf_counter()
        self._count_withheld()
        return most if len(self._buffer) else 0

    def _count_withheld(self) -> None:
        if self._censor is None or self._censor.withheld == self._withheld:
            return
        self._tally.count("withheld", self._censor.withheld - self._withheld)
        self._withheld = self._censor.withheld
        self._tally.tell(
            "withheld",
            "promptops.log: a pattern of `redact` takes too long on some texts, which are not written.",
        )

    def _write(self) -> None:
        while self._pending:
            lines: list[bytes] = []
            size = 0
            for line in self._pending:
                if lines and size + len(line) > AT_ONCE:
                    break
                lines.append(line)
                size += len(line)
            if not self._append(lines, size):
                return
            for _ in lines:
                self._pending.popleft()
            self._pending_bytes -= size

    def _append(self, lines: list[bytes], size: int) -> bool:
        """Write some lines; False where they have to wait. What there is no room for is dropped."""
        if self._segment is None and not self._attempt(self._begin):
            return False
        segment = self._segment
        if segment is None:
            return False
        if size > self._room:
            self._tally.count("dropped", len(lines))
            self._tell_dropped(len(lines), "the spool has reached `spool_megabytes`")
            if segment.due:  # perhaps it has been emptied meanwhile
                self._let_go()
            return True
        if not self._attempt(lambda: segment.append(b"".join(lines))):
            return False
        self._room -= size
        self._tally.count("spooled", len(lines))
        if segment.size >= LARGEST:
            self._let_go()
        return True

    def _begin(self) -> None:
        if self.place is None:
            return
        folder = self.place.folder
        name = f"{time.time_ns() // 1_000_000:013d}-{os.getpid()}-{secrets.token_hex(4)}"
        self._segment = Segment(folder, name)
        self._room = self.place.logging.spool_megabytes * 1_000_000 - spool_bytes(folder)

    def _let_go(self) -> None:
        if self._segment is not None:
            self._segment.let_go()
            self._segment = None

    def _attempt(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except OSError as error:
            folder = self.place.folder if self.place else ""
            self._fault = f"the spool {folder} can't be written ({error.strerror})."
            told = f"{self._fault[:-1]}; records stay in memory."
            self._tally.trouble("spool", f"promptops.log: {told}")
            return False
        self._tally.trouble("spool", None)
        return True
