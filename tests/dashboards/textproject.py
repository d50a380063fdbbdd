"""A project with a set, a run, and a week of production that holds a new kind and texts that try to act."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from promptops import Project
from tests.dashboards.hostile_project import hostile_texts
from tests.made import Folder
from tests.mails import TOPICS, USUAL, Mails

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
        return Texts(folder, project.settings.database, run.id)
