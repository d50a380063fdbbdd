"""`promptops cache`: counted, forgotten after a question, and no run loses anything by it."""

from __future__ import annotations

import pytest

from tests.made import Folder


@pytest.fixture
def answered(folder: Folder) -> Folder:
    """A project with a run of forty answers."""
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml")
    return folder


def test_answers_are_counted_forgotten_and_asked_anew(answered: Folder) -> None:
    told = answered.run("cache", "stats").stdout
    assert told.startswith("40 answers would be used again") and "mock/echo" in told
    assert answered.json("cache", "prune", "--older-than", "30d") == {
        "answers": 0, "points": 0, "dry_run": False, "format": 1,
    }  # fmt: skip
    assert "40 stored answers would be forgotten" in answered.run("cache", "clear", "--dry-run").stdout
    refused = answered.run("cache", "clear", code=2).stderr
    assert "40 stored answers would be forgotten. Say --yes" in refused
    before = answered.run("verify").stdout
    assert answered.json("cache", "clear", "--yes")["answers"] == 40
    assert answered.json("cache", "stats") == {
        "models": [], "entries": 0, "bytes": 0, "hits": 0, "points": [], "format": 1,
    }  # fmt: skip
    assert answered.run("verify").stdout == before
    assert answered.json("eval", "numbers", "-p", "ask.prompt.yaml")["cached"] == 0


def test_wrong_use_is_told(answered: Folder) -> None:
    assert "Say what to forget" in answered.run("cache", "prune", code=2).stderr
    assert "30 days" in answered.run("cache", "prune", "--older-than", "30 days", code=2).stderr
    told = answered.run("cache", "prune", "--model", "mock/ecko", "--yes", code=2).stderr
    assert "Did you mean 'mock/echo'?" in told
