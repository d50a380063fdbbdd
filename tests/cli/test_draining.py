"""`promptops records drain`: what was left goes in, once, and what could not be read is told."""

from __future__ import annotations

import json

from promptops.production.segments import Segment
from tests.made import Folder


def test_what_is_left_is_brought_in_once_and_told(folder: Folder) -> None:
    spool = folder.path / ".promptops" / "spool"
    record = {"id": "one", "at": "2026-11-27T00:00:00.000000+00:00", "output": "x"}
    said = {"id": "f", "record": "one", "at": "2026-11-27T00:00:00.000000+00:00", "thumb": "up"}
    for name, lines in (("1-1-a", [{"record": record}, {"feedback": said}]), ("2-1-b", [{"record": record}])):
        segment = Segment(spool, name)
        segment.append(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        segment.let_go()
    torn = Segment(spool, "3-1-c")
    torn.append(b'{"record":')
    assert folder.run("records", "drain").stdout == (
        "1 record and 1 piece of feedback are new in the database.\n"
        "1 file belongs to running processes, which bring in what is there themselves.\n"
    )
    torn.forget()
    assert folder.json("records", "drain") == {
        "records": 0, "feedback": 0, "unread": 1, "torn": 1, "left": 0, "deleted": 0, "format": 1,
    }  # fmt: skip
    assert [each["record"]["id"] for each in folder.json("records", "list")["records"]] == ["one"]


def test_a_spool_that_can_not_be_used_is_told(folder: Folder) -> None:
    folder.write("promptops.toml", '[logging]\nspool = "spool"\ndatabase = "sqlite:////nowhere/there/x.db"\n')
    segment = Segment(folder.path / "spool", "1-1-a")
    segment.append(b'{"record":{"id":"one","at":"2026-11-27T00:00:00.000000+00:00"}}\n')
    segment.let_go()
    assert "There is no folder /nowhere" in folder.run("records", "drain", code=2).stderr
    assert len(list((folder.path / "spool").iterdir())) == 1
