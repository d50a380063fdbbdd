"""Which files of a project are offered as a side of a shift, and which fields they have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from promptops import Project, PromptopsError
from promptops.distributions.textfiles import MOST_FILES, text_files
from tests.made import Folder


def test_tables_of_texts_are_listed_newest_first_and_nothing_else(tmp_path: Path) -> None:
    made = Folder(tmp_path / "project")
    names = ["a.jsonl", "logs/b.csv", "logs/deep/c.parquet", "d.yaml"]
    for age, name in enumerate(names):
        os.utime(made.write(name, "x"), ns=(0, 10**18 - age * 10**9))
    for name in (
        *(
            "evalsets/desk/samples.jsonl",
            "prompts/x.yaml",
            "ask.prompt.yaml",
            ".promptops/x.jsonl",
            "notes.md",
        ),
        *("-rf.jsonl", "node_modules/x/y.jsonl", "own/pyvenv.cfg", "own/lib/z.jsonl", "1/2/3/4/5/far.jsonl"),
    ):
        made.write(name, "x")
    outside = tmp_path / "secret.jsonl"
    outside.write_text("x")
    (made.path / "link.jsonl").symlink_to(outside)
    (made.path / "linked").symlink_to(tmp_path)
    os.mkfifo(made.path / "pipe.jsonl")
    with Project.open(made.path) as project:
        assert project.text_files() == tuple(names)


def test_of_many_files_the_newest_stand(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 5):
        file = tmp_path / f"{number:03}.jsonl"
        file.write_text("x")
        os.utime(file, ns=(0, number * 10**9))
    found = text_files(tmp_path)
    assert len(found) == MOST_FILES and found[0] == f"{MOST_FILES + 4:03}.jsonl"


def test_candidates_come_after_what_may_be_production(tmp_path: Path) -> None:
    candidate = '{"id": "x", "inputs": {"q": "x"}, "tags": ["candidate", "kind: mail left"]}'
    rows = {
        "new.jsonl": candidate,
        "week.jsonl": '{"q": "x", "tags": ["mail"]}',
        "list.jsonl": '["candidate"]',
    }
    for age, (name, row) in enumerate(rows.items()):
        file = tmp_path / name
        file.write_text(row + "\n")
        os.utime(file, ns=(0, 10**18 - age * 10**9))
    assert text_files(tmp_path) == ("week.jsonl", "list.jsonl", "new.jsonl")


def test_fields_are_those_of_the_first_rows_with_dots(tmp_path: Path) -> None:
    made = Folder(tmp_path)
    path = made.write("a.jsonl", '{"inputs": {"q": "x"}, "at": 1}\n"a text"\n{"label": "b", "at": 2}\n')
    with Project.open(tmp_path) as project:
        assert project.text_fields(path) == ("inputs", "inputs.q", "at", "label")
        with pytest.raises(PromptopsError):
            project.text_fields(tmp_path / "nosuch.jsonl")
