"""The logger where something is wrong: databases, disks, settings, kills, forks. Real ones of each."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import promptops
from promptops import Project
from promptops.errors import StoreError
from promptops.production.draining import drain
from promptops.production.logger import LOGGER
from promptops.production.records import RecordFilter, subject_mark
from promptops.production.segments import Segment, segment_paths, spool_bytes
from promptops.production.spooler import Configuration
from promptops.store import Store
from tests.made import until
from tests.production.conftest import database, done, numbers, start

ALL = RecordFilter()
PASSWORD = "canary-4f1d"


def log_numbers(first: int, last: int, **fields: object) -> None:
    for number in range(first, last):
        promptops.log("reply", inputs={"n": number}, output="x" * 100, **fields)  # type: ignore[arg-type]


@pytest.fixture
def stalling() -> Iterator[int]:
    """A server that takes connections and never says a word; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_locked_database_lets_records_wait_in_the_spool(project: Path) -> None:
    path = database(project)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    log_numbers(0, 50)
    assert not promptops.flush(0.5)
    # Nobody need wait for it in vain once more: who asks is told, as soon as a pass takes long.
    until(lambda: "another program may hold its lock" in promptops.logger().stats.trouble)
    assert spool_bytes(project / ".promptops/spool") > 50 * 100
    log_numbers(50, 60)  # while the drainer waits for the lock
    other.execute("ROLLBACK")
    assert promptops.flush(60), promptops.logger().stats
    assert numbers(project) == list(range(60))
    assert promptops.logger().stats.waiting == promptops.logger().stats.spool_bytes == 0
    assert promptops.logger().stats.trouble == ""


def test_a_slow_database_is_told_after_a_folder_that_could_not_be_used(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    blocked = tmp_path_factory.mktemp("blocked")
    (blocked / "promptops.toml").write_text("[logging]\nspool = 3\n")
    LOGGER.configure(Configuration(blocked))
    log_numbers(0, 5)
    assert not promptops.flush(5)
    path = database(project)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    promptops.configure_logging(project=project)
    log_numbers(5, 10)
    assert not promptops.flush(0.5)
    until(lambda: "another program may hold its lock" in promptops.logger().stats.trouble)
    other.execute("ROLLBACK")
    assert promptops.flush(60) and promptops.logger().stats.trouble == ""


def test_a_dead_database_is_told_once_and_gets_all_when_it_is_back(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("psycopg")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    dead = f"postgresql://app:{PASSWORD}@127.0.0.1:{port}/records"
    promptops.configure_logging(project=project, database=dead)
    for first in (0, 20):
        log_numbers(first, first + 20)
        assert not promptops.flush(60)
    told = [message for message in caplog.messages if "wait in the spool" in message]
    assert len(told) == 1 and promptops.logger().stats.trouble == told[0]
    assert PASSWORD not in caplog.text
    promptops.configure_logging(project=project)
    assert promptops.flush(60) and promptops.logger().stats.trouble == ""
    assert numbers(project) == list(range(40))


def test_a_database_that_never_answers_holds_up_nobody(project: Path, stalling: int) -> None:
    pytest.importorskip("psycopg")
    slow = f"postgresql://app@127.0.0.1:{stalling}/records"
    promptops.configure_logging(project=project, database=slow)
    log_numbers(0, 20)
    assert not promptops.flush(0.5)
    log_numbers(20, 40)
    assert not promptops.flush(0.5)
    lines = b"".join(path.read_bytes() for path in segment_paths(project / ".promptops/spool"))
    assert lines.count(b"\n") == 40
    promptops.configure_logging(project=project)
    assert numbers(project) == list(range(40))


KILLED = """
import time, promptops
number = 0
while True:
    promptops.log("reply", inputs={"n": number}, output="x" * 200)
    print(number, time.time(), flush=True)
    number += 1
    time.sleep(0.001)  # the application's own work
"""


@pytest.mark.parametrize("locked", [False, True], ids=["while it drains", "while it only spools"])
def test_a_kill_takes_what_was_logged_last_and_doubles_nothing(tmp_path: Path, locked: bool) -> None:
    path = database(tmp_path)
    other = sqlite3.connect(path, isolation_level=None)
    if locked:
        other.execute("BEGIN IMMEDIATE")
    application = start(KILLED, tmp_path)
    assert application.stdout is not None
    logged: dict[int, float] = {}
    for line in application.stdout:
        number, moment = line.split()
        logged[int(number)] = float(moment)
        if len(logged) == 2_500:
            application.send_signal(signal.SIGKILL)
            break
    logged |= {int(line.split()[0]): time.time() for line in application.stdout if line.count(" ") == 1}
    application.communicate()
    other.close()
    found = numbers(tmp_path)
    assert found == list(range(len(found)))  # the missing ones are the last ones
    assert len(found) > 100
    late = max(logged.values()) - min([logged[n] for n in logged if n >= len(found)], default=time.time())
    assert late < 10  # seconds; a tenth of one by the promise, on a machine that has nothing else to do


def test_other_settings_take_along_what_waits_for_a_disk(project: Path) -> None:
    (project / "nofolder").write_text("a file")
    promptops.configure_logging(project=project, spool="nofolder/spool")
    log_numbers(0, 20)
    assert not promptops.flush(5)
    assert "can't be written" in promptops.logger().stats.trouble
    promptops.configure_logging(project=project)
    assert promptops.flush(60), promptops.logger().stats
    assert numbers(project) == list(range(20))


FULL_DISK = """
import resource, promptops
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
promptops.log("reply", inputs={"n": 0}, output="x")
assert promptops.flush(60)
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, hard))
for number in range(1, 101):
    promptops.log("reply", inputs={"n": number}, output="x" * 100)
assert not promptops.flush(5)
print(promptops.logger().stats.trouble)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
assert promptops.flush(60), promptops.logger().stats
assert promptops.logger().stats.trouble == ""
assert promptops.logger().stats.dropped == 0
"""


def test_a_disk_that_takes_nothing_lets_records_wait_in_memory(tmp_path: Path) -> None:
    database(tmp_path)
    told = done(FULL_DISK, tmp_path)
    assert "spool" in told and "can't be written (File too large)" in told
    assert numbers(tmp_path) == list(range(101))


def test_settings_that_can_not_be_read_let_nothing_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "promptops.toml").write_text("[logging]\nredact = ['(']\n")
    code = """
import pathlib, promptops, promptops.production.buffer
promptops.production.buffer.MOST = 300
for number in range(350):
    promptops.log("reply", inputs={"n": number}, output="x")
assert not promptops.flush(5)
print(promptops.logger().stats.dropped, promptops.logger().stats.waiting)
print(promptops.logger().stats.trouble)
assert not pathlib.Path(".promptops").exists()
pathlib.Path("promptops.toml").write_text("")
assert promptops.flush(120), promptops.logger().stats
"""
    dropped, trouble = done(code, tmp_path).splitlines()[:2]
    assert dropped == "50 300"
    assert "settings can't be read" in trouble and "promptops.toml:2" in trouble
    assert numbers(tmp_path) == list(range(300))


LOST = """
import atexit, pathlib, promptops
promptops.log("reply", inputs={"n": 0}, output="x")
def end():
    promptops.logger()._at_exit()
    print(promptops.logger().stats.dropped, promptops.logger().stats.waiting)
for number in range(1, 3):
    promptops.log("reply", inputs={"n": number}, output="x")
atexit.register(end)
assert not promptops.flush(5)
"""


def test_what_settings_lose_that_can_not_be_read_at_the_end_is_counted_and_told(tmp_path: Path) -> None:
    (tmp_path / "promptops.toml").write_text("[logging]\nredact = ['(']\n")
    process = start(LOST, tmp_path)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "3 0\n")
    assert err.count("3 records are LOST, as the process ends and the settings can't be read: ") == 1
    assert "promptops.toml:2" in err and not (tmp_path / ".promptops").exists()


def test_settings_that_are_mended_before_the_end_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "promptops.toml").write_text("[logging]\nredact = ['(']\n")
    out = done(LOST + 'pathlib.Path("promptops.toml").write_text("")\n', tmp_path)
    assert out == "0 0\n"
    assert numbers(tmp_path) == [0, 1, 2]


def test_a_full_spool_drops_the_newest_counts_them_and_says_so(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = promptops.logger().stats.dropped
    other = sqlite3.connect(database(project), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    promptops.configure_logging(project=project, spool_megabytes=1)
    for number in range(30):
        promptops.log("reply", inputs={"n": number}, output="x" * 50_000)
        while promptops.logger().stats.waiting:
            assert not promptops.flush(0.05)
    with promptops.logger()._turn:  # the thread has written what it took
        dropped = promptops.logger().stats.dropped - before
    assert spool_bytes(project / ".promptops/spool") <= 1_000_000
    assert 0 < dropped < 30
    assert any("are LOST: the spool has reached `spool_megabytes`" in told for told in caplog.messages)
    other.execute("ROLLBACK")
    assert promptops.flush(60)
    log_numbers(30, 40)  # there is room again
    assert promptops.flush(60)
    assert numbers(project) == [*range(30 - dropped), *range(30, 40)]


def test_what_a_dying_process_left_of_a_line_is_put_aside_and_told(tmp_path: Path) -> None:
    spool = tmp_path / ".promptops/spool"
    segment = Segment(spool, "0001-1-aa")
    whole = {"record": {"id": "kept", "at": "2026-11-27T00:00:00.000000+00:00", "inputs": {"n": 1}}}
    torn = b'{"record":{"id":"half","at":"2026-'
    segment.append(json.dumps(whole).encode() + b"\n" + b"\xff\x00no JSON\n" + b'{"record":{}}\n' + torn)
    with Project.open(tmp_path) as project:
        assert project.drain_spool() == (0, 0, 0, 0, 1, 0)  # its process lives
        segment.forget()
        assert project.drain_spool() == (1, 0, 3, 1, 0, 0)
        assert project.drain_spool() == (0, 0, 0, 0, 0, 0)
        assert project.find_record("kept").inputs == {"n": 1}
    [aside] = spool.glob("*.unread")
    assert aside.read_bytes() == b"\n".join([torn, b"\xff\x00no JSON", b'{"record":{}}']) + b"\n"


def test_a_database_of_production_s_own_is_where_the_spool_goes(tmp_path: Path) -> None:
    (tmp_path / "promptops.toml").write_text("[logging]\ndatabase = 'sqlite:///logs/production.db'\n")
    segment = Segment(tmp_path / ".promptops/spool", "0001-1-aa")
    segment.append(b'{"record":{"id":"one","at":"2026-11-27T00:00:00.000000+00:00"}}\n')
    segment.let_go()
    with Project.open(tmp_path) as project:
        assert project.drain_spool().records == 1 and project.record_count() == 1
    with Project.open(tmp_path, database=f"sqlite:///{tmp_path}/logs/production.db") as project:
        assert project.record_count() == 1


def test_a_segment_that_may_not_be_read_is_told_after_the_others(tmp_path: Path) -> None:
    spool = tmp_path / ".promptops/spool"
    segment = Segment(spool, "0002-1-aa")
    segment.append(b'{"record":{"id":"one","at":"2026-11-27T00:00:00.000000+00:00"}}\n')
    segment.let_go()
    (spool / "0001-1-aa.jsonl").symlink_to("/etc/hostname")  # not followed, whoever asks
    with Project.open(tmp_path) as project:
        with pytest.raises(StoreError, match="can't be read or emptied"):
            project.drain_spool()
        assert project.find_record("one").id == "one"


def test_a_crash_between_storing_and_deleting_doubles_nothing(tmp_path: Path) -> None:
    spool = tmp_path / ".promptops/spool"
    line = b'{"record":{"id":"one","at":"2026-11-27T00:00:00.000000+00:00"}}\n'
    with Store.open(f"sqlite:///{database(tmp_path)}") as store:
        for name in ("0001-1-aa", "0002-1-aa"):
            segment = Segment(spool, name)
            segment.append(line)
            segment.forget()
        assert drain(spool, store).records == 1
        assert store.record_count(ALL) == 1


def test_a_person_s_records_are_deleted_from_the_spool_too(tmp_path: Path) -> None:
    spool = tmp_path / ".promptops/spool"
    segment = Segment(spool, "0001-1-aa")
    mark = subject_mark("ada")
    segment.append(f'{{"record":{{"id":"a","at":"2026-11-27","subject":"{mark}"}}}}\n'.encode())
    segment.let_go()
    with Project.open(tmp_path) as project:
        project.delete_records(RecordFilter(subject=mark))
        assert project.drain_spool().records == 0 and project.record_count() == 0
    assert segment_paths(spool) == []


def test_what_a_running_process_held_of_a_deleted_person_is_not_brought_in_later(tmp_path: Path) -> None:
    spool = tmp_path / ".promptops/spool"
    mark, other = subject_mark("ada"), subject_mark("bob")
    running = Segment(spool, "0001-1-aa")
    lines = [
        {"record": {"id": "a", "at": "2026-11-20", "subject": mark, "output": "of Ada"}},
        {"feedback": {"id": "f1", "record": "a", "at": "2026-11-20", "comment": "about Ada's"}},
        {"feedback": {"id": "f2", "record": "elsewhere", "at": "2026-11-20", "comment": "hers", "by": mark}},
        {"record": {"id": "b", "at": "2026-11-20", "subject": other}},
        {"feedback": {"id": "f3", "record": "b", "at": "2026-11-20", "thumb": "up", "by": other}},
        {"record": {"id": "later", "at": "2999-01-01", "subject": mark}},
    ]
    running.append("".join(json.dumps(line) + "\n" for line in lines).encode())
    with Project.open(tmp_path) as project:
        found = project.delete_records(RecordFilter(subject=mark))
        assert (found.records, found.spooled, found.unread) == (0, 3, 0)
        assert project.delete_records(RecordFilter(prompt="reply")).held == 1
        assert project.delete_records(RecordFilter(until="2026-01-01")).held == 0
        running.let_go()
        done = project.drain_spool()
        assert (done.records, done.feedback, done.deleted) == (2, 1, 3)
        assert {each.id for each in project.records()} == {"b", "later"}
        assert [each.id for each in project.record_feedback()] == ["f3"]


def test_lines_of_a_deleted_person_that_can_not_be_read_are_told_by_themselves(tmp_path: Path) -> None:
    spool = tmp_path / ".promptops/spool"
    mark = subject_mark("ada")
    dead = Segment(spool, "0001-1-aa")
    dead.append(f'{{"record":{{"id":"a","subject":"{mark}"'.encode())
    dead.let_go()
    with Project.open(tmp_path) as project:
        found = project.delete_records(RecordFilter(subject=mark))
    assert (found.spooled, found.unread) == (0, 1)


NO_IO = """
import sys, threading
import promptops
log = promptops.log
seen = []
own = threading.get_ident()
inside = False
def watch(event, arguments):
    if inside and threading.get_ident() == own:
        seen.append((event, str(arguments)[:80]))
sys.addaudithook(watch)
for number in range(300):
    inside = True
    record = log("reply@3", inputs={"n": number, "deep": [{"a": object()}]}, output="x" * 300, subject="ada")
    promptops.feedback(record, thumb="up", by="ada")
    inside = False
assert promptops.flush(60)
print([each for each in seen if each[0].split(".")[0] not in ("_thread", "object", "code")])
"""


def test_a_call_does_no_io(tmp_path: Path) -> None:
    assert done(NO_IO, tmp_path).strip() == "[]"


def test_a_call_waits_for_no_lock_that_is_held_during_io(project: Path) -> None:
    logger = promptops.logger()
    assert promptops.flush(60)
    with logger._turn:  # as the thread does while it writes
        log_numbers(0, 10)
        assert logger.stats.waiting == 10
    assert promptops.flush(60)
    assert numbers(project) == list(range(10))


def test_threads_lose_and_double_nothing(project: Path) -> None:
    threads = [threading.Thread(target=log_numbers, args=(500 * n, 500 * n + 500)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert promptops.flush(60)
    assert numbers(project) == list(range(4_000))


def test_an_application_that_ends_at_once_has_its_records_in_the_database(tmp_path: Path) -> None:
    code = 'import promptops\nfor n in range(3): promptops.log("reply", inputs={"n": n}, output="x")'
    (tmp_path / "promptops.toml").write_text("")
    process = start(code, tmp_path)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert numbers(tmp_path) == [0, 1, 2]


def test_to_drain_takes_no_library_that_can_not_be_imported_while_a_process_ends(tmp_path: Path) -> None:
    code = "import sys\nimport promptops.production.drainer\nprint(*sys.modules)"
    assert not {"concurrent.futures.thread", "scipy"} & set(done(code, tmp_path).split())


def test_what_is_switched_off_leaves_no_trace(tmp_path: Path) -> None:
    code = 'import promptops\nprint(promptops.log("reply", output="x"))\nassert promptops.flush(1)'
    assert len(done(code, tmp_path, PROMPTOPS_LOG="off").strip()) == 36
    (tmp_path / "promptops.toml").write_text("[logging]\nenabled = false\n")
    done(code.replace("flush(1)", "flush(60)"), tmp_path)
    assert segment_paths(tmp_path / ".promptops/spool") == []
    assert numbers(tmp_path) == []
