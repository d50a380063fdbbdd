"""Brings a database to the schema of this promptops, once, whole or not at all.

Stock Alembic on SQLite commits around each statement and does not survive a kill. Here the lock,
every statement and the new version number are one transaction.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, inspect

from promptops.errors import StoreError
from promptops.shipped import shipped_folder
from promptops.store.address import Address
from promptops.store.opening import WRITE, connect_sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.config import Config

HEAD = "0008"
"""The newest revision in `migrations/`; a test compares them. Known here so that alembic, which is
slow to import, is only imported for an upgrade."""

_LOCK = 7_102_000


def require_head(engine: Engine, address: Address) -> None:
    """Raise StoreError unless the database has exactly the schema of this promptops."""
    with engine.connect() as connection:
        version = _version(connection)
    if version is None:
        raise StoreError(
            f"{address.shown} holds no promptops database. Check the path, or run `promptops init`."
        )
    if version != HEAD:
        _refuse_newer(version, address, shipped_folder("migrations"))
        raise StoreError(
            f"The database {address.shown} has the older schema {version}; opened for reading only it "
            "can't be upgraded. Run any promptops command that writes, such as `promptops init`, once."
        )


def bring_to_head(
    engine: Engine, address: Address, *, folder: Path | None = None, head: str = HEAD
) -> tuple[str, ...]:
    """Upgrade the database where it is older; return what the user should know about it.

    `folder` and `head` are other migrations than the shipped ones, for tests.
    Raises StoreError where the database is newer, another program's, or damaged.
    """
    with engine.connect() as connection:
        if _version(connection) == head:
            return ()
    shipped = folder is None and head == HEAD
    folder = folder or shipped_folder("migrations")
    with migrating(engine) as connection:
        before = _version(connection)  # another process may have been faster
        if before == head:
            return ()
        if before is None:
            _refuse_foreign(connection, address)
            if shipped:
                _make(connection)
                return ()
        else:
            _refuse_newer(before, address, folder)
        backup = None if before is None else _back_up(address, before)
        _run(migration_config(folder, connection), head)
    if backup is None:
        return ()
    return (f"The database was upgraded from schema {before} to {head}. What it was before is in {backup}.",)


@contextlib.contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """Give a connection inside the one transaction of a migration, with everybody else held off."""
    with engine.connect().execution_options(**{WRITE: True}) as connection:
        if connection.dialect.name == "postgresql":
            with connection.begin():
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                yield connection
            return
        driver = connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise TypeError(f"no connection of the standard library: {driver!r}")
        # Replacing a parent table would delete its children. Has no effect inside a transaction.
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
                broken = driver.execute("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise StoreError(
                        f"The upgrade was undone: {len(broken)} rows would lose what they refer to, "
                        f"the first in table {broken[0][0]!r}. Please report this."
                    )
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


def _make(connection: Connection) -> None:
    """Make the newest schema at once; a test holds it against the one that all migrations lead to.

    Alembic, which would go through them one by one, takes a tenth of a second to import.
    """
    from promptops.store.tables import whole_metadata
    from promptops.store.triggers import create_triggers

    whole_metadata().create_all(connection)
    versions = Table(
        "alembic_version",
        MetaData(),
        Column("version_num", String(32), nullable=False),
        PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
    )
    versions.create(connection, checkfirst=True)  # who went down to no schema at all left it there
    connection.execute(versions.insert().values(version_num=HEAD))
    create_triggers(connection)


def migration_config(folder: Path, connection: Connection) -> Config:
    """Return alembic's settings for one connection that is inside `migrating`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    return str(found[0]) if found else None


def _refuse_foreign(connection: Connection, address: Address) -> None:
    from promptops.store.tables import metadata

    present = set(inspect(connection).get_table_names()) - {"alembic_version"}
    # On a server, tables of other programs may well stand beside ours.
    foreign = present if connection.dialect.name == "sqlite" else present & set(metadata.tables)
    if foreign:
        raise StoreError(
            f"{address.shown} is the database of another program (it has the table {min(foreign)!r}). "
            "Choose another path or name."
        )


def _refuse_newer(version: str, address: Address, folder: Path) -> None:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(str(folder)).walk_revisions()}
    if version not in known:
        raise StoreError(
            f"The database {address.shown} has the schema {version!r}, which this promptops doesn't know: "
            "it was written by a newer one. Upgrade: pip install --upgrade promptops"
        )


def _back_up(address: Address, version: str) -> Path | None:
    """Copy the file as it was committed; the lock that we hold keeps it so."""
    if address.path is None:
        return None
    backup = address.path.with_name(f"{address.path.name}.schema-{version}.backup")
    unfinished = backup.with_name(f"{backup.name}.part")
    for leftover in (unfinished, unfinished.with_name(f"{unfinished.name}-journal")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with (
        contextlib.closing(connect_sqlite(address.path, read_only=True)) as source,
        contextlib.closing(sqlite3.connect(unfinished)) as target,
    ):
        source.backup(target)
    return unfinished.replace(backup)


def _run(config: Config, head: str) -> None:
    from alembic import command

    command.upgrade(config, head)
