"""Have a run finished by a process of its own, for who can't wait for it: the dashboard."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from promptops.runs.owner import is_gone, process_name
from promptops.texts.visible import visible

TOLD = 4_000
"""Characters of what a process said that are read back, from its end."""


@dataclass(frozen=True)
class Begun:
    """An evaluation that a process of its own was started for."""

    runs: tuple[str, ...]
    """The ids of its runs, once it has begun them."""
    ended: bool
    """Whether the process is gone."""
    said: str
    """The end of what it said; why it could not begin, where it did not."""


def resume_apart(root: Path, database: str, run_id: str, *, retry_errors: bool) -> None:
    """Start `promptops resume` and return at once. What it says goes into a file; it outlives its parent."""
    log = _log(root, run_id)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        number = _start(
            root, database, ["resume", run_id, *(["--retry-errors"] if retry_errors else [])], file
        )
    log.with_suffix(".pid").write_text(process_name(number), "utf-8")


def resumes_apart(root: Path, run_id: str) -> bool:
    """Tell whether the process that `resume_apart` started last for a run is still there."""
    try:
        return not is_gone(_log(root, run_id).with_suffix(".pid").read_text("utf-8"))
    except OSError:
        return False  # none was started


def evaluate_apart(root: Path, database: str, token: str, arguments: Sequence[str]) -> bool:
    """Start `promptops eval` and return at once; False where something was started under the token already.

    Raises ValueError for a token that is no plain word.
    """
    log = _log_of_start(root, token)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    events = log.with_suffix(".jsonl")
    with os.fdopen(opened, "wb") as file:
        number = _start(root, database, ["eval", f"--log-json={events}", *arguments], file)
    log.with_suffix(".pid").write_text(process_name(number), "utf-8")
    return True


def begun_apart(root: Path, token: str) -> Begun:
    """Return what came of `evaluate_apart`."""
    log = _log_of_start(root, token)
    runs: list[str] = []
    with contextlib.suppress(OSError, ValueError), log.with_suffix(".jsonl").open(encoding="utf-8") as file:
        for line in file:
            if '"run_started"' not in line:
                break  # all runs of a command are begun before its first result
            runs.append(str(json.loads(line)["run"]))
    try:
        ended = is_gone(log.with_suffix(".pid").read_text("utf-8"))
    except OSError:
        ended = False  # it is just being started
    return Begun(tuple(runs), ended, _end_of(log))


def said_apart(root: Path, run_id: str) -> str:
    """Return the end of what a process said that was to finish a run; empty where there was none."""
    return _end_of(_log(root, run_id))


def _start(root: Path, database: str, arguments: Sequence[str], file: BinaryIO) -> int:
    """Start a command of ours that outlives its parent; returns its process id.

    The database's address goes by the environment: it may hold a password, and others see command lines.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "promptops", "-C", str(root), *arguments],
        cwd=root,
        env={**os.environ, "PROMPTOPS_DATABASE": database},
        stdin=subprocess.DEVNULL,
        stdout=file,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    # Somebody must hear of its end, or it stays in the system's table as long as we live.
    threading.Thread(target=process.wait, name="promptops-apart", daemon=True).start()
    return process.pid


def _end_of(log: Path) -> str:
    try:
        return visible(log.read_bytes()[-TOLD:].decode("utf-8", "replace"))
    except OSError:
        return ""


def _log(root: Path, run_id: str) -> Path:
    return root / ".promptops" / f"resume-{run_id}.log"


def _log_of_start(root: Path, token: str) -> Path:
    if not re.fullmatch("[0-9a-zA-Z]{8,64}", token):
        raise ValueError("a token is a word of 8 to 64 letters and digits")
    return root / ".promptops" / f"start-{token}.log"
