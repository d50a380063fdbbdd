"""Where the settings give logging a database of its own, records are read and written there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashboards import opened
from promptops import Project
from promptops.production.records import RecordFilter
from promptops.store import Store
from tests.made import Folder

ROWS = [
    {
        "id": f"row {place:02}",
        "at": f"2026-11-{1 + place // 10:02}T10:00:{place:02}Z",
        "prompt": "reply@1",
        "inputs": {"question": f"When does shop {place} open?"},
        "output": "At nine.",
        "tokens_in": 10 + place,
        "feedback": {"thumb": "down" if place % 3 else "up", "comment": f"no {place}"},
    }
    for place in range(60)
]


@pytest.fixture
def apart(folder: Folder) -> Folder:
    """A folder whose records are in logs.db, and none in the project's database."""
    folder.write("promptops.toml", '[logging]\ndatabase = "sqlite:///logs.db"\n')
    folder.write("log.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))
    assert folder.json("records", "import", "log.jsonl")["imported"]["added"] == 60
    return folder


def own(folder: Folder) -> Path:
    return folder.path / ".promptops" / "promptops.db"


def test_what_is_imported_is_where_production_logs_to(apart: Folder) -> None:
    with Store.open(f"sqlite:///{apart.path}/logs.db") as store:
        assert len(store.records(RecordFilter())) == 60
    assert not own(apart).exists()


def test_lists_figures_and_exports_are_of_that_database(apart: Folder) -> None:
    listed = apart.run("records", "list", "--bad", "--limit", "1")
    assert "1 to 1 of 40 records" in listed.stdout
    assert f"Records are in {apart.path}/logs.db, which [logging] names." in listed.stderr
    apart.run("records", "feedback", "row 01", "--stars", "5")
    assert "5 of 5 stars" in apart.run("records", "show", "row 01").stdout
    assert apart.json("monitor", "--since", "2026-11-01")["monitor"]["whole"]["records"] == 60
    assert apart.json("records", "export", "out.jsonl")["records"] == 60
    assert apart.json("records", "themes", "--since", "2026-11-01")["themes"]["judged"] == 60
    assert not own(apart).exists()


def test_windows_are_of_that_database(apart: Folder) -> None:
    shift = apart.json("shift", "records:2026-11-01..2026-11-03", "records:2026-11-04..2026-11-06")
    assert shift["shift"]["current_n"] == 30
    samples = [
        {"id": f"s{place}", "inputs": row["inputs"], "target": "x"} for place, row in enumerate(ROWS[:30])
    ]
    apart.evalset("shops", samples)
    covered = apart.json("coverage", "shops", "--production", "records:reply")
    assert covered["coverage"]["texts"] == 60


def test_a_named_database_is_the_one_that_is_read(apart: Folder) -> None:
    url = f"sqlite:///{own(apart)}"
    apart.write("old.jsonl", json.dumps({**ROWS[0], "id": "old"}) + "\n")
    apart.run("--database", url, "records", "import", "old.jsonl")
    there = apart.run("--database", url, "records", "list")
    assert "old" in there.stdout and "which [logging] names" not in there.stderr
    listed = apart.run("records", "list")
    assert " old " not in listed.stdout
    assert f"Other records are in the project's own database: --database {url}" in listed.stderr
    assert "60 records" not in apart.run("records", "delete", "--id", "old", "--yes").stdout
    assert apart.json("--database", url, "records", "list")["count"] == 0
    assert apart.json("records", "delete", "--prompt", "reply", "--yes")["deletion"]["records"] == 60


def test_a_database_that_is_not_there_is_told_and_not_made(folder: Folder) -> None:
    folder.write("promptops.toml", '[logging]\ndatabase = "sqlite:///logs.db"\n')
    told = folder.run("records", "list").stderr
    assert f"There is no database at {folder.path}/logs.db yet." in told
    assert not (folder.path / "logs.db").exists() and not own(folder).exists()


def test_a_mark_of_what_was_read_changes_with_records(apart: Folder) -> None:
    with Project.open(apart.path) as writer, Project.open(apart.path, read_only=True) as reader:
        _ = writer.store
        before = reader.data_version(), reader.record_count()
        read = reader.data_version()
        assert before[0] != read == reader.data_version()
        writer.add_feedback("row 01", thumb="up")
        assert reader.data_version() != read


def test_the_dashboard_shows_them(apart: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    with Project.open(apart.path) as project:
        _ = project.store
        monkeypatch.setenv("PROMPTOPS_ROOT", str(apart.path))
        monkeypatch.setenv("PROMPTOPS_DATABASE", project.settings.database)
    with opened.writing() as project:
        project.add_feedback("row 01", thumb="up")
    assert opened.project().record_count() == 60
