"""A canary key must be found nowhere but in the request to the server that it was given for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.made import EVALSET, Folder, questions
from tests.providers import fault_server
from tests.providers.fault_server import KEY, Asked, Writer, answers, completion, http, refuses, says
from tests.providers.in_thread import serving
from tests.runs.test_faulty_runs import hash_of, project_at

PASSWORD = "canary-proxy-9f3c"
JUDGED = EVALSET + '\n[metrics.quality]\nmetric = "rubric"\nmodel = "faulty/leaky_judge"\n'


async def leaky(writer: Writer, asked: Asked) -> bool:
    """Tell the key in every way that a server can: in answers, headers, refusals, garbage."""
    question = str(asked["messages"][-1]["content"])
    pick = hash_of(question) % 7
    if pick == 0:
        return await refuses(400, message=f"bad key {KEY} in Bearer {KEY}")(writer, asked)
    if pick == 1:
        return await says(http(200, b"{" + KEY.encode() + b"\xff"))(writer, asked)
    if pick == 2:
        return await refuses(500, f"X-Debug: {KEY}", message=f"trace: Authorization: Bearer {KEY}")(
            writer, asked
        )
    if pick == 3:
        body = completion(f"{question} {KEY}", model=KEY)
        return await says(http(200, json.dumps(body).encode(), f"x-request-id: {KEY}"))(writer, asked)
    if pick == 4:
        return await answers({"error": {"message": f"{KEY}"}})(writer, asked)
    return await answers({**completion(f"echo {KEY[:7]} {question}"), "id": KEY})(writer, asked)


async def leaky_judge(writer: Writer, asked: Asked) -> bool:
    reply = json.dumps({"reason": f"the key is {KEY}", "score": 4, "quote": KEY})
    return await answers(completion(reply))(writer, asked)


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fault_server.PLAYS, "leaky", leaky)
    monkeypatch.setitem(fault_server.PLAYS, "leaky_judge", leaky_judge)


def holding(folder: Path, secret: str) -> list[str]:
    """Return the files below a folder whose bytes hold a secret; the environment's own file is none."""
    return [
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and secret.encode() in file.read_bytes()
    ]


@pytest.mark.usefixtures("plays")
def test_the_key_is_in_no_file_report_or_line(folder: Folder) -> None:
    with serving() as server:
        project_at(folder, server.url, 40, attempts=2)
        folder.evalset("numbers", questions(40), JUDGED)
        said: list[str] = []

        def run(*arguments: str) -> None:
            done = folder.run(*arguments, code=None, FAULTY_KEY=KEY)
            said.extend([done.stdout, done.stderr])
            assert "Traceback" not in done.stderr, done.stderr

        evaluate = ("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/leaky", "-j", "8")
        run(*evaluate, "--json")
        run(*evaluate, "--no-cache")
        run("show", "latest")
        run("show", "latest", "--json")
        run("replay", "latest")
        run("verify", "latest", "--canonical", "form.jsonl")
        run("record", "latest", "-o", "cassette.jsonl")
        assert (folder.path / "form.jsonl").exists() and (folder.path / "cassette.jsonl").exists()
        run("accept", "latest", "--errors")
        reports = [part for kind in ("md", "html", "xml", "json") for part in ("--report", f"gate.{kind}")]
        run("gate", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/leaky", *reports, "--github")
        run("gate", "numbers", "--json")
        run("resume", "latest", "--retry-errors")
        run("score", "latest")
        run("doctor")
        run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/s401")
        assert server.calls["leaky"] > 80 and server.calls["leaky_judge"] > 20
    assert not holding(folder.path, KEY)
    assert not [text for text in said if KEY in text]


@pytest.mark.usefixtures("plays")
def test_the_key_is_in_no_command_line_nor_in_what_a_kill_leaves(folder: Folder) -> None:
    async def slow(writer: Writer, asked: Asked) -> bool:
        import asyncio

        await asyncio.sleep(0.2)
        return await fault_server.PLAYS["echo_key"](writer, asked)

    fault_server.PLAYS["slow_leak"] = slow
    try:
        with serving() as server:
            project_at(folder, server.url, 60, attempts=2)
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "promptops", "eval", "numbers", "-p", "ask.prompt.yaml"),
                    *("-m", "faulty/slow_leak", "-j", "4"),
                ],
                cwd=folder.path,
                env={**os.environ, "FAULTY_KEY": KEY},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            ends = time.monotonic() + 120
            while server.calls["slow_leak"] < 12 and time.monotonic() < ends:
                time.sleep(0.01)
            lines = [command_line(each) for each in members(process.pid)]
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
    finally:
        del fault_server.PLAYS["slow_leak"]
    assert lines and not [line for line in lines if KEY.encode() in line]
    assert KEY.encode() not in out + err
    wal = folder.path / ".promptops/promptops.db-wal"
    assert wal.exists()  # what is looked at includes what was not yet in the database
    assert not holding(folder.path, KEY)


def members(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getpgid(int(entry.name)) == group:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_takes_the_key_nowhere(
    folder: Folder, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as other, serving() as server:
        elsewhere = f"Location: {other.url}/chat/completions"
        monkeypatch.setitem(fault_server.PLAYS, "away", says(http(status, b"", elsewhere)))
        project_at(folder, server.url, 5, attempts=2)
        done = folder.run(
            *("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/away"), code=3, FAULTY_KEY=KEY
        )
        assert server.calls["away"] == 5
        assert other.connections == 0
    assert KEY not in done.stdout + done.stderr


def test_a_run_is_not_finished_at_another_address_than_it_was_begun_at(folder: Folder) -> None:
    """The key was given for one server: settings that now say another are no reason to send it there."""
    with serving() as first, serving() as second:
        project_at(folder, first.url, 5, attempts=1)
        folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/s500", code=3, FAULTY_KEY=KEY)
        project_at(folder, second.url, 5, attempts=1)
        told = folder.run("resume", "latest", "--retry-errors", code=2, FAULTY_KEY=KEY).stderr
        assert "was started with" in told
        assert second.connections == 0


def test_passwords_in_addresses_are_shown_and_kept_nowhere(folder: Folder) -> None:
    with serving() as server:
        address = server.url.replace("http://", f"http://user:{PASSWORD}@")
        project_at(folder, address, 5, attempts=1)
        (folder.path / "promptops.toml").rename(folder.path.parent / "kept.toml")
        said = []
        for fault in ("ok", "s401", "reset", "html"):
            (folder.path / "promptops.toml").write_bytes((folder.path.parent / "kept.toml").read_bytes())
            done = folder.run(
                *("eval", "numbers", "-p", "ask.prompt.yaml", "-m", f"faulty/{fault}"),
                code=None,
                FAULTY_KEY=KEY,
            )
            (folder.path / "promptops.toml").unlink()
            said += [done.stdout, done.stderr]
    assert not [text for text in said if PASSWORD in text]
    assert not holding(folder.path, PASSWORD)


def test_a_proxy_s_password_is_shown_and_kept_nowhere(folder: Folder) -> None:
    with serving() as proxy:
        project_at(folder, "http://model.invalid/v1", 5, attempts=1)
        done = folder.run(
            *("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "faulty/s500"),
            code=3,
            FAULTY_KEY=KEY,
            HTTP_PROXY=f"{proxy.url.removesuffix('/v1').replace('http://', f'http://user:{PASSWORD}@')}",
        )
        assert proxy.connections > 0
    assert PASSWORD not in done.stdout + done.stderr
    assert not holding(folder.path, PASSWORD)
    assert not holding(folder.path, KEY)
