"""What every part of the store stands on: transactions, clean messages and closing."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from promptops.errors import StoreError
from promptops.store.address import Address
from promptops.store.bulk import Batch, append_rows, insert_rows
from promptops.store.logindex import log_bytes
from promptops.store.opening import WRITE, connect_sqlite

CHECKPOINT_BYTES = 4_000_000
"""Size of the write-ahead log from which it is moved into the database."""
CHECKPOINT_COMMITS = 10
"""Own commits between two such moves: while somebody reads, a move can't make the log begin anew."""
LOOK_COMMITS = 4
"""Own commits between two looks at the log's size."""

# Serialise what must count without gaps, where a whole-database write lock does not.
Lock = Literal["registry", "runs", "evalsets", "deletions"]
_LOCKS: dict[Lock, int] = {
    "registry": 7_102_001,
    "runs": 7_102_002,
    "evalsets": 7_102_003,
    "deletions": 7_102_004,
}


def timestamp() -> str:
    """Return now in UTC, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Database:
    """One open database."""

    def __init__(
        self, engine: Engine, address: Address, *, read_only: bool, warnings: tuple[str, ...]
    ) -> None:
        self.address = address
        self.read_only = read_only
        self.warnings = warnings
        """What the user should know about this database."""
        self.dialect: Literal["sqlite", "postgresql"] = (
            "postgresql" if engine.dialect.name == "postgresql" else "sqlite"
        )
        self._engine = engine
        self._writing_engine = engine.execution_options(**{WRITE: True})
        # A database in memory is one connection, which threads take in turns.
        self._turn = threading.RLock() if address.in_memory else contextlib.nullcontext()
        self._watch = threading.Lock()
        self._watcher: sqlite3.Connection | None = None
        self._append = threading.Lock()
        self._appender: sqlite3.Connection | None = None
        # Versions of two connections don't compare, so each Store marks its own.
        self._mark = secrets.token_hex(4)
        self._wrote = False
        self._commits = 0

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one moment. Raises StoreError where the database fails."""
        with self._turn, clean_messages(self.address), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, lock: Lock | None = None) -> Iterator[Connection]:
        """Give a connection and commit at the end, durably; a lock keeps out others who take the same.

        Raises StoreError where the database can't be written; then nothing of this was stored.
        """
        if self.read_only:
            raise StoreError(f"The database {self.address.shown} was opened for reading only.")
        with self._turn, clean_messages(self.address):
            with self._writing_engine.begin() as connection:
                if lock is not None and self.dialect == "postgresql":
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCKS[lock]})")
                yield connection
            self._committed()

    def append(self, *batches: Batch) -> None:
        """Insert rows in one durable transaction; for what is written many times in a second.

        Without any rows it only makes ready, so that the first of them need not wait for that.
        Raises StoreError where the database can't be written; then nothing of this was stored.
        """
        if self.dialect == "postgresql" or self.address.path is None or self.read_only:
            with self.writing() as connection:
                for table, columns, rows in batches:
                    insert_rows(connection, table, columns, rows)
            return
        with self._append, clean_messages(self.address):
            if self._appender is None:
                self._appender = connect_sqlite(self.address.path)
                self._appender.execute("PRAGMA schema_version")
            if not batches:
                return
            append_rows(self._appender, self._engine.dialect, batches)
            self._committed()

    def _committed(self) -> None:
        self._wrote = True
        self._commits += 1
        if self._commits < CHECKPOINT_COMMITS or self._commits % LOOK_COMMITS or self.address.path is None:
            return
        if log_bytes(self.address.path) > CHECKPOINT_BYTES:
            self._commits = 0
            self.checkpoint()

    def data_version(self) -> str:
        """Return a mark that changes with every commit of anyone, for the keys of caches.

        Marks of different Stores never compare equal.
        """
        if self.dialect == "postgresql":
            with self.reading() as connection:
                return str(connection.exec_driver_sql("SELECT pg_current_snapshot()").scalar_one())
        if self.address.path is None:
            with self._turn, self._engine.connect() as connection:
                own = connection.connection.driver_connection
                return f"{self._mark}:{own.total_changes if isinstance(own, sqlite3.Connection) else 0}"
        # SQLite tells of commits by other connections only, so this one never writes.
        return f"{self._mark}:{self._glance('PRAGMA data_version')}"

    def _glance(self, sql: str, *values: str) -> str | int | None:
        """Return the first value that a query finds in a database file, past all that SQLAlchemy does.

        For what is asked once a call: it costs a tenth of `reading`.
        """
        assert self.address.path is not None  # noqa: S101 - callers ask only of a file
        try:  # `clean_messages` would be a third of the time
            with self._watch:
                if self._watcher is None:
                    self._watcher = connect_sqlite(self.address.path, read_only=True)
                row = self._watcher.execute(sql, values).fetchone()
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise _clean(self.address, error) from None
        return None if row is None else cast("str | int | None", row[0])

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database file, while holding off all who write."""
        if self.address.path is None or self.read_only:
            return
        with clean_messages(self.address), self._writing_engine.begin():
            mover = connect_sqlite(self.address.path)
            try:
                mover.execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                mover.close()

    def close(self) -> None:
        """Let go of all connections."""
        if self._wrote:
            self._wrote = False
            # What is committed is safe in the log; tidying up may fail on a full disk.
            with contextlib.suppress(StoreError):
                self.checkpoint()
        with self._watch:
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None
        with self._append:
            if self._appender is not None:
                self._appender.close()
                self._appender = None
        self._engine.dispose()


@contextlib.contextmanager
def clean_messages(address: Address) -> Iterator[None]:
    """Turn what a driver raises into StoreError: what happened, where, and what to do."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _clean(address, error) from None


def _clean(address: Address, error: SQLAlchemyError | sqlite3.Error) -> StoreError:
    return StoreError(_explained(address, str(error.orig if isinstance(error, DBAPIError) else error)))


_ADVICE = (
    ("disk is full", "the disk is full. Make room and run the same again; what was committed is kept"),
    ("disk I/O error", "the disk failed or a size limit was met. Make room and run the same again"),
    ("unable to open", "it can't be opened. Check that the folder exists and may be written"),
    ("readonly", "it may not be written. Check the owner of the file and of its folder"),
    ("locked", "another program kept it locked for ten seconds. Wait for that program or stop it"),
    ("not a database", "the file is no SQLite database. Check the path"),
    ("malformed", "the file is damaged. Restore a backup"),
    ("never changes", "stored rows can't be changed or deleted"),
)


def _explained(address: Address, message: str) -> str:
    told = address.redacted(message.strip().partition("\n")[0])
    for sign, advice in _ADVICE:
        if sign in message:
            return f"The database {address.shown}: {advice} ({told})."
    return f"The database {address.shown}: {told}"
