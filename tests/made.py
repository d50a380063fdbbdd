"""Real small projects in temporary folders, and the command line as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm

EVALSET = """\
format = 1

[card]
description = "made for a test"

[metrics.exact]

[metrics.contains]

[[gate]]
metric = "exact"
margin = 0.1
"""


PATIENCE = 120.0
"""Seconds after which what is waited for has failed: far more than it takes, for the machine may be busy."""


def until(due: Callable[[], bool]) -> None:
    """Wait for a state, which must come."""
    ends = time.monotonic() + PATIENCE
    while not due():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.05)


@dataclass(frozen=True)
class Folder:
    """A project's folder and the command line in it."""

    path: Path

    def write(self, name: str, text: str) -> Path:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        return target

    def evalset(self, name: str, rows: Sequence[dict[str, Any]], settings: str = EVALSET) -> Path:
        self.write(f"evalsets/{name}/evalset.toml", settings)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return self.write(f"evalsets/{name}/samples.jsonl", text).parent

    def prompt(self, name: str, text: str, **more: Any) -> Path:
        content = {"messages": [{"role": "user", "content": text}], **more}
        return self.write(f"{name}.prompt.yaml", json.dumps(content))

    def script(self, name: str, answers: dict[str, Any]) -> str:
        self.write(name, json.dumps(answers))
        return f"mock/script:{name}"

    def run(
        self, *arguments: str, code: int | None = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        given = {**neutral_environment(), "COLUMNS": "160", **environment}
        # What is said to the interpreter or the loader, only a process that starts can hear.
        cold = any(name.startswith(("PYTHON", "LD_", "TMPDIR")) for name in environment)
        done = (_started if cold else warm.run)(arguments, self.path, given, timeout=120)
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def killed(self, arguments: Sequence[str], due: Callable[[], bool]) -> None:
        """Start a command and kill its whole process group once it is due."""
        process = subprocess.Popen(
            [sys.executable, "-m", "promptops", *arguments],
            cwd=self.path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=neutral_environment(),
            start_new_session=True,
        )
        ends = time.monotonic() + 120
        while not due():
            assert process.poll() is None, "it ended before it was due"
            assert time.monotonic() < ends, "it was never due"
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json", code=code).stdout)
        return found


def _started(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "promptops", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=timeout, env=environment, check=False
    )


def neutral_environment() -> dict[str, str]:
    """Return our environment without what makes the gate speak to GitHub where the tests run there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}


def questions(n: int, **more: Callable[[int], Any]) -> list[dict[str, Any]]:
    """Return n samples whose right answer is their own number."""
    return [
        {
            "id": f"q{number:03}",
            "inputs": {"question": f"number {number}"},
            "target": f"number {number}",
            "tags": ["odd" if number % 2 else "even"],
            **{key: make(number) for key, make in more.items()},
        }
        for number in range(n)
    ]
