"""Git as a program, asked about files: never a library, never a write."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

SECONDS = 10.0


@dataclass(frozen=True)
class Said:
    """What git answered."""

    code: int | None
    """None where there is no git, or it took too long."""
    out: bytes
    why: str

    @property
    def line(self) -> str:
        """The first line of its answer."""
        return self.out.decode("utf-8", "surrogateescape").partition("\n")[0]


def ask_git(folder: Path, *arguments: str) -> Said:
    """Run git in a folder; whatever goes wrong is told in the answer."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return Said(None, b"", "there is no program `git`")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Said(None, b"", f"git gave no answer: {error}")
    why = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
    return Said(done.returncode, done.stdout, why)
