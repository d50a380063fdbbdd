"""Records of production as a side of shift, coverage and leaks, and as what a gate's rule looks at."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from scipy.stats import binomtest

from promptops import Project
from promptops.distributions.windows import Wanted
from promptops.errors import UnknownName, UsageError
from promptops.production.records import Feedback, Record, RecordFilter, RecordScore
from promptops.production.recordwindows import of_records
from promptops.production.references import read_reference
from tests.made import Folder, questions

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEW = "I left my umbrella on tram {n} near the station, who keeps lost property?"


def at(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


@pytest.mark.parametrize(
    ("reference", "fields", "name"),
    [
        ("records:", {}, "records:"),
        ("records:7d", {"since": at(NOW - timedelta(days=7)), "until": at(NOW)}, None),
        ("records:24h", {"since": at(NOW - timedelta(hours=24)), "until": at(NOW)}, None),
        ("records:2026-11-01", {"since": "2026-11-01", "until": "2026-11-02"}, "records:2026-11-01"),
        (
            "records:2026-11-01..2026-11-15",
            {"since": "2026-11-01", "until": "2026-11-16"},
            "records:2026-11-01..2026-11-15",
        ),
        (
            "records:14d..7d",
            {"since": at(NOW - timedelta(days=14)), "until": at(NOW - timedelta(days=7))},
            None,
        ),
        ("records:..2026-11-15T06:00", {"until": "2026-11-15T06"}, "records:..2026-11-15T06:00"),
        ("records:reply", {"prompt": "reply"}, "records:reply"),
        ("records:reply@3/good", {"prompt": "reply", "version": 3, "good": True}, "records:reply@3/good"),
        ("records:@production/bad", {"alias": "production", "good": False}, "records:@production/bad"),
        (
            "records:prompt=good/tag=de/model=openai/m",
            {"prompt": "good", "tag": "de", "model": "openai/m"},
            None,
        ),
    ],
)
def test_a_name_says_which_records_and_means_the_same_later(
    reference: str, fields: dict[str, object], name: str | None
) -> None:
    found = read_reference(reference, NOW)
    told = found.wanted.model_dump(exclude_defaults=True)
    assert told.keys() == fields.keys()
    for key, value in fields.items():
        assert str(told[key]).startswith(str(value))
    if name is not None:
        assert found.name == name
    assert read_reference(found.name, NOW + timedelta(days=300)) == found


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("records:7d/24h", "says 'since' twice"),
        ("records:2026-11-15..2026-11-01", "the first moment must lie before the last"),
        ("records:..", "the first moment must lie before the last"),
        ("records:2026-13-01", "is no moment"),
        ("records:modl=x", "Did you mean 'model'"),
        ("records:tag=", "is none of them"),
        ("records:7d//good", "nothing between two slashes"),
        ("records:reply@", "Write records: and then"),
    ],
)
def test_a_name_that_means_nothing_is_told_with_what_can_be_written(reference: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_reference(reference, NOW)


def kept(project: Project, texts: list[str], day: int, **fields: object) -> list[Record]:
    """Store records on one day of November, each with a text as its input."""
    records = [
        Record.model_validate(
            {
                "id": f"{fields.get('prompt', 'reply')}-{day}-{number}",
                "at": f"2026-11-{day:02}T10:{number // 60:02}:{number % 60:02}.000000+00:00",
                "prompt": "reply",
                "inputs": {"question": text},
                "output": f"answer to {text}",
                **fields,
            }
        )
        for number, text in enumerate(texts)
    ]
    project.store.add_records(records)
    return records


def plain(first: int, n: int) -> list[str]:
    return [f"At what hour does shop {number} open in the morning?" for number in range(first, first + n)]


def test_a_new_kind_of_request_is_seen_between_two_windows_by_whole_days(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        for day in range(1, 15):
            new = [NEW.format(n=number) for number in range(10 if day > 7 else 0)]
            kept(project, plain(0, 20) + new, day)
        windows = "records:2026-11-01..2026-11-07", "records:reply/2026-11-08..2026-11-14"
        found = project.shift(*windows, columns=["model", "good", "inputs.question"])
        assert found.alarmed and found.blocks == (7, 7)
        assert (found.reference_n, found.current_n) == (140, 210)
        same = project.shift("records:2026-11-01..2026-11-03", "records:2026-11-04..2026-11-07")
        assert not same.alarmed and same.blocks is None
        assert project.shift(*windows, what="outputs").reference_n == 140
        assert project.shift("numbers", "records:reply", trend="at").days
    told = folder.run("shift", "--check", *windows, code=1).stdout
    assert "7 and 7 days, shuffled whole" in told


def test_columns_of_records_join_the_panel(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        for day, tokens in ((1, 10), (2, 90)):
            records = kept(project, plain(day * 100, 30), day, tokens_in=tokens, metadata={"shop": f"s{day}"})
            project.store.add_feedback(
                [
                    Feedback(id=each.id, record=each.id, at=each.at, thumb="up" if day == 1 else "down")
                    for each in records
                ]
            )
            project.store.add_record_scores(
                [
                    RecordScore(record=each.id, label="tone", signature="t", value=day / 2, at=each.at)
                    for each in records
                ]
            )
        names = ["tokens_in", "good", "tone", "metadata.shop"]
        found = project.shift("records:2026-11-01", "records:2026-11-02", columns=names)
        by_name = {feature.name: feature for feature in found.features}
        assert [by_name[name].separation for name in names] == [1, 1, 1, 1]
        assert (by_name["tokens_in"].reference, by_name["tokens_in"].current) == (10, 90)
        with pytest.raises(UnknownName, match="tone"):
            project.shift("records:2026-11-01", "records:2026-11-02", columns=["tonne", "tone"])


def test_what_users_said_is_compared_where_they_said_something(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        for day, bad in ((1, 4), (2, 16)):
            records = kept(project, plain(day * 100, 60), day)
            project.store.add_feedback(
                [
                    Feedback(id=each.id, record=each.id, at=each.at, thumb="down" if n < bad else "up")
                    for n, each in enumerate(records[:30])
                ]
            )
        found = project.shift("records:2026-11-01", "records:2026-11-02", columns=["good"])
    good = next(each for each in found.features if each.name == "good")
    assert good.current_shares == pytest.approx({"true": 14 / 30, "false": 16 / 30})
    assert found.notes == ("good is tested on those that have one: 30 of 60 and 30 of 60 texts.",)


def test_a_case_is_no_leak_of_the_record_it_was_made_of(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        records = kept(project, [NEW.format(n=7)] * 3, 1)
        samples = [
            {"id": f"c{n}", "inputs": each.inputs, "target": "x", "metadata": {"record": each.id}}
            for n, each in enumerate(records[:2])
        ]
        folder.evalset("made", samples)
        found = project.leaks("made", against="records:2026-11-01", threshold=0.95)
    pairs = {(pair.first, pair.second) for pair in found.across}
    assert pairs == {(f"c{n}", each.id) for n in range(2) for each in records if each.id != records[n].id}


def test_sampled_records_are_thinned_so_that_each_stands_for_as_many_calls(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        kept(project, plain(0, 2_000), 1, rate=1.0, prompt="all")
        kept(project, plain(5_000, 1_000), 1, rate=0.25, prompt="quarter")
        window = of_records("records:", project.store, Wanted("inputs"))
        names = [str(key).partition("-")[0] for key in window.keys or []]
        assert names.count("quarter") == 1_000
        # 2,000 calls beside 4,000: a third of what is left, up to the luck of the draw
        assert binomtest(names.count("all"), 2_000, 0.25).pvalue > 0.001
        assert window.name == f"records: ({len(names):,} of 3,000)"
        again = of_records("records:", project.store, Wanted("inputs"))
        assert again == window
        assert len(of_records("records:all", project.store, Wanted("inputs")).texts) == 2_000


def test_a_window_holds_no_more_than_it_may(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptops.production.recordwindows.LARGEST", 500)
    with Project.open(folder.path) as project:
        kept(project, plain(0, 2_000), 1)
        window = of_records("records:", project.store, Wanted())
        assert binomtest(len(window.texts), 2_000, 0.25).pvalue > 0.001
        assert window.texts == sorted(window.texts, key=lambda text: int(text.split()[5]))


def test_what_failed_has_no_output_and_what_is_not_there_is_told(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        kept(project, plain(0, 30), 1)
        kept(project, plain(0, 5), 2, output=None, error="timeout")
        assert len(of_records("records:", project.store, Wanted("outputs")).texts) == 30
        assert len(of_records("records:", project.store, Wanted()).texts) == 35
        assert len(of_records("records:", project.store, Wanted(field="inputs.question")).texts) == 35
        for reference, told in (
            ("records:2026-11-02", "Of 5 records of 'records:2026-11-02' none has outputs"),
            ("records:replay", "Did you mean 'reply'"),
            ("records:2020-01-01", "There are no records of"),
        ):
            with pytest.raises(UsageError, match=told):
                of_records(reference, project.store, Wanted("outputs"))
        with pytest.raises(UsageError, match="records are none"):
            project.shift("records:2026-11-01", "records:2026-11-02", pair_by="id")


def test_coverage_names_the_new_kind_and_candidates_know_their_record(folder: Folder) -> None:
    rows = [
        {"id": f"q{n}", "inputs": {"question": text}, "target": "x"} for n, text in enumerate(plain(0, 60))
    ]
    folder.evalset("shop", rows)
    with Project.open(folder.path) as project:
        kept(project, plain(200, 60), 1)
        records = kept(project, [NEW.format(n=n) for n in range(30)], 2)
        found = project.coverage("shop", "records:reply/36500d", suggest=3)
        assert found.uncovered and "records:reply/" in found.production and "36500d" not in found.production
        kept(project, ["added afterwards"], 1, id="zz")
        path = folder.path / "new.jsonl"
        assert project.write_candidates(found, path) == 3
        written = [json.loads(line) for line in Path(path).read_text().splitlines()]
        by_id = {record.id: record for record in records}
        for row in written:
            assert row["inputs"] == by_id[row["metadata"]["record"]].inputs
        assert project.leaks("shop", against="records:2026-11-01", threshold=0.5).across


def test_a_rule_of_a_gate_looks_at_records(folder: Folder) -> None:
    rule = '\n[[gate]]\nshift = "inputs"\nagainst = "records:reply"\nmax = 0.7\n'
    settings = (folder.path / "evalsets/numbers/evalset.toml").read_text() + rule
    folder.evalset("numbers", questions(40), settings)
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml")
    folder.run("accept")
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "--no-cache")
    unmeasured = folder.json("gate", "numbers", code=3)["verdict"]
    assert "No prompt with records is named 'reply'" in json.dumps(unmeasured)
    with Project.open(folder.path) as project:
        kept(project, [NEW.format(n=n) for n in range(60)], 2)
    assert folder.json("gate", "numbers", code=1)["verdict"]["outcome"] == "FAIL"
    folder.evalset("numbers", questions(40), settings.replace("records:reply", "records:modl=x"))
    assert "Did you mean 'model'" in folder.run("gate", "numbers", code=2).stderr


def test_a_filter_without_conditions_is_all(folder: Folder) -> None:
    assert read_reference("records:", NOW).wanted == RecordFilter()
