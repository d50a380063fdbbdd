"""What is stored never changes: the database itself refuses, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from promptops.errors import StoreError
from promptops.production.told import Told
from promptops.store import PairRow, Store, Writer
from promptops.store.triggers import APPEND_ONLY, create_triggers
from promptops.types import Score
from tests.store import nouns


@pytest.fixture
def full(store: Store) -> Iterator[Store]:
    """A Store with a row in every table."""
    store.add_prompt("reply", nouns.prompt())
    store.set_alias("reply", "production", 1, "ada", "")
    store.save_evalset(nouns.evalset())
    store.create_run(nouns.run("abcd"), {})
    store.save_pair_scores([PairRow("a", "b", "c", 0, "d", "e", Score.of(1), None)])
    store.note_batch("abcd", "batch_1", "handed_in", 3)
    store.add_alert(
        Told(rule="r", digest="d", state="firing", delivered=True, at="then", sentence="it rings")
    )
    with Writer(store) as writer:
        asyncio.run(writer.save(nouns.call("abcd", "a"), nouns.result("abcd", "a")))
    return store


COLUMNS = {
    "prompt_versions": "note",
    "alias_moves": "reason",
    "evalset_snapshots": "name",
    "snapshot_samples": "content",
    "calls": "content",
    "results": "scores",
    "pair_scores": "score",
    "submissions": "event",
    "alerts": "state",
}


def execute(store: Store, *statements: str) -> None:
    with store.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_rows_can_be_neither_updated_nor_deleted(full: Store) -> None:
    assert set(COLUMNS) == {*APPEND_ONLY, "calls"}
    for table, column in COLUMNS.items():
        for statement in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"):
            with pytest.raises(StoreError, match=f"stored in {table} never changes"):
                execute(full, statement)


def test_of_a_run_only_status_and_lease_can_change(full: Store) -> None:
    execute(full, "UPDATE runs SET status = 'finished', lease_owner = 'me', finished_at = 'now'")
    for change in ("UPDATE runs SET prompt = '{}'", "UPDATE runs SET created_at = 'x'", "DELETE FROM runs"):
        with pytest.raises(StoreError, match="stored in runs never changes"):
            execute(full, change)


def test_the_guards_can_be_put_up_again(full: Store) -> None:
    with full.writing() as connection:
        create_triggers(connection)
        create_triggers(connection)
    with pytest.raises(StoreError, match="never changes"):
        execute(full, "DELETE FROM results")


@pytest.mark.postgres
def test_a_table_can_not_be_emptied_at_a_stroke(postgres_url: str) -> None:
    with Store.open(postgres_url) as store, pytest.raises(StoreError, match="never changes"):
        execute(store, "TRUNCATE results")


def test_an_alias_points_at_a_version_that_exists(full: Store) -> None:
    with pytest.raises(StoreError, match=r"(?i)foreign key"):
        execute(full, "INSERT INTO aliases (name, alias, number) VALUES ('reply', 'wrong', 7)")
    with pytest.raises(StoreError, match=r"(?i)foreign key"), Writer(full) as writer:
        asyncio.run(writer.save(nouns.result("no such run", "a")))
