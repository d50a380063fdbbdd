"""Batches as they are written down: a row for each thing that happened, and the newest one counts."""

from __future__ import annotations

import pytest

from promptops.errors import StoreError
from promptops.store import Store
from promptops.submissions import BatchEvent
from tests.store import nouns


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
