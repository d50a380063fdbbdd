"""Themes of bad feedback, and what becomes of them: constructed complaints are found, and no others."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import fisher_exact

from promptops import Project
from promptops.cli import app
from promptops.errors import FileProblems, UsageError
from promptops.labels.labels import read_cases
from promptops.metrics.edit_taken import EditTaken
from promptops.production.records import Feedback, Record, subject_mark
from promptops.production.themes import Opinion, measure_themes
from promptops.providers.mock import Mock
from promptops.types import Completion, Sample

KINDS = {
    "refund": "I want my money back for order {}, please refund it",
    "password": "I can not log in, my password does not work, account {}",
    "invoice": "please send me the invoice of month {} as a pdf file",
    "parcel": "where is my parcel {}, the delivery has not arrived",
}
SETTINGS = """format = 1

[card]
description = "mails"

[metrics.length]
max = 60

[metrics.helpful]
metric = "rubric"
criteria = "The answer helps."
"""
HOSTILE = "call 0171 1234567 or ada@example.org\x1b[31m"


def opinions(seed: int, *, worse: float = 0.1, n: int = 300) -> list[Opinion]:
    rng = random.Random(seed)
    found = []
    for number in range(n):
        kind = rng.choice([*KINDS])
        at = (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=number)).isoformat()
        bad = rng.random() < (worse if kind == "parcel" else 0.1)
        found.append(
            Opinion(f"r{number}", at, KINDS[kind].format(number), "too late" if bad else "fine", bad)
        )
    return found


def test_a_kind_of_request_that_is_worse_is_found_and_named() -> None:
    told = opinions(3, worse=0.5)
    found = measure_themes(told)
    first = found.themes[0]
    assert "parcel" in first.name
    assert (found.judged, found.bad) == (300, sum(each.bad for each in told))
    parcels = [each for each in told if "parcel" in each.request]
    assert (first.judged, first.bad) == (len(parcels), sum(each.bad for each in parcels))
    assert set(first.records) == {each.record for each in parcels if each.bad}
    assert first.worse and [each.worse for each in found.themes[1:]] == [False] * (len(found.themes) - 1)
    rest = (found.bad - first.bad, 300 - first.judged - (found.bad - first.bad))
    raw = fisher_exact([[first.bad, first.judged - first.bad], rest]).pvalue
    assert first.p_value == pytest.approx(raw * len(found.themes), rel=1e-6)
    assert sum(first.by_period) == first.bad and sum(found.judged_by_period) == 300


def test_a_theme_is_named_by_what_is_bad_of_it_and_a_mixture_is_told() -> None:
    """Cut into two kinds, what has nothing to do with one another lies in one: the bad ones name it."""
    told = [
        replace(each, bad="password" in each.request and place % 3 > 0)
        for place, each in enumerate(opinions(3))
    ]
    mixture = measure_themes(told, count=2).themes[0]
    assert mixture.judged > 140 and {*mixture.name.split()} <= {
        "not",
        "log",
        "password",
        "does",
        "can",
        "account",
    }
    assert mixture.good_name and not {*mixture.good_name.split()} & {*mixture.name.split()}
    assert [each.good_name for each in measure_themes(told).themes] == [""]


def test_one_person_who_complains_forty_times_is_one() -> None:
    told = [
        replace(each, bad=True, subject="ada") if "parcel" in each.request else each
        for each in opinions(3, worse=0.0)
    ]
    found = measure_themes(told)
    first = found.themes[0]
    assert "parcel" in first.name and first.bad == first.judged > 40
    assert (first.people, first.judged_people, found.test) == (1, 1, "people")
    assert found.people == 300 - first.bad + 1
    assert not first.worse and first.movement == "steady"
    assert first.low is not None and first.low < 0.3
    alone = measure_themes([replace(each, subject=None) for each in told])
    assert alone.themes[0].worse and alone.test == "Fisher"
    many = measure_themes(
        [replace(each, subject=f"p{n % 60}") for n, each in enumerate(opinions(3, worse=0.6))]
    )
    assert many.themes[0].worse and many.test == "people"


# Without the correction for many kinds five of the first thirty are called worse.
@pytest.mark.parametrize(("draws", "most"), [(30, 3), pytest.param(100, 7, marks=pytest.mark.slow)])
def test_where_no_kind_is_worse_one_is_called_so_rarely(draws: int, most: int) -> None:
    alarms = sum(any(each.worse for each in measure_themes(opinions(seed)).themes) for seed in range(draws))
    assert alarms <= most


def test_remarks_are_sorted_by_what_they_say() -> None:
    told = [
        Opinion(
            f"r{n}", "2026-11-01T00:00:00", "x", "the date was wrong" if n % 3 else "rude tone, unkind", True
        )
        for n in range(30)
    ]
    found = measure_themes(told, about="comments")
    assert [each.bad for each in found.themes] == [20, 10]
    assert all(each.p_value is None and each.bad_share is None for each in found.themes)


SHOP = [
    "When will my order of {} arrive?",
    "My {} has not come yet, how long do parcels take?",
    "The {} is not for me. For how many days can I return it?",
    "I want my money back for the {}, what is the deadline?",
    "What is the postage for the {}?",
    "Is postage for the {} extra, and how much?",
    "At what time do you open on Saturday?",
    "Are you open early? I would fetch the {} before work.",
]
PAUSE = [
    "Can I pause my subscription of {} while on holiday, and for how many weeks?",
    "I'd like to put my monthly subscription on hold, how many weeks at most?",
    "Please stop the subscription for a while. For how long is that possible?",
]


def mails_to_a_shop(seed: int, worse: float) -> list[Opinion]:
    """Many wordings of few kinds with greetings round them; the eighth part is about a new kind."""
    rng = random.Random(seed)
    found = []
    for n in range(480):
        new = rng.random() < 0.125
        asked = rng.choice(PAUSE if new else SHOP).format(
            rng.choice(["kettle", "gift box", "decaf", "grinder"])
        )
        mail = f"{rng.choice(['Hi,', 'Dear team,', ''])} {asked} {rng.choice(['Thanks!', 'Best, Ada', ''])}"
        at = (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=n)).isoformat()
        found.append(Opinion(f"r{n}", at, mail, "", rng.random() < (worse if new else 0.13)))
    return found


def test_a_kind_among_many_wordings_is_told_apart() -> None:
    told = mails_to_a_shop(1, 0.87)
    found = measure_themes(told)
    asked = {each.record: each.request for each in told}
    worse = [each for each in found.themes if each.worse]
    assert worse and 3 <= len(found.themes) <= 8
    held = [record for each in worse for record in each.records]
    bad = [each.record for each in told if each.bad and "subscription" in each.request]
    assert len(set(bad) & set(held)) > 0.8 * len(bad)
    assert np.mean(["subscription" in asked[record] for record in held]) > 0.7
    assert all(each.p_value is not None and each.elsewhere is not None for each in found.themes)


def test_how_many_themes_can_be_said() -> None:
    told = mails_to_a_shop(1, 0.87)
    assert len(measure_themes(told, count=3).themes) == 3
    many = measure_themes(told, count=15).themes
    assert len(many) > 8 and any("subscription" in each.examples[0].request for each in many if each.worse)


def test_where_no_kinds_can_be_told_apart_there_is_no_theme() -> None:
    rng = random.Random(2)
    words = [f"word{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(300)]
    told = [
        Opinion(f"r{n}", "2026-11-01T00:00:00", " ".join(rng.choices(words, k=12)), "", n % 4 == 0)
        for n in range(300)
    ]
    found = measure_themes(told)
    assert not found.measured and not found.themes
    assert found.reason.startswith("no kinds could be told apart among 300 requests")
    assert len(measure_themes(told, count=4).themes) == 4
    same = measure_themes(
        [Opinion(f"r{n}", "2026-11-01", "x", "late", True) for n in range(12)], about="comments"
    )
    assert same.reason.startswith("no kinds could be told apart among 12 remarks")


def test_a_theme_s_records_come_by_turns_of_people_and_conversations() -> None:
    told = []
    for n, each in enumerate(opinions(3, worse=1.0)):
        # Two of three are of one person, in ten conversations.
        loud = n % 3 > 0
        who = ("ada", f"a{n % 10}") if loud else (None, f"s{n % 21}")
        told.append(replace(each, subject=who[0], session=who[1]))
    first = measure_themes(told).themes[0]
    assert "parcel" in first.name
    whose = {each.record: (each.subject or each.session, each.session) for each in told}
    people = [whose[record][0] for record in first.records]
    assert sorted(first.records) == sorted(
        each.record for each in told if each.bad and "parcel" in each.request
    )
    count = len(set(people))
    assert 2 < count < len(people) / 2
    assert len(set(people[:count])) == count
    of_ada = [whose[record][1] for record in first.records if whose[record][0] == "ada"]
    assert len(set(of_ada[: len(set(of_ada))])) == len(set(of_ada)) > 5
    turns = [people[:place].count(person) for place, person in enumerate(people)]
    assert turns == sorted(turns)


def test_few_records_of_one_person_are_taken(project: Project) -> None:
    every = [f"call-{n}" for n in (1, 2, 0, 3)]
    assert project.spread_records(every, most=9, each=1) == ("call-1", "call-0", "call-3")
    assert project.spread_records(every, most=3) == ("call-1", "call-2", "call-0")


def test_people_whose_records_have_ids_that_begin_alike_are_two_groups(project: Project) -> None:
    ids = [f"01a21c69-1b62-7159-8630-a974fb59349{n}" for n in range(4)]
    project.store.add_records(
        [
            Record(
                id=each,
                at="2026-11-01",
                inputs={"message": f"mail {n} of {each}"},
                subject=subject_mark("ab"[n // 2]),
            )
            for n, each in enumerate(ids)
        ]
    )
    made = project.make_cases("mails", ids, file="new.jsonl")
    assert (made.people, made.most_of_one) == (2, 2)
    assert made.samples[0].group == made.samples[1].group != made.samples[2].group


def test_whose_cases_are_is_told(project: Project) -> None:
    made = project.make_cases("mails", ["call-0", "call-1", "call-2", "call-3"], file="new.jsonl")
    assert (made.people, made.most_of_one) == (3, 2)
    shown = CliRunner().invoke(app, ["records", "cases", "mails", "call-1", "call-2", "-o", "two.jsonl"])
    assert "They are of 1 person or conversation, 2 of one" in shown.output
    alone = CliRunner().invoke(app, ["records", "cases", "mails", "call-3", "-o", "one.jsonl"])
    assert "people" not in alone.output


def test_few_bad_records_are_no_theme() -> None:
    found = measure_themes(opinions(1)[:9])
    assert not found.measured and "at least 10 bad records" in found.reason


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with a set for mails, and six records of which users said something."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "evalsets" / "mails"
    folder.mkdir(parents=True)
    (folder / "evalset.toml").write_text(SETTINGS)
    (folder / "samples.jsonl").write_text('{"id": "m1", "inputs": {"message": "Hello?"}}\n')
    (tmp_path / "promptops.toml").write_text('judge_model = "offline/overlap"\n')
    with Project.open(tmp_path) as found:
        found.store.add_records(
            [
                Record(
                    id=f"call-{n}",
                    at=f"2026-11-0{n + 1}T00:00:00.000000+00:00",
                    prompt="reply",
                    version=3,
                    inputs={"message": f"mail {n} {HOSTILE}" if n != 5 else "HELLO? "},
                    output="Thank you.",
                    subject=subject_mark("ada") if n in (1, 2) else None,
                )
                for n in range(6)
            ]
        )
        at = "2026-11-20T00:00:00.000000+00:00"
        found.store.add_feedback(
            [
                Feedback(id="a", record="call-0", at=at, thumb="down", comment="Say when.", by="x" * 32),
                Feedback(id="b", record="call-0", at=at, edit="Thank you. On Monday.", thumb="up"),
                Feedback(id="c", record="call-1", at=at, edit="", comment="no"),
            ]
        )
        yield found


def test_a_record_becomes_a_sample_without_addresses(project: Project) -> None:
    made = project.make_cases("mails", ["call-0", "call-1", "call-2", "call-5"], file="new.jsonl", tags=["t"])
    assert made.skipped == {"call-5": "its inputs are those of 'm1'"} and made.rated == 1
    rows = [json.loads(line) for line in Path("new.jsonl").read_text().splitlines()]
    assert [row["tags"] for row in rows] == [["candidate", "feedback", "t"]] * 2 + [["candidate", "t"]]
    assert rows[0]["target"] == "Thank you. On Monday." and "target" not in rows[2]
    assert rows[0]["metadata"]["feedback"] == ["Say when."]
    assert rows[0]["metadata"]["original"] == "Thank you."
    assert rows[1]["group"] == rows[2]["group"] == "production-call-1"
    assert "ada@example.org" not in Path("new.jsonl").read_text()
    assert "[email]" in rows[0]["inputs"]["message"]
    with pytest.raises(UsageError, match="is there already"):
        project.make_cases("mails", ["call-0"], file="new.jsonl")


def test_records_go_into_the_set_with_thumbs_as_ratings(project: Project) -> None:
    made = project.make_cases("mails", ["call-0", "call-3"], add=True, labels="helpful")
    assert made.added and made.ratings == 2
    held = project.evalset("mails").samples
    assert [each.id for each in held] == ["m1", *(each.id for each in made.samples)]
    assert all("candidate" not in each.tags for each in held)
    (case,) = read_cases(Path(made.labels or ""), 1, 5)
    assert case.ratings == {"user xxxxxxxx": 1.0, "user": 5.0} and case.output == "Thank you."
    assert project.labelling("mails:helpful").cases == (case,)
    again = project.make_cases("mails", ["call-0"], add=True)
    assert not again.samples and not again.added and again.rated == 1


def test_records_with_the_inputs_of_a_sample_rate_the_answer_to_that(project: Project) -> None:
    at = "2026-11-21T00:00:00.000000+00:00"
    project.store.add_records(
        [Record(id="twin", at=at, inputs={"message": "hello?"}, output="Thank you.", subject="y" * 32)]
    )
    project.store.add_feedback(
        [
            Feedback(id="d", record="call-5", at=at, thumb="down"),
            Feedback(id="e", record="twin", at=at, stars=5, by="z" * 32),
        ]
    )
    made = project.make_cases("mails", ["call-5", "twin", "call-2"], add=True, labels="helpful")
    assert made.matched == {"call-5": "m1", "twin": "m1"} == dict.fromkeys(made.skipped, "m1")
    assert (len(made.samples), made.rated, made.ratings) == (1, 1, 2)
    (case,) = read_cases(Path(made.labels or ""), 1, 5)
    assert (case.sample, case.output) == ("m1", "Thank you.")
    assert case.ratings == {"user": 1.0, "user zzzzzzzz": 5.0}
    # Nothing new at all: what is among the labels already stays as it is, and is not counted again.
    again = project.make_cases("mails", ["call-5", "twin"], add=True, labels="helpful")
    assert (again.added, again.ratings) == (False, 0)
    assert read_cases(Path(made.labels or ""), 1, 5) == (case,)


def test_what_does_not_fit_changes_nothing(project: Project) -> None:
    path = Path("evalsets/mails/samples.jsonl")
    before = path.read_text()
    project.store.add_records([Record(id="other", at="2026-11-01", inputs={"a": "x", "b": "y"})])
    with pytest.raises(UsageError, match="Say where the samples go"):
        project.make_cases("mails", ["call-0"])
    with pytest.raises(UsageError, match=r"ratings of old answers.*say --add instead of --output"):
        project.make_cases("mails", ["call-0"], file="x.jsonl", labels="helpful")
    settings = Path("evalsets/mails/evalset.toml")
    settings.write_text(settings.read_text() + "\n[metrics.exact]\n")
    with pytest.raises(FileProblems, match="has no target"):
        project.make_cases("mails", ["call-0", "call-3"], add=True)
    assert path.read_text() == before and not Path("x.jsonl").exists()


def test_the_commands_tell_what_they_did(project: Project) -> None:
    told = opinions(3, worse=0.5)
    project.store.add_records(
        [
            Record(id=f"t-{x.record}", at=x.at + ".000000", inputs={"message": x.request}, output="No.")
            for x in told
        ]
    )
    project.store.add_feedback(
        [
            Feedback(id=x.record, record=f"t-{x.record}", at=x.at, thumb="down" if x.bad else "up")
            for x in told
        ]
    )
    run = CliRunner()
    shown = run.invoke(app, ["records", "themes", "--since", "2026-11-01"])
    assert (
        shown.exit_code == 0
        and "parcel" in shown.output
        and "Bad more often than the rest: 1" in shown.output
    )
    found = json.loads(run.invoke(app, ["records", "themes", "--since", "2026-11-01", "--json"]).stdout)
    first = found["themes"]["themes"][0]
    command = ["records", "cases", "mails", "--theme", "1", "--most", "2", "--since", "2026-11-01"]
    made = run.invoke(app, [*command, "-o", "new.jsonl", "--json"])
    assert made.exit_code == 0, made.output
    samples = json.loads(made.stdout)["cases"]["samples"]
    assert [each["metadata"]["record"] for each in samples] == first["records"][:2]
    said = run.invoke(app, [*command, "-o", "again.jsonl"]).output
    assert "Thumbs and stars of 2 of them stay with the records; --add --labels JUDGE makes" in said
    assert run.invoke(app, ["evalset", "add", "mails", "new.jsonl"]).exit_code == 0
    for wrong in (["records", "cases", "mails"], [*command[:4], "99", "--since", "2026-11-01", "--add"]):
        assert run.invoke(app, wrong).exit_code == 2


def complain(project: Project) -> None:
    """Have 300 mails judged, of which those about parcels are worse."""
    told = opinions(3, worse=0.5)
    records = [Record(id=x.record, at=x.at, inputs={"message": x.request}) for x in told]
    project.store.add_records(records)
    thumbs = [Feedback(id=x.record, record=x.record, at=x.at, thumb="down" if x.bad else "up") for x in told]
    project.store.add_feedback(thumbs)


def test_a_model_names_themes_once_and_its_words_are_data(project: Project) -> None:
    complain(project)
    key = "sk-" + "a1" * 12
    Path("names.json").write_text(
        json.dumps(
            {
                "theme-1": json.dumps({"name": f"late\n parcels {key}"}),
                "theme-2": "no idea",
                "theme-3": {"fail": "filtered"},
                "*": json.dumps({"name": "x" * 61}),
            }
        )
    )
    Mock.calls.clear()
    plain = project.themes(since="2026-11-01")
    found = project.themes(since="2026-11-01", name_by="mock/script:names.json")
    again = project.themes(since="2026-11-01", name_by="mock/script:names.json")
    assert found.named_by == "mock/script:names.json"
    assert [each.name for each in found.themes] == [
        "late parcels [redacted]",
        *(x.name for x in plain.themes[1:]),
    ]
    assert ["no readable name" in found.notes[0], "no answer" in found.notes[1], "60" in found.notes[2]] == [
        True
    ] * 3
    assert Mock.calls.total() == len(plain.themes) + 1  # the failure alone is asked about again
    assert again.themes == found.themes
    assert key not in Path(".promptops/generated/themes.jsonl").read_text()


def test_a_limit_leaves_themes_their_words(project: Project) -> None:
    complain(project)
    command = [
        "records",
        "themes",
        "--since",
        "2026-11-01",
        "--name-by",
        "mock/constant:x",
        "--max-calls",
        "0",
    ]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0 and "was not asked for all names" in shown.output
    assert "parcel" in shown.output


ASKED = Sample(
    id="a", inputs={}, target=("We are sorry. It comes on Monday.",), metadata={"original": "We are fine."}
)


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("We are fine.", 0.0),
        ("We are sorry. It comes on Monday.", 1.0),
        ("It comes on Monday, sorry. We are.", 1.0),
        ("We are fine. Sorry.", 1 / 6),  # of sorry, it, comes, on, monday and the lost "fine"
        ("We are.", 1 / 6),
        ("", 1 / 6),
    ],
)
def test_an_edit_is_taken_word_by_word(answer: str, share: float) -> None:
    score = EditTaken().score(Completion(text=answer), ASKED)
    assert score.counts[0] == pytest.approx(share)


def test_without_an_edit_there_is_no_score() -> None:
    same = ASKED.model_copy(update={"target": ("we are FINE",)})
    bare = ASKED.model_copy(update={"metadata": {}})
    assert EditTaken().score(Completion(text="x"), same).unscored == "the edit changed no word"
    assert EditTaken().check(bare) is None
    assert str(EditTaken().score(Completion(text="x"), bare).unscored).startswith("the sample has no")
    unread = ASKED.model_copy(update={"metadata": {"original": 3}})
    assert "metadata.original is no text" in str(EditTaken().check(unread))


def test_one_of_several_inputs_is_sorted_and_listed(project: Project) -> None:
    told = opinions(3, worse=0.5)
    facts = "We open at {} and a parcel takes {} days, the invoice comes later."
    project.store.add_records(
        [
            Record(
                id=x.record,
                at=x.at,
                inputs={"facts": facts.format(n, n % 13), "message": x.request},
                output="No.",
            )
            for n, x in enumerate(told)
        ]
    )
    project.store.add_feedback(
        [Feedback(id=x.record, record=x.record, at=x.at, thumb="down" if x.bad else "up") for x in told]
    )
    found = project.themes(since="2026-11-01", field="inputs.message")
    assert found.themes[0].worse and found.themes[0].examples[0].request.startswith("where is my parcel")
    place = project.root / "evalsets" / "facts"
    place.mkdir(parents=True)
    (place / "evalset.toml").write_text('text = "message"\n' + SETTINGS)
    (place / "samples.jsonl").write_text(json.dumps({"id": "a", "inputs": {"facts": "", "message": "Hi"}}))
    usual = project.themes(since="2026-11-01")
    assert (usual.themes, usual.notes[0][:24]) == (found.themes, "Sorted by inputs.message")
    assert project.themes(since="2026-11-01", field="inputs").themes != found.themes
    with pytest.raises(UsageError, match="Of 301 judged records none"):
        project.themes(since="2026-11-01", field="inputs.mesage")
    asked = {True: "where is my parcel", False: "We open at"}
    for cut, text in asked.items():
        field = ["--field", "inputs.message"] if cut else []
        shown = CliRunner().invoke(
            app, ["records", "list", "--since", "2026-11-01", "--limit", "300", *field]
        )
        assert text in shown.output and asked[not cut] not in shown.output
