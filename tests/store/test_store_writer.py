"""The writer: what it says is stored is stored, in batches, and a failure reaches everyone who waits."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import event

from promptops.errors import StoreError
from promptops.store import Store, Writer
from tests.store import nouns

ROOT = Path(__file__).parents[2]


def test_rows_are_committed_when_save_returns(url: str) -> None:
    with Store.open(url) as store, Store.open(url) as other, Writer(store) as writer:
        store.create_run(nouns.run("abcd"), {})

        async def save() -> None:
            for number in range(5):
                await writer.save(nouns.call("abcd", f"s{number}"), nouns.result("abcd", f"s{number}"))
                assert len(other.finished("abcd", errors_too=False)) == number + 1

        asyncio.run(save())


def test_what_waits_together_is_committed_together(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    commits: list[object] = []
    event.listen(store._writing_engine, "commit", commits.append)

    async def save(writer: Writer) -> None:
        await asyncio.gather(*(writer.save(nouns.result("abcd", f"s{number}")) for number in range(500)))

    with Writer(store) as writer:
        asyncio.run(save(writer))
    assert len(store.finished("abcd", errors_too=False)) == 500
    assert len(commits) < 100


def test_rows_of_one_save_are_stored_together_or_not_at_all(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    with Writer(store) as writer:
        asyncio.run(writer.save(nouns.result("abcd", "a")))
        with pytest.raises(StoreError, match=r"(?i)unique"):
            asyncio.run(writer.save(nouns.result("abcd", "b"), nouns.result("abcd", "a")))
        assert store.finished("abcd", errors_too=True) == {("a", 0)}
        asyncio.run(writer.save(nouns.result("abcd", "b")))
    assert store.finished("abcd", errors_too=True) == {("a", 0), ("b", 0)}


def test_everyone_who_waits_hears_of_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "promptops.db"
    with Store.open(f"sqlite:///{path}") as store, Writer(store) as writer:
        store.create_run(nouns.run("abcd"), {})

        async def save() -> list[BaseException | None]:
            with store.writing():  # holds the writer off until all of them are queued
                waiting = [
                    asyncio.create_task(
                        writer.save(nouns.result("no run" if number == 3 else "abcd", f"s{number}"))
                    )
                    for number in range(8)
                ]
                await asyncio.sleep(0)
            return await asyncio.gather(*waiting, return_exceptions=True)

        answers = asyncio.run(save())
        # The thread may have taken the first rows alone; all that shared a commit share its failure.
        failed = [isinstance(answer, StoreError) for answer in answers]
        assert failed[3]
        stored = {int(sample_id[1:]) for sample_id, _ in store.finished("abcd", errors_too=True)}
        assert stored == {number for number in range(8) if not failed[number]}


def test_rows_of_a_cancelled_task_are_stored(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})

    async def save(writer: Writer) -> None:
        task = asyncio.create_task(writer.save(nouns.result("abcd", "a")))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    with Writer(store) as writer:
        asyncio.run(save(writer))
    assert store.finished("abcd", errors_too=True) == {("a", 0)}


def test_several_event_loops_can_share_a_writer(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})

    async def save(writer: Writer, name: str) -> None:
        await asyncio.gather(*(writer.save(nouns.result("abcd", f"{name}{number}")) for number in range(50)))

    with Writer(store) as writer:
        threads = [
            threading.Thread(target=lambda name=name: asyncio.run(save(writer, name)))
            for name in ("a", "b", "c")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(store.finished("abcd", errors_too=True)) == 150


def test_closing_twice_is_fine_and_saving_afterwards_is_not(store: Store) -> None:
    writer = Writer(store)
    writer.close()
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        asyncio.run(writer.save(nouns.result("abcd", "a")))


def test_a_full_disk_is_said_cleanly_and_what_was_committed_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "promptops.db"
    with Store.open(f"sqlite:///{path}") as store, Writer(store) as writer:
        store.create_run(nouns.run("abcd"), {})
        asyncio.run(writer.save(nouns.result("abcd", "before")))
        # Holds for one connection only, and the writer's is its own.
        assert store._appender is not None
        pages = store._appender.execute("PRAGMA page_count").fetchone()[0]
        store._appender.execute(f"PRAGMA max_page_count={pages + 2}")
        rows = [nouns.call("abcd", f"s{number}") for number in range(200)]
        with pytest.raises(StoreError, match="the disk is full"):
            asyncio.run(writer.save(*rows))
        store._appender.execute("PRAGMA max_page_count=1000000")
        asyncio.run(writer.save(*rows))
        assert store.finished("abcd", errors_too=True) == {("before", 0)}
        assert len(store.unfinished_calls("abcd")) == 200


@pytest.mark.parametrize("limit", [300_000, 500_000, 900_000])
def test_a_limit_on_the_size_of_files_is_survived(tmp_path: Path, limit: int) -> None:
    url = f"sqlite:///{tmp_path}/promptops.db"
    with Store.open(url) as store:
        store.create_run(nouns.run("abcd"), {})
    program = f"""
import asyncio, resource
from promptops.errors import StoreError
from promptops.store import Store, Writer
from tests.store import nouns
store = Store.open({url!r})
writer = Writer(store)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {resource.RLIM_INFINITY}))
async def save():
    for number in range(100_000):
        calls = [nouns.call("abcd", f"{{number}}-{{part}}") for part in range(20)]
        await writer.save(*calls, nouns.result("abcd", f"{{number}}"))
        print(number, flush=True)
try:
    asyncio.run(save())
except StoreError as error:
    print("StoreError", error, flush=True)
writer.close()
store.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    *saved, last = done.stdout.splitlines()
    assert done.stderr == ""
    assert last.startswith("StoreError The database")
    assert "Make room" in last
    with Store.open(url) as store:
        finished = store.finished("abcd", errors_too=True)
    assert {(number, 0) for number in saved} <= finished
    assert len(finished) <= len(saved) + 1
    with contextlib.closing(sqlite3.connect(tmp_path / "promptops.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_torn_logs_open_sound_and_keep_whole_transactions(tmp_path: Path) -> None:
    path = tmp_path / "promptops.db"
    store = Store.open(f"sqlite:///{path}")
    store.create_run(nouns.run("abcd"), {})
    store.checkpoint()
    with Writer(store) as writer:
        for number in range(20):
            asyncio.run(
                writer.save(nouns.call("abcd", f"s{number:02}"), nouns.result("abcd", f"s{number:02}"))
            )
    whole, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    store.close()
    counts = set()
    for cut in range(0, len(log), len(log) // 40):
        torn = tmp_path / f"{cut}.db"
        torn.write_bytes(whole)
        Path(f"{torn}-wal").write_bytes(log[:cut])
        with Store.open(f"sqlite:///{torn}") as opened:
            finished = sorted(opened.finished("abcd", errors_too=True))
            assert finished == [(f"s{number:02}", 0) for number in range(len(finished))]
            assert opened.run("abcd").done == len(finished)
            counts.add(len(finished))
        with contextlib.closing(sqlite3.connect(torn)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(counts) > 10


def test_the_log_is_moved_into_the_database_before_it_grows_long(tmp_path: Path) -> None:
    path = tmp_path / "promptops.db"
    with Store.open(f"sqlite:///{path}") as store, Writer(store) as writer:
        store.create_run(nouns.run("abcd"), {})
        text = "x" * 100_000
        for number in range(100):
            asyncio.run(writer.save(nouns.call("abcd", f"s{number}", completion=nouns.completion(text))))
        assert Path(f"{path}-wal").stat().st_size < 6_000_000
    assert path.stat().st_size > 10_000_000
