"""Others look into the database while a process writes: that process keeps its locks, and so its life."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from promptops.store import Store, logindex
from promptops.store.database import CHECKPOINT_COMMITS
from promptops.store.rows import PairRow
from promptops.types import Score


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def own_locks(path: Path) -> int:
    """Return how many locks this process holds on a file, as Linux tells."""
    inode = path.stat().st_ino
    rows = [line.split() for line in Path("/proc/locks").read_text("ascii").splitlines()]
    return sum(row[4] == str(os.getpid()) and row[5].endswith(f":{inode}") for row in rows)


@pytest.mark.skipif(not Path("/proc/locks").is_file(), reason="only Linux tells who holds which lock")
def test_measuring_the_log_lets_go_of_no_lock(tmp_path: Path) -> None:
    """A closed descriptor of the log's index would drop SQLite's locks, as POSIX has it.

    Whoever opened the database next would cut the index off, and the writer would die of SIGBUS.
    """
    with Store.open(f"sqlite:///{tmp_path}/a.db") as store:
        for number in range(3 * CHECKPOINT_COMMITS):
            row = PairRow("a", "b", f"q{number}", 0, "better", "signature", Score.of(1.0), {})
            store.save_pair_scores([row])
            assert own_locks(tmp_path / "a.db-shm") > 0


def test_the_log_is_measured_by_its_index_and_descriptors_do_not_pile_up(tmp_path: Path) -> None:
    assert logindex.log_bytes(tmp_path / "none.db") == 0
    before = open_files()
    for number in range(20):
        database = tmp_path / f"{number}.db"
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("pragma journal_mode=wal")
            connection.execute("create table t (x)")
            connection.commit()
            found = logindex.log_bytes(database)
            assert found == logindex.log_bytes(database)
            # Each frame of the log is a page with a header of 24 bytes, behind 32 bytes of its own.
            pages = (Path(f"{database}-wal").stat().st_size - 32) // (4096 + 24)
            assert found == 4096 * pages > 0
    assert open_files() <= before + 2
