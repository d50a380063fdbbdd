"""A run that is paused by a signal: no call begins, what is in flight is stored, and it goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from promptops import Project
from promptops.calls.brake import Brake
from promptops.calls.usage import Usage
from promptops.runs.progress import Progress
from tests.made import Folder, questions

SAMPLES = 40


@pytest.fixture
def asked(folder: Folder) -> Path:
    """A target that notes each call in a file before it answers, and the file."""
    folder.evalset("numbers", questions(SAMPLES))
    folder.write(
        "target.py",
        "import asyncio\n\n\n"
        "async def answer(inputs, sample_id):\n"
        "    with open('asked.log', 'a') as file:\n"
        "        file.write(sample_id + '\\n')\n"
        "    await asyncio.sleep(0.15)\n"
        "    return inputs['question']\n",
    )
    return folder.path / "asked.log"


@contextmanager
def started(folder: Folder, *more: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Yield a run and what it says on stderr; whatever happens, no process is left."""
    command = ["eval", "numbers", "-p", "ask.prompt.yaml", "-m", "python/target:answer", "-j", "4", *more]
    with subprocess.Popen(
        [sys.executable, "-m", "promptops", *command],
        cwd=folder.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        try:
            yield running, running.stderr
        finally:
            running.kill()


def calls(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def stored(folder: Folder) -> int:
    with sqlite3.connect(folder.path / ".promptops/promptops.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM results").fetchone()
        return int(count)


def wait_until(told: str, happens: object) -> None:
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        if callable(happens) and happens():
            return
        time.sleep(0.02)
    raise AssertionError(told)


def test_a_paused_run_begins_no_call_stores_what_is_in_flight_and_goes_on(
    folder: Folder, asked: Path
) -> None:
    with started(folder) as (running, stderr):
        wait_until("the run did not start", lambda: len(calls(asked)) >= 8)
        os.kill(running.pid, signal.SIGUSR1)
        assert " begins: " in stderr.readline()
        line = stderr.readline()
        assert f"paused (kill -USR1 {running.pid} to go on)" in line
        # In flight when the signal came were four at most.
        begun = len(calls(asked))
        wait_until("what was in flight was not stored", lambda: stored(folder) == begun)
        time.sleep(0.8)
        assert len(calls(asked)) == begun == stored(folder) < SAMPLES
        with Project.open(folder.path) as project:
            run = project.run("latest")
            assert run.status == "paused" and project.store.run_owner(run.id) is not None
        refused = folder.run("resume", run.id, code=2).stderr
        assert f"Run {run.id} is paused" in refused
        assert f"promptops pause {run.id} --go-on" in refused and f"promptops stop {run.id}" in refused
        os.kill(running.pid, signal.SIGUSR1)
        told = stderr.read()
        assert running.wait(60) == 0
        assert "paused" not in told and "Traceback" not in told
        assert sorted(calls(asked)) == sorted(row["id"] for row in questions(SAMPLES))
        assert stored(folder) == SAMPLES


def test_a_paused_run_can_be_stopped_and_resumed(folder: Folder, asked: Path) -> None:
    with started(folder) as (running, stderr):
        wait_until("the run did not start", lambda: len(calls(asked)) >= 4)
        os.kill(running.pid, signal.SIGUSR1)
        assert " begins: " in stderr.readline()
        assert "paused" in stderr.readline()
        begun = len(calls(asked))
        wait_until("what was in flight was not stored", lambda: stored(folder) == begun)
        os.kill(running.pid, signal.SIGTERM)
        assert "promptops resume" in stderr.read()
        assert running.wait(60) == 143
        folder.run("resume", "latest")
        assert sorted(calls(asked)) == sorted(row["id"] for row in questions(SAMPLES))


def test_a_signal_before_the_first_call_does_not_kill(folder: Folder) -> None:
    rows = questions(2000)
    folder.evalset("numbers", rows)
    folder.write(
        "target.py", "import time\ntime.sleep(1.5)\n\n\ndef answer(inputs):\n    return inputs['question']\n"
    )
    with started(folder, "--json", "--limit", "5") as (running, _):
        # Reading the target takes 1.5 s, and Python itself under one: in between the signal is expected.
        while running.poll() is None:
            if _ignores(running.pid):
                os.kill(running.pid, signal.SIGUSR1)
                break
            time.sleep(0.01)
        assert running.wait(60) == 0


def _ignores(pid: int) -> bool:
    """Tell by /proc whether a process ignores SIGUSR1."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(next(line for line in status.splitlines() if line.startswith("SigIgn")).split()[1], 16)
    return bool(mask >> (signal.SIGUSR1 - 1) & 1)


def test_whoever_is_held_is_let_go_when_nothing_more_is_wanted() -> None:
    async def held() -> str:
        brake = Brake()
        brake.hold()
        waiting = [asyncio.create_task(brake.passed()) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in waiting)
        brake.pull()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        brake.hold()
        return f"{ {type(each).__name__ for each in outcomes} } {brake.held}"

    assert asyncio.run(held()) == "{'GivenUp'} False"


def test_held_time_is_told_and_is_no_time_of_the_run() -> None:
    async def held() -> tuple[float, float, float, float]:
        began, brake = time.monotonic(), Brake()
        progress = Progress(total=4, usage=Usage(), brake=brake)
        assert await brake.passed() == 0.0
        brake.hold()
        waiting = asyncio.create_task(brake.passed())
        await asyncio.sleep(0.2)
        assert progress.paused
        brake.release()
        waited, seconds = await waiting, progress.seconds
        return waited, brake.held_seconds, seconds, time.monotonic() - began

    waited, told, seconds, whole = asyncio.run(held())
    assert 0.15 < waited <= whole and 0.15 < told <= whole and 0 <= seconds <= whole - told


def test_a_pause_is_longer_than_the_deadline_of_a_call(folder: Folder) -> None:
    folder.write("promptops.toml", 'model = "mock/sleep:0.05"\ndeadline = 0.5\nconcurrency = 2\n')
    folder.evalset("numbers", questions(12))
    pauses: list[threading.Timer] = []

    def watch(progress: Progress) -> None:
        if progress.done == 4 and not pauses:
            os.kill(os.getpid(), signal.SIGUSR1)
            pauses.append(threading.Timer(1.2, os.kill, (os.getpid(), signal.SIGUSR1)))
            pauses[0].start()

    with Project.open(folder.path) as project:
        run = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], watch=watch)[0]
    assert pauses and (run.done, run.errors) == (12, 0)
