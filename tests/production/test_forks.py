"""The logger of processes that fork, that are children of others, and that end."""

from __future__ import annotations

from pathlib import Path

from tests.production.conftest import database, done, numbers, start

FORKED = """
import os, sys, promptops
def log(first, last):
    for number in range(first, last):
        promptops.log("reply", inputs={"n": number}, output="x")
log(0, 100)
assert promptops.flush(60)
log(100, 200)  # in memory when it forks
children = []
for child in range(1, 4):
    pid = os.fork()
    if pid == 0:
        log(1000 * child, 1000 * child + 50)
        if child == 1:
            assert promptops.flush(60)
            os._exit(0)
        if child == 2:
            sys.exit(0)
        os._exit(0)  # the third loses what was not spooled
    children.append(pid)
log(200, 300)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
"""


def test_forked_children_log_by_themselves_and_double_nothing(tmp_path: Path) -> None:
    done(FORKED, tmp_path)
    found = numbers(tmp_path)
    assert len(found) == len(set(found))
    assert [n for n in found if n < 3000] == [*range(300), *range(1000, 1050), *range(2000, 2050)]


IMPORTING = """
import os, sys, promptops
promptops.log("reply", inputs={"n": 0}, output="x")  # its threads begin to import
while "sqlalchemy" not in sys.modules:
    pass
pid = os.fork()
if pid == 0:
    import promptops.store, promptops.config, pydantic, sqlalchemy
    promptops.log("reply", inputs={"n": 1}, output="x")
    assert promptops.flush(60)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""


def test_a_fork_while_the_threads_import_lets_the_child_import(tmp_path: Path) -> None:
    done(IMPORTING, tmp_path)
    assert numbers(tmp_path) == [0, 1]


TOUCHING = """
import os, signal, sys, threading, promptops
thread = threading.Thread(target=lambda: promptops.log("reply", inputs={"n": 0}, output="x"))
thread.start()
while "promptops.production.spooler" not in sys.modules:
    pass
pid = os.fork()
if pid == 0:
    signal.alarm(30)
    promptops.log("reply", inputs={"n": 1}, output="x")
    assert promptops.flush(30)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
thread.join()
"""


def test_a_fork_while_another_thread_imports_log_lets_the_child_log(tmp_path: Path) -> None:
    done(TOUCHING, tmp_path)
    assert numbers(tmp_path) == [0, 1]


CHILDREN = """
import multiprocessing, sys, promptops
def log(first):
    for number in range(first, first + 20):
        promptops.log("reply", inputs={"n": number}, output="x")
    return first
if __name__ == "__main__":
    log(0)
    for way in ("fork", "spawn"):
        context = multiprocessing.get_context(way)
        child = context.Process(target=log, args=({"fork": 100, "spawn": 200}[way],))
        child.start()
        child.join()
    with context.Pool(2) as pool:
        print(pool.map(log, [300, 400]))
        pool.close()
        pool.join()
"""


def test_children_of_multiprocessing_bring_everything_in(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CHILDREN)
    done("import subprocess, sys; subprocess.run([sys.executable, 'app.py'], check=True)", tmp_path)
    assert numbers(tmp_path) == [n + i for n in (0, 100, 200, 300, 400) for i in range(20)]


def test_the_end_of_a_process_brings_everything_in(tmp_path: Path) -> None:
    database(tmp_path)
    code = """
import atexit, promptops
atexit.register(lambda: promptops.log("reply", inputs={"n": 2}, output="at exit"))
for number in range(2):
    promptops.log("reply", inputs={"n": number}, output="x")
"""
    done(code, tmp_path)
    done(code.replace("range(2)", "range(10, 20)").replace('"n": 2', '"n": 20'), tmp_path)
    assert numbers(tmp_path) == [0, 1, 2, *range(10, 21)]
    application = start(code + "raise SystemExit(3)", tmp_path)
    assert application.communicate(timeout=120)[1] == "" and application.returncode == 3
    assert len(numbers(tmp_path)) == 14 + 3
