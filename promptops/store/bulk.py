"""Many rows at once: SQL that is compiled once, without the work that SQLAlchemy does for each row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Dialect, Insert, Table, insert

from promptops.store.columns import PlainText, marked, unmarked

Value = str | bytes | int | float | bool | None
Batch = tuple[Table, tuple[str, ...], Sequence[tuple[Value, ...]]]
"""Rows of plain values for one table, with its columns in their order."""


def insert_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Value, ...]]
) -> None:
    """Insert rows of plain values in the order of `columns`; text must have gone through `marked`."""
    if not rows:
        return
    sql, positional = _compiled(connection.dialect, table, columns)
    if positional:
        connection.exec_driver_sql(sql, list(rows))
    else:
        connection.exec_driver_sql(sql, _named(columns, rows))


def insert_new_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Value]]) -> int:
    """Insert rows, each with the same columns, but for those that are there already; return how many."""
    if not rows:
        return 0
    columns = tuple(column.name for column in table.columns if column.name in rows[0])
    texts = [isinstance(table.columns[name].type, PlainText) for name in columns]
    values = [
        tuple(
            marked(value) if is_text and isinstance(value, str) else value
            for value, is_text in zip(map(row.__getitem__, columns), texts, strict=True)
        )
        for row in rows
    ]
    sql, positional = _compiled(connection.dialect, table, columns, new=True)
    telling = connection.execution_options(preserve_rowcount=True)
    return telling.exec_driver_sql(sql, values if positional else _named(columns, values)).rowcount


def bare_rows(found: CursorResult[Any]) -> list[tuple[Any, ...]]:
    """Fetch rows of plain values as the driver gives them; of their texts the first column is unmarked."""
    assert found.cursor is not None  # noqa: S101 - a select has one
    rows = cast("list[tuple[Any, ...]]", found.cursor.fetchall())
    if "".join([row[0] for row in rows]).isascii():
        return rows
    return [(unmarked(row[0]), *row[1:]) for row in rows]


def append_rows(connection: sqlite3.Connection, dialect: Dialect, batches: Sequence[Batch]) -> None:
    """Insert batches in one transaction of a bare connection: a tenth of what a session's begin to end costs.

    Raises sqlite3.Error; then nothing of this was stored.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table, columns, rows in batches:
            if rows:
                connection.executemany(_compiled(dialect, table, columns)[0], rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have ended it already
            connection.execute("ROLLBACK")
        raise


def _named(columns: tuple[str, ...], rows: Iterable[tuple[Value, ...]]) -> list[dict[str, Value]]:
    return [dict(zip(columns, row, strict=True)) for row in rows]


@lru_cache(maxsize=64)
def _compiled(
    dialect: Dialect, table: Table, columns: tuple[str, ...], *, new: bool = False
) -> tuple[str, bool]:
    ordered = [column.name for column in table.columns if column.name in columns]
    if ordered != list(columns):
        raise ValueError(f"the columns must stand in the order of the table {table.name}: {ordered}")
    statement = _insert_new(dialect, table) if new else insert(table)
    compiled = statement.compile(dialect=dialect, column_keys=ordered)
    return str(compiled), bool(compiled.positional)


def _insert_new(dialect: Dialect, table: Table) -> Insert:
    # Each dialect is slow to import, with all of its drivers; the other one isn't needed.
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table).on_conflict_do_nothing()
