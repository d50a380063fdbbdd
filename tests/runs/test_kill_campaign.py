"""Runs whose process group is killed again and again, against a real server that counts what it is asked.

After each kill: the database is sound, nothing stored is lost or doubled. At the end: everything is there,
nothing that was stored had been asked again, and the run says what one says that was never killed.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops import Project
from tests.made import EVALSET, Folder, questions
from tests.providers import fault_server
from tests.providers.fault_server import KEY, Asked, Writer, completion, http
from tests.providers.in_thread import serving
from tests.runs.test_faulty_runs import project_at

SAMPLES, JOBS, KILLS = 120, 6, 10
JUDGED = EVALSET + '\n[metrics.quality]\nmetric = "rubric"\nmodel = "faulty/judge"\n'
Place = tuple[str, str]
"""What was asked for (answer or judgement) and of which question."""


class Server:
    """Counts each question's answers and judgements; both take a moment."""

    def __init__(self) -> None:
        self.asked: Counter[Place] = Counter()
        self.url = ""

    async def answer(self, writer: Writer, body: Asked) -> bool:
        question = str(body["messages"][-1]["content"])
        self.asked["answer", question] += 1
        await asyncio.sleep(0.015)
        return await self._say(writer, f"echo: {question}")

    async def judge(self, writer: Writer, body: Asked) -> bool:
        found = re.search(r"echo: (What is \d+ plus \d+\?|.+)", str(body["messages"]))
        assert found is not None
        self.asked["judge:quality", found[1].split("\\n")[0].strip()] += 1
        await asyncio.sleep(0.015)
        return await self._say(writer, '{"reason": "fine", "score": 4}')

    async def _say(self, writer: Writer, text: str) -> bool:
        import json

        writer.write(http(200, json.dumps(completion(text)).encode()))
        await writer.drain()
        return True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    counting = Server()
    monkeypatch.setitem(fault_server.PLAYS, "counted", counting.answer)
    monkeypatch.setitem(fault_server.PLAYS, "judge", counting.judge)
    monkeypatch.setenv("FAULTY_KEY", KEY)
    with serving() as running:
        counting.url = running.url
        yield counting


def started(folder: Folder, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "promptops", *arguments, "-j", str(JOBS)],
        cwd=folder.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def looked_at(folder: Folder) -> tuple[set[Place], int]:
    """Return what is stored after a kill, and how many results; the file must be sound, no row doubled."""
    file = folder.path / ".promptops/promptops.db"
    if not file.exists():
        return set(), 0
    with Project.open(folder.path) as project:
        if not project.run_count():
            return set(), 0
        asked = {sample.id: str(sample.inputs["question"]) for sample in project.samples("latest")}
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        calls = connection.execute("SELECT purpose, sample_id FROM calls").fetchall()
        results = [row[0] for row in connection.execute("SELECT sample_id FROM results")]
    assert len(set(calls)) == len(calls) and len(set(results)) == len(results)
    kept = {(purpose, asked[sample]) for purpose, sample in calls}
    assert all({("answer", asked[each]), ("judge:quality", asked[each])} <= kept for each in results)
    return kept, len(results)


def told(folder: Folder) -> list[object]:
    """Return what the newest run says, without its id, dates and seconds."""
    with Project.open(folder.path) as project:
        run = project.run("latest")
        assert (run.status, run.done, run.errors) == ("finished", SAMPLES, 0)
        cases = [
            (
                case.result.sample_id,
                case.result.completion and case.result.completion.text,
                case.result.scores,
            )
            for case in project.cases_of(run.id, limit=SAMPLES)
        ]
        proof = project.verify(run.id)
        assert proof.outcome == "proven", proof
        return [*cases, *project.estimates(run.id), proof.sha256]


def killed_many_times(folder: Folder, server: Server, kills: int, seed: int) -> int:
    """Kill a run so often; return how many of the kills met it at work."""
    project_at(folder, server.url, SAMPLES, attempts=3)
    folder.evalset("numbers", questions(SAMPLES), JUDGED)
    chance = random.Random(seed)
    process = started(folder, "eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/counted")
    paid: dict[Place, int] = {}
    at_work = 0
    for _ in range(kills):
        before = server.asked.total()
        if chance.random() < 0.25:
            time.sleep(chance.uniform(0, 1.5))  # while it starts, or wherever it is
        else:
            ends, enough = time.monotonic() + 20, before + chance.randrange(1, 2 * SAMPLES // kills)
            while server.asked.total() < enough and process.poll() is None and time.monotonic() < ends:
                time.sleep(0.002)
        running = process.poll() is None
        os.killpg(process.pid, signal.SIGKILL) if running else None
        _, said = process.communicate()
        assert running or process.returncode == 0, said
        time.sleep(0.05)  # what is under way at the server is counted
        kept, results = looked_at(folder)
        assert set(paid) <= kept
        assert all(server.asked[place] == count for place, count in paid.items())
        paid = {place: server.asked[place] for place in kept}
        at_work += running and server.asked.total() > before
        with_run = bool(kept or results) or _has_run(folder)
        process = (
            started(folder, "resume", "latest")
            if with_run
            else started(folder, "eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/counted")
        )
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert all(server.asked[place] == count for place, count in paid.items())
    assert len(server.asked) == 2 * SAMPLES
    assert server.asked.total() <= 2 * SAMPLES + kills * JOBS
    return at_work


def _has_run(folder: Folder) -> bool:
    if not (folder.path / ".promptops/promptops.db").exists():
        return False
    with Project.open(folder.path) as project:
        return project.run_count() > 0


def same_as_never_killed(folder: Folder, server: Server, tmp_path: Path) -> None:
    killed = told(folder)
    other = Folder(tmp_path / "whole")
    other.path.mkdir()
    other.prompt("ask", "{{ question }}")
    project_at(other, server.url, SAMPLES, attempts=3)
    other.evalset("numbers", questions(SAMPLES), JUDGED)
    other.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/counted", "-j", str(JOBS))
    assert told(other) == killed


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_thirty_kills_lose_nothing_and_pay_nothing_twice(
    folder: Folder, server: Server, tmp_path: Path, seed: int
) -> None:
    assert killed_many_times(folder, server, KILLS, seed) >= KILLS // 3
    same_as_never_killed(folder, server, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_two_hundred_kills(folder: Folder, server: Server, tmp_path: Path, seed: int) -> None:
    assert killed_many_times(folder, server, KILLS, seed) >= KILLS // 3
    same_as_never_killed(folder, server, tmp_path)
