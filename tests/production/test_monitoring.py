"""Figures of production: what each is made of, by what it is grouped, where it changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from promptops import Project
from promptops.errors import UnknownName, UsageError
from promptops.production.monitor import Monitor
from promptops.production.records import Feedback, Record, RecordFilter
from promptops.production.traffic import Traffic, traffic_of
from tests.made import Folder
from tests.production.made_records import made

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CHECKS = """\
[monitor.checks.json_valid]

[monitor.checks.short]
metric = "length"
unit = "characters"
max = 14
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with thirty days of records, made once and only read."""
    folder = Folder(tmp_path_factory.mktemp("monitored"))
    folder.write("promptops.toml", CHECKS)
    records, said = made()
    with Project.open(folder.path) as project:
        project.store.add_records(records)
        project.store.add_feedback(said)
        project.monitor(since="2026-10-01", now=NOW)
    return folder.path


def looked(path: Path, **given: object) -> Monitor:
    with Project.open(path) as project:
        return project.monitor(**{"since": "2026-10-01", "now": NOW, **given})  # type: ignore[arg-type]


def test_shares_are_those_that_are_counted_by_hand(whole: Path) -> None:
    records, said = made()
    found = looked(whole).whole
    answered = [each for each in records if each.output is not None]
    liked = {each.record: each.good for each in said}
    expected = {
        "errors": len(records) - len(answered),
        "truncated": sum(each.finish_reason == "length" for each in answered),
        "refusals": 0,
        "good": sum(liked.values()),
        "json_valid": sum(each.output.startswith("{") for each in answered),
        "short": sum(len(each.output) <= 14 for each in answered),
    }
    for name, count in expected.items():
        figure = found.measures[name]
        size = {"errors": len(records), "good": len(liked)}.get(name, len(answered))
        assert (figure.value, figure.n) == (pytest.approx(count / size), size), name
        assert figure.low is not None and figure.high is not None
        assert figure.low <= figure.value <= figure.high
    assert found.errors == {"timeout": pytest.approx(expected["errors"] / len(records))}
    seconds = [each.seconds for each in answered]
    assert found.measures["p95"].value == np.quantile(seconds, 0.95, method="inverted_cdf")
    assert found.told == len(liked) / len(records)


def test_an_unknown_cost_is_no_zero(whole: Path) -> None:
    found = looked(whole).whole
    assert found.costs.each == pytest.approx(0.002)
    assert found.costs.known == pytest.approx(0.9)
    assert found.costs.total == pytest.approx(0.002 * 0.9 * found.records)


def test_the_change_is_found_on_the_day_and_the_version_that_came_is_named(whole: Path) -> None:
    found = looked(whole)
    changes = {each.measure: each for each in found.changes}
    assert {"errors", "truncated", "json_valid"} <= changes.keys() <= {*found.whole.measures}
    assert "p50" not in changes and "refusals" not in changes
    assert changes["json_valid"].at == "2026-10-21"
    assert changes["json_valid"].deployed == ("reply@2",)
    assert changes["json_valid"].before > 0.95 and changes["json_valid"].after < 0.9


def test_a_version_is_held_against_the_one_before_it(whole: Path) -> None:
    deploys = {each.measure: each for each in looked(whole).deploys}
    valid = deploys["json_valid"]
    assert (valid.version, valid.previous, valid.since) == ("reply@2", "reply@1", "2026-10-21 00:00")
    assert valid.low is not None and valid.high is not None and valid.high < 0
    p50 = deploys["p50"]
    assert p50.low is not None and p50.high is not None and p50.low < 0 < p50.high


def test_after_a_rollback_a_version_is_held_against_what_ran_before_it(folder: Folder) -> None:
    """Days of versions 1, 2, 1 and 3, with a few calls of the last one's on the day before."""
    start = datetime(2026, 10, 1, tzinfo=UTC)
    versions = [1] * 4 + [2] * 2 + [1] * 3 + [3] * 2
    with Project.open(folder.path) as project:
        project.store.add_records(
            [
                Record(
                    id=f"{day}-{n}",
                    at=(start + timedelta(days=day, minutes=20 * n)).isoformat(timespec="microseconds"),
                    prompt="reply",
                    version=3 if day == 8 and n >= 60 else version,
                    output="{}",
                )
                for day, version in enumerate(versions)
                for n in range(70)
            ]
        )
    deploys = {each.version: each for each in looked(folder.path, now=start + timedelta(days=12)).deploys}
    told = {name: (each.previous, each.previous_since, each.previous_until) for name, each in deploys.items()}
    assert told == {
        "reply@2": ("reply@1", "2026-10-01 00:00", "2026-10-04 23:00"),
        "reply@3": ("reply@1", "2026-10-07 00:00", "2026-10-09 19:40"),
    }
    assert (deploys["reply@3"].since, deploys["reply@3"].until) == ("2026-10-09 20:00", "2026-10-11 23:00")
    assert deploys["reply@3"].before.n == 200


@pytest.mark.parametrize(
    ("by", "names"),
    [("version", ["reply@1", "reply@2"]), ("alias", ["production"]), ("model", ["openai/gpt-4o-mini"])],
)
def test_rows_are_versions_aliases_or_models(whole: Path, by: str, names: list[str]) -> None:
    found = looked(whole, by=by)
    assert [row.name for row in found.rows] == names
    assert sum(row.records for row in found.rows) == found.whole.records


def test_hours_are_rows_too(whole: Path) -> None:
    found = looked(whole, since="2026-10-21", until="2026-10-22", by="hour")
    assert (found.unit, len(found.rows), found.rows[3].name) == ("hour", 48, "2026-10-21 03:00")


def test_marks_of_the_table_are_explained_where_they_stand(whole: Path) -> None:
    shown = Folder(whole).run("monitor", "--since", "2026-10-01", "--until", "2026-10-30").stdout
    assert "* here the series changed (see below)" in shown and "! a single day" not in shown
    shown = Folder(whole).run("monitor", "--since", "2026-10-01", "--until", "2026-10-05").stdout
    assert "(see below)" not in shown


def test_figures_by_day_are_those_of_the_days_alone(whole: Path) -> None:
    """Rows are read as runs of the ordered columns; each must be what its own records say."""
    for row in looked(whole, until="2026-10-30").rows[::9]:
        alone = looked(whole, since=row.name, until=row.name).whole
        assert alone.measures == row.measures and alone.errors == row.errors


def test_only_a_version_is_looked_at_where_it_is_named(whole: Path) -> None:
    found = looked(whole, prompt="reply@2")
    assert found.whole.records == 600 and found.deploys == ()


def test_answers_are_scored_once_and_that_is_kept(whole: Path) -> None:
    with Project.open(whole) as project:
        before = project.store.record_scores(RecordFilter())
        project.monitor(since="2026-10-01", now=NOW)
        assert project.store.record_scores(RecordFilter()) == before
    assert {each.label for each in before} == {"json_valid", "short"}
    [signature] = {each.signature for each in before if each.label == "json_valid"}
    assert signature == "json_valid|fenced:false|version:1"


def test_calls_that_were_kept_by_a_share_count_for_all(folder: Folder) -> None:
    at = "2026-10-02T00:00:00.000000+00:00"
    with Project.open(folder.path) as project:
        project.store.add_records(
            [
                *(Record(id=f"a{n}", at=at, output="x", rate=0.1, cost=0.1) for n in range(10)),
                *(Record(id=f"b{n}", at=at, error="server") for n in range(10)),
            ]
        )
        found = project.monitor(since="2026-10-01", now=NOW).whole
    assert (found.records, found.calls) == (20, pytest.approx(110))
    assert found.measures["errors"].value == pytest.approx(10 / 110)
    assert found.costs.total == pytest.approx(10.0)


def test_the_newest_word_about_a_record_counts(folder: Folder) -> None:
    at = "2026-10-02T00:00:00.000000+00:00"
    with Project.open(folder.path) as project:
        project.store.add_records([Record(id="a", at=at, output="x")])
        project.store.add_feedback(
            [
                Feedback(id="1", record="a", at="2026-10-03", thumb="up"),
                Feedback(id="2", record="a", at="2026-10-04", stars=1),
                Feedback(id="3", record="a", at="2026-10-05", comment="says neither"),
            ]
        )
        assert project.monitor(since="2026-10-01", now=NOW).whole.measures["good"].value == 0.0


def test_without_records_it_says_what_to_do(folder: Folder) -> None:
    with Project.open(folder.path) as project, pytest.raises(UsageError, match="look further back"):
        project.monitor()


@pytest.mark.parametrize(
    ("name", "error"),
    [("exact", "compares with a target"), ("rubric", "asks a model"), ("json_vaild", "Did you mean")],
)
def test_a_check_needs_no_target_and_no_model(folder: Folder, name: str, error: str) -> None:
    folder.write("promptops.toml", 'judge_model = "mock/echo"\n')
    with Project.open(folder.path) as project, pytest.raises((UsageError, UnknownName), match=error):
        project.monitor(checks=[name])


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[monitor]\ncheks = []", "promptops.toml:2:1: monitor.cheks: unknown key. Did you mean 'checks'"),
        ("[[monitor.alert]]\nname = 'a'\nmetric = 'errors'", "one of above, below, rise, drop and odd_day"),
        ("[[monitor.alert]]\nname = 'a'\nmetric = 'errors'\nabov = 1", "Did you mean 'above'"),
        (
            "[[monitor.alert]]\nname = 'a'\nmetric = 'errors'\nabove = 1\nwindow = 'a day'",
            "'a day' is no length of time",
        ),
        ("[monitor]\nwebhook_env = 'https://x'", "webhook_env names an environment variable"),
        ("[monitor]\nwebhook = 'https://a:b@x.example/'", "holds a password"),
    ],
)
def test_a_wrong_setting_is_told_with_its_place(folder: Folder, written: str, told: str) -> None:
    folder.write("promptops.toml", written + "\n")
    assert told in folder.run("monitor", code=2).stderr


def test_the_command_prints_figures_rows_and_changes(whole: Path) -> None:
    folder = Folder(whole)
    shown = folder.run("monitor", "--since", "2026-10-01").stdout
    assert "1,800 records, 2026-10-01 00:00 to" in shown
    assert "known of 90% of the records" in shown
    assert "reply@2, 2026-10-21 00:00 to " in shown
    document = folder.json("monitor", "--since", "2026-10-01", "--by", "version")
    assert document["format"] == 1
    assert [row["name"] for row in document["monitor"]["rows"]] == ["reply@1", "reply@2"]
    json.dumps(document, allow_nan=False)


def test_text_of_records_can_do_no_harm_on_a_terminal(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        at = "2026-10-02T00:00:00.000000+00:00"
        project.store.add_records([Record(id="a", at=at, prompt="\x1b[31mred", error="::error::x\x1b[2J")])
    shown = folder.run("monitor", "--since", "2026-10-01", "--by", "version").stdout
    assert "\x1b" not in shown and "::error::" not in shown


def test_pages_make_the_same_columns_as_one_and_unknown_marks_are_left() -> None:
    rows = [
        (f"r{n}", f"2026-11-01T00:00:{n:02}.000000+00:00", "reply" if n % 3 else None, n % 2 or None, None,
         "m", "timeout" if n % 4 == 0 else None, "stop", None if n % 5 == 0 else n / 7, None, 0.5)
        for n in range(20)
    ]  # fmt: skip
    said = [(["r3", "r4", "elsewhere"], [1.0, 0.0, 1.0]), (["r3"], [0.0])]
    marks = [
        (["r1", "gone", "r2"], ["valid"] * 3, ["old", "old", "new"], [0.5, 1.0, 1.0]),
        (["r1", "gone"], ["valid"] * 2, ["new", "last"], [None, 0.0]),
    ]

    def read(size: int, count: int) -> Traffic:
        pages = [list(zip(*rows[at : at + size], strict=True)) for at in range(0, len(rows), size)]
        return traffic_of(pages, said, marks, count)

    whole, paged = read(20, 20), read(3, 20)
    names = ("at", "weights", "references", "prompts", "models", "errors", "finishes", "seconds", "good")
    for name in names:
        first, second = getattr(whole, name), getattr(paged, name)
        assert list(map(str, first)) == list(map(str, second)) and len(first) == 20
    assert whole.good[3] == 0.0 and whole.good[4] == 0.0 and np.isnan(whole.good[5])
    assert list(whole.references[:3]) == [None, "reply@1", "reply"]
    scores = paged.scores["valid"]
    assert (scores.signature, scores.values[2]) == ("new", 1.0)
    assert scores.unscored[1] and not scores.unscored[2] and np.isnan(scores.values[0])
    # One that came while the others were read is left.
    assert len(read(20, 19)) == len(read(3, 19)) == 19
    assert len(traffic_of([], [], [], 0)) == 0
