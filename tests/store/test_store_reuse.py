"""Which stored answers are used again: whole ones, until they are forgotten; runs lose nothing by that."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from promptops.calls.call import Caller
from promptops.calls.usage import Usage
from promptops.errors import StoreError
from promptops.providers import Model, ProviderSettings
from promptops.store import CallRow, Store, Writer
from promptops.store.encoding import noun_text
from promptops.types import Completion, Message, MetricRecord, Request
from tests.store import nouns
from tests.store.test_store_records import save


class Finishing(Model):
    """Finishes for a reason of choice, and says each time something else."""

    reason = "stop"

    async def generate(self, request: Request) -> Completion:
        self.said = getattr(self, "said", 0) + 1
        return Completion.model_validate({"text": f"answer {self.said}", "finish_reason": self.reason})


@pytest.mark.parametrize("reason", ["stop", "length", "refusal", "tool_calls", "other"])
def test_only_whole_answers_are_used_again_and_each_keeps_its_address(store: Store, reason: str) -> None:
    store.create_run(nouns.run("abcd"), {})
    model = Finishing("m", ProviderSettings(), {}, Path())
    model.reason = reason
    asking = Caller(
        model=model, name="x/m", attempts=1, deadline=9, usage=Usage(), lookup=store.cached_completion
    )
    request = Request(messages=(Message(role="user", content="hi"),))

    async def ask(sample_id: str) -> str:
        answer = await asking.ask(request, "p")
        row = CallRow(
            "abcd",
            sample_id,
            0,
            "answer",
            0,
            answer.cache_key,
            answer.cached,
            answer.completion,
            answer.address,
        )
        with Writer(store) as writer:
            await writer.save(row)
        return answer.completion.text

    said = [asyncio.run(ask(name)) for name in ("s1", "s2")]
    assert said == (["answer 1", "answer 1"] if reason == "stop" else ["answer 1", "answer 2"])
    recorded = store.recorded("abcd", ["s1", "s2"])
    assert {found.address for found in recorded.values()} == {asking.address(request, "p")}
    assert all(found.sealed for found in recorded.values())


def filled(store: Store) -> None:
    """Make two runs: one of `openai/big` with a judge `openai/judge`, one of `openai/small`."""
    record = MetricRecord(
        label="quality", metric="rubric", signature="q", higher_is_better=True, low=1, high=5, unit="",
        corpus=False, judge=True, options={"model": "openai/judge"},
    )  # fmt: skip
    store.create_run(nouns.run("aaaa", model="openai/big", metrics=(record,)), {})
    store.create_run(nouns.run("bbbb", model="openai/small"), {})
    store.create_run(nouns.run("cccc", model="openai/small", parent="bbbb"), {})
    save(
        store,
        nouns.call("aaaa", "s1", cache_key="k1"),
        nouns.call("aaaa", "s2", cache_key="k2"),
        nouns.call("aaaa", "s3", address="k9"),
        nouns.call("aaaa", "s1", purpose="judge:quality", cache_key="j1"),
        nouns.call("aaaa", "s1", purpose="judge:quality:2", cache_key="j2"),
        nouns.call("bbbb", "s1", cache_key="k1", cached=True),
        nouns.call("bbbb", "s2", cache_key="k3"),
        nouns.call("cccc", "s2", cache_key="k3", cached=True),
    )


def test_entries_are_counted_once_whoever_used_them(store: Store) -> None:
    assert store.reusable() == []
    filled(store)
    found = {each.model: (each.entries, each.hits) for each in store.reusable()}
    # k1 was used last by the second run. That a run was scored anew saved no call.
    assert found == {"openai/big": (1, 0), "openai/judge": (2, 0), "openai/small": (2, 1)}
    size = len(noun_text(nouns.completion()))
    assert {each.model: each.bytes for each in store.reusable()} == {
        "openai/big": size, "openai/judge": 2 * size, "openai/small": 2 * size,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "count", "left"),
    [
        (None, 7, set()),
        ("openai/big", 2, {"k1", "k3", "j1", "j2"}),
        ("openai/judge", 2, {"k1", "k2", "k3"}),
        ("openai/small", 3, {"k1", "k2", "j1", "j2"}),
    ],
)
def test_what_is_forgotten_is_not_used_again_and_keeps_its_address(
    store: Store, model: str | None, count: int, left: set[str]
) -> None:
    filled(store)
    before = store.recorded("aaaa", ["s1", "s2", "s3"])
    assert store.forget(model=model, dry_run=True) == count
    assert {key for key in ("k1", "k2", "k3", "j1", "j2") if store.cached_completion(key)} == {
        "k1", "k2", "k3", "j1", "j2",
    }  # fmt: skip
    assert store.forget(model=model) == count
    assert {key for key in ("k1", "k2", "k3", "j1", "j2") if store.cached_completion(key)} == left
    assert store.recorded("aaaa", ["s1", "s2", "s3"]) == before
    assert all(sealed for run in ("aaaa", "bbbb", "cccc") for _, sealed in store.seals(run))
    assert store.forget(model=model) == 0


def test_only_what_is_older_is_forgotten(store: Store) -> None:
    filled(store)
    assert store.forget(older_than=timedelta(hours=1), dry_run=True) == 0
    past = (datetime.now(UTC) - timedelta(days=40)).isoformat(timespec="microseconds")
    with store.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO calls "
            "(run_id, sample_id, repeat, purpose, attempt, cache_key, cached, content, created_at) "
            f"VALUES ('bbbb', 'old', 0, 'answer', 0, 'k7', false, '{{}}', '{past}')"
        )
    assert store.forget(older_than=timedelta(days=30), dry_run=True) == 1
    assert store.forget(older_than=timedelta(days=30), model="openai/big") == 0
    assert store.forget(older_than=timedelta(days=30), model="openai/small") == 1
    assert sum(each.entries for each in store.reusable()) == 5


@pytest.mark.parametrize(
    "change",
    [
        "cache_key = 'k2'",
        "cache_key = NULL",
        "cache_key = NULL, address = 'other'",
        "address = cache_key",
        "cache_key = NULL, address = cache_key, content = '{}'",
        "cached = true",
    ],
)
def test_a_call_can_be_forgotten_and_nothing_else_of_it_changes(store: Store, change: str) -> None:
    filled(store)
    with pytest.raises(StoreError, match="stored in calls never changes"), store.writing() as connection:
        connection.exec_driver_sql(f"UPDATE calls SET {change} WHERE cache_key = 'k1'")
    assert store.cached_completion("k1") is not None


def test_an_address_can_not_be_taken_away_or_turned_into_a_key(store: Store) -> None:
    filled(store)
    for change in ("address = NULL", "cache_key = address", "cache_key = address, address = NULL"):
        with pytest.raises(StoreError, match="stored in calls never changes"), store.writing() as connection:
            connection.exec_driver_sql(f"UPDATE calls SET {change} WHERE address = 'k9'")
