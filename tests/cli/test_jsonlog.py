"""`--log-json`: one JSON object a line, all that happens, no texts and no secrets."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.made import Folder, questions

KEY = "sk-canary-0123456789abcdef"


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def names(found: list[dict[str, Any]]) -> list[str]:
    return [each["event"] for each in found]


def test_a_run_is_told_from_its_start_to_its_end(folder: Folder) -> None:
    answers = {
        "*": {"tokens_in": 7, "tokens_out": 3, "cost": 0.001, "seconds": 0.25},
        "q001": {"text": "a WORDY answer", "tokens_in": 7},
        "q002": {"fail": "rejected", "message": "what the SERVER said", "status": 400},
        "q003": [{"fail": "server"}, {}],
    }
    script = folder.script("s.json", answers)
    done = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", script, "--limit", "5", "--log-json")
    found = events(done.stderr)
    assert names(found) == ["run_started", *["sample_finished"] * 5, "run_finished", "usage"]
    run = folder.json("runs")["runs"][0]
    started = found[0]
    assert started["run"] == run["id"] and started["total"] == 5
    assert (started["samples"], started["part_of"], started["repeats"]) == (5, 40, 1)
    assert started["model"] == script and started["prompt"] == "ask.prompt.yaml"
    assert (started["evalset_digest"], started["evalset"]) == (run["evalset_digest"], "numbers")
    by_id = {each["sample"]: each for each in found if each["event"] == "sample_finished"}
    assert {**by_id["q000"], "time": ""} == {
        "time": "",
        "event": "sample_finished",
        "run": run["id"],
        "sample": "q000",
        "repeat": 0,
        "seconds": 0.25,
        "tokens_in": 7,
        "tokens_out": 3,
        "cost": 0.001,
        "cached": False,
        "finish_reason": "stop",
        "failure": None,
        "status": None,
        "attempts": 1,
        "scores": {"exact": 1.0, "contains": 1.0},
    }
    assert by_id["q001"]["scores"] == {"exact": 0.0, "contains": 0.0} and by_id["q001"]["cost"] is None
    assert (by_id["q002"]["failure"], by_id["q002"]["status"]) == ("rejected", 400)
    assert by_id["q002"]["scores"] == {"exact": None, "contains": None}
    assert by_id["q003"]["attempts"] == 2
    assert {**found[-2], "time": ""} == {
        "time": "",
        "event": "run_finished",
        "run": run["id"],
        "status": "finished",
        "done": 4,
        "errors": 1,
    }
    usage = found[-1]
    # As one answer tells no tokens and two no price; what is known of a part is no sum.
    assert (usage["cost"], usage["tokens_in"], usage["tokens_out"]) == (None, None, None)
    assert (usage["calls"], usage["failed"]) == (4, 1)
    assert all(each["time"].endswith("Z") and each["time"] <= found[-1]["time"] for each in found)
    for secret in ("WORDY", "SERVER", "number 0"):
        assert secret not in done.stderr


def test_a_file_is_appended_to_and_the_line_is_drawn_as_ever(folder: Folder) -> None:
    made = ["eval", "numbers", "-p", "ask.prompt.yaml", "--log-json=logs.jsonl"]
    first = folder.run(*made)
    folder.run(*made, "--no-cache", "--json")
    found = events((folder.path / "logs.jsonl").read_text())
    assert names(found).count("run_started") == 2 and names(found).count("sample_finished") == 80
    assert "40/40 (100%)" in first.stderr


def test_the_gates_verdict_is_told(folder: Folder) -> None:
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml")
    folder.run("accept")
    folder.run(
        "gate", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/constant:no", "--log-json=g.jsonl", code=1
    )
    found = events((folder.path / "g.jsonl").read_text())
    assert names(found)[0] == "run_started"
    verdict = next(each for each in found if each["event"] == "verdict")
    assert (verdict["outcome"], verdict["exit_code"], verdict["run"]) == ("FAIL", 1, found[0]["run"])


def test_what_fails_before_a_call_is_told_without_its_message(folder: Folder) -> None:
    folder.run("gate", "numbers", "--log-json=g.jsonl", code=3)
    (found,) = events((folder.path / "g.jsonl").read_text())
    assert {**found, "time": ""} == {"time": "", "event": "failed", "kind": "NotComparable", "exit_code": 3}


@pytest.mark.parametrize(
    ("place", "told"), [("no/such/folder.jsonl", "No such file"), (".", "Is a directory")]
)
def test_a_file_that_cannot_be_written_is_told_before_a_call(folder: Folder, place: str, told: str) -> None:
    done = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", f"--log-json={place}", code=2)
    assert told in done.stderr
    assert folder.json("runs")["runs"] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_ends_the_log_and_not_the_run(folder: Folder) -> None:
    done = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "--log-json=/dev/full")
    assert done.stderr.count("can't be written any more (No space left on device)") == 1
    assert folder.json("runs")["runs"][0]["done"] == 40


def test_a_pause_and_an_interruption_are_told(folder: Folder) -> None:
    log = folder.path / "log.jsonl"
    command = [
        "eval",
        "numbers",
        "-p",
        "ask.prompt.yaml",
        "-m",
        "mock/sleep:0.2",
        "-j",
        "2",
        f"--log-json={log}",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "promptops", *command],
        cwd=folder.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:

        def wait_for(event: str, count: int = 1) -> None:
            ends = time.monotonic() + 120
            while not log.exists() or names(events(log.read_text())).count(event) < count:
                assert time.monotonic() < ends and running.poll() is None
                time.sleep(0.05)

        wait_for("sample_finished", 2)
        os.kill(running.pid, signal.SIGUSR1)
        wait_for("paused")
        os.kill(running.pid, signal.SIGUSR1)
        wait_for("continued")
        os.kill(running.pid, signal.SIGTERM)
    found = events(log.read_text())
    assert names(found)[-3:] == ["run_finished", "usage", "failed"]
    assert found[-3]["status"] == "interrupted" and found[-1]["exit_code"] == 143
    run = found[0]["run"]
    folder.run("resume", run, f"--log-json={log}")
    later = events(log.read_text())[len(found) :]
    assert later[0]["event"] == "run_started" and later[0]["run"] == run
    finished = [each["sample"] for each in [*found, *later] if each["event"] == "sample_finished"]
    assert sorted(finished) == sorted(row["id"] for row in questions(40))


@pytest.fixture
def gossip() -> Iterator[str]:
    """A server that refuses every call and quotes the key and the prompt in its answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said = json.dumps({"error": {"message": f"{self.headers['Authorization']} {body!r}"}}).encode()
            self.send_response(400)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def test_neither_keys_nor_prompts_nor_what_a_server_says_are_logged(folder: Folder, gossip: str) -> None:
    folder.evalset("numbers", questions(6, inputs=lambda _: {"question": "PRIVATE"}))
    given = ["eval", "numbers", "-p", "ask.prompt.yaml", "-m", "openai/x", "--log-json=log.jsonl"]
    folder.run(*given, code=3, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=gossip)
    text = (folder.path / "log.jsonl").read_text()
    assert names(events(text)).count("sample_finished") == 6
    assert "rejected" in text
    for secret in (KEY, "canary", "PRIVATE", "Bearer"):
        assert secret not in text
