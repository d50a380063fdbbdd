"""The Store: one database with everything that promptops keeps in it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from promptops.errors import StoreError
from promptops.store.address import Address, address_of
from promptops.store.alerts import Alerts
from promptops.store.answers import Answers
from promptops.store.bills import Bills
from promptops.store.database import clean_messages
from promptops.store.deletions import Deletions
from promptops.store.opening import connect_sqlite, disk_warnings, make_engine, use_wal
from promptops.store.pairs import Pairs
from promptops.store.recordcolumns import RecordColumns
from promptops.store.recordings import Recordings
from promptops.store.registry import Registry
from promptops.store.results import Results
from promptops.store.reuse import Reuse
from promptops.store.runs import Runs
from promptops.store.snapshots import Snapshots
from promptops.store.submissions import Submissions
from promptops.store.upgrade import bring_to_head, require_head


class Store(
    Registry,
    Snapshots,
    Runs,
    Answers,
    Recordings,
    Reuse,
    Results,
    Pairs,
    Submissions,
    Bills,
    Deletions,
    RecordColumns,
    Alerts,
):
    """All that promptops keeps: prompts, question sets, runs, calls and results.

    May be shared by threads. Raises StoreError wherever the database fails.
    """

    @classmethod
    def open(cls, url: str, *, read_only: bool = False) -> Self:
        """Open a database by URL; unless read-only, make it where it is missing and upgrade it.

        `sqlite:///path`, `sqlite://` (in memory) or `postgresql://user@host/name`.
        Raises SettingsError for other URLs and StoreError where it can't be opened or trusted.
        """
        address = address_of(url)
        engine = make_engine(address, read_only=read_only)
        try:
            with clean_messages(address):
                warnings = _prepare(engine, address, read_only=read_only)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, address, read_only=read_only, warnings=warnings)

    @staticmethod
    def missing_file(url: str) -> Path | None:
        """Return the SQLite file that a URL names if it is not there yet, else None. Raises SettingsError."""
        path = address_of(url).path
        return path if path is not None and not path.exists() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _prepare(engine: Engine, address: Address, *, read_only: bool) -> tuple[str, ...]:
    if address.server is not None:
        _require_unicode(engine, address)
    if read_only:
        require_head(engine, address)
        return ()
    warnings: tuple[str, ...] = ()
    if address.path is not None:
        with contextlib.closing(connect_sqlite(address.path)) as connection:
            warnings = disk_warnings(address.path, wal=use_wal(connection))
    return (*warnings, *bring_to_head(engine, address))


def _require_unicode(engine: Engine, address: Address) -> None:
    with engine.connect() as connection:
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise StoreError(
            f"The database {address.shown} has the encoding {encoding}; promptops needs UTF8. "
            "Make one with: createdb --encoding=UTF8 --template=template0 NAME"
        )
