"""People share out what is to be rated, can't tell, withdraw, and need no model for it."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops.errors import FileProblems, UnknownName, UsageError
from promptops.labels.labelling import Intake
from promptops.labels.labels import Case, dealt, people_in
from promptops.project import Project
from tests.made import Folder, questions
from tests.verbs.test_certification import SET, judged, rate

QUALITY = "numbers:quality"


def words(text: str) -> str:
    return " ".join(text.split())


def filled(path: Path, rating: str = "3", rows: int | None = None) -> list[str]:
    """Fill in a sheet; return the cases in it."""
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    for row in found[:rows]:
        row["rating"] = rating
    write(path, found)
    return [row["case"] for row in found]


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 90), twice=st.floats(0, 1), of=st.integers(1, 6))
def test_shares_hold_each_case_once_and_what_two_rate_twice(count: int, twice: float, of: int) -> None:
    cases = [Case(sample=f"s{n}", output="x", twice=n < twice * count) for n in range(count)]
    shares = [{case.id for case in dealt(cases, part, of)} for part in range(1, of + 1)]
    times = Counter(name for share in shares for name in share)
    assert times == {case.id: 2 if case.twice and of > 1 else 1 for case in cases}
    sizes = [len(share) for share in shares]
    common = [len(one & two) for one, two in combinations(shares, 2)]
    assert max(sizes) - min(sizes) <= 2
    assert not common or max(common) - min(common) <= 1


def test_sheets_that_go_out_together_share_the_draw_and_overlap_where_two_are_to_rate(
    folder: Folder, tmp_path: Path
) -> None:
    judged(folder)
    folder.run("judge", "draw", QUALITY, "-n", "40", "--second", "0.25")
    label = ("judge", "label", QUALITY)
    out: list[list[str]] = []
    for number, rater in enumerate(("anna", "ben"), 1):
        sheet = str(tmp_path / f"{rater}.csv")
        told = folder.run(*label, "--rater", rater, "--sheet", sheet, "--share", f"{number}/2").stdout
        assert "25 cases in" in told and "--share" not in told
        assert "on a scale from 1 to 5 in whole numbers: The answer does what the task asks" in words(told)
        out.append(filled(Path(sheet)))
    assert len(set(out[0]) | set(out[1])) == 40 and len(set(out[0]) & set(out[1])) == 10
    for rater in ("anna", "ben"):
        told = folder.run(*label, "--rater", rater, "--from", str(tmp_path / f"{rater}.csv")).stdout
    assert "40 of 40 cases are rated; 0 are left for ben. Hold the judge" in words(told)
    with Project.open(folder.path) as project:
        counts = Counter(len(case.ratings) for case in project.labelling(QUALITY).cases)
    assert counts == {1: 30, 2: 10}


def test_a_share_that_can_not_be_is_refused_and_a_whole_sheet_tells_of_shares(
    folder: Folder, tmp_path: Path
) -> None:
    judged(folder)
    folder.run("judge", "draw", QUALITY, "-n", "20")
    label = ("judge", "label", QUALITY, "--rater", "anna", "--sheet", str(tmp_path / "a.csv"))
    for share, told in (("3/2", "Share 3 of 2 can't be"), ("half", "is no share"), ("0/2", "can't be")):
        assert told in words(folder.run(*label, "--share", share, code=2).stderr)
    assert "--share 1/2 and --share 2/2" in words(folder.run(*label).stdout)
    assert "--rater NAME" in folder.run("judge", "label", QUALITY, code=2).stderr


def test_a_sheet_may_say_why_there_is_no_telling(folder: Folder, tmp_path: Path) -> None:
    judged(folder)
    sheet = tmp_path / "anna.csv"
    with Project.open(folder.path) as project:
        project.draw_cases(QUALITY, count=20)
        project.write_sheet(QUALITY, "anna", sheet)
        filled(sheet, rows=18)
        with sheet.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        rows[18]["cannot_tell"] = " I don't  know the shop. "
        write(sheet, rows)
        assert project.read_sheet(QUALITY, "anna", sheet) == Intake(new=19, changed=0, same=0)
        cases = {f"#{case.id}": case for case in project.labelling(QUALITY).cases}
        assert cases[rows[18]["case"]].unrated == {"anna": "I don't know the shop."}
        assert not cases[rows[19]["case"]].is_done("anna")
        rows[18]["rating"] = "2"
        write(sheet, rows)
        with pytest.raises(FileProblems, match=r"anna.csv:20:\d+: rating: is '2' beside a reason"):
            project.read_sheet(QUALITY, "anna", sheet)
        rows[18]["rating"] = "can't tell"
        rows[18]["cannot_tell"] = ""
        write(sheet, rows)
        with pytest.raises(FileProblems, match="says why in `cannot_tell`"):
            project.read_sheet(QUALITY, "anna", sheet)


def test_who_rated_a_case_only_is_no_person_to_hold_a_judge_against_and_can_withdraw(folder: Folder) -> None:
    judged(folder)
    with Project.open(folder.path) as project:
        cases = project.draw_cases(QUALITY, count=30).cases
        rate(project, "anna")
        project.rate_cases(QUALITY, "cleo", {cases[0].id: 1})
        project.leave_cases(QUALITY, "cleo", {cases[1].id: "I don't know."})
    told = words(folder.run("judge", "certify", QUALITY).stdout)
    assert "against 1 person, and 1 who rated fewer than 5 cases: 31 ratings of 30 cases" in told
    assert "One person rated, so that nothing tells how well people agree." in told
    certificate = folder.json("judge", "certify", QUALITY)["certificate"]
    assert (certificate["raters"], certificate["each"]) == (2, [30, 1])
    told = folder.run("judge", "label", QUALITY, "--withdraw", "cleo").stdout
    assert "What cleo said of 2 cases is taken away." in told
    assert "against 1 person: 30 ratings" in words(folder.run("judge", "certify", QUALITY).stdout)
    with Project.open(folder.path) as project:
        held = project.labelling(QUALITY)
        assert held.raters == ["anna"] and len(held.cases) == 30
        with pytest.raises(UnknownName, match="No rater of these labels is named 'cleo'"):
            project.withdraw_rater(QUALITY, "cleo")
    refused = ("judge", "label", QUALITY, "--withdraw", "anna", "--rater", "anna")
    assert "takes somebody's ratings away" in folder.run(*refused, code=2).stderr


@pytest.mark.parametrize(
    ("counts", "people"), [([], 0), ([1], 1), ([1, 4], 1), ([40, 1], 1), ([40, 5], 2), ([0, 9], 1)]
)
def test_people_are_those_who_rated_some_cases(counts: list[int], people: int) -> None:
    assert people_in(counts) == people


def test_a_draw_of_runs_that_answer_alike_says_so(folder: Folder) -> None:
    judged(folder)
    ask = ("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/script:answers.json", "--no-cache")
    folder.run(*ask)
    with Project.open(folder.path) as project:
        first, second = (run.id for run in project.runs())
        drawn = project.draw_cases(QUALITY, [first, second], count=20).drawn
        assert drawn is not None and (drawn.samples, drawn.alike) == (20, 20)
        alone = project.draw_cases(QUALITY, [first], count=20).drawn
        assert alone is not None and alone.notes == ()
    told = words(folder.run("judge", "draw", QUALITY, "--run", first, "--run", second).stdout)
    assert "The runs gave the same output to 60 of 60 samples" in told


def test_people_can_rate_for_a_judge_that_has_no_model_yet(folder: Folder) -> None:
    folder.write("promptops.toml", "")
    folder.write("judge.py", "")
    bare = SET.format(judge="", rule="").replace('model = ""\n', "")
    folder.evalset("numbers", questions(24), bare)
    grade = 'mock/constant:{"reason": "so", "score": 3}'
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/echo", "--judge-model", grade)
    folder.run("judge", "draw", QUALITY, "-n", "20")
    with Project.open(folder.path) as project:
        held = project.labelling(QUALITY)
        project.rate_cases(QUALITY, "anna", {case.id: 3 + n % 2 for n, case in enumerate(held.cases)})
        (judge,) = project.judges().judges
        assert (judge.state, judge.low, judge.rated, judge.signature) == ("unknown", 1, 20, "")
        assert "has no model" in judge.why
        assert judge.command == f"promptops judge certify {QUALITY} --model PROVIDER/MODEL"
        with pytest.raises(UsageError, match="has no model"):
            project.certify_judge(QUALITY)
        assert project.certify_judge(QUALITY, judge_model=grade).judge == grade
