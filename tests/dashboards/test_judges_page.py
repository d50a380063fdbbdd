"""The page of judges: certificates, agreement beside people's own, bias by value, drift, pairs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from promptops import Project, agreement_plot, compared_sentences
from promptops.judging.anchors import Reading, append_reading, readings_file
from promptops.judging.certificates import certificate_file, read_certificate, write_certificate
from promptops.store import PairRow
from promptops.texts.figures import figure, interval, signed
from promptops.types import Score
from tests.dashboards.hostile_project import make_project
from tests.dashboards.test_label_page import HIDDEN, everything
from tests.dashboards.test_pages import page, pictures, projects, small, texts
from tests.labels.test_paircertificate import certified as compared
from tests.labels.test_paircertificate import drawn
from tests.made import Folder
from tests.verbs.test_certification import judged, number_of, rate

__all__ = ["page", "projects", "small"]
Open = Callable[..., AppTest]
QUALITY = "numbers:quality"


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, str]:
    """A judge that two people rated against, with anchors and two readings of them."""
    folder = Folder(tmp_path_factory.mktemp("judges"))
    folder.prompt("ask", "{{question}}")
    judged(folder)
    with Project.open(folder.path) as project:
        project.draw_cases(QUALITY, count=40, second=0.5)
        rate(project, "anna")
        rate(project, "ben", 1)
        project.certify_judge(QUALITY)
        anchors = project.freeze_anchors(QUALITY)
        file = readings_file(folder.path / "evalsets/numbers", "quality")
        for day, milder in ((1, 0.0), (2, 0.5)):
            alarm = {"alarm": True, "before": _day(1), "since": _day(2), "shift": 0.5} if milder else {}
            scores = {case.id: case.score + milder for case in anchors.cases}
            append_reading(
                file,
                Reading.model_validate(
                    {
                        "date": _day(day),
                        "anchors": anchors.digest,
                        "signature": anchors.freezing.signature,
                        "judge": "j",
                        "scores": {key: min(score, 5) for key, score in scores.items()},
                        **alarm,
                    }
                ),
            )
        return folder, project.settings.database


def _day(number: int) -> str:
    return f"2026-11-0{number}T09:00:00+00:00"


def test_a_certificate_is_shown_with_people_beside_it(certified: tuple[Folder, str], page: Open) -> None:
    folder, database = certified
    app = page(folder.path, database, "judges")
    assert not app.exception
    assert "60 distinct outputs to 60 questions (100%)" in texts(app)
    with Project.open(folder.path) as project:
        held = project.certificate(QUALITY)
    assert held is not None
    row = app.dataframe[0].value.set_index("judge").loc[QUALITY].to_dict()
    main = held.agreement
    for name, found in (("judge with people", main.judge_human), ("people with people", main.human_human)):
        assert row[name] == f"{figure(found.value)} {interval(found.low, found.high)}"
    assert (row["kind"], row["certificate"], row["measure"]) == ("rubric", "valid", "quadratic kappa")
    assert row["bias"] == f"{signed(held.bias.value)} {interval(held.bias.low, held.bias.high, sign=True)}"
    assert "by 2 people" in everything(app) and "valid" in everything(app)
    measures = app.dataframe[1].value
    assert measures["measure"].iloc[0] == "quadratic kappa"
    assert {"Cohen's kappa", "alpha, ordinal", "Spearman's rho", "accuracy"} < set(measures["measure"])
    classes = app.dataframe[2].value
    assert list(classes["value"]) == [f"{each.value:g}" for each in held.classes]
    drawn = agreement_plot(held)
    assert drawn is not None and drawn.svg == pictures(app)[0]
    assert sum(pair.times for pair in held.pairs) == held.ratings
    assert "Unread: 0.0% [0.0%, 8.8%], 0 of 40 cases." in texts(app)


def test_drift_is_drawn_with_the_date_of_a_change(certified: tuple[Folder, str], page: Open) -> None:
    folder, database = certified
    app = page(folder.path, database, "judges")
    assert "Changed between 2026-11-01 09:00 and 2026-11-02 09:00 UTC." in texts(app)
    drawn = pictures(app)[1]
    assert "2026-11-01: +0.0000" in drawn and ", alarm." in drawn and 'class="fail"' in drawn
    assert app.dataframe[0].value["last check"].tolist() == ["changed, 2026-11-02"]
    assert "valid" in everything(app) and "the judge has changed" in everything(app)
    commands = {each.value for each in app.code}
    assert "promptops judge freeze numbers:quality --renew" in commands, "what the command line says is next"
    assert "promptops judge check numbers:quality" not in commands


def test_ratings_that_changed_since_leave_no_green_certificate(folder: Folder, page: Open) -> None:
    with Project.open(judged(folder).path) as project:
        cases = project.draw_cases(QUALITY, count=25, second=1).cases
        for rater in ("anna", "ben"):
            project.rate_cases(QUALITY, rater, {case.id: 1 + n % 5 for n, case in enumerate(cases)})
        project.certify_judge(QUALITY)
        project.rate_cases(QUALITY, "cleo", {cases[0].id: 1})
        database = project.settings.database
    app = page(folder.path, database, "judges")
    assert not app.exception
    assert app.dataframe[0].value["certificate"].tolist() == ["valid, but outdated"]
    assert "valid, but its ratings have changed since" in everything(app) and "green" not in everything(app)
    assert "Two people said the same of all 25 cases that both rated" in everything(app)
    assert any(each.value == f"promptops judge certify {QUALITY}" for each in app.code)


def test_a_void_certificate_says_why_and_what_renews_it(folder: Folder, page: Open) -> None:
    with Project.open(judged(folder).path) as project:
        project.draw_cases(QUALITY, count=25)
        rate(project, "anna")
        project.certify_judge(QUALITY)
        database = project.settings.database
    path = certificate_file(folder.path / "evalsets/numbers", "quality")
    held = read_certificate(path)
    # As an older one: it kept no pairs and was made of another rubric.
    changed = held.signature.replace("criteria:", "criteria:once ")
    write_certificate(path, held.model_copy(update={"signature": changed, "pairs": ()}))
    app = page(folder.path, database, "judges")
    assert not app.exception
    assert "criteria changed since it was made on" in everything(app) and "void" in everything(app)
    assert any(each.value == "promptops judge certify numbers:quality" for each in app.code)
    assert "keeps no pairs to draw" in everything(app) and "One person rated" in everything(app)
    assert set(app.dataframe[1].value["people with people"]) == {"one person only"}


def test_a_judge_that_agrees_by_chance_is_not_green(folder: Folder, page: Open) -> None:
    with Project.open(judged(folder).path) as project:
        cases = project.draw_cases(QUALITY, count=40).cases
        project.rate_cases(QUALITY, "anna", {case.id: number_of(case) // 5 % 5 + 1 for case in cases})
        held = project.certify_judge(QUALITY)
        database = project.settings.database
    app = page(folder.path, database, "judges")
    assert not app.exception
    row = app.dataframe[0].value.set_index("judge").loc[QUALITY]
    assert row["certificate"] == "valid, but no better than chance"
    assert held.doubt and held.doubt in texts(app)
    assert "orange" in everything(app) and "green" not in everything(app)


def test_judges_of_pairs_are_shown_with_their_position_bias(
    hostile_small: tuple[Path, str], page: Open
) -> None:
    app = page(*hostile_small, "judges")
    assert not app.exception
    table = next(each.value for each in app.dataframe if "chose the first" in each.value)
    with Project.open(hostile_small[0]) as project:
        (found,) = project.preferences()
    assert found.first_rate is not None
    told = f"{figure(found.first_rate)} {interval(found.first_low, found.first_high)}"
    assert list(table["chose the first"]) == [told] and found.first_rate > 0.5


@pytest.fixture
def hostile_small(tmp_path: Path) -> tuple[Path, str]:
    """A small hostile project whose runs a judge of pairs compared that likes the answer shown first."""
    made = make_project(tmp_path / "project", "http://127.0.0.1:9", 24)
    with Project.open(made.root) as project:
        project.store.save_pair_scores(
            PairRow(
                made.baseline,
                made.candidate,
                f"case-{number:05d}",
                0,
                "<b>better</b>",
                "signature",
                Score.of(0.5, orders=["A", "A" if number % 3 else "B"]),
                {"judge": "![x](http://127.0.0.1:9)", "stand_in": False, "replies": []},
            )
            for number in range(24)
            if number != 5
        )
    return made.root, made.database


def test_hostile_names_are_text_on_the_page(hostile_small: tuple[Path, str], page: Open) -> None:
    root, database = hostile_small
    folder = root / "evalsets/hostile-mails"
    settings = (folder / "evalset.toml").read_text()
    odd = json.dumps("</text><script>1</script> \u202e ![x](http://127.0.0.1:9) \x1b[31m")
    (folder / "evalset.toml").write_text(
        settings.replace('metric = "rubric"', f'metric = "rubric"\ncriteria = {odd}')
    )
    (folder / "certificates").mkdir()
    (folder / "certificates/quality.json").write_text('{"label": "<img src=x>"}')
    app = page(root, database, "judges")
    assert not app.exception
    assert "holds no certificate" in everything(app)
    for each in (*app.text, *app.code, *app.html):
        assert not HIDDEN.search(str(each.value))
    assert not any("<script>" in str(each.value) for each in app.html)


def test_a_project_without_judges_says_how_to_declare_one(small: tuple[Path, str], page: Open) -> None:
    app = page(*small, "judges")
    assert not app.exception
    assert "No set of this project has a judge" in texts(app) and 'metric = "rubric"' in app.code[0].value


def test_a_judge_of_pairs_shows_verdicts_and_what_order_does(folder: Folder, page: Open) -> None:
    cases, samples, scores = drawn(30, 2, 3)
    settings = '[metrics.exact]\n[metrics.better]\nmetric = "pairwise"\nmodel = "mock/echo"\n'
    card = 'format = 1\n[card]\ndescription = "made for a test"\n'
    rows = [{"id": name, "inputs": {}, "target": "x"} for name in samples]
    place = folder.evalset("numbers", rows, f"{card}{settings}")
    held = compared(cases, samples, scores)
    with Project.open(folder.path) as project:
        (judge,) = project.judges().judges
        project.store.save_evalset(project.evalset(place))
        database = project.settings.database
    write_certificate(
        certificate_file(place, "better"), held.model_copy(update={"signature": judge.signature})
    )
    app = page(folder.path, database, "judges")
    assert not app.exception and held.compared is not None
    for told in compared_sentences(held.compared, held.bias):
        assert told in texts(app)
    assert [*app.dataframe[2].value["value"]] == ["older wins", "tie", "newer wins"]
    assert "valid" in everything(app) and "scale from" not in everything(app)
