"""Opens connections: files that only their owner reads, pragmas, and a word where a disk is unsafe."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from promptops.errors import StoreError
from promptops.store.address import Address

BUSY_SECONDS = 10.0
WRITE = "promptops_write"
"""The execution option of a connection that is going to write."""

_NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "fuse.sshfs", "glusterfs", "lustre")


def make_engine(address: Address, *, read_only: bool) -> Engine:
    """Return an engine whose write transactions take their lock at the start.

    Raises StoreError where there is no such file, or no driver for the server.
    """
    if address.server is not None:
        return _postgresql_engine(address, read_only=read_only)
    if address.path is not None:
        if read_only:
            _require_file(address.path)
        else:
            _make_file(address.path)
    engine = create_engine(
        "sqlite://",
        creator=lambda: connect_sqlite(address.path, read_only=read_only),
        poolclass=StaticPool if address.in_memory else QueuePool,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin)
    return engine


def connect_sqlite(path: Path | None, *, read_only: bool = False) -> sqlite3.Connection:
    """Return a connection of the standard library with our pragmas; None is a database in memory."""
    name = ":memory:" if path is None else f"{path.as_uri()}?mode={'ro' if read_only else 'rw'}"
    connection = sqlite3.connect(
        name, uri=path is not None, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")
    # Database.checkpoint does it while nobody writes: SQLite before 3.51.3 can corrupt the file
    # where one connection writes while another one checkpoints (the WAL-reset bug).
    connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection


def use_wal(connection: sqlite3.Connection) -> bool:
    """Switch a database file to write-ahead logging; False where its disk does not allow that."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                return True
            return bool(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal")
        except sqlite3.OperationalError as error:
            # The switch does not wait for other processes by itself.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def disk_warnings(path: Path, *, wal: bool) -> tuple[str, ...]:
    """Return what the user should know about the disk on which the database lies."""
    system = file_system(path, _mounts())
    if system.startswith(_NETWORK_FILE_SYSTEMS):
        return (
            f"{path} lies on a network file system ({system}), where SQLite can lose or corrupt data. "
            "Move it to a local disk or use postgresql://.",
        )
    if not wal:
        return (
            f"Write-ahead logging is not available where {path} lies: writing is slow and readers wait. "
            "Move it to a local disk or use postgresql://.",
        )
    return ()


def file_system(path: Path, mounts: str) -> str:
    """Return the type of the file system that holds a path, from the text of /proc/mounts; '' if unknown."""
    found = ("", "")
    for line in mounts.splitlines():
        parts = line.split()
        if len(parts) < 3:
            continue
        point = parts[1].replace("\\040", " ")
        if path.is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, parts[2])
    return found[1]


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text("utf-8", "replace")
    except OSError:  # no Linux: nothing is known
        return ""


def _begin(connection: Connection) -> None:
    # A deferred transaction that begins to write later fails at once where another one writes:
    # the busy timeout does not hold for it.
    immediate = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"There is no database at {path}. Run `promptops init` first, or check the path.")


def _make_file(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise StoreError(f"{path} is no ordinary file, so it can't be the database. Choose another path.")
    try:
        if not path.parent.parent.exists():
            # One folder is made; more than one that isn't there is a mistyped path.
            raise StoreError(
                f"There is no folder {path.parent.parent} for the database {path}. "
                "Make it, or check the path."
            )
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            # SQLite gives the files beside it (-wal, -shm) the same mode.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(
            f"The database {path} can't be made: {error.strerror}. Choose another path."
        ) from error


def _postgresql_engine(address: Address, *, read_only: bool) -> Engine:
    if address.server is None or importlib.util.find_spec("psycopg") is None:
        raise StoreError(
            f"PostgreSQL ({address.shown}) needs a driver that is not installed: "
            "pip install 'promptops[postgres]'"
        )
    options = [str(address.server.query.get("options", ""))]
    if read_only:
        options.append("-c default_transaction_read_only=on")
    return create_engine(
        address.server,
        connect_args={
            "connect_timeout": 10,
            "application_name": "promptops",
            "client_encoding": "utf8",
            "options": " ".join(options).strip(),
        },
        pool_pre_ping=True,
        hide_parameters=True,
    )
