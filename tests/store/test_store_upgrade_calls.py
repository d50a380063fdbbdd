"""The upgrade that gives calls an address and a seal: what was answered before is used and read as before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from promptops.errors import StoreError
from promptops.shipped import shipped_folder
from promptops.store import Store
from promptops.store.address import address_of
from promptops.store.encoding import noun_text
from promptops.store.opening import make_engine
from promptops.store.upgrade import HEAD, migrating, migration_config
from tests.store import nouns
from tests.store.test_store_records import save
from tests.store.test_store_upgrade import TRIGGERS, bring, crowd, rows

OLD_CALL = """
INSERT INTO calls
    (run_id, sample_id, repeat, purpose, attempt, cache_key, cached, content, created_at)
VALUES ('abcd', :sample_id, 0, 'answer', 0, :key, false, :content, 'then')
"""


@contextlib.contextmanager
def earlier(url: str, schema: str) -> Iterator[Store]:
    """Make a database of an earlier schema, with two calls as it kept them, and give it open."""
    bring(url, shipped_folder("migrations"), schema)
    address = address_of(url)
    engine = make_engine(address, read_only=False)
    content = noun_text(nouns.completion("kept"))
    with contextlib.closing(Store(engine, address, read_only=False, warnings=())) as store:
        store.create_run(nouns.run("abcd"), {})
        with store.writing() as connection:
            for sample_id, key in (("a", "k1"), ("b", None)):
                connection.execute(text(OLD_CALL), {"sample_id": sample_id, "key": key, "content": content})
        yield store


@pytest.mark.parametrize("schema", ["0001", "0002"])
def test_calls_of_earlier_schemas_are_used_again_forgotten_and_read(url: str, schema: str) -> None:
    # The guards of that schema hold all of a call.
    with (
        earlier(url, schema) as store,
        pytest.raises(StoreError, match="stored in calls never changes"),
        store.writing() as connection,
    ):
        connection.exec_driver_sql("UPDATE calls SET cache_key = NULL")
    with Store.open(url) as store:
        assert store.cached_completion("k1") == nouns.completion("kept")
        old = store.recorded("abcd", ["a", "b"])
        assert [(found.address, found.sealed) for found in old.values()] == [("k1", None), (None, None)]
        save(store, nouns.call("abcd", "c", cache_key="k2"), nouns.call("abcd", "d", address="k3"))
        assert store.forget() == 2
        assert store.cached_completion("k1") is None is store.cached_completion("k2")
        found = store.recorded("abcd", ["a", "b", "c", "d"])
        assert [each.address for each in found.values()] == ["k1", None, "k2", "k3"]
        assert [each.sealed for each in found.values()] == [None, None, True, True]
        assert {each.completion.text for each in found.values()} == {"kept", "yes"}


def test_a_kill_at_any_statement_of_the_upgrade_of_calls_recovers(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.db" for number in range(9)]
    for path in paths:
        with earlier(f"sqlite:///{path}", "0002"):
            pass
    ends = crowd(
        "kills", "4", str(shipped_folder("migrations")), HEAD, *(f"sqlite:///{path}" for path in paths)
    )
    assert ends == [-9] * len(paths)
    for path in paths:
        with Store.open(f"sqlite:///{path}") as store:
            assert store.cached_completion("k1") == nouns.completion("kept")
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
        assert rows(path, "SELECT cache_key, address, seal FROM calls ORDER BY id") == [
            ("k1", None, None), (None, None, None),
        ]  # fmt: skip
        assert len(rows(path, "SELECT name FROM sqlite_master WHERE type = 'trigger'")) == TRIGGERS


def test_the_way_down_keeps_calls_and_what_was_forgotten_stays_so(url: str) -> None:
    from alembic import command

    with Store.open(url) as store:
        store.create_run(nouns.run("abcd"), {})
        save(store, nouns.call("abcd", "a", cache_key="k1"))
        store.forget()
        save(store, nouns.call("abcd", "b", cache_key="k2"))
    engine = make_engine(address_of(url), read_only=False)
    with migrating(engine) as connection:
        command.downgrade(migration_config(shipped_folder("migrations"), connection), "0002")
    engine.dispose()
    with Store.open(url) as store:
        assert store.cached_completion("k1") is None
        assert store.cached_completion("k2") == nouns.completion()
