"""Ends programs that were started for a call when we are killed ourselves, which no code of ours can see.

A small process of its own knows which process groups there are. It hears of each through a pipe, and of our
end by the pipe's closing: the system does that, however we end. (Linux's PR_SET_PDEATHSIG would reach the
program and not what it has started, would have to be set between fork and exec, and belongs to a thread.)
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import weakref

_CODE = """
import os, signal, sys
groups = set()
for line in sys.stdin.buffer:
    (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


class Warden:
    """Knows the process groups that must not outlive this process."""

    def __init__(self) -> None:
        """Start the process that waits; it ends with this object, or with us."""
        # No module of ours, no site: it is there in a hundredth of a second, and stays small. In a session of
        # its own, so that what is sent to our process group leaves it alone.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._end = weakref.finalize(self, _close, self._process)

    def watch(self, group: int) -> None:
        """Have a process group end with us."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Leave a process group alone that has ended."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let go of all groups; those that are still watched end."""
        self._end()

    def _tell(self, line: str) -> None:
        pipe = self._process.stdin
        # Where somebody has killed it, a call goes on without it.
        with contextlib.suppress(OSError, ValueError):
            if pipe is not None:
                pipe.write(line.encode())
                pipe.flush()


def _close(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()
    process.wait()
