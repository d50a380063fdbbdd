"""A project whose model has batches on loopback, and the command line in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from promptops import Project
from promptops.cli import main
from promptops.runs import batching
from promptops.verbs import batched
from tests.made import EVALSET, Folder, questions
from tests.providers.batch_server import BatchServer, serving

KEY = "canary-batch-5a1c"
SETTINGS = """
[providers.far]
kind = "openai"
base_url = "{url}"
api_key_env = "BATCH_KEY"
price_in = 2.0
price_out = 8.0
batch_share = 0.5
"""
ASK = ("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "far/model")


class Said(NamedTuple):
    """What a command wrote."""

    stdout: str
    stderr: str


Cli = Callable[..., Said]


@pytest.fixture
def server() -> Iterator[BatchServer]:
    """A server with files and batches."""
    with serving() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path, server: BatchServer, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A project with twelve questions for that server."""
    monkeypatch.setenv("BATCH_KEY", KEY)
    monkeypatch.setattr(batching, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(batched, "POLLS", (0.05, 0.1))
    made = Folder(tmp_path)
    made.write("promptops.toml", SETTINGS.format(url=server.url))
    made.evalset("numbers", questions(12), EVALSET)
    made.prompt("ask", "{{question}}", parameters={"temperature": 0.5})
    return made


@pytest.fixture
def cli(folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line in this process, where the pauses between tries are short; checks the exit code."""

    def run(*arguments: str, code: int = 0) -> Said:
        monkeypatch.chdir(folder.path)
        monkeypatch.setattr(sys, "argv", ["promptops", *arguments])
        monkeypatch.setenv("COLUMNS", "160")
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = Said(*capsys.readouterr())
        assert (ended.value.code or 0) == code, f"exit {ended.value.code}\n{said.stdout}\n{said.stderr}"
        return said

    return run


def submitted(folder: Folder, **options: Any) -> str:
    """Hand the twelve questions in; return the run's id."""
    with Project.open(folder.path) as project:
        (made,) = project.submit("numbers", [folder.path / "ask.prompt.yaml"], ["far/model"], **options)
    return made.run
