"""The parent's side of the template process: start it, ask it, end it when it takes too long."""

from __future__ import annotations

import importlib.util
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

from pydantic import JsonValue

from promptops.errors import TemplateError

SECONDS = 4.0
"""Wall time of one task; a usual one takes a millisecond."""

LOAD_SECONDS = 60.0
MAX_ANSWER = 64_000_000

_ENDED = {
    signal.SIGALRM: "takes too long",
    signal.SIGXCPU: "takes too long",
    signal.SIGABRT: "needs too much memory",
    signal.SIGSEGV: "is nested too deeply",
    signal.SIGKILL: "takes too long or needs too much memory",
}


class Ended(Exception):
    """The process ended before it answered; the text says why."""


class TemplateProcess:
    """One process that renders templates, started when first needed and again after it was ended."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = min(seconds, SECONDS)
        self._process: subprocess.Popen[bytes] | None = None
        self._release: weakref.finalize[..., TemplateProcess] | None = None
        self._loaded: set[str] = set()
        self._lock = threading.Lock()

    def ask(self, library: str, task: str, **fields: JsonValue) -> dict[str, JsonValue]:
        """Return the answer to one task: `done` with what was made, or `fault` with the reason.

        Raises Ended where the task broke a limit, TemplateError where no process can be had.
        """
        line = json.dumps({"task": task, **fields}, allow_nan=False).encode("ascii") + b"\n"
        with self._lock:
            self._start()
            if library not in self._loaded:
                loading = json.dumps({"task": "load", "library": library}).encode("ascii") + b"\n"
                answer = self._exchange(loading, LOAD_SECONDS)
                if "fault" in answer:
                    raise TemplateError(f"{library} can't be loaded: {answer['fault']}")
                self._loaded.add(library)
            return self._exchange(line, self._seconds)

    def close(self) -> None:
        """End the process."""
        if self._release is not None:
            self._release()
        self._process = self._release = None
        self._loaded.clear()

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        if not sys.executable or importlib.util.find_spec("resource") is None:
            raise TemplateError(
                "This system can't limit a process, which `template: minijinja` and `inputs` need. "
                "Use a plain template without an input schema."
            )
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                str(Path(__file__).with_name("templatechild.py")),
                *_library_folders(),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Nothing of the environment, keys least of all, but what the interpreter may need to start.
            env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
            process_group=0,
        )
        self._release = weakref.finalize(self, _end, self._process)

    def _exchange(self, line: bytes, seconds: float) -> dict[str, JsonValue]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise Ended("was not started")
        deadline = time.monotonic() + seconds
        try:
            process.stdin.write(line)
            process.stdin.flush()
            answer = _read_line(process.stdout.fileno(), deadline)
        except BrokenPipeError:
            answer = b""
        if answer.endswith(b"\n"):
            read: dict[str, JsonValue] = json.loads(answer)
            return read
        raise Ended(self._why_ended(process, deadline))

    def _why_ended(self, process: subprocess.Popen[bytes], deadline: float) -> str:
        if time.monotonic() >= deadline:
            why = f"takes longer than {self._seconds:g} s"
        else:
            try:
                code = process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                code = 0
            why = _ENDED.get(signal.Signals(-code), "ended the process") if code < 0 else "ended the process"
        self.close()
        return why


def _read_line(descriptor: int, deadline: float) -> bytes:
    """Return a line, or what came of it until the deadline, the end of the pipe or the cap."""
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while size <= MAX_ANSWER and (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            part = os.read(descriptor, 1 << 16)
            if not part:
                break
            parts.append(part)
            size += len(part)
            if part.endswith(b"\n"):
                break
    return b"".join(parts)


def _library_folders() -> list[str]:
    """Return where the child finds its libraries: it runs without `site`, so that no .pth file runs in it."""
    spec = importlib.util.find_spec("minijinja")
    own = [str(Path(spec.origin).parent.parent)] if spec is not None and spec.origin else []
    sites = [entry for entry in sys.path if entry.rstrip("/").endswith(("site-packages", "dist-packages"))]
    return list(dict.fromkeys([*own, *sites]))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                # What was left unwritten has no reader any more.
                continue
