"""Runs that are stopped by a signal: nothing stored is lost or asked again. Kills: test_kill_campaign.py."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.made import Folder, questions

SAMPLES = 60


@pytest.fixture
def asked(folder: Folder) -> Path:
    """A target that notes each call in a file before it answers, and the file.

    Calls after the first HELD_AFTER are answered once there is a file `go`: who looks on has all the time.
    """
    folder.evalset("numbers", questions(SAMPLES))
    folder.write(
        "target.py",
        "import asyncio, os\n\n\n"
        "async def answer(inputs, sample_id):\n"
        "    fd = os.open('asked.log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)\n"
        "    os.write(fd, (sample_id + '\\n').encode())\n"
        "    os.close(fd)\n"
        "    await asyncio.sleep(0.02)\n"
        "    begun = len(open('asked.log').read().split())\n"
        "    while begun > int(os.environ.get('HELD_AFTER', '1000')) and not os.path.exists('go'):\n"
        "        await asyncio.sleep(0.02)\n"
        "    return inputs['question']\n",
    )
    return folder.path / "asked.log"


def start(folder: Folder, held_after: int) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "promptops",
        "eval",
        "numbers",
        "-p",
        "ask.prompt.yaml",
        "-m",
        "python/target:answer",
        "-j",
        "4",
    ]
    # Whoever runs the tests by nohup ignores it, and so would what is started here.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        return subprocess.Popen(
            command,
            cwd=folder.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "HELD_AFTER": str(held_after)},
        )
    finally:
        signal.signal(signal.SIGHUP, before)


def wait_for_calls(log: Path, count: int) -> None:
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        if log.exists() and len(log.read_text().splitlines()) >= count:
            return
        time.sleep(0.005)
    raise AssertionError("the run did not start")


def stored(folder: Folder) -> set[str]:
    with sqlite3.connect(folder.path / ".promptops/promptops.db") as connection:
        return {row[0] for row in connection.execute("SELECT sample_id FROM results")}


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_a_run_that_resume_finishes(
    folder: Folder, asked: Path, number: int, code: int
) -> None:
    process = start(folder, 15)
    wait_for_calls(asked, 16)
    process.send_signal(number)
    _, told = process.communicate(timeout=120)
    assert process.returncode == code, told
    assert "promptops resume" in told and "Traceback" not in told
    kept = stored(folder)
    folder.run("resume", "latest")
    calls = Counter(asked.read_text().split())
    assert all(calls[sample] == 1 for sample in kept)
    assert len(stored(folder)) == SAMPLES
    assert sum(calls.values()) <= SAMPLES + 4


def test_two_at_once_do_not_work_on_the_same_run(folder: Folder, asked: Path) -> None:
    process = start(folder, 10)
    wait_for_calls(asked, 11)
    told = folder.run("resume", "latest", code=2).stderr
    assert "another process" in told
    assert process.poll() is None
    (folder.path / "go").touch()
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert max(Counter(asked.read_text().split()).values()) == 1
