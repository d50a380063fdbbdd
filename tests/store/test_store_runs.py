"""Runs: found by the beginning of their id, counted by SQL, worked on by one at a time."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from promptops.errors import StoreError, UnknownName, UsageError
from promptops.store import Store, Writer
from tests.store import nouns


def test_a_run_comes_back_as_it_was_created(store: Store) -> None:
    for number, text in enumerate(nouns.AWKWARD):
        made = nouns.run(
            f"run-{number}",
            evalset=text,
            prompt=nouns.prompt(text),
            prompt_ref=text,
            model=text,
            actor=text,
            parent=text,
        )
        store.create_run(made, {"note": text, "margin": 0.1, "rules": [{"metric": "exact"}]})
        assert store.run(made.id) == made
        assert store.run_config(made.id) == {"note": text, "margin": 0.1, "rules": [{"metric": "exact"}]}


def test_a_run_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    for run_id in ("abcd11", "abcd22", "ABCD33", "ab%d44"):
        store.create_run(nouns.run(run_id), {})
    assert store.run("abcd1").id == "abcd11"
    assert store.run("ABCD").id == "ABCD33"
    assert store.run("ab%d").id == "ab%d44"
    assert store.run("latest").id == "ab%d44"
    with pytest.raises(UsageError, match="abcd22, abcd11"):
        store.run("abcd")
    with pytest.raises(UnknownName, match="4 characters or more"):
        store.run("abc")
    with pytest.raises(UnknownName, match="Did you mean 'abcd11'"):
        store.run("abcx11")


def test_a_whole_id_wins_over_longer_ones(store: Store) -> None:
    for run_id in ("abcd", "abcde", "x"):
        store.create_run(nouns.run(run_id), {})
    assert store.run("abcd").id == "abcd"
    assert store.run("x").id == "x"


def test_there_is_no_latest_run_in_an_empty_store(store: Store) -> None:
    with pytest.raises(UnknownName, match="There is no run yet"):
        store.run("latest")


def test_an_id_is_not_used_twice(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    with pytest.raises(StoreError, match="'abcd' already"):
        store.create_run(nouns.run("abcd"), {})


def test_runs_are_listed_newest_first_whatever_the_clock_said(store: Store) -> None:
    for number, year in enumerate((2026, 2036, 2020, 2026)):
        evalset = "support" if number % 2 else "sales"
        store.create_run(nouns.run(f"run-{number}", created_at=f"{year}-01-01", evalset=evalset), {})
    assert [run.id for run in store.runs()] == ["run-3", "run-2", "run-1", "run-0"]
    assert [run.id for run in store.runs(limit=2, offset=1)] == ["run-2", "run-1"]
    assert [run.id for run in store.runs(evalset="support")] == ["run-3", "run-1"]
    assert store.run("latest").id == "run-3"
    assert (store.run_count(), store.run_count("sales"), store.run_count("none")) == (4, 2, 0)
    assert store.run_evalsets() == ["sales", "support"]


def test_done_and_errors_count_the_newest_attempts(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    with Writer(store) as writer:
        asyncio.run(
            writer.save(
                nouns.result("abcd", "a"),
                nouns.failed("abcd", "b"),
                nouns.failed("abcd", "c"),
                nouns.result("abcd", "c", 1),
                nouns.failed("abcd", "a", repeat=1),
                nouns.failed("abcd", "a", 1, repeat=1),
            )
        )
    run = store.run("abcd")
    assert (run.done, run.errors) == (2, 2)
    assert store.runs() == [run]


def test_status_changes_and_nothing_else(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    store.set_status("abcd", "interrupted")
    assert store.run("abcd").status == "interrupted"
    store.set_status("abcd", "finished")
    assert store.run("abcd").status == "finished"
    with pytest.raises(UnknownName):
        store.set_status("nope", "finished")


def test_one_owner_works_on_a_run_at_a_time(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    assert store.claim_run("abcd", "one", 60)
    assert store.claim_run("abcd", "one", 60)
    assert not store.claim_run("abcd", "two", 60)
    assert store.run_owner("abcd") == "one"
    assert store.renew_run("abcd", "one", 60)
    assert not store.renew_run("abcd", "two", 60)
    store.release_run("abcd", "two")
    assert not store.claim_run("abcd", "two", 60)
    store.release_run("abcd", "one")
    assert store.run_owner("abcd") is None
    assert store.claim_run("abcd", "two", 60)
    with pytest.raises(UnknownName):
        store.claim_run("nope", "one", 60)


def test_a_dead_owner_loses_the_run_when_the_lease_ends(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    assert store.claim_run("abcd", "dead", 0.0)
    assert store.claim_run("abcd", "heir", 60)
    assert not store.renew_run("abcd", "dead", 60)


def test_a_lease_from_before_the_clock_was_set_back_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "promptops.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.create_run(nouns.run("abcd"), {})
        assert store.claim_run("abcd", "dead", 60)
        connection = sqlite3.connect(path)
        connection.execute("UPDATE runs SET lease_until = ?", (time.time() + 3600,))
        connection.commit()
        connection.close()
        assert store.claim_run("abcd", "heir", 60)


def test_of_two_claims_at_once_one_is_refused(url: str) -> None:
    Store.open(url).close()
    rounds = 10
    won: list[tuple[int, str]] = []
    barrier = threading.Barrier(2)

    def claim(owner: str) -> None:
        with Store.open(url) as store:
            for turn in range(rounds):
                if owner == "one":
                    store.create_run(nouns.run(f"run-{turn}"), {})
                barrier.wait(timeout=120)
                if store.claim_run(f"run-{turn}", owner, 60):
                    won.append((turn, owner))

    threads = [threading.Thread(target=claim, args=(owner,)) for owner in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turn for turn, _ in won) == list(range(rounds))


def test_a_prompt_that_was_changed_in_the_database_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "promptops.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.create_run(nouns.run("abcd"), {})
        connection = sqlite3.connect(path)
        connection.execute("DROP TRIGGER runs_no_update")
        connection.execute("UPDATE runs SET prompt = replace(prompt, 'Answer', 'Refuse')")
        connection.commit()
        connection.close()
        with pytest.raises(StoreError, match="run abcd was changed"):
            store.run("abcd")
