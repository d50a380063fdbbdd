"""The page of monitoring by AppTest: the figures, series and changes that the command prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

from dashboards import monitorframes
from promptops import Project
from promptops.cli import app as command
from promptops.production.records import Record
from tests.dashboards.test_label_page import everything
from tests.dashboards.test_pages import page, projects, small, texts
from tests.production.made_records import made

__all__ = ["page", "projects", "small"]
Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project with thirty days of records up to now, whose second version is worse."""
    root = tmp_path_factory.mktemp("watched")
    (root / "promptops.toml").write_text('model = "mock/echo"\n', "utf-8")
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    records, said = made(first=first.fromordinal(first.toordinal() - 27).replace(tzinfo=UTC), days=27)
    with Project.open(root) as project:
        project.store.add_records(records)
        project.store.add_feedback(said)
        return root, project.settings.database


def test_figures_and_changes_are_those_of_the_command(watched: tuple[Path, str], page: Open) -> None:
    root, database = watched
    app = page(root, database, "monitoring")
    assert not app.exception and not app.dataframe
    app.button[0].click().run()
    assert not app.exception
    with Project.open(root) as project:
        found = project.monitor(since="28d", score=False)
    table = app.dataframe[0].value
    assert list(table["measure"]) == _measures(found.whole.measures)
    printed = CliRunner().invoke(command, ["-C", str(root), "monitor"]).output
    for row in table.to_dict("records"):
        told = [str(row[name]) for name in ("measure", "figure", "95 %, at every look", "n")]
        assert re.search(r"\s+".join(re.escape(each) for each in told if each), printed), told
    assert f"{found.whole.records:,} records" in everything(app)
    costs = re.findall(r"\$[0-9.,]+ in all, \$[0-9.]+ an answer", printed)
    assert len(costs) == 1 and costs[0] in everything(app).replace("\\", "")
    assert found.changes and list(app.dataframe[1].value["at"]) == [each.at for each in found.changes]
    assert len(app.dataframe[2].value) == len(found.deploys) > 0
    [chart] = [json.loads(each.proto.spec) for each in app.get("vega_lite_chart")]
    assert chart["description"] == "A measure with its intervals"
    assert "promptops monitor --since 28d --by day" in [each.value for each in app.code]


def _measures(names: Iterable[str]) -> list[str]:
    """Return the measures with the one class of errors below them."""
    return [each for name in names for each in ([name, "  timeout"] if name == "errors" else [name])]


@pytest.mark.parametrize("by", ["version", "alias", "model", "hour"])
def test_rows_can_be_of_other_kinds(watched: tuple[Path, str], page: Open, by: str) -> None:
    app = page(*watched, "monitoring", by=by, since="7d", measure="p95", looked="1")
    assert not app.exception
    assert app.get("vega_lite_chart") and "p95" in [box.value for box in app.selectbox]


def test_without_records_monitoring_says_how_to_log_some(small: tuple[Path, str], page: Open) -> None:
    assert "no records of production yet" in texts(page(*small, "monitoring"))


def test_a_single_bad_day_is_told_and_marked(tmp_path: Path, page: Open) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with Project.open(tmp_path) as project:
        project.store.add_records(
            [
                Record(
                    id=f"{day}-{n}",
                    at=(today - timedelta(days=25 - day, minutes=-14 * n)).isoformat(timespec="microseconds"),
                    output=None if n < (15 if day == 9 else 1) else "x",
                    error="timeout" if n < (15 if day == 9 else 1) else None,
                )
                for day in range(25)
                for n in range(100)
            ]
        )
        database = project.settings.database
    app = page(tmp_path, database, "monitoring", looked="1")
    assert not app.exception
    [row] = app.dataframe[1].value.to_dict("records")
    assert (row["day"], row["measure"], row["figure"]) == (
        str((today - timedelta(days=16)).date()),
        "errors",
        "15.0%",
    )
    assert "Single days far off the others" in [each.value for each in app.subheader]
    [chart] = [json.loads(each.proto.spec) for each in app.get("vega_lite_chart")]
    assert chart["layer"][1]["encoding"]["shape"]["scale"]["domain"][2] == monitorframes.FAR
    with Project.open(tmp_path) as project:
        series = monitorframes.series_frame(project.monitor(since="28d", score=False), "errors")
    assert list(series["name"][series["finding"] == monitorframes.FAR]) == [row["day"]]
