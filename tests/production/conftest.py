"""A project whose production is logged by this process, and applications that are processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import promptops
from promptops import Project
from promptops.production.logger import LOGGER
from promptops.production.spooler import Configuration
from promptops.store import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process logs to, with a sample of one; before and after it the logger is as new."""
    LOGGER.configure(Configuration())
    (tmp_path / "promptops.toml").write_text("")
    promptops.configure_logging(project=tmp_path)
    yield tmp_path
    promptops.flush(0)
    LOGGER.configure(Configuration(tmp_path))


@pytest.fixture
def stored(project: Path) -> Iterator[Store]:
    """The database of that project."""
    with Store.open(f"sqlite:///{project}/.promptops/promptops.db") as store:
        yield store


def start(code: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start an application in a folder, with pipes to and from it."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def done(code: str, folder: Path, **environment: str) -> str:
    """Run an application to its end; returns what it printed."""
    process = start(code, folder, **environment)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err, err
    return out


def numbers(folder: Path) -> list[int]:
    """Drain a project's spool, twice, and return the numbers of its records, sorted."""
    with Project.open(folder) as project:
        project.drain_spool()
        assert project.drain_spool()[:3] == (0, 0, 0)
        return sorted(int(str(each.inputs["n"])) for each in project.records(limit=None))


def database(folder: Path) -> Path:
    """Return an SQLite file that is there and has the present schema."""
    path = folder / ".promptops" / "promptops.db"
    Store.open(f"sqlite:///{path}").close()
    return path
