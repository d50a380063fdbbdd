"""A command whose output nobody reads to its end still ends with its own exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def unread(command: list[str], stream: str, folder: Path) -> int:
    """Run a command one of whose streams is a pipe that was closed at the other end."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | {stream: writing}
        return subprocess.run(command, cwd=folder, check=False, **streams).returncode  # type: ignore[call-overload]
    finally:
        os.close(writing)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_exit_code_is_that_of_what_was_found(stream: str, tmp_path: Path) -> None:
    script = (
        "import sys, click\nfrom promptops.cli.unread import outlive_readers\noutlive_readers()\n"
        f"for _ in range(20_000):\n    click.echo('a line', err={stream == 'stderr'})\n"
        f"print('and more', file=sys.{stream}, flush=True)\nsys.exit(4)"
    )
    assert unread([sys.executable, "-c", script], stream, tmp_path) == 4


def test_the_command_line_outlives_its_readers(tmp_path: Path) -> None:
    promptops = [sys.executable, "-m", "promptops"]
    assert unread([*promptops, "--help"], "stdout", tmp_path) == 0
    assert unread([*promptops, "show", "nothing"], "stderr", tmp_path) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_output_that_finds_no_room_is_no_verdict(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "promptops", "--help"]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path
        )
    assert done.returncode == 2 and "no room" in done.stderr and "Traceback" not in done.stderr
