"""The upgrade that tells whom an alert reached: what rang before is kept and told as before."""

from __future__ import annotations

import pytest

from promptops.production.records import Record, RecordFilter, subject_mark
from promptops.production.told import Told
from promptops.shipped import shipped_folder
from promptops.store import Store
from promptops.store.address import address_of
from promptops.store.opening import make_engine
from promptops.store.upgrade import migrating, migration_config
from tests.store.test_store_upgrade import bring

OLD_ALERT = """
INSERT INTO alerts (rule, digest, state, delivered, at, sentence)
VALUES ('errors', 'd', 'firing', false, 'then', 'it rings')
"""


@pytest.mark.parametrize("schema", [f"000{number}" for number in range(1, 7)])
def test_every_earlier_schema_gets_alerts_with_their_channels_and_deletions(url: str, schema: str) -> None:
    bring(url, shipped_folder("migrations"), schema)
    if schema == "0006":
        engine = make_engine(address_of(url), read_only=False)
        with engine.begin() as connection:
            connection.exec_driver_sql(OLD_ALERT)
        engine.dispose()
    told = Told(
        rule="errors", digest="d", state="firing", delivered=False, at="now", sentence="it rings",
        told_channels=("command",),
    )  # fmt: skip
    ada = subject_mark("ada")
    with Store.open(url) as store:
        old = store.last_alerts()
        assert [each.told_channels for each in old.values()] == ([None] if schema == "0006" else [])
        store.add_alert(told)
        assert store.last_alerts() == {"errors": told}
        store.delete_records(RecordFilter(subject=ada))
        assert store.take_records([Record(id="a", at="2026", subject=ada)]).added == 0


def test_the_way_down_keeps_alerts(url: str) -> None:
    from alembic import command

    told = Told(
        rule="errors", digest="d", state="firing", delivered=False, at="now", sentence="it rings",
        told_channels=("command",),
    )  # fmt: skip
    with Store.open(url) as store:
        store.add_alert(told)
    engine = make_engine(address_of(url), read_only=False)
    with migrating(engine) as connection:
        command.downgrade(migration_config(shipped_folder("migrations"), connection), "0006")
    engine.dispose()
    with Store.open(url) as store:
        assert store.last_alerts() == {"errors": told.model_copy(update={"told_channels": None})}
