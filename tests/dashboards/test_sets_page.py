"""The page of evaluation sets by AppTest: what samples are worth and what changed, as the commands say it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from promptops import Project
from promptops.texts.figures import figure
from tests.dashboards.hostile_project import hostile_texts
from tests.dashboards.test_label_page import HIDDEN, everything
from tests.dashboards.test_pages import page, projects, small, texts
from tests.files.test_gitbase import git_in
from tests.made import Folder, questions
from tests.sets.test_value import evaluate

__all__ = ["page", "projects", "small"]
Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return make_kept(tmp_path_factory.mktemp("kept"), "http://127.0.0.1:9")


def make_kept(root: Path, beacon: str) -> tuple[Path, str]:
    """Make a project of five versions that answered forty questions, and three states of these in git.

    What changed are hostile texts.
    """
    folder = Folder(root)
    folder.write("promptops.toml", 'model = "mock/echo"\n')
    folder.prompt("ask", "{{ question }}")
    hostile = [text.replace("\ud800", "").replace("\x00", "") for text in hostile_texts(beacon)]
    rows = questions(40)
    for row in rows[:12]:
        row["inputs"]["text"] = "An ordinary text"
    folder.evalset("numbers", rows)
    git = git_in(folder.path)
    git("init", "-b", "main")
    git("add", "evalsets")
    git("commit", "-m", "Begin")
    changed = [
        {**row, "inputs": {**row["inputs"], "text": hostile[n % 12]}} for n, row in enumerate(rows[:12])
    ]
    gone = {"id": "gone", "inputs": {"text": hostile[2]}, "target": "x"}
    folder.evalset("numbers", [*changed, *rows[12:], gone])
    git("add", "evalsets")
    git("commit", "-m", hostile[0], "-m", hostile[1])
    evaluate(folder)
    git("add", "evalsets")
    git("commit", "-m", f"![x]({beacon}/subject)")
    with Project.open(folder.path) as project:
        return folder.path, project.settings.database


def test_what_samples_are_worth_is_what_the_command_says(kept: tuple[Path, str], page: Open) -> None:
    root, database = kept
    app = page(root, database, "sets", subset="12", sample="q014")
    assert not app.exception
    with Project.open(root) as project:
        found = project.case_values("numbers", subset=12)
    assert found.sentence in everything(app).replace("&#x27;", "'") and found.subset is not None
    assert found.subset.sentence in texts(app)
    kinds = app.selectbox(key="url-kind").options
    assert [kind.rpartition(" ")[2] for kind in kinds if kind.startswith("tell")] == ["(10)"]
    assert any(kind == "always passed (24)" for kind in kinds)
    table = app.dataframe[0].value.set_index("sample")
    cases = {case.id: case for case in found.cases}
    assert {name: table.loc[name, "spread"] for name in table.index} == {
        name: figure(cases[name].spread) for name in table.index
    }
    assert len(table) == 10 and "q014 asks" in texts(app)
    smaller = next(each.value for each in app.dataframe if "stands for" in each.value)
    assert list(smaller["sample"]) == [member.id for member in found.subset.members]
    passed = page(root, database, "sets", kind="always passed")
    assert len(passed.dataframe[0].value) == 24
    assert any("figures would move by up to" in each.value for each in passed.text)


def test_the_history_and_a_change_are_shown_and_hostile_texts_are_text(
    kept: tuple[Path, str], page: Open
) -> None:
    root, database = kept
    with Project.open(root) as project:
        log = project.evalset_log("numbers")
    assert [each.changed for each in log.versions] == [23, 12, 0]
    app = page(root, database, "sets")
    history = app.dataframe[-1].value
    assert list(history["commit"]) == [each.commit for each in log.versions]
    assert list(history["changed"]) == ["23", "12", "0"] and list(history["added"]) == ["0", "1", "40"]
    commit = str(log.versions[1].commit)
    app = page(root, database, "sets", version=commit, change="q002")
    assert not app.exception and not HIDDEN.search(everything(app))
    with Project.open(root) as project:
        found = project.evalset_diff("numbers", str(log.versions[2].commit), commit)
    table = app.dataframe[-1].value
    assert list(table["change"]) == ["changed"] * 12 + ["added"]
    assert len(found.changes.changed) == 12
    drawn = "".join(each.proto.body for each in app.get("html"))
    assert "&lt;img src=http://127.0.0.1:9/image" in drawn
    assert not any(
        sign in drawn for sign in ("<img", "<script", "<iframe", "<svg", "javascript:window.pwned=1'>")
    )
    first = page(root, database, "sets", version=str(log.versions[2].commit))
    assert "There is no older version on this page to hold it against." in texts(first)


def test_too_few_versions_and_no_git_are_told_and_the_rest_is_shown(
    small: tuple[Path, str], page: Open
) -> None:
    root, database = small
    empty = page(root, database, "sets")
    assert "There is no evaluation set yet." in texts(empty)
    Folder(root).evalset("numbers", questions(40))
    app = page(root, database, "sets")
    assert not app.exception and "Only tell" not in texts(app)
    assert any("versions" in each.value for each in app.text)
    assert any("git" in each.value for each in app.text)
