"""The pages of shift and coverage by AppTest: they show what the command line prints."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from promptops import Project, Record, coverage_facts, coverage_sentence, shift_facts, shift_sentence
from promptops.cli import app as command
from promptops.texts.figures import figure, p_value
from tests.dashboards.test_label_page import HIDDEN, everything
from tests.dashboards.test_pages import page, projects, small, texts
from tests.dashboards.textproject import VISIT, Texts, make_texts
from tests.made import Folder, questions

__all__ = ["page", "projects", "small"]
Open = Callable[..., AppTest]
WEEK = "logs/week.jsonl"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    return make_texts(tmp_path_factory.mktemp("texts"), "http://127.0.0.1:9")


def charts(app: AppTest) -> list[dict[str, object]]:
    """Return the specifications of the charts that are drawn."""
    return [json.loads(each.proto.spec) for each in app.get("vega_lite_chart")]


def test_a_shift_is_measured_by_a_button_and_says_what_the_command_does(made: Texts, page: Open) -> None:
    app = page(made.root, made.database, "shift")
    assert not app.exception
    # The newest file against the first set, with the field that is a date as a rule.
    assert [box.value for box in app.selectbox[:2]] == ["desk", WEEK]
    assert "at" in [box.value for box in app.selectbox] and not app.dataframe
    app.button[0].click().run()
    assert not app.exception
    with Project.open(made.root) as project:
        found = project.shift("desk", str(made.root / WEEK), trend="at")
    found = found.model_copy(update={"current_name": WEEK})
    assert found.alarmed
    assert html.escape(shift_sentence(found)) in everything(app) and shift_facts(found) in texts(app)
    table = app.dataframe[0].value.set_index("feature")
    for item in found.features:
        assert table.loc[item.name, "told apart"] == f"{item.separation:.2f}"
        assert table.loc[item.name, "p after Holm"] == p_value(item.adjusted_p)
        assert table.loc[item.name, "Wasserstein"] == figure(item.wasserstein)
    assert list(table["changed"]) == sorted(table["changed"], reverse=True)
    assert len(charts(app)) == 1
    assert f"promptops shift desk {WEEK} --trend at" in [each.value for each in app.code]
    assert all(text.text[:40].split()[0] in everything(app) for text in found.foreign if text.text.split())


def test_a_shift_of_two_runs_or_of_little_says_so(made: Texts, page: Open) -> None:
    app = page(made.root, made.database, "shift", first="desk", second="few.jsonl", measured="1")
    assert not app.exception
    assert "could not be measured: a shift needs at least 20 texts a side" in everything(app)
    app = page(made.root, made.database, "shift", first=made.run, second="desk", what="inputs", measured="1")
    assert not app.exception and "no alarm" in everything(app)
    assert f"promptops shift {made.run} desk --what inputs" in [each.value for each in app.code]


@pytest.mark.parametrize("reference", ["/etc/passwd", "../secret.jsonl", "http://127.0.0.1:9/x.jsonl"])
def test_an_address_opens_no_file_outside_of_the_project(made: Texts, page: Open, reference: str) -> None:
    (made.root.parent / "secret.jsonl").write_text('{"text": "do not show"}\n' * 30)
    for name, side in (("shift", "second"), ("coverage", "production")):
        app = page(made.root, made.database, name, measured="1", **{side: reference})
        assert not app.exception
        assert "The address names something that is not there" in everything(app)
        assert "do not show" not in everything(app)


def test_a_file_that_cannot_be_read_is_refused_with_its_line(made: Texts, page: Open) -> None:
    app = page(made.root, made.database, "shift", second="bad.jsonl", measured="1")
    assert not app.exception
    assert "bad.jsonl:2" in texts(app)


def test_a_coverage_shows_the_map_the_kinds_and_what_the_command_says(made: Texts, page: Open) -> None:
    parameters = {"production": WEEK, "run": made.run, "suggest": "5", "measured": "1"}
    app = page(made.root, made.database, "coverage", **parameters)
    assert not app.exception
    with Project.open(made.root) as project:
        found = project.coverage("desk", str(made.root / WEEK), suggest=5, run=made.run)
    found = found.model_copy(update={"production": WEEK})
    assert html.escape(coverage_sentence(found)) in everything(app)
    assert all(fact in texts(app) for fact in coverage_facts(found))
    kinds = app.dataframe[0].value
    assert list(kinds["of all production"]) == [f"{kind.share:.1%}" for kind in found.uncovered]
    assert any(any(word in kind.theme for word in " ".join(VISIT).split()) for kind in found.uncovered)
    weighed = app.dataframe[1].value.set_index("metric")
    assert weighed.loc["exact", "weighted"] == figure(found.estimates[0].weighted.value)
    assert list(app.dataframe[2].value["from"]) == [each.where for each in found.suggestions]
    [spec] = charts(app)
    asked = ["coverage", "desk", "--production", str(made.root / WEEK), "--map", "--json"]
    told = json.loads(CliRunner().invoke(command, ["-C", str(made.root), *asked]).output)
    points = told["coverage"]["map"]["points"]
    assert f"{told['coverage']['map']['variance']:.0%}" in everything(app)
    last = page(made.root, made.database, "coverage", **parameters, point=str(len(points) - 1))
    assert "Case q059<b>" in texts(last)
    assert spec["description"] and not HIDDEN.search(everything(app))


def test_ticked_suggestions_are_written_once_and_taken_into_the_set(made: Texts, page: Open) -> None:
    parameters = {"production": WEEK, "suggest": "5", "measured": "1"}
    with Project.open(made.root) as project:
        found = project.coverage("desk", str(made.root / WEEK), suggest=5)
        ticked = [found.suggestions[place] for place in (0, 2)]
        chosen = found.model_copy(update={"suggestions": tuple(ticked)})
        targets = {ticked[1].index: "Write to [email]"}
        project.write_candidates(chosen, made.root / "expected.jsonl", targets=targets)
    names = [str(each.index) for each in ticked]
    try:
        app = page(made.root, made.database, "coverage", **parameters, add=names, read="2")
        app.text_area[0].set_value("Write to guest@mail.example").run()
        _button(app, "Write candidates").click().run()
        assert not app.exception
        assert "Wrote 2 candidates to candidates.jsonl." in texts(app)
        assert _button(app, "Write candidates").disabled
        written = (made.root / "candidates.jsonl").read_text()
        assert written == (made.root / "expected.jsonl").read_text()
        assert "guest" not in written and not (made.root / "candidates-2.jsonl").exists()
        _button(app, "Take them into the set").click().run()
        assert "(metric exact)" in texts(app)
        rows = [json.loads(line) for line in written.split("\n")[:-1]]
        lines = [json.dumps({**row, "target": "yes"}) + "\n" for row in rows]
        (made.root / "candidates.jsonl").write_text("".join(lines))
        _button(app, "Take them into the set").click().run()
        assert not app.exception and "Took 2 samples into desk, which had 60." in texts(app)
        # What is to be run and written down stands by itself, to be copied.
        copied = [each.value for each in app.code]
        assert "promptops eval desk --prompt FILE" in copied
        rules = [each for each in copied if each.startswith("[[gate]]")]
        tags = {tag for row in rows for tag in row["tags"] if tag.startswith("kind: ")}
        assert len(rules) == len(tags) > 0
        assert "[[gate]]" not in texts(app) and "To gate that kind by itself" in texts(app)
        with Project.open(made.root) as project:
            after = project.coverage("desk", str(made.root / WEEK))
            assert [sample.origin for sample in project.evalset("desk").samples[-2:]] == ["production"] * 2
        assert html.escape(coverage_sentence(after).split(" of ")[0]) in everything(app)
    finally:
        for name in ("candidates.jsonl", "expected.jsonl"):
            (made.root / name).unlink(missing_ok=True)


def test_what_covers_nothing_new_is_not_ticked_beforehand(made: Texts, page: Open) -> None:
    with Project.open(made.root) as project:
        found = project.coverage("desk", str(made.root / WEEK), suggest=100)
    new = [each for each in found.suggestions if round(each.covered, 3) > 0]
    assert 0 < len(new) < len(found.suggestions)
    app = page(made.root, made.database, "coverage", production=WEEK, suggest="100", measured="1")
    shown = app.dataframe[-1].value
    assert list(shown["kind"]) == [
        "" if each.kind is None else found.uncovered[each.kind].theme for each in found.suggestions
    ]
    try:
        _button(app, "Write candidates").click().run()
        assert f"Wrote {len(new)} candidates" in texts(app)
    finally:
        (made.root / "candidates.jsonl").unlink(missing_ok=True)


def _button(app: AppTest, label: str) -> Button:
    return next(each for each in app.button if each.label == label)


def test_windows_of_records_are_sides_too(made: Texts, page: Open) -> None:
    window = "records:reply/2026-11-01..2026-11-06"
    app = page(made.root, made.database, "shift", first="desk", second=window, measured="1")
    assert not app.exception
    with Project.open(made.root) as project:
        found = project.shift("desk", window, trend="at")
        covered = project.coverage("desk", window, suggest=5)
    assert html.escape(shift_sentence(found)) in everything(app) and charts(app)
    assert f"promptops shift desk {window} --trend at" in [each.value for each in app.code]
    offered = next(box for box in app.selectbox if box.label.startswith("Second")).options
    assert "records, the last 7 days" in offered
    assert "records of reply, the last 7 days" in offered  # logged, and registered nowhere
    fields = next(box for box in app.selectbox if box.label == "Field of the text").options
    assert fields[:2] == ["the usual one", "inputs.mail"]
    app = page(
        made.root, made.database, "coverage", evalset="desk", production=window, suggest="5", measured="1"
    )
    assert not app.exception and html.escape(coverage_sentence(covered)) in everything(app)
    try:
        _button(app, "Write candidates").click().run()
        lines = (made.root / "candidates.jsonl").read_text().split("\n")[:-1]
        assert all(json.loads(line)["metadata"]["record"].startswith("r0") for line in lines) and lines
    finally:
        (made.root / "candidates.jsonl").unlink(missing_ok=True)
    wrong = page(made.root, made.database, "shift", first="desk", second="records:7x/", measured="1")
    assert not wrong.exception and "No prompt with records is named '7x'" in texts(wrong)


def test_where_nothing_is_ticked_nothing_is_written(made: Texts, page: Open) -> None:
    app = page(made.root, made.database, "coverage", production=WEEK, suggest="5", measured="1", add="none")
    assert _button(app, "Write candidates").disabled


def test_records_older_than_a_week_are_offered_by_four(folder: Folder, page: Open) -> None:
    folder.evalset("desk", questions(3))
    at = (datetime.now(UTC) - timedelta(days=10)).isoformat(timespec="microseconds")
    with Project.open(folder.path) as project:
        project.store.add_records([Record(id="r1", at=at, inputs={"q": "x"}, output="y")])
        database = project.settings.database
    for name, label in (("shift", "Second side: what is new"), ("coverage", "Production")):
        app = page(folder.path, database, name)
        assert next(box for box in app.selectbox if box.label == label).value == "records:28d"


def test_an_empty_project_says_what_is_needed(small: tuple[Path, str], page: Open) -> None:
    assert "no set, no run and no file" in texts(page(*small, "shift"))
    assert "no evaluation set yet" in texts(page(*small, "coverage"))
