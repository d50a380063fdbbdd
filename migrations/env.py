"""How alembic runs our migrations: inside a transaction that somebody else began and ends.

`promptops.store.upgrade` passes the connection in. For work on the migrations themselves:
alembic -c migrations/alembic.ini -x url=sqlite:///promptops.db revision --autogenerate -m "What it does"
"""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from promptops.store.address import address_of
from promptops.store.columns import PlainText
from promptops.store.opening import make_engine
from promptops.store.tables import whole_metadata
from promptops.store.triggers import create_triggers, drop_triggers
from promptops.store.upgrade import migrating


def migrate(connection: Connection) -> None:
    """Run the migrations with the guards off, and put them up again for the tables there are."""
    context.configure(
        connection=connection,
        target_metadata=whole_metadata(),
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
    )
    with context.begin_transaction():
        drop_triggers(connection)
        context.run_migrations()
        create_triggers(connection)


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write our own column type so that migrations import nothing of ours; see script.py.mako."""
    return "plain_text" if kind == "type" and isinstance(item, PlainText) else False


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    engine = make_engine(address_of(context.get_x_argument(as_dictionary=True)["url"]), read_only=False)
    with migrating(engine) as own:
        migrate(own)
    engine.dispose()
