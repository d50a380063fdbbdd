"""The page of themes by AppTest: themes as the command prints them, and cases made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from promptops import Feedback, Project, Record
from tests.dashboards.hostile_project import hostile_texts
from tests.dashboards.test_label_page import HIDDEN, everything
from tests.dashboards.test_pages import page, projects, small, texts
from tests.made import Folder

__all__ = ["page", "projects", "small"]
Open = Callable[..., AppTest]
KINDS = ("Where is my parcel, the courier has not come", "How do I change my password for the login")


@pytest.fixture
def judged(tmp_path: Path) -> tuple[Path, str]:
    """A project with a set and sixty judged records of two kinds, of which one is mostly bad."""
    made = Folder(tmp_path)
    made.write("promptops.toml", 'model = "mock/echo"\n')
    made.evalset(
        "desk", [{"id": f"q{n}", "inputs": {"mail": f"Question {n}"}, "target": "yes"} for n in range(10)]
    )
    hostile = [text.replace("\ud800", "") for text in hostile_texts("http://127.0.0.1:9")]
    records, said = [], []
    for n in range(60):
        at = (datetime.now(UTC) - timedelta(days=n // 5)).isoformat(timespec="microseconds")
        kind = n % 2
        tail = hostile[n % 12][:60] if n % 10 == 0 else ""
        inputs = {"facts": f"Fact {n}", "mail": f"{KINDS[kind]} number {n % 7} please {tail}"}
        records.append(Record(id=f"r{n:03}", at=at, prompt="reply", version=1, inputs=inputs, output="no"))
        thumb = "up" if kind and n % 5 else "down"
        said.append(
            Feedback(
                id=f"f{n}",
                record=f"r{n:03}",
                at=at,
                thumb=thumb,
                comment=hostile[n % 12] if n % 3 == 0 else "wrong",
                edit="yes" if n % 4 == 0 else None,
            )
        )
    with Project.open(tmp_path) as project:
        project.store.add_records(records)
        project.store.add_feedback(said)
        return tmp_path, project.settings.database


def test_themes_are_those_of_the_command_and_become_cases(judged: tuple[Path, str], page: Open) -> None:
    root, database = judged
    app = page(root, database, "themes")
    assert not app.exception and not app.dataframe
    app.button[0].click().run()
    assert not app.exception
    with Project.open(root) as project:
        found = project.themes(since="28d")
    assert found.measured and found.themes[0].worse
    table = app.dataframe[0].value
    assert [tuple(row) for row in table["over time"]] == [each.by_period for each in found.themes]
    assert list(table["share"]) == [f"{each.bad_share:.0%}" for each in found.themes]
    assert "bad more often than the rest" in table["finding"].iloc[0]
    box = next(each for each in app.selectbox if each.label == "Which input")
    assert box.options == ["the usual one", "inputs.facts", "inputs.mail"]
    app = page(root, database, "themes", sorted="1", theme="1", field="inputs.mail")
    assert not app.exception and KINDS[0] in everything(app)
    assert any(each.value.endswith("--about requests --field inputs.mail") for each in app.code)
    assert "Fact" not in "".join(each.value for each in app.code)
    assert not HIDDEN.search(everything(app))
    button = next(each for each in app.button if each.label == "Make cases")
    button.click().run()
    assert not app.exception
    count = min(20, found.themes[0].bad)
    assert "samples to cases-desk.jsonl" in texts(app)
    rows = [json.loads(line) for line in (root / "cases-desk.jsonl").read_text().split("\n")[:-1]]
    assert 0 < len(rows) <= count and any(row.get("target") == "yes" for row in rows)


def test_which_input_a_set_says_is_its_text_is_told(judged: tuple[Path, str], page: Open) -> None:
    root, database = judged
    declared = root / "evalsets/desk/evalset.toml"
    declared.write_text('text = "mail"\n' + declared.read_text())
    app = page(root, database, "themes", sorted="1")
    assert not app.exception and "Note: Sorted by inputs.mail, which a set says is its text" in texts(app)


def test_a_single_record_becomes_a_case_of_a_set(judged: tuple[Path, str], page: Open) -> None:
    root, database = judged
    app = page(root, database, "production", record="r004")
    next(each for each in app.selectbox if each.label == "Into").set_value("the set at once").run()
    next(each for each in app.button if each.label == "Make cases").click().run()
    assert not app.exception and "Added 1 sample to desk." in texts(app)
    with Project.open(root) as project:
        sample = project.evalset("desk").samples[-1]
    assert sample.metadata["record"] == "r004" and sample.target == ("yes",)
    next(each for each in app.button if each.label == "Make cases").click().run()
    assert "Left out: record r004" in texts(app)


def test_few_bad_records_are_no_themes(small: tuple[Path, str], page: Open) -> None:
    root, database = small
    assert "no records of production yet" in texts(page(root, database, "themes"))
    with Project.open(root) as project:
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        project.store.add_records([Record(id="r1", at=at, inputs={"q": "x"}, output="y")])
        project.store.add_feedback([Feedback(id="f1", record="r1", at=at, thumb="down")])
    app = page(root, database, "themes", sorted="1")
    assert not app.exception and "No themes: themes need at least 10 bad records" in texts(app)
