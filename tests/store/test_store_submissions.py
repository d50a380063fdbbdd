"""Batches as they are written down: a row for each thing that happened, and the newest one counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptops.errors import StoreError
from promptops.runs.submissions import BatchEvent
from promptops.shipped import shipped_folder
from promptops.store import Store
from promptops.store.upgrade import HEAD
from tests.store import nouns
from tests.store.test_store_upgrade import TRIGGERS, crowd, rows
from tests.store.test_store_upgrade_calls import earlier


def test_the_newest_row_of_a_batch_tells_how_it_stands(store: Store) -> None:
    for run in ("abcd", "efgh", "none"):
        store.create_run(nouns.run(run), {})
    noted: list[tuple[str, str, BatchEvent, int | None]] = [
        ("abcd", "b1", "handed_in", 3),
        ("efgh", "b1", "handed_in", None),
        ("abcd", "b2", "handed_in", 5),
        ("abcd", "b1", "cancelled", None),
        ("abcd", "b1", "ended", None),
        ("efgh", "b1", "given_up", None),
    ]
    for row in noted:
        store.note_batch(*row)
    first, second = store.batches("abcd")
    assert (first.id, first.event, first.requests, first.cancelled, first.open) == (
        "b1", "ended", 3, True, False,
    )  # fmt: skip
    assert (second.id, second.event, second.requests, second.cancelled, second.open) == (
        "b2", "handed_in", 5, False, True,
    )  # fmt: skip
    (other,) = store.batches("efgh")
    assert (other.event, other.requests, other.open) == ("given_up", None, False)
    assert store.batches("none") == ()
    assert store.waiting_since(["abcd", "efgh", "none"]) == {"abcd": second.at}
    assert first.at <= second.at


def test_a_batch_belongs_to_a_run(store: Store) -> None:
    with pytest.raises(StoreError, match=r"(?i)foreign key"):
        store.note_batch("nobody", "b1", "handed_in", 1)


@pytest.mark.parametrize("schema", ["0001", "0002", "0003"])
def test_runs_of_earlier_schemas_have_no_batches_until_one_is_written_down(url: str, schema: str) -> None:
    with earlier(url, schema):
        pass
    with Store.open(url) as store:
        assert store.run("abcd").id == "abcd"
        assert (store.batches("abcd"), store.waiting_since(["abcd"])) == ((), {})
        store.note_batch("abcd", "b1", "handed_in")
        assert list(store.waiting_since(["abcd"])) == ["abcd"]


def test_a_kill_at_any_statement_of_the_upgrade_recovers(tmp_path: Path) -> None:
    # It takes the guards down, makes a table with its index, and puts the guards up: over forty statements.
    paths = [tmp_path / f"{number}.db" for number in range(14)]
    for path in paths:
        with earlier(f"sqlite:///{path}", "0003"):
            pass
    folder = str(shipped_folder("migrations"))
    ends = crowd("kills", "3", folder, HEAD, *(f"sqlite:///{path}" for path in paths))
    assert ends == [-9] * len(paths)
    for path in paths:
        with Store.open(f"sqlite:///{path}") as store:
            assert store.cached_completion("k1") == nouns.completion("kept")
            store.note_batch("abcd", "b1", "handed_in", 2)
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
        assert rows(path, "SELECT batch_id, event, requests FROM submissions") == [("b1", "handed_in", 2)]
        assert len(rows(path, "SELECT name FROM sqlite_master WHERE type = 'trigger'")) == TRIGGERS
