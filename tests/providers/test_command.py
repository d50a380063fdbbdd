"""Programs as models: what they are told, what they answer, and how they end."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import time
from pathlib import Path

import pytest

from promptops.errors import CallFailed, UsageError
from promptops.providers import ProviderSettings
from promptops.providers.command import Command
from promptops.types import Completion, Message, Request
from tests.made import PATIENCE

ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "MY_WORD": "passed on"}


def program(folder: Path, code: str, timeout: float = 20.0, max_bytes: int = 1_000_000) -> Command:
    command = shlex.join([sys.executable, "-c", code])
    return Command(command, ProviderSettings(timeout=timeout, max_bytes=max_bytes), ENVIRONMENT, folder)


def ask(model: Command, text: str = "Hello") -> Completion:
    request = Request(
        messages=(Message(role="user", content=text),), inputs={"name": "Ada"}, sample_id="s1", repeat=1
    )
    return asyncio.run(model.generate(request))


def failure(model: Command) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        ask(model)
    return caught.value


def test_a_program_gets_the_request_as_json_and_its_stdout_is_the_answer(tmp_path: Path) -> None:
    code = (
        "import json, sys; d = json.load(sys.stdin)\n"
        "print(sorted(d), d['inputs'], d['sample_id'], d['repeat'])"
    )
    said = "['inputs', 'messages', 'parameters', 'repeat', 'sample_id'] {'name': 'Ada'} s1 1"
    completion = ask(program(tmp_path, code))
    assert completion.text == said
    assert completion.seconds is not None
    assert completion.tokens_out is None


def test_a_program_runs_in_the_projects_folder_with_the_given_environment(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['MY_WORD'])"
    assert ask(program(tmp_path, code)).text == f"{tmp_path.resolve()} passed on"


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    command = (
        shlex.join([sys.executable, "-c", "import sys; print(sys.argv[1:])"])
        + " '; touch made' $MY_WORD | cat"
    )
    model = Command(command, ProviderSettings(), ENVIRONMENT, tmp_path)
    assert ask(model).text == "['; touch made', '$MY_WORD', '|', 'cat']"
    assert not (tmp_path / "made").exists()


def test_one_last_line_break_is_left_out_and_all_else_is_kept(tmp_path: Path) -> None:
    assert ask(program(tmp_path, "print('  a\\n\\n')")).text == "  a\n\n"
    assert ask(program(tmp_path, "pass")).text == ""


def test_a_program_that_does_not_read_is_fine_even_with_a_long_prompt(tmp_path: Path) -> None:
    assert ask(program(tmp_path, "print('done')"), "x" * 2_000_000).text == "done"


def test_a_program_that_fails_tells_its_last_line(tmp_path: Path) -> None:
    failed = failure(
        program(
            tmp_path, "import sys; print('half'); sys.stderr.write('one\\n\\x1b[31mtwo\\n\\n'); sys.exit(3)"
        )
    )
    assert failed.kind == "target_error"
    assert str(failed) == "The program ended with exit code 3: [31mtwo"


def test_a_program_that_is_ended_by_a_signal_says_so(tmp_path: Path) -> None:
    failed = failure(program(tmp_path, "import os; os.kill(os.getpid(), 9)"))
    assert failed.kind == "target_error"
    assert "signal 9" in str(failed)


def test_a_program_that_writes_too_much_is_ended_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    failed = failure(program(tmp_path, "while True: print('x' * 1000)", max_bytes=100_000))
    assert failed.kind == "too_large"
    assert time.monotonic() - began < PATIENCE


def test_much_on_stderr_is_no_trouble(tmp_path: Path) -> None:
    assert (
        ask(program(tmp_path, "import sys; sys.stderr.write('e' * 3_000_000); print('fine')")).text == "fine"
    )


def test_a_program_that_takes_too_long_ends_with_all_that_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open('child', 'w').write(str(child.pid)); time.sleep(60)"
    )
    failed = failure(program(tmp_path, code, timeout=1.0))
    assert failed.kind == "timeout"
    assert _has_ended(int((tmp_path / "child").read_text()))


def _has_ended(process: int) -> bool:
    """Whether it ends in a moment; a busy machine may deliver the signal after the call has ended."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state in {"Z", "X"}:
            return True
        time.sleep(0.01)
    return False


def test_a_call_that_is_called_off_ends_its_program(tmp_path: Path) -> None:
    model = program(tmp_path, "import os, time; open('me', 'w').write(str(os.getpid())); time.sleep(60)")

    async def run() -> None:
        task = asyncio.create_task(model.generate(Request(messages=(Message(role="user", content="x"),))))
        while not (tmp_path / "me").exists() or not (tmp_path / "me").read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert _has_ended(int((tmp_path / "me").read_text()))


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    assert "UTF-8" in str(failure(program(tmp_path, "import sys; sys.stdout.buffer.write(b'\\xff')")))


def test_a_program_beside_the_project_is_found(tmp_path: Path) -> None:
    script = tmp_path / "answer.sh"
    script.write_text("#!/bin/sh\necho from the script\n", "utf-8")
    script.chmod(0o755)
    assert ask(Command("./answer.sh", ProviderSettings(), ENVIRONMENT, tmp_path)).text == "from the script"


@pytest.mark.parametrize("command", ["no-such-program-here", "./missing.sh", "'unclosed", " "])
def test_a_program_that_is_not_there_is_refused_before_any_call(tmp_path: Path, command: str) -> None:
    with pytest.raises(UsageError):
        Command(command, ProviderSettings(), ENVIRONMENT, tmp_path)


def test_a_program_that_will_not_start_is_its_samples_failure(tmp_path: Path) -> None:
    script = tmp_path / "bad"
    script.write_text("#!/no/such/interpreter\n", "utf-8")
    script.chmod(0o755)
    assert failure(Command("./bad", ProviderSettings(), ENVIRONMENT, tmp_path)).kind == "target_error"
