"""A program of yours as the model, `command/PROGRAM ARGS`: the request on stdin, the answer on stdout."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from promptops.errors import CallFailed, UsageError
from promptops.providers import Model, ProviderSettings
from promptops.providers._warden import Warden
from promptops.providers._wording import one_line
from promptops.types import Completion, Request

STDERR_BYTES = 8_192
"""How much of the end of stderr is kept; its last line tells why a program failed."""


class Command(Model):
    """Runs a program for each request, never through a shell, in the project's folder.

    On stdin: one JSON object with messages, inputs, parameters, sample_id and repeat. Stdout is the
    answer, without a last line break; an exit code other than 0 is that sample's failure.
    """

    cacheable = False
    runs_code = True

    def __init__(
        self, model: str, settings: ProviderSettings, environment: Mapping[str, str], root: Path
    ) -> None:
        """Find the program. Raises UsageError where there is none."""
        super().__init__(model, settings, environment, root)
        self._words = _words(model, environment, root)
        self._warden: Warden | None = None

    @property
    def origin(self) -> str:
        """The command itself."""
        return self.model

    async def generate(self, request: Request) -> Completion:
        """Run the program once. Raises CallFailed: target_error, timeout, too_large or malformed."""
        began = time.monotonic()
        if self._warden is None:
            self._warden = Warden()
        try:
            process = await self._start()
        except (OSError, ValueError) as error:
            raise CallFailed("target_error", one_line(f"{self._words[0]} didn't start: {error}")) from None
        self._warden.watch(process.pid)
        try:
            async with asyncio.timeout(self.settings.timeout):
                output, told = await self._converse(process, _asked(request))
                code = await process.wait()
        except TimeoutError:
            raise CallFailed(
                "timeout", f"The program didn't end within {self.settings.timeout:g} s."
            ) from None
        finally:
            await _end(process)
            self._warden.forget(process.pid)
        if code != 0:
            raise CallFailed("target_error", _complaint(code, told))
        return Completion(text=_text(output), seconds=time.monotonic() - began)

    async def close(self) -> None:
        """Let go of what would end programs in our place."""
        if self._warden is not None:
            self._warden.close()
            self._warden = None

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.root,
            env=dict(self.environment),
            start_new_session=True,  # a group of its own, so that what it started ends with it
        )

    async def _converse(self, process: asyncio.subprocess.Process, asked: bytes) -> tuple[bytes, bytes]:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise CallFailed("target_error", "The program has no pipes.")
        async with asyncio.TaskGroup() as group:
            output = group.create_task(_read(process, process.stdout, self.settings.max_bytes))
            told = group.create_task(_read_end(process.stderr))
            group.create_task(_write(process.stdin, asked))
        if len(output.result()) > self.settings.max_bytes:
            cap = self.settings.max_bytes
            raise CallFailed(
                "too_large", f"The program wrote more than {cap:,} bytes; `max_bytes` is the cap."
            )
        return output.result(), told.result()

    @classmethod
    def example(cls, folder: Path) -> tuple[str, ProviderSettings]:
        """Return a program that answers with the last message."""
        code = "import json, sys; print(json.load(sys.stdin)['messages'][-1]['content'])"
        return shlex.join([sys.executable, "-c", code]), ProviderSettings()


def _words(command: str, environment: Mapping[str, str], root: Path) -> tuple[str, ...]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"The command {command!r} can't be split into words: {error}.") from None
    if not words:
        raise UsageError(
            "No program is named after 'command/'. Write for instance 'command/python answer.py'."
        )
    program = words[0]
    if "/" in program:
        found = shutil.which(str((root / program).resolve()))
    else:
        found = shutil.which(program, path=environment.get("PATH", os.defpath))
    if found is None:
        where = f"in {root}" if "/" in program else "on the PATH"
        raise UsageError(f"There is no program {program!r} {where} that can be run.")
    return found, *words[1:]


def _asked(request: Request) -> bytes:
    return json.dumps(
        {
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "inputs": request.inputs,
            "parameters": request.parameters,
            "sample_id": request.sample_id,
            "repeat": request.repeat,
        }
    ).encode()


async def _write(pipe: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(ConnectionError):  # a program need not read what it is told
        pipe.write(data)
        await pipe.drain()
        pipe.close()
        await pipe.wait_closed()


async def _read(process: asyncio.subprocess.Process, pipe: asyncio.StreamReader, cap: int) -> bytes:
    read = bytearray()
    while chunk := await pipe.read(65_536):
        read += chunk
        if len(read) > cap:
            _kill(process)  # at once, or it would wait for its other pipes
            break
    return bytes(read)


async def _read_end(pipe: asyncio.StreamReader) -> bytes:
    end = b""
    while chunk := await pipe.read(65_536):
        end = (end + chunk)[-STDERR_BYTES:]
    return end


async def _end(process: asyncio.subprocess.Process) -> None:
    _kill(process)
    await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    # The whole group, which outlives its leader where the program left children behind.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _complaint(code: int, told: bytes) -> str:
    lines = [line for line in told.decode("utf-8", "replace").splitlines() if line.strip()]
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return one_line(f"The program {how}: {lines[-1]}" if lines else f"The program {how} and said nothing.")


def _text(output: bytes) -> str:
    try:
        text = output.decode("utf-8")
    except UnicodeDecodeError:
        raise CallFailed("target_error", "The program wrote bytes that are no UTF-8.") from None
    return text.removesuffix("\n").removesuffix("\r")
