"""Have a run finished by a process of its own, for who can't wait for it: the dashboard."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from promptops.visible import visible

TOLD = 4_000
"""Characters of what a process said that are read back, from its end."""


def resume_apart(root: Path, database: str, run_id: str) -> None:
    """Start `promptops resume` and return at once. What it says goes into a file; it outlives its parent.

    The database's address goes by the environment: it may hold a password, and others see command lines.
    """
    log = _log(root, run_id)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "promptops", "-C", str(root), "resume", run_id],
            env={**os.environ, "PROMPTOPS_DATABASE": database},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Somebody must hear of its end, or it stays in the system's table as long as we live.
    threading.Thread(target=process.wait, name="promptops-apart", daemon=True).start()


def said_apart(root: Path, run_id: str) -> str:
    """Return the end of what such a process said; empty where there was none."""
    try:
        return visible(_log(root, run_id).read_bytes()[-TOLD:].decode("utf-8", "replace"))
    except OSError:
        return ""


def _log(root: Path, run_id: str) -> Path:
    return root / ".promptops" / f"resume-{run_id}.log"
