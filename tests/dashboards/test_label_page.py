"""The blind form: cases drawn and rated on a page, into the file that the command line reads and writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from promptops import Project
from promptops.labels.labels import Case, write_cases
from tests.dashboards.hostile_project import SET as HOSTILE
from tests.dashboards.hostile_project import make_project
from tests.dashboards.test_live_runs import button
from tests.dashboards.test_pages import page, projects, small, texts
from tests.made import Folder, questions

__all__ = ["page", "projects", "small"]
Open = Callable[..., AppTest]
SET = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "rubric"
criteria = "The answer is kind."
model = "mock/constant:verdict"

[metrics.met]
metric = "closed_qa"
model = "mock/echo"

[metrics.share]
metric = "faithfulness"
context = "metadata.page"
model = "mock/echo"

[metrics.tone]
metric = "criteria"
model = "mock/echo"
words = { "**no**, rude" = 0, partly = 0.5, yes = 1 }
"""
N = 12
QUALITY = "numbers:quality"
HIDDEN = re.compile("[\x00-\x08\x1b\x9b\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]")


@pytest.fixture
def answered(folder: Folder) -> tuple[Folder, str]:
    """A set with judges and a run on it."""
    rows = questions(N, metadata=lambda number: {"page": f"page {number}"})
    folder.evalset("numbers", rows, SET)
    answers = {f"q{number:03}": {"text": f"answer {number}"} for number in range(N)}
    asked = folder.prompt("ask", "Secret words: {{question}}")
    with Project.open(folder.path) as project:
        project.evaluate("numbers", [asked], [folder.script("answers.json", answers)])
        return folder, project.settings.database


def cases_of(folder: Folder, judge: str = QUALITY) -> dict[str, Case]:
    with Project.open(folder.path) as project:
        return {case.id: case for case in project.labelling(judge).cases}


def drawn(answered: tuple[Folder, str], judge: str = QUALITY, second: float = 0.0) -> tuple[Folder, str]:
    with Project.open(answered[0].path) as project:
        project.draw_cases(judge, count=N, second=second)
    return answered


def of(app: AppTest, label: str) -> AppTest:
    """Click a button."""
    assert not app.exception
    button(app, label).click().run()  # type: ignore[attr-defined]
    assert not app.exception
    return app


def everything(app: AppTest) -> str:
    """Return all that a page says."""
    told = [*(each.value for each in app.text), *(each.value for each in app.code)]
    told += [str(each.value) for each in (*app.html, *app.markdown, *app.caption)]
    return "\n".join([*told, *(each.label for each in app.button)])


def test_cases_are_drawn_on_the_page_by_those_who_do_not_code(
    answered: tuple[Folder, str], page: Open
) -> None:
    folder, database = answered
    app = page(folder.path, database, "label", judge=QUALITY)
    assert "No cases are drawn" in everything(app)
    app = of(app, "Draw")
    few = "No more than 12 samples have an output that can be rated: all are drawn."
    assert few in everything(app) and len(cases_of(folder)) == 12
    app.number_input[0].set_value(10)
    app.number_input[1].set_value(20)
    app = of(app, "Draw")
    assert "Say who you are" in everything(app) and few not in everything(app)
    found = cases_of(folder)
    assert len(found) == 10 and sum(case.twice for case in found.values()) == 2
    with Project.open(folder.path) as project:
        assert set(found) == {case.id for case in project.draw_cases(QUALITY, count=10).cases}


def test_a_rating_is_stored_at_once_and_nothing_that_sways_is_shown(
    answered: tuple[Folder, str], page: Open
) -> None:
    folder, database = drawn(answered)
    app = page(folder.path, database, "label", judge=QUALITY, rater="anna")
    assert "0 of 12 done" in texts(app) and "The answer is kind." in texts(app)
    assert [each.label for each in app.button if each.label.isdigit()] == list("12345")
    output = next(each.value for each in app.code if each.value.startswith("answer"))
    seen = everything(app)
    assert not re.search("Secret words|answers.json|ask.prompt|verdict|mock", seen)
    app = of(app, "4")
    assert "1 of 12 done" in texts(app)
    assert {case.output: case.ratings for case in cases_of(folder).values() if case.ratings} == {
        output: {"anna": 4.0}
    }
    with Project.open(folder.path) as project:
        assert project.write_sheet(QUALITY, "anna", folder.path / "left.csv") == N - 1


def test_one_who_can_not_tell_says_why_and_another_is_asked(answered: tuple[Folder, str], page: Open) -> None:
    folder, database = drawn(answered)
    app = page(folder.path, database, "label", judge=QUALITY, rater="anna")
    app.selectbox[-1].set_value("The task is unclear.").run()
    assert "1 of 12 done, 1 of them without telling" in texts(app)
    (case,) = [case for case in cases_of(folder).values() if case.unrated]
    assert case.unrated == {"anna": "The task is unclear."} and not case.ratings
    app = page(folder.path, database, "label", judge=QUALITY, rater="ben", case=case.id)
    assert "0 of 12 done" in texts(app)
    app = of(app, "2")
    assert cases_of(folder)[case.id].ratings == {"ben": 2.0}
    app = page(folder.path, database, "label", judge=QUALITY, rater="anna", case=case.id)
    assert "You could not tell: The task is unclear." in texts(app)
    of(app, "3")
    assert cases_of(folder)[case.id].ratings == {"ben": 2.0, "anna": 3.0}
    assert cases_of(folder)[case.id].unrated == {}


def test_the_previous_case_can_be_rated_anew(answered: tuple[Folder, str], page: Open) -> None:
    folder, database = drawn(answered)
    app = page(folder.path, database, "label", judge=QUALITY, rater="anna")
    app = of(of(app, "4"), "Previous")
    assert "case 1 of 12" in texts(app)
    of(app, "5")
    assert [case.ratings for case in cases_of(folder).values() if case.ratings] == [{"anna": 5.0}]


def test_a_second_person_rates_the_second_share_only(answered: tuple[Folder, str], page: Open) -> None:
    folder, database = drawn(answered, second=0.25)
    with Project.open(folder.path) as project:
        project.rate_cases(QUALITY, "anna", dict.fromkeys(cases_of(folder), 3.0))
    app = page(folder.path, database, "label", judge=QUALITY, rater="ben")
    for _ in range(3):
        assert "of 3 done" in texts(app)
        app = of(app, "2")
    assert "Nothing is left for you" in everything(app)
    assert any("promptops judge certify numbers:quality" in each.value for each in app.code)
    twice = [case for case in cases_of(folder).values() if len(case.ratings) == 2]
    assert len(twice) == 3 and all(case.twice for case in twice)


@pytest.mark.parametrize(
    ("judge", "labels", "told"),
    [
        ("numbers:met", ["0 no", "1 yes"], "correct"),
        ("numbers:tone", ["0", "0.5 partly", "1 yes"], "0: **no**, rude"),
        ("numbers:quality", list("12345"), "From 1 (worst) to 5 (best)."),
    ],
)
def test_a_scale_is_shown_with_its_words(
    answered: tuple[Folder, str], page: Open, judge: str, labels: list[str], told: str
) -> None:
    folder, database = drawn(answered, judge)
    app = page(folder.path, database, "label", judge=judge, rater="anna")
    assert [each.label for each in app.button if each.label[0].isdigit()] == labels
    assert told in texts(app)


def test_a_scale_without_steps_takes_a_number(answered: tuple[Folder, str], page: Open) -> None:
    folder, database = drawn(answered, "numbers:share")
    app = page(folder.path, database, "label", judge="numbers:share", rater="anna")
    # What the judge looks at stands in the metadata, so that whoever rates has to see it, too.
    assert any(each.value.startswith("page ") for each in app.code)
    app.number_input[0].set_value(0.3).run()
    of(app, "Store")
    assert [case.ratings for case in cases_of(folder, "numbers:share").values() if case.ratings] == [
        {"anna": 0.3}
    ]


def test_what_can_not_be_stored_is_told(answered: tuple[Folder, str], page: Open) -> None:
    folder, database = drawn(answered)
    app = page(folder.path, database, "label", judge=QUALITY, rater="anna")
    path = folder.path / "evalsets/numbers/labels/quality.jsonl"
    seen = next(each.value for each in app.code if each.value.startswith("answer"))
    # Somebody draws anew meanwhile: what is on the screen is no case any more.
    write_cases(path, [case for case in cases_of(folder).values() if case.output != seen])
    app = of(app, "4")
    assert "was not stored" in everything(app) and "is no case of" in texts(app)
    assert not any(case.ratings for case in cases_of(folder).values())
    app = of(app, "4")
    assert "was not stored" not in everything(app) and "1 of 11 done" in texts(app)


def test_whoever_is_known_can_make_room_for_somebody_else(answered: tuple[Folder, str], page: Open) -> None:
    folder, database = drawn(answered)
    app = page(folder.path, database, "label", judge=QUALITY, rater="anna")
    assert "You are anna." in texts(app) and not any(each.label == "Your name" for each in app.selectbox)
    app = of(app, "Somebody else")
    assert any(each.label == "Your name" for each in app.selectbox)
    assert not any(each.label == "5" for each in app.button), "nobody rates without a name"


def test_a_name_that_can_not_be_kept_is_refused(answered: tuple[Folder, str], page: Open) -> None:
    folder, database = drawn(answered)
    app = page(folder.path, database, "label", judge=QUALITY, rater="an\x1bna")
    assert not app.exception
    assert "can't be a rater's name" in texts(app) and not any("\x1b" in each.value for each in app.text)


def test_a_project_without_judges_says_how_to_declare_one(small: tuple[Path, str], page: Open) -> None:
    app = page(*small, "label")
    assert not app.exception
    assert "There is no judge" in texts(app) and 'metric = "rubric"' in app.code[0].value


def test_hostile_and_huge_texts_are_shown_as_they_are_and_whole(tmp_path: Path, page: Open) -> None:
    made = make_project(tmp_path / "project", "http://127.0.0.1:9", 24)
    judge, huge = f"{HOSTILE}:quality", Case(sample="case-00001", output="x" * 45_000 + "the end")
    with Project.open(made.root) as project:
        held = project.draw_cases(judge, [made.baseline], count=20)
        write_cases(held.path, [huge, *held.cases])
    app = page(made.root, made.database, "label", judge=judge, rater="anna", case=huge.id)
    assert "shown in parts" in everything(app) and not any("the end" in each.value for each in app.code)
    for _ in range(21):
        for each in (*app.text, *app.code):
            assert not HIDDEN.search(str(each.value))
        app = of(app, "3")
    assert "Nothing is left for you" in everything(app)


def test_a_pair_is_shown_in_the_raters_order_and_the_answer_that_is_chosen_counts(
    folder: Folder, page: Open
) -> None:
    settings = 'format = 1\n[card]\ndescription = "made for a test"\n[metrics.exact]\n'
    folder.evalset("numbers", questions(N), f'{settings}[metrics.better]\nmetric = "pairwise"\n')
    asked = folder.prompt("ask", "{{question}}")
    with Project.open(folder.path) as project:
        for word in ("old", "new"):
            answers = {f"q{number:03}": {"text": f"{word} {number}"} for number in range(N)}
            project.evaluate("numbers", [asked], [folder.script(f"{word}.json", answers)])
        database = project.settings.database
    app = of(page(folder.path, database, "label", judge="numbers:better"), "Draw")
    cases = cases_of(folder, "numbers:better")
    assert len(cases) == N and all(case.other and case.output.startswith("new") for case in cases.values())
    app = page(folder.path, database, "label", judge="numbers:better", rater="anna")
    for choice in ("A", "B", "tie"):
        with Project.open(folder.path) as project:
            held = project.labelling("numbers:better")
        own = next(case for case in held.share_of("anna") if not case.done)
        told = everything(app)
        assert told.index(own.shown[0]) < told.index(own.shown[1]) and "script" not in told
        app = of(app, choice)
        case = cases_of(folder, "numbers:better")[own.id]
        better = {"A": own.shown[0], "B": own.shown[1]}.get(choice)
        assert case.ratings == {"anna": {case.output: 1.0, case.other: -1.0, None: 0.0}[better]}
