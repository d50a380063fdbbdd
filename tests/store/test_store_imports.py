"""Records imported, exported and deleted on each engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from promptops import Project, RecordFilter
from promptops.cli.recorddeleting import print_deletion
from promptops.production.records import subject_mark


def test_records_are_imported_exported_and_deleted(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    rows = [
        {"at": 1_793_872_800 + number // 3, "output": f"answer {number}", "person": f"person {number % 2}"}
        for number in range(2_100)
    ]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with Project.open(tmp_path, database=url) as project:
        assert project.import_records(log, dry_run=True).added == 2_100
        assert project.import_records(log).added == 2_100
        assert project.import_records(log).added == 0
        assert project.import_records(log, dry_run=True).added == 0
        pages = list(project.record_pages())
        assert [len(page) for page in pages] == [1_000, 1_000, 100]
        records = [record for page in pages for record in page]
        assert records == project.records(limit=None)[::-1]
        assert project.export_records(tmp_path / "out.parquet") == 2_100
        found = project.delete_records(RecordFilter(subject=subject_mark("person 1")))
        assert (found.records, found.rewritten, found.erased) == (1_050, True, url.startswith("sqlite"))
        assert not found.busy
        print_deletion(found, as_json=False)
        told = capsys.readouterr().out
        assert "Somebody was reading" not in told
        assert ("PostgreSQL server's own log" in told) == url.startswith("postgresql")
        assert project.import_records(tmp_path / "out.parquet").added == 1_050
        assert project.records(limit=None)[::-1] == records
