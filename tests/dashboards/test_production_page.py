"""The page of production by AppTest: records by filter and page, one of them whole, what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from promptops import Project, RecordFilter
from tests.dashboards.test_label_page import HIDDEN, everything
from tests.dashboards.test_pages import page, projects, small, texts
from tests.dashboards.textproject import RECORDS, Texts, make_texts

__all__ = ["page", "projects", "small"]
Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    return make_texts(tmp_path_factory.mktemp("texts"), "http://127.0.0.1:9")


def ids(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["id"])


def test_records_are_listed_by_pages_the_newest_first(made: Texts, page: Open) -> None:
    app = page(made.root, made.database, "production")
    assert not app.exception
    assert f"{RECORDS} records, the newest first" in texts(app)
    with Project.open(made.root) as project:
        newest = [each.id for each in project.records(limit=None)]
    assert ids(app) == newest[:50]
    assert ids(page(made.root, made.database, "production", page="3")) == newest[100:]
    row = app.dataframe[0].value.set_index("id").loc["r0117"]
    assert (row["prompt"], row["said"], row["seconds"]) == ("reply@2 (production)", "bad", "1.17")


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({"said": "bad"}, RecordFilter(good=False)),
        ({"said": "good", "prompt": "reply@1"}, RecordFilter(good=True, prompt="reply", version=1)),
        ({"said": "any", "prompt": "@production"}, RecordFilter(with_feedback=True, alias="production")),
        ({"ended": "failed"}, RecordFilter(failed=True)),
        ({"day": "2026-11-02"}, RecordFilter(since="2026-11-02", until="2026-11-03")),
    ],
)
def test_filters_are_those_of_the_command(
    made: Texts, page: Open, chosen: dict[str, str], wanted: RecordFilter
) -> None:
    app = page(made.root, made.database, "production", **chosen)
    assert not app.exception
    with Project.open(made.root) as project:
        expected = [each.id for each in project.records(wanted)]
    assert expected and ids(app) == expected


def test_odd_parameters_are_no_fault(made: Texts, page: Open) -> None:
    for odd in ({"day": "yesterday"}, {"page": "99999"}, {"when": "x"}, {"said": "<b>"}):
        assert not page(made.root, made.database, "production", **odd).exception
    assert "names no prompt" in texts(page(made.root, made.database, "production", prompt="reply@"))
    assert "nosuchrecord" in texts(page(made.root, made.database, "production", record="nosuchrecord"))
    none = page(made.root, made.database, "production", prompt="other")
    assert "No record is like that." in texts(none)


def test_a_record_is_shown_whole_as_text(made: Texts, page: Open) -> None:
    for number in range(0, 36, 3):
        app = page(made.root, made.database, "production", record=f"r{number:04}")
        assert not app.exception
        assert f"Answer {number}. " in everything(app) or "No answer: timeout." in everything(app)
        for element in (*app.text, *app.code, *app.html):
            assert not HIDDEN.search(str(element.value))
        assert ("the answer as it should have been:" in texts(app)) == (number % 9 == 0)
    assert "thumb down" in texts(app) and "promptops records show r0033" in everything(app)


def test_what_is_said_on_the_page_is_kept_and_the_form_is_empty_again(made: Texts, page: Open) -> None:
    app = page(made.root, made.database, "production", record="r0001")
    app.text_area[0].set_value("Wrong day, call +49 30 901820")
    app.text_area[1].set_value("At ten.")
    app.text_input[1].set_value("anna")
    app.run()
    [store] = [each for each in app.button if each.label == "Store"]
    store.click().run()
    assert not app.exception
    with Project.open(made.root) as project:
        [said] = project.record_feedback(RecordFilter(id="r0001"))
    assert said.edit == "At ten." and said.good is False and "901820" not in said.comment
    assert said.by is not None and "anna" not in said.by
    assert "Wrong day, call" in everything(app) and app.text_area[0].value == ""
    [store] = [each for each in app.button if each.label == "Store"]
    store.click().run()
    assert "Say something of the record" in texts(app)


def test_without_records_the_page_says_how_to_log_some(small: tuple[Path, str], page: Open) -> None:
    app = page(*small, "production")
    assert not app.exception
    assert "no records of production yet" in texts(app) and "promptops.log" in app.code[0].value
