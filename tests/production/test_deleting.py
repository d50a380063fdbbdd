"""Deleting reaches points of texts, later words on what is gone, and a database of what is logged."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops import Project
from promptops.distributions.windows import Wanted
from promptops.production.records import Feedback, Record, RecordFilter, subject_mark
from promptops.production.recordwindows import of_records
from promptops.store import Store
from tests.made import Folder
from tests.providers import embedding_server
from tests.providers.embedding_server import EmbeddingServer

ADA = RecordFilter(subject=subject_mark("ada"))


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server.serving() as server:
        yield server


def records(count: int) -> list[Record]:
    """Questions on two days; every third is Ada's."""
    return [
        Record(
            id=f"r{n}",
            at=f"2026-11-0{1 + n % 2}T10:00:{n:02d}.000000+00:00",
            inputs={"question": f"question {n}", "shop": "north"},
            output=f"answer {n}",
            subject=subject_mark("ada" if n % 3 == 0 else f"customer {n}"),
        )
        for n in range(count)
    ]


def points(folder: Path) -> int:
    with sqlite3.connect(folder / ".promptops" / "points" / "points.db") as file:
        return int(file.execute("SELECT count(*) FROM points").fetchone()[0])


def test_the_points_of_a_persons_texts_go_with_them(folder: Folder, server: EmbeddingServer) -> None:
    folder.write(
        "promptops.toml",
        f'attempts = 1\n[providers.local]\nkind = "openai"\nbase_url = "{server.url}"\nprice_in = 1.0\n',
    )
    with Project.open(folder.path) as project:
        project.store.add_records(records(60))
        embed = project._points("local/mini").embed
        windows = [
            of_records("records:..2026-11-30", project.store, Wanted(what=what, field=field))
            for what, field in (("inputs", None), ("outputs", None), (None, "inputs.question"))
        ]
        for window in windows:
            embed(window.texts)
        assert points(folder.path) == 180
        assert project.delete_records(ADA, dry_run=True).records == 20
        assert points(folder.path) == 180
        assert project.delete_records(ADA).records == 20
        assert points(folder.path) == 120
        asked = len(server.requests)
        others = of_records("records:..2026-11-30", project.store, Wanted(what="inputs"))
        embed(others.texts)
        assert len(others.texts) == 40 and len(server.requests) == asked, "the others' are still there"


def test_points_of_unknown_texts_go_with_the_first_deletion(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        project.store.add_records(records(6))
        kept = project._kept_points
        kept.keep("x/one", {"a": [1.0], "b": [2.0]}, {"a": "question 1\nnorth"})
        project.delete_records(ADA, rewrite=False)
        assert kept.known(["a", "b"]) == {"a"}


def test_nobodys_later_word_on_a_deleted_record_is_kept(folder: Folder) -> None:
    spool = folder.path / ".promptops" / "spool"
    later = [Feedback(id=f"f{n}", record=f"r{n}", at="2026-11-20", comment="Call me") for n in (0, 1)]
    with Project.open(folder.path) as project:
        project.store.add_records(records(3))
        project.delete_records(ADA)
        spool.mkdir(exist_ok=True)
        lines = [json.dumps({"feedback": each.model_dump()}) + "\n" for each in later]
        (spool / "0000000000001-1-aaaaaaaa.jsonl").write_text("".join(lines))
        assert project.drain_spool().deleted == 1
        assert [each.record for each in project.record_feedback()] == ["r1"]


def test_records_in_the_database_of_the_logging_are_deleted_too(folder: Folder) -> None:
    elsewhere = folder.path / "logs" / "logged.db"
    elsewhere.parent.mkdir()
    folder.write("promptops.toml", f'[logging]\ndatabase = "sqlite:///{elsewhere}"\n')
    secret = b"answer 3"
    with Store.open(f"sqlite:///{elsewhere}") as store:
        store.add_records(records(6))
    with Project.open(folder.path) as project:
        project.store.add_records(records(4))
        assert project.delete_records(ADA, dry_run=True).records == 4
        assert secret in elsewhere.read_bytes()
        found = project.delete_records(ADA)
        assert (found.records, found.rewritten, found.erased) == (4, True, True)
    files = [path for path in elsewhere.parent.iterdir() if path.is_file()]
    assert all(secret not in path.read_bytes() for path in files)
    with Store.open(f"sqlite:///{elsewhere}") as store:
        assert [each.id for each in store.records(RecordFilter())] == ["r5", "r1", "r4", "r2"]
    told = folder.run("records", "delete", "--id", "r5", "--yes").stdout
    assert told.startswith("1 record, "), "one that only that database has is found by its id"
