"""What a process that is killed in its first second had logged: on disk, before anything slow is imported."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path

from promptops.production.buffer import Buffer, Entry
from promptops.production.segments import segment_paths
from promptops.production.spooler import Configuration, Spooler
from promptops.production.tally import Tally
from tests.production.conftest import database, done, numbers, start

WATCHED = """
import sys, threading
import promptops
log = promptops.log  # what the spool needs is imported here, in the application's own time
seen, begun = [], threading.Event()
def watch(event, arguments):
    if begun.is_set():
        return
    if event == "import":
        seen.append(arguments[0])
    elif event == "open" and str(arguments[0]).endswith(".jsonl"):
        begun.set()
sys.addaudithook(watch)
log("reply", inputs={"n": 0}, output="Write to ada@example.com.")
assert begun.wait(60)
print([name for name in seen if name.startswith(("promptops", "pydantic", "sqlalchemy", "numpy"))])
"""


def test_the_first_record_waits_for_no_import(tmp_path: Path) -> None:
    assert done(WATCHED, tmp_path).strip() == "[]"
    assert numbers(tmp_path) == [0]


KILLED = """
import os, signal, sys, time, promptops
for number in range(100):
    promptops.log("reply", inputs={"n": number, "key": "sk-0123456789abcdefghij"}, output="x")
time.sleep(0.5)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_half_a_second_after_its_first_record_leaves_it_on_disk(
    tmp_path: Path,
) -> None:
    (tmp_path / "promptops.toml").write_text("")
    process = start(KILLED, tmp_path)
    process.communicate(timeout=120)
    assert process.returncode == -9
    assert not any(b"sk-0123" in path.read_bytes() for path in segment_paths(tmp_path / ".promptops/spool"))
    kept = numbers(tmp_path)
    assert kept and kept == list(range(len(kept)))  # on a quiet machine all 100; a busy one has written less


FLUSHED = """
import json, os, time, promptops
for number in range(100):
    promptops.log("reply", inputs={"n": number}, output="x")
flushed = promptops.flush(timeout=2)
stats = promptops.logger().stats
print(json.dumps([flushed, stats.spooled, stats.waiting]), flush=True)
os._exit(0)
"""


def test_a_flush_into_a_locked_database_puts_all_into_the_spool_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "promptops.toml").write_text("")
    other = sqlite3.connect(database(tmp_path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert json.loads(done(FLUSHED, tmp_path)) == [False, 100, 0]
    other.execute("ROLLBACK")
    other.close()
    assert numbers(tmp_path) == list(range(100))


def test_what_waits_for_a_spool_that_can_not_be_written_is_counted_as_waiting(tmp_path: Path) -> None:
    (tmp_path / ".promptops").write_text("no folder")
    assert json.loads(done(FLUSHED, tmp_path)) == [False, 0, 100]


def burst(held: int) -> Buffer:
    """Return a buffer that holds so many records."""
    buffer = Buffer()
    for number in range(held):
        fields: dict[str, object] = {"prompt": "reply", "output": f"The answer number {number}. " * 10}
        buffer.put(Entry("record", str(number), number, fields, ()))
    return buffer


def test_a_flush_goes_by_its_deadline_in_a_burst_too(tmp_path: Path) -> None:
    buffer = burst(1_500)
    spooler = Spooler(buffer, Tally(), Configuration(tmp_path))
    spooler.spool(lambda: True, deadline=0.0)
    assert 0 < len(buffer) < 1_500
    spooler.spool(lambda: True)
    assert len(buffer) == 0
    lines = b"".join(path.read_bytes() for path in segment_paths(tmp_path / ".promptops/spool"))
    assert lines.count(b"\n") == 1_500


def test_a_burst_is_written_piece_by_piece(tmp_path: Path) -> None:
    held = 1_500
    buffer = burst(held)
    spooler = Spooler(buffer, Tally(), Configuration(tmp_path))
    thread = threading.Thread(target=spooler.spool, args=(lambda: False,))
    thread.start()
    most = 0
    while thread.is_alive():
        if any(path.stat().st_size for path in segment_paths(tmp_path / ".promptops/spool")):
            most = max(most, len(buffer))
    thread.join()
    spooler.close()
    assert most > held / 2  # a good part was on disk while the rest was still in memory
