"""Whole runs on a disk that fills up or fails, and with a clock that jumps: nothing lost or asked again.

The disk is a real one of 3 MB where file systems may be mounted. A limit on the size of files is how a disk
looks that fails to write. The clock is set by shifted_clock.c, for all of the process.
"""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops import Project
from tests.chat_server import ChatServer, chat_server
from tests.made import Folder, questions

ASK = ("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "local/echo", "-j", "4", "--no-cache")
SAMPLES = 200
AT_ONCE = 4
DAY = 86_400


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as made:
        yield made


def prepare(where: Path, server: ChatServer, words: int = 600) -> Folder:
    """Make a project whose answers take some kilobytes each."""
    made = Folder(where)
    made.write("promptops.toml", f'[providers.local]\nkind = "openai"\nbase_url = "{server.url}"\n')
    rows = [{**row, "inputs": {"question": f"{row['id']} " + "word " * words}} for row in questions(SAMPLES)]
    made.evalset("numbers", rows)
    made.prompt("ask", "{{question}}")
    return made


def asked(server: ChatServer) -> Counter[str]:
    """Return how often each sample was asked."""
    return Counter(text.split()[0] for text in server.texts())


def whole(folder: Folder, server: ChatServer, again: int) -> None:
    """Hold a finished run against what was asked: all there, once each, few paid twice, the file sound."""
    with Project.open(folder.path) as project:
        (run,) = project.runs()
        assert (run.status, run.done, run.errors) == ("finished", SAMPLES, 0)
        found = [result.sample_id for result in project.store.results(run.id)]
        assert sorted(found) == sorted(set(found)) and len(found) == SAMPLES
        assert project.verify(run.id).outcome == "proven"
        path = project.settings.database.removeprefix("sqlite:///")
    paid = asked(server)
    assert len(paid) == SAMPLES and sum(paid.values()) <= SAMPLES + again
    with sqlite3.connect(folder.path / path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(where)], capture_output=True, check=False
    )
    if not done or done.returncode:
        pytest.skip("no file system may be mounted here; the limit on files shows the same")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=False)


def stored(folder: Folder) -> int:
    with Project.open(folder.path, read_only=True) as project:
        return project.runs()[0].done


def test_a_full_disk_ends_a_run_with_a_word_and_costs_no_answer(small_disk: Path, server: ChatServer) -> None:
    folder = prepare(small_disk, server)
    done = folder.run(*ASK, code=None)
    assert done.returncode not in (0, 1) and "disk is full" in done.stderr
    kept = stored(folder)
    assert 0 < kept < SAMPLES and kept <= len(asked(server)) <= kept + AT_ONCE
    # Still full: it says so again, and asks no more than it may lose.
    more = folder.run("resume", "latest", "-j", "4", code=None)
    assert more.returncode not in (0, 1) and "full" in more.stderr
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    folder.run("resume", "latest", "-j", "4")
    whole(folder, server, 2 * AT_ONCE)


def test_a_full_folder_for_temporary_files_is_told_before_anything_is_asked(
    small_disk: Path, server: ChatServer, tmp_path: Path
) -> None:
    folder = prepare(tmp_path / "project", server, words=12_000)
    done = folder.run(*ASK, code=None, TMPDIR=str(small_disk), SQLITE_TMPDIR=str(small_disk))
    assert done.returncode not in (0, 1) and "Make room where temporary files lie" in done.stderr
    assert server.calls == 0
    folder.run(*ASK)
    whole(folder, server, 0)


def test_a_disk_that_fails_to_write_ends_a_run_and_the_rest_is_asked_later(
    tmp_path: Path, server: ChatServer
) -> None:
    folder = prepare(tmp_path, server)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))

    done = subprocess.run(
        [sys.executable, "-m", "promptops", *ASK],
        cwd=folder.path,
        capture_output=True,
        text=True,
        preexec_fn=limited,
        check=False,
    )
    assert done.returncode not in (0, 1) and "Traceback" not in done.stderr
    assert "Make room" in done.stderr
    kept = stored(folder)
    assert 0 < kept < SAMPLES and kept <= len(asked(server)) <= kept + AT_ONCE
    folder.run("resume", "latest", "-j", "4")
    whole(folder, server, AT_ONCE)


@pytest.fixture
def clock(tmp_path: Path) -> dict[str, str]:
    """What a process needs in its environment to see our clock, whose shift in seconds stands in `clock`."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed (apt-get install gcc)")
    source, library = Path(__file__).with_name("shifted_clock.c"), tmp_path / "shifted.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    (tmp_path / "clock").write_text("0")
    return {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(tmp_path / "clock")}


def test_the_clock_is_really_another_one(tmp_path: Path, clock: dict[str, str]) -> None:
    (tmp_path / "clock").write_text(str(-400 * DAY))
    program = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **clock},
    )
    for told in map(float, done.stdout.split()):
        assert abs(time.time() - 400 * DAY - told) < 60


@pytest.mark.parametrize("shift", [-3 * DAY, 3 * DAY, -40 * 365 * DAY])
def test_a_reboot_with_another_clock_resumes_as_if_nothing_had_been(
    tmp_path: Path, server: ChatServer, clock: dict[str, str], shift: int
) -> None:
    folder = prepare(tmp_path / "project", server, words=5)
    server.seconds = 0.01
    folder.killed(ASK, lambda: server.calls >= 40)
    (tmp_path / "clock").write_text(str(shift))
    server.seconds = 0.0
    folder.run("resume", "latest", "-j", "4", **clock)
    whole(folder, server, AT_ONCE)


@pytest.mark.parametrize(("shift", "code"), [(0, 2), (-3 * DAY, 0), (3600, 0)])
def test_what_another_machine_was_working_on_is_not_held_for_ever_by_a_clock(
    tmp_path: Path, server: ChatServer, clock: dict[str, str], shift: int, code: int
) -> None:
    folder = prepare(tmp_path / "project", server, words=5)
    server.seconds = 0.01
    folder.killed(ASK, lambda: server.calls >= 20)
    with Project.open(folder.path) as project:
        run = project.runs()[0].id
        before = project.store.run_owner(run)
        assert before is not None
        project.store.release_run(run, before)
        # Nobody here can tell whether that process lives; its lease of a minute is what counts.
        assert project.store.claim_run(run, "elsewhere:1:1@1:0000", 60)
    (tmp_path / "clock").write_text(str(shift))
    done = folder.run("resume", "latest", code=code, **clock)
    assert code == 0 or "worked on by another process" in done.stderr


def test_a_clock_that_jumps_while_a_run_goes_on_costs_nothing(
    tmp_path: Path, server: ChatServer, clock: dict[str, str]
) -> None:
    folder = prepare(tmp_path / "project", server, words=5)
    server.seconds = 0.03
    process = subprocess.Popen(
        [sys.executable, "-m", "promptops", *ASK],
        cwd=folder.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **clock},
    )
    for calls, jump in ((40, -2 * DAY), (80, 400 * DAY), (120, -3600)):
        ends = time.monotonic() + 120
        while server.calls < calls and time.monotonic() < ends:
            time.sleep(0.005)
        (tmp_path / "clock").write_text(str(jump))
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    server.seconds = 0.0
    whole(folder, server, 0)
    with Project.open(folder.path) as project:
        run = project.runs()[0].id
        seconds = [each.completion.seconds for each in project.store.results(run) if each.completion]
    assert all(second is not None and 0 <= second < 30 for second in seconds)
