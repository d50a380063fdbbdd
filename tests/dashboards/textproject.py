"""A project with a set, a run, and a week of production that holds a new kind and texts that try to act."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from promptops import Feedback, Project, Record
from tests.dashboards.hostile_project import hostile_texts
from tests.made import Folder
from tests.mails import TOPICS, USUAL, Mails

RECORDS = 120
VISIT = TOPICS["visit"]


@dataclass(frozen=True)
class Texts:
    """Where the project lies, its database and its run."""

    folder: Folder
    database: str
    run: str

    @property
    def root(self) -> Path:
        return self.folder.path


def make_texts(root: Path, beacon: str) -> Texts:
    """Write the set `desk`, `logs/week.jsonl` with dates, and a run."""
    folder = Folder(root)
    folder.write("promptops.toml", 'model = "mock/echo"\n')
    known = [mail for mail in USUAL.drawn(120, 9) if not any(word in mail for word in VISIT)][:60]
    hostile = [text.replace("\ud800", "").replace("\x00", "") for text in hostile_texts(beacon)]
    folder.evalset(
        "desk",
        [
            {
                "id": f"q{n:03}<b>",
                "inputs": {"mail": f"{mail} {hostile[n % 12][:200]}" if n % 9 == 0 else mail},
            }
            | {"target": "yes"}
            for n, mail in enumerate(known)
        ],
    )
    folder.prompt("ask", "{{ mail }}")
    turned = Mails(turned=0.9, topic="visit").drawn(60, 10)
    asked = [*USUAL.drawn(60, 11), *turned, *(f"{text} {n}" for n in range(2) for text in hostile)]
    rows = [
        {
            "inputs": {"mail": f"{mail} Mail me: guest{n}@mail.example"},
            "at": f"2026-03-{2 + n // 12:02}T10:00:00Z",
            hostile[0]: n,
        }
        for n, mail in enumerate(asked)
    ]
    folder.write("few.jsonl", '{"text": "a"}\n')
    folder.write("bad.jsonl", '{"text": "a"}\n{"text": \n')
    for name in ("few.jsonl", "bad.jsonl"):
        os.utime(root / name, (0, 0))
    folder.write("logs/week.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with Project.open(root) as project:
        [run] = project.evaluate("desk", [root / "ask.prompt.yaml"])
        texts = hostile_texts(beacon)
        project.store.add_records([_record(n, texts) for n in range(RECORDS)])
        project.store.add_feedback(
            [_said(n, texts[n // 3 % 12].replace("\ud800", "")) for n in range(0, RECORDS, 3)]
        )
        return Texts(folder, project.settings.database, run.id)


def _record(n: int, texts: list[str]) -> Record:
    failed = n % 17 == 3
    return Record(
        id=f"r{n:04}",
        at=f"2026-11-{1 + n // 20:02}T10:{n % 60:02}:00.000000+00:00",
        prompt="reply",
        version=1 + n // 60,
        alias="production",
        model=f"mock/echo {texts[1]}",
        inputs={"mail": f"{n}: {texts[n % 12]}", texts[0]: n},
        output=None if failed else f"Answer {n}. {texts[(n + 3) % 12]}",
        error="timeout" if failed else None,
        seconds=n / 100,
        outcome=texts[2],
        session=texts[3][:90],
        tags=(texts[8],),
        metadata={texts[1]: texts[4]},
    )


def _said(n: int, text: str) -> Feedback:
    return Feedback(
        id=f"f{n:04}",
        record=f"r{n:04}",
        at=f"2026-11-{1 + n // 20:02}T11:00:00.000000+00:00",
        thumb="down" if n % 2 else "up",
        comment=text,
        edit=text if n % 9 == 0 else None,
    )
