"""A hostile project, the dashboard on it, a beacon that nothing may reach, and a real Chromium."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptops.shipped import shipped_folder
from promptops.viewer import command
from tests.dashboards.hostile_project import Made, make_project
from tests.made import PATIENCE

if TYPE_CHECKING:
    pass

ROWS = 2_000
"""Many pages of cases; `test_many_rows.py` has ten thousand."""


class Beacon:
    """A server on loopback that keeps a list of what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="session")
def beacon() -> Iterator[Beacon]:
    """The address that every hostile text tries to reach."""
    found = Beacon()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture(scope="session")
def hostile(beacon: Beacon, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A project with two runs of 2,000 hostile samples."""
    return make_project(tmp_path_factory.mktemp("hostile") / "project", beacon.url, ROWS)


@pytest.fixture(scope="session")
def told(hostile: Made) -> dict[str, object]:
    """What `promptops compare --json` prints on both runs."""
    asked = ("-C", str(hostile.root), "compare", hostile.baseline, hostile.candidate, "--json")
    done = subprocess.run(
        [sys.executable, "-m", "promptops", *asked],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="session")
def dashboard(hostile: Made) -> Iterator[str]:
    """The address of the dashboard on the hostile project."""
    with served(hostile.root, hostile.database) as address:
        yield address


@contextmanager
def served(root: Path, database: str) -> Iterator[str]:
    """Serve a project's dashboard just as `promptops view` serves it; yield its address."""
    app = shipped_folder("dashboards") / "server.py"
    port = _free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(app.parent.parent),
        "PYTHONSAFEPATH": "1",
        "PROMPTOPS_ROOT": str(root),
        "PROMPTOPS_DATABASE": database,
    }
    log = root / "dashboard.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(app, port), env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=root
        )
        try:
            _await(f"http://127.0.0.1:{port}/_stcore/health", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"The dashboard did not start:\n{log.read_text('utf-8', 'replace')}")
