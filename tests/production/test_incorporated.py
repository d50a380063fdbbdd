"""Was the feedback worked in? Cases of a theme, their rule, and the next version: all four outcomes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from promptops import Project
from promptops.production.records import Feedback, Record
from tests.made import Folder

SETTINGS = """format = 1

[card]
description = "Mails to a shop."

[metrics.edit_taken]

[[gate]]
metric = "edit_taken"
slice = "kind: where parcel"
min = 0.7
"""
OLD, WISHED = "We will look into it.", "Your parcel will arrive on Tuesday."
CASES = 24


def asked(n: int) -> tuple[str, bool]:
    parcel = n % 2 == 0
    return (
        f"where is my parcel {n}, it has not arrived" if parcel else f"please send invoice {n} as pdf"
    ), parcel


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return a project with a set of the cases of the theme that went wrong, and the old version accepted."""
    made = Folder(tmp_path)
    made.evalset(
        "mails", [{"id": "first", "inputs": {"message": "Hello"}}], SETTINGS.partition("[metrics")[0]
    )
    rows = [{"id": "first", "inputs": {"message": "Hello"}, "target": "Nobody edited this one."}]
    made.evalset("mails", rows, SETTINGS.partition("[[gate]]")[0])
    made.prompt("reply", "Answer {{ message }}")
    with Project.open(made.path) as project:
        for n in range(2 * CASES):
            at = (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=6 * n)).isoformat(
                timespec="microseconds"
            )
            text, parcel = asked(n)
            mark = {"id": f"call-{n:02}", "at": at}
            project.store.add_records([Record(**mark, prompt="reply", inputs={"message": text}, output=OLD)])
            word = {"thumb": "down", "edit": WISHED} if parcel else {"thumb": "up"}
            project.store.add_feedback([Feedback(**mark, record=f"call-{n:02}", **word)])
    made.run(
        *("records", "cases", "mails", "--theme", "1", "--themes", "2", "--most", str(CASES)),
        *("--since", "2026-11-01", "--add"),
    )
    made.write("evalsets/mails/evalset.toml", SETTINGS)
    with Project.open(made.path) as project:
        (run,) = project.evaluate("mails", [made.path / "reply.prompt.yaml"], [answering(made, project, 0)])
        project.accept(run.id)
    return made


def answering(folder: Folder, project: Project, mended: int) -> str:
    """Return a model that gives what people wished for to the first cases of so many."""
    ids = [sample.id for sample in project.evalset("mails").samples]
    answers = {name: WISHED if 0 < place <= mended else OLD for place, name in enumerate(ids)}
    return folder.script(f"mended-{mended}.json", answers)


def test_the_next_version_is_told_whether_it_mended_the_theme(folder: Folder) -> None:
    prompt = folder.path / "reply.prompt.yaml"
    with Project.open(folder.path) as project:
        for mended, outcome in ((CASES, "PASS"), (4, "FAIL"), (17, "INCONCLUSIVE")):
            verdict = project.gate_prompt("mails", prompt, answering(folder, project, mended))
            (cell,) = verdict.cells
            assert (cell.outcome, verdict.outcome) == (outcome, outcome)
            assert cell.estimate is not None and cell.estimate.n == CASES
            assert cell.estimate.value == pytest.approx(mended / CASES)


def test_cases_whose_edit_says_nothing_leave_the_theme_unmeasured(folder: Folder) -> None:
    path = folder.path / "evalsets/mails/samples.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows[1:4]:
        row["target"] = OLD
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Project.open(folder.path) as project:
        model = answering(folder, project, CASES)
        prompt = folder.path / "reply.prompt.yaml"
        (run,) = project.evaluate("mails", [prompt], [model])
        project.accept(run.id, unscored=True)
        assert project.gate_prompt("mails", prompt, model).outcome == "CANNOT_MEASURE"


def test_after_the_new_version_the_theme_falls(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        for n in range(2 * CASES):
            at = (datetime(2026, 11, 13, tzinfo=UTC) + timedelta(hours=3 * n)).isoformat(
                timespec="microseconds"
            )
            text, _ = asked(n)
            mark = {"id": f"new-{n:02}", "at": at}
            project.store.add_records(
                [Record(**mark, prompt="reply", inputs={"message": text}, output=WISHED)]
            )
            project.store.add_feedback([Feedback(**mark, record=f"new-{n:02}", thumb="up")])
        now = datetime(2026, 11, 20, tzinfo=UTC)
        theme = project.themes(since="2026-11-01", count=2, now=now).themes[0]
    assert (theme.name, theme.movement, theme.bad) == ("where parcel", "falling", CASES)
