"""Calls that are under way when a command is ended: closed, counted and told; they may have been charged."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops import Budget
from tests.made import EVALSET, Folder, questions

ANSWERED, AT_A_TIME = 5, 3


class Holding:
    """A server on loopback that answers the first calls and holds all others until it is told to let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.free = threading.Event()
        lock, mine = threading.Lock(), self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    mine.begun += 1
                    held = mine.begun > ANSWERED
                if held:
                    mine.free.wait(60)
                said = {
                    "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
                }
                body = json.dumps(said).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True  # who called has gone

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def holding() -> Iterator[Holding]:
    found = Holding()
    yield found
    found.free.set()
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def command(folder: Folder, holding: Holding) -> list[str]:
    """An evaluation at the server, three calls at a time, with a log."""
    folder.evalset("numbers", questions(20), EVALSET)
    folder.write(
        "promptops.toml",
        f'[providers.held]\nkind = "openai"\nbase_url = "{holding.url}"\nprice_in = 1.0\nprice_out = 1.0\n',
    )
    return [
        *("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "held/x", "-j", str(AT_A_TIME)),
        "--log-json=log.jsonl",
    ]


def started(folder: Folder, command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "promptops", *command],
        cwd=folder.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_held(holding: Holding) -> None:
    ends = time.monotonic() + 120
    while holding.begun < ANSWERED + AT_A_TIME:
        assert time.monotonic() < ends
        time.sleep(0.02)


def usage(log: Path) -> dict[str, object]:
    events = [json.loads(line) for line in log.read_text().splitlines()]
    found: dict[str, object] = next(each for each in events if each["event"] == "usage")
    return found


@pytest.mark.parametrize("how", ["interrupt", "stop"])
def test_calls_under_way_are_counted_when_a_run_is_ended(
    folder: Folder, holding: Holding, command: list[str], how: str
) -> None:
    with started(folder, command) as process:
        until_held(holding)
        if how == "stop":
            folder.run("stop")
        else:
            process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "3 calls were under way and may have been charged. Finish it with: promptops resume" in told
    assert (usage(folder.path / "log.jsonl")["calls"], usage(folder.path / "log.jsonl")["under_way"]) == (
        5,
        3,
    )


def test_json_tells_the_runs_and_the_calls_that_were_cut_off(
    folder: Folder, holding: Holding, command: list[str]
) -> None:
    with started(folder, [*command, "--json"]) as process:
        until_held(holding)
        process.send_signal(signal.SIGTERM)
        said, told = process.communicate(timeout=120)
    assert process.returncode == 143 and "promptops resume" in told
    document = json.loads(said)
    (found,) = document["runs"]
    assert (found["run"]["status"], found["run"]["done"]) == ("interrupted", ANSWERED)
    assert (document["calls"], document["under_way"], document["tokens_in"]) == (ANSWERED, AT_A_TIME, 15)


def test_a_run_that_ends_by_itself_cut_nothing_off(
    folder: Folder, holding: Holding, command: list[str]
) -> None:
    holding.free.set()
    assert folder.json(*command)["under_way"] == 0
    assert usage(folder.path / "log.jsonl")["under_way"] == 0


def test_a_run_that_is_paused_first_cuts_nothing_off(
    folder: Folder, holding: Holding, command: list[str]
) -> None:
    with started(folder, command) as process:
        until_held(holding)
        folder.run("pause")
        holding.free.set()
        ends = time.monotonic() + 120
        while folder.json("show", "latest")["run"]["done"] < ANSWERED + AT_A_TIME:
            assert time.monotonic() < ends
        folder.run("stop")
        _, told = process.communicate(timeout=120)
    assert "promptops resume" in told and "under way" not in told
    assert holding.begun == ANSWERED + AT_A_TIME


def test_a_budget_counts_a_call_that_was_cut_off_as_maybe_spent() -> None:
    budget = Budget(max_cost=1.0)
    first = budget.admit("held/x")
    assert first is not None
    first.answered(0.25)
    cut = budget.admit("held/x")
    assert cut is not None
    cut.given_up()
    assert (budget.spent, budget.maybe_spent, budget._held) == (0.25, 0.25, 0.0)


def test_stop_says_what_becomes_of_calls_under_way(folder: Folder) -> None:
    told = " ".join(folder.run("stop", "--help").stdout.split())
    assert "Calls under way are closed at once" in told and "under way is stored" not in told
