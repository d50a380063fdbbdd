"""What may not change: triggers that refuse it to everyone, whatever program asks."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, inspect

APPEND_ONLY = (
    "prompt_versions",
    "alias_moves",
    "evalset_snapshots",
    "snapshot_samples",
    "results",
    "pair_scores",
    "submissions",
    "alerts",
)
"""Tables whose rows are never updated or deleted."""

MOVING = {
    "runs": ("status", "finished_at", "lease_owner", "lease_until", "lease_seconds"),
    "calls": ("cache_key", "address"),
}
"""Tables of which only these columns may be updated, and nothing deleted."""

LASTING = ("records", "feedback", "record_scores")
"""Tables whose rows are never updated, and deleted where a person asks for it or their time is over."""

_REKEYED = "NEW.cache_key IS NOT NULL OR OLD.cache_key IS NULL OR NEW.address {} OLD.cache_key"
"""A call may be kept from being used again: then its key becomes its address, and nothing else changes."""


def create_triggers(connection: Connection) -> None:
    """Guard all tables that exist, over again if they are guarded already."""
    drop_triggers(connection)
    statements = list(_creations(connection))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_FUNCTION if statements else "DROP FUNCTION IF EXISTS promptops_refuse()")
    for statement in statements:
        connection.exec_driver_sql(statement)


def drop_triggers(connection: Connection) -> None:
    """Take the guards away, for a migration that must move rows."""
    names = inspect(connection).get_table_names()
    for table in (*APPEND_ONLY, *MOVING, *LASTING):
        if table in names:
            for action in ("update", "delete", "truncate", "rekey"):
                place = f" ON {table}" if connection.dialect.name == "postgresql" else ""
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_no_{action}{place}")


_FUNCTION = """
CREATE OR REPLACE FUNCTION promptops_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = 'promptops: what is stored in ' || TG_TABLE_NAME || ' never changes';
END $$
"""


def _creations(connection: Connection) -> Iterator[str]:
    inspector = inspect(connection)
    names = inspector.get_table_names()
    refuse = _refuse_on_postgresql if connection.dialect.name == "postgresql" else _refuse_on_sqlite
    for table in APPEND_ONLY:
        if table in names:
            yield from refuse(table, "UPDATE")
    for table in LASTING:
        if table in names:
            yield next(refuse(table, "UPDATE"))
    for table, moving in MOVING.items():
        if table in names:
            columns = [column["name"] for column in inspector.get_columns(table)]
            # In earlier schemas a call has no address, and nothing of it moves.
            free = moving if set(moving) <= set(columns) else ()
            yield from refuse(table, "UPDATE OF " + ", ".join(x for x in columns if x not in free))
            if table == "calls" and free:
                yield _no_rekeying(connection.dialect.name)


def _no_rekeying(dialect: str) -> str:
    event = "CREATE TRIGGER calls_no_rekey BEFORE UPDATE OF cache_key, address ON calls FOR EACH ROW"
    if dialect == "postgresql":
        return f"{event} WHEN ({_REKEYED.format('IS DISTINCT FROM')}) EXECUTE FUNCTION promptops_refuse()"
    told = "promptops: what is stored in calls never changes"
    return f"{event} WHEN {_REKEYED.format('IS NOT')} BEGIN SELECT RAISE(ABORT, '{told}'); END"


def _refuse_on_sqlite(table: str, update: str) -> Iterator[str]:
    message = f"promptops: what is stored in {table} never changes"
    for name, event in (("update", update), ("delete", "DELETE")):
        yield (
            f"CREATE TRIGGER {table}_no_{name} BEFORE {event} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )


def _refuse_on_postgresql(table: str, update: str) -> Iterator[str]:
    for name, event, each in (
        ("update", update, "ROW"),
        ("delete", "DELETE", "ROW"),
        ("truncate", "TRUNCATE", "STATEMENT"),
    ):
        yield (
            f"CREATE TRIGGER {table}_no_{name} BEFORE {event} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION promptops_refuse()"
        )
