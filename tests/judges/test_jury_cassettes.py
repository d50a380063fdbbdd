"""A jury from a cassette: each judge gets the reply that was its own, and nobody is asked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from promptops.project import Project
from tests.judges.test_jury_runs import EVAL, KEYS, TWINS, Court, court, grades
from tests.made import Folder

__all__ = ["court"]
ALONE = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "criteria"
criteria = { right = "It is right.", short = "It is short." }
"""
CASSETTE = ("--cassette", "said.jsonl")
RULE = '\n[[gate]]\nmetric = "quality"\nmargin = 1.0\n'


def fork(court: Court, tmp_path: Path) -> Folder:
    """What a fork's CI has: the files and the cassette; no database and no key."""
    forgotten = shutil.ignore_patterns(".promptops")
    return Folder(Path(shutil.copytree(court.folder.path, tmp_path / "fork", ignore=forgotten)))


def votes(folder: Folder) -> list[dict[str, Any]]:
    with Project.open(folder.path) as project:
        results = sorted(project.store.results(project.run("latest").id), key=lambda each: each.sample_id)
        return [dict(each.scores["quality"].evidence["votes"]) for each in results]  # type: ignore[call-overload]


def older(court: Court, monkeypatch: pytest.MonkeyPatch, *, cache: bool = True) -> None:
    """Evaluate as when judges that asked the same shared an address."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with Project.open(court.folder.path) as project, monkeypatch.context() as patched:
        patched.setattr("promptops.judges.jury.JUDGES_APART", 0)
        project.evaluate(
            "asked", [court.folder.path / "ask.prompt.yaml"], ["mock/echo"], cache=cache, concurrency=1
        )
    for name in KEYS:
        monkeypatch.delenv(name)


def test_a_jury_at_two_servers_is_gated_from_a_cassette(court: Court, tmp_path: Path) -> None:
    text = (court.folder.path / "evalsets/asked/evalset.toml").read_text("utf-8")
    court.write(text + RULE)
    court.run(*EVAL)
    court.run("accept", "latest")
    court.run("record", "latest", "-o", "said.jsonl")
    theirs = fork(court, tmp_path)
    done = theirs.run("gate", "asked", "--prompt", "ask.prompt.yaml", *CASSETTE)
    assert done.stdout.lstrip().startswith("PASS") and court.calls == (8, 8)
    with Project.open(court.folder.path) as ours, Project.open(theirs.path) as project:
        assert project.verify("latest").sha256 == ours.verify("latest").sha256
        assert project.replay("latest").outcome == "equal"


def test_twins_of_a_jury_get_their_own_replies_from_a_cassette(court: Court, tmp_path: Path) -> None:
    court.write(TWINS)
    court.near.replies = [grades(1, 5), grades(3, 3)] * 8
    court.run(*EVAL, "-j", "1", "--no-cache")
    court.run("record", "latest", "-o", "said.jsonl")
    theirs = fork(court, tmp_path)
    theirs.run(*EVAL, *CASSETTE)
    assert votes(theirs) == votes(court.folder) == [{"mean": [3.0], "lowest": [3.0]}] * 8
    # Recorded again from what came out of it: the same bytes.
    theirs.run("record", "latest", "-o", "again.jsonl")
    assert (theirs.path / "again.jsonl").read_bytes() == (theirs.path / "said.jsonl").read_bytes()
    assert court.calls == (0, 16)


def test_a_cassette_of_older_runs_has_one_reply_for_twins(
    court: Court, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    court.write(TWINS)
    court.near.replies = [grades(2, 4)]
    older(court, monkeypatch)
    with Project.open(court.folder.path) as project, monkeypatch.context() as patched:
        patched.setattr("promptops.judges.jury.JUDGES_APART", 0)  # written by the older promptops, too
        assert project.record(["latest"], court.folder.path / "said.jsonl").entries == 16, (
            "answers, and a reply for both"
        )
    theirs = fork(court, tmp_path)
    theirs.run(*EVAL, *CASSETTE)
    assert votes(theirs) == votes(court.folder) == [{"mean": [3.0], "lowest": [2.0]}] * 8
    assert court.calls == (0, 8)


def test_an_older_run_in_which_twins_got_two_replies_is_recorded_with_both(
    court: Court, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    court.write(TWINS)
    court.near.replies = [grades(1, 5), grades(4, 4)] * 8
    older(court, monkeypatch, cache=False)
    assert court.calls == (0, 16)
    with Project.open(court.folder.path) as project:
        project.record(["latest"], court.folder.path / "said.jsonl")
    theirs = fork(court, tmp_path)
    theirs.run(*EVAL, *CASSETTE)
    assert votes(theirs) == votes(court.folder) == [{"mean": [3.0], "lowest": [4.0]}] * 8


def test_what_a_judge_said_by_itself_is_not_taken_for_two_votes(court: Court, tmp_path: Path) -> None:
    court.write(ALONE)
    court.near.replies = [grades(2, 4)]
    court.run(*EVAL)
    court.run("record", "latest", "-o", "said.jsonl")
    court.write(TWINS)
    theirs = fork(court, tmp_path)
    told = theirs.run(*EVAL, *CASSETTE, code=3).stderr
    assert "judge quality on near/judge-two: 8 of 16 not recorded" in " ".join(told.split())
    assert court.calls == (0, 8)
