"""The command line from a process that has its imports already, forked for each call: a start costs a second.

`python -m tests.warm SOCKET` imports promptops and waits. Each connection asks for one command: the process
forks, the child takes folder, environment and streams of its own and is the command from there on.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parent.parent
LATER = (
    "promptops.__main__",
    "promptops.engines.ray",
    "promptops.prompts.templatechild",
    "promptops.pytest_plugin",
)
"""Modules that no ordinary command imports."""


def run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run `promptops ARGUMENTS` as a process of its own.

    Raises TimeoutError after `timeout` seconds, when it has been killed.
    """
    with tempfile.TemporaryDirectory() as name:
        out, err = Path(name, "out"), Path(name, "err")
        with socket.socket(socket.AF_UNIX) as line, out.open("wb") as to_out, err.open("wb") as to_err:
            line.connect(str(address()))
            line.settimeout(timeout)
            wanted = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
            with Path(os.devnull).open("rb") as nothing:
                streams = [nothing.fileno(), to_out.fileno(), to_err.fileno()]
                socket.send_fds(line, [json.dumps(wanted).encode() + b"\n"], streams)
            with line.makefile("r") as told:
                pid = int(told.readline())
                try:
                    code = int(told.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise
        command = ["promptops", *arguments]
        return subprocess.CompletedProcess(command, code, out.read_text("utf-8"), err.read_text("utf-8"))


STAND_IN = """\
#!{python} -IS
import json, os, signal, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
wanted = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
socket.send_fds(line, [json.dumps(wanted).encode() + b"\\n"], [0, 1, 2])
told = line.makefile("r")
pid = int(told.readline())
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, frame: os.kill(pid, number))
code = int(told.readline())
sys.exit(128 - code if code < 0 else code)
"""


def stand_in(folder: Path) -> None:
    """Write a program `promptops` whose commands are run by the process that waits, for a shell."""
    folder.mkdir()
    program = folder / "promptops"
    program.write_text(STAND_IN.format(python=sys.executable, address=str(address())), "utf-8")
    program.chmod(0o755)


@lru_cache(maxsize=1)
def address() -> Path:
    """Start the process that waits, once for each of pytest's workers; it ends with the worker."""
    folder = tempfile.mkdtemp()
    door = Path(folder, "warm")
    command = [sys.executable, "-m", "tests.warm", str(door)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        door.unlink()
        Path(folder).rmdir()

    atexit.register(end)
    return door


def main(address: str) -> None:
    """Import, say so, and fork for each connection until standard input is closed."""
    _import_all()
    gc.freeze()  # else each child would look through all of it, and copy the pages
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the ones in between
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen(16)
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([door, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            line, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _answer(line)
            line.close()


def _import_all() -> None:
    import promptops

    for module in pkgutil.walk_packages(promptops.__path__, "promptops."):
        if module.name not in LATER:
            importlib.import_module(module.name)
    for name in ("rich.console", "rich.table", "rich.progress", "numpy.ma"):
        importlib.import_module(name)


def _answer(line: socket.socket) -> NoReturn:
    """Fork the command, tell its pid and then its exit code (negative: the signal), as subprocess does."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked, streams, _, _ = socket.recv_fds(line, 1 << 16, 3)
    while not asked.endswith(b"\n"):
        asked += line.recv(1 << 16)
    pid = os.fork()
    if pid == 0:
        line.close()
        _become(json.loads(asked), streams)
    line.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):  # it has been given up
        line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(wanted: Mapping[str, Any], streams: Sequence[int]) -> NoReturn:
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    for name in [name for name in sys.modules if name == "tests" or name.startswith("tests.")]:
        del sys.modules[name]
    sys.path[0] = wanted["folder"]
    sys.argv = ["promptops", *wanted["arguments"]]
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    code = 0
    try:
        from promptops.cli import main as command

        command()
    except SystemExit as told:
        code = told.code if isinstance(told.code, int) else 0 if told.code is None else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
