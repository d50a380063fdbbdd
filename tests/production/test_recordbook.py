"""Records through the project and the command line: found, shown, spoken of, and gone from the files."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from promptops import Project
from promptops.cli import recorddocuments
from promptops.errors import UnknownName, UsageError
from promptops.production.records import Feedback, Record, RecordFilter, subject_mark
from promptops.production.segments import Segment
from tests.made import Folder

NOW = "2026-11-20T10:00:00.000000+00:00"


def record(number: int, **fields: object) -> Record:
    at = f"2026-11-{1 + number % 20:02d}T10:00:00.000000+00:00"
    known = {
        "id": f"record-{number:05}",
        "at": at,
        "inputs": {"question": f"q {number}"},
        "output": f"a {number}",
    }
    return Record.model_validate({**known, **fields})


def said(number: int, **fields: object) -> Feedback:
    return Feedback.model_validate(
        {"id": f"f-{number}", "record": f"record-{number:05}", "at": NOW, **fields}
    )


@pytest.fixture
def kept(folder: Folder) -> Folder:
    """A project with five records of two prompts, of which three have feedback."""
    with Project.open(folder.path) as project:
        project.store.add_records(
            [
                record(0, prompt="reply", version=1, alias="production", model="m/a", tags=("de",)),
                record(1, prompt="reply", version=2, subject=subject_mark("ada"), cost=0.5, rate=0.25),
                record(2, prompt="other", output=None, error="timeout"),
                record(3, output="\x1b[31mred\n::error::owned"),
                record(4, prompt="reply", version=2, inputs={"b": "second", "a": {"deep": ["first"]}}),
            ]
        )
        project.store.add_feedback(
            [said(0, thumb="up"), said(1, stars=1, comment="bad"), said(9, stars=5, by=subject_mark("ada"))]
        )
    return folder


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], [4, 3, 2, 1, 0]),
        (["--prompt", "reply"], [4, 1, 0]),
        (["--prompt", "reply@2"], [4, 1]),
        (["-p", "@production"], [0]),
        (["--since", "2026-11-03"], [4, 3, 2]),
        (["--until", "2026-11-03"], [2, 1, 0]),
        (["--until", "2026-11-03T10:00:00+00:00"], [1, 0]),
        (["--model", "m/a"], [0]),
        (["--bad"], [1]),
        (["--good"], [0]),
        (["--with-feedback"], [1, 0]),
        (["--failed"], [2]),
        (["--tag", "de"], [0]),
        (["--subject", "ada"], [1]),
        (["--limit", "2", "--page", "2"], [2, 1]),
    ],
)
def test_records_are_listed_by_what_is_asked_of_them(
    kept: Folder, options: list[str], found: list[int]
) -> None:
    told = kept.json("records", "list", *options)
    jsonschema.validate(told, recorddocuments.RecordsDocument.model_json_schema(mode="serialization"))
    assert [each["record"]["id"] for each in told["records"]] == [f"record-{number:05}" for number in found]


def test_a_list_says_what_was_said_and_how_many_more_there_are(kept: Folder) -> None:
    printed = kept.run("records", "list", "--limit", "3").stdout
    assert "1 to 3 of 5 records (--page 2 has the next)" in printed
    assert "[timeout]" in printed and "first second" in printed
    assert "\x1b" not in printed
    assert not any(line.lstrip().startswith("::") for line in printed.splitlines())
    assert (
        kept.run("records", "list", "--prompt", "reply@2", "--tag", "none").stdout
        == "There is no such record.\n"
    )
    assert "There is: 1, 2." in kept.run("records", "list", "--prompt", "reply@9", code=2).stderr
    assert "no page 9: 5 records" in kept.run("records", "list", "--page", "9").stdout
    assert "is no moment" in kept.run("records", "list", "--since", "yesterday", code=2).stderr
    assert "names no prompt" in kept.run("records", "list", "-p", "@", code=2).stderr
    for both in (("--good", "--bad"), ("--bad", "--good")):
        assert "--good and --bad: say one" in kept.run("records", "list", *both, code=2).stderr
    swapped = ("--since", "2026-11-09", "--until", "2026-11-02")
    assert "is later than `until` (2026-11-02)" in kept.run("records", "list", *swapped, code=2).stderr
    assert kept.run("records", "list", "--since", "2026-11-02", "--until", "2026-11-02").stderr == ""


def test_a_record_is_shown_whole_with_what_was_said_and_without_control(kept: Folder) -> None:
    printed = kept.run("records", "show", "record-00001").stdout
    for told in ("reply@2", "4 calls (sampled)", "1 of 5 stars", "bad", "q 1", "a 1"):
        assert told in printed
    assert "\x1b" not in kept.run("records", "show", "record-00003").stdout
    told = kept.json("records", "show", "record-00001")
    jsonschema.validate(told, recorddocuments.OneRecordDocument.model_json_schema(mode="serialization"))
    assert told["feedback"][0]["comment"] == "bad"
    assert "More than one record" in kept.run("records", "show", "reco", code=2).stderr
    assert "No record is named" in kept.run("records", "show", "nowhere", code=2).stderr


def test_feedback_is_added_without_secrets_people_or_names(kept: Folder) -> None:
    kept.write("better.txt", "Write to ada@example.org or use sk-abcdefghijklmnopqrstuvwx")
    given = ["--thumb", "down", "--stars", "2", "--comment", "call 0151 2345 6789", "--by", "Ada"]
    told = kept.json("records", "feedback", "record-00004", *given, "--edit", "better.txt")["feedback"]
    assert (told["thumb"], told["stars"], told["comment"]) == ("down", 2, "call [phone]")
    assert told["edit"] == "Write to [email] or use [redacted]"
    assert told["by"] == subject_mark("Ada")
    assert kept.json("records", "list", "--bad")["count"] == 2
    kept.run("records", "feedback", "record-00004", "--comment", "a@b.example", "--keep-people")
    with Project.open(kept.path) as project:
        assert [each.comment for each in project.record_feedback(RecordFilter(id="record-00004"))] == [
            "call [phone]",
            "a@b.example",
        ]
    assert "Say something" in kept.run("records", "feedback", "record-00004", code=2).stderr


def files(folder: Folder) -> bytes:
    """Return all bytes of the database's files."""
    found = sorted(Path(folder.path, ".promptops").glob("promptops.db*"))
    assert found
    return b"".join(path.read_bytes() for path in found)


def test_what_is_deleted_is_gone_from_every_byte_of_the_files(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        for number in range(300):
            mine = [
                record(
                    number * 10 + place,
                    subject=subject_mark(f"person{number}"),
                    output=f"secret-of-{number}. " * (1 + 40 * (place % 3)),
                )
                for place in range(10)
            ]
            project.store.add_records(mine)
            project.store.add_feedback(
                [said(number * 10, comment=f"said-by-{number}.", by=subject_mark("x"))]
            )
        for number in range(0, 300, 25):
            assert f"secret-of-{number}.".encode() in files(folder)
            found = project.delete_records(RecordFilter(subject=subject_mark(f"person{number}")))
            assert (found.records, found.feedback, found.rewritten, found.erased) == (10, 1, True, True)
            left = files(folder)
            for text in (f"secret-of-{number}.", f"said-by-{number}.", subject_mark(f"person{number}")):
                assert text.encode() not in left
        assert project.record_count() == 2_880
    assert b"secret-of-1." in files(folder)


def test_deleting_is_tried_confirmed_and_told(kept: Folder) -> None:
    tried = kept.run("records", "delete", "--subject", "ada", "--dry-run").stdout
    assert tried == "1 record, with 2 pieces of feedback, would be deleted; nothing was changed.\n"
    assert "Say --yes" in kept.run("records", "delete", "--subject", "ada", code=2).stderr
    told = kept.json("records", "delete", "--subject", "ada", "--yes")
    jsonschema.validate(told, recorddocuments.DeletionDocument.model_json_schema(mode="serialization"))
    assert told["deletion"] == {
        "records": 1, "feedback": 2, "spooled": 0, "unread": 0, "held": 0, "dry_run": False,
        "rewritten": True, "erased": True, "busy": False,
    }  # fmt: skip
    assert kept.json("records", "list")["count"] == 4
    kept.run("records", "delete", "--id", "record-00000", "--yes")
    assert (
        kept.json("records", "delete", "-p", "other", "--before", "2026-11-03", "--dry-run")["deletion"][
            "records"
        ]
        == 0
    )
    assert (
        "not written anew"
        in kept.run("records", "delete", "--before", "2026-11-05", "-y", "--no-rewrite").stdout
    )
    assert [each["record"]["id"] for each in kept.json("records", "list")["records"]] == ["record-00004"]
    assert "Say what to delete" in kept.run("records", "delete", "--yes", code=2).stderr
    with Project.open(kept.path) as project, pytest.raises(UsageError, match="would delete all"):
        project.delete_records(RecordFilter())


def test_a_reader_in_the_way_is_told_and_nothing_breaks(kept: Folder) -> None:
    with Project.open(kept.path) as reader, reader.store.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM records").scalar_one() == 5
        with Project.open(kept.path) as project:
            found = project.delete_records(RecordFilter(id="record-00001"), rewrite=False)
            assert (found.records, found.erased, found.busy) == (1, False, True)
    with Project.open(kept.path) as project:
        assert project.delete_records(RecordFilter(id="record-00002"), rewrite=False).erased
        with pytest.raises(UnknownName):
            project.find_record("record-00001")


def test_pruning_follows_the_settings_and_asks_nobody(kept: Folder) -> None:
    assert "retention_days = 90" in kept.run("records", "prune", code=2).stderr
    kept.write("promptops.toml", 'model = "mock/echo"\n\n[logging]\nretention_days = 36500\n')
    with Project.open(kept.path) as project:
        project.store.add_records([record(7, id="old", at="1920-01-01T00:00:00.000000+00:00")])
        project.store.add_feedback([said(8, at="1920-01-01T00:00:00.000000+00:00")])
    tried = kept.run("records", "prune", "--dry-run").stdout
    assert tried == "1 record, with 1 piece of feedback, would be deleted; nothing was changed.\n"
    told = kept.json("records", "prune")
    jsonschema.validate(told, recorddocuments.DeletionDocument.model_json_schema(mode="serialization"))
    assert (told["deletion"]["records"], told["deletion"]["rewritten"]) == (1, False)
    assert kept.json("records", "prune", "--rewrite")["deletion"]["rewritten"]
    assert kept.json("records", "list")["count"] == 5
    with Project.open(kept.path) as project:
        assert project.prune_records(days=1, dry_run=True).records == 5


def test_what_a_person_left_in_the_spool_goes_too_and_what_cannot_yet_is_told(folder: Folder) -> None:
    spool = folder.path / ".promptops" / "spool"
    mark = subject_mark("ada")
    with Project.open(folder.path) as project:
        project.store.add_records([record(0)])
        for name in ("0-dead", "1-living"):
            mine = record(1, id=f"of-{name}", subject=mark, output=f"secret {name}")
            segment = Segment(spool, name)
            segment.append(json.dumps({"record": mine.model_dump()}).encode() + b"\n")
            if name == "0-dead":
                segment.let_go()
        found = project.delete_records(RecordFilter(subject=mark))
        assert (found.records, found.spooled) == (1, 1)
        segment.let_go()
        found = project.delete_records(RecordFilter(subject=mark))
        # What the living process held was dropped as it came, so that there is nothing left to delete.
        assert (found.records, found.spooled, project.record_count()) == (0, 0, 1)
        (spool / "2-torn.unread").write_bytes(
            b'{"record":{"id":"x","subject":"' + mark.encode() + b'","out\n'
        )
        assert project.delete_records(RecordFilter(subject=mark)).unread == 1
    told = folder.run("records", "delete", "--subject", "ada", "--yes").stdout
    assert "1 line of this person lies in the spool in files that end with .unread" in told
    assert b"secret" not in files(folder) + b"".join(path.read_bytes() for path in spool.iterdir())
