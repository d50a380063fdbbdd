"""`promptops view` as a process: it ends with its server, whoever started it and however it is told."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.made import PATIENCE, Folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_view_ends_where_it_was_started_in_the_background_of_a_script(
    folder: Folder, number: signal.Signals
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    view = f'"{sys.executable}" -m promptops view --no-browser --port {port}'
    # A shell without job control has what it starts with & ignore SIGINT.
    with subprocess.Popen(
        ["sh", "-c", f"{view} >view.log 2>&1 & echo $!; wait"],
        cwd=folder.path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        assert shell.stdout is not None
        process = int(shell.stdout.readline())
        try:
            assert _serves(port)
            os.kill(process, number)
            assert shell.wait(PATIENCE) == 0
            assert not _serves(port, seconds=0.0)
        finally:
            if shell.poll() is None:
                os.killpg(shell.pid, signal.SIGKILL)


def _serves(port: int, seconds: float = PATIENCE) -> bool:
    ends = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
                return True
        except OSError:
            if time.monotonic() >= ends:
                return False
            time.sleep(0.1)


@pytest.mark.parametrize(
    "path", ["/", "/compare", "/_stcore/health", "/_stcore/host-config", "/static/index.html"]
)
def test_by_a_foreign_name_nothing_is_answered(dashboard: str, path: str) -> None:
    place = dashboard.removeprefix("http://")
    port = place.partition(":")[2]

    def status(name: str) -> int:
        connection = http.client.HTTPConnection(place, timeout=20)
        try:
            connection.request("GET", path, headers={"Host": name})
            return connection.getresponse().status
        finally:
            connection.close()

    assert {status(name) for name in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example")} == {
        400
    }
    assert 400 not in {status(name) for name in (place, f"localhost:{port}")}
