"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.made import Folder, questions


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A project with one set of forty questions that an echo answers rightly."""
    made = Folder(tmp_path)
    made.write("promptops.toml", 'model = "mock/echo"\njudge_model = "mock/echo"\n')
    made.evalset("numbers", questions(40))
    made.prompt("ask", "{{ question }}")
    return made
