"""Sheets that come back: whose they are, what they change, and whether each row is still one row."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from promptops.errors import FileProblems, UsageError
from promptops.labels.copies import copies
from promptops.labels.labelling import Intake
from promptops.labels.labels import Case
from promptops.project import Project
from tests.labels.test_labelling import QUALITY, words, write
from tests.made import Folder
from tests.verbs.test_certification import judged

Rows = list[dict[str, str]]


def sheet_of(project: Project, rater: str, path: Path) -> Rows:
    """Return the rows of a rater's sheet, rated with 3 and 4 in turn."""
    project.write_sheet(QUALITY, rater, path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row["rating"] = str(3 + number % 2)
    return rows


def test_a_sheet_that_changes_what_was_said_needs_a_word_and_is_counted(
    folder: Folder, tmp_path: Path
) -> None:
    sheet = tmp_path / "anna.csv"
    with Project.open(judged(folder).path) as project:
        project.draw_cases(QUALITY, count=24)
        rows = sheet_of(project, "anna", sheet)
        write(sheet, rows[:20])
        assert project.read_sheet(QUALITY, "anna", sheet) == Intake(new=20, changed=0, same=0)
        for row in rows[:5]:
            row["rating"], row["cannot_tell"] = ("1", "") if row is not rows[0] else ("", "Too long.")
        write(sheet, rows)
    take = ("judge", "label", QUALITY, "--rater", "anna", "--from", str(sheet))
    told = words(folder.run(*take, code=2).stderr)
    assert "of 5 cases something else than 'anna' said before" in told
    assert "4 are new, 15 as before. Nothing was written." in told and "--replace" in told
    with Project.open(folder.path) as project:
        said = [case.ratings.get("anna") for case in project.labelling(QUALITY).cases]
        assert 1 not in said and said.count(None) == 4
    assert "of 24 cases is written" in words(folder.run(*take, "--replace").stdout)
    told = words(folder.run(*take).stdout)
    assert "0 new, 0 changed, 24 as before" in told
    with Project.open(folder.path) as project:
        cases = project.labelling(QUALITY).cases
        assert sum(case.ratings.get("anna") == 1 for case in cases) == 4
        assert [case.unrated for case in cases if case.unrated] == [{"anna": "Too long."}]
    assert "goes with --from" in folder.run(*take[:-2], "--replace", code=2).stderr


def test_a_sheet_is_its_raters_own(folder: Folder, tmp_path: Path) -> None:
    sheet = tmp_path / "ben.csv"
    with Project.open(judged(folder).path) as project:
        project.draw_cases(QUALITY, count=24)
        rows = sheet_of(project, "=ben", sheet)
        write(sheet, rows)
        with pytest.raises(
            FileProblems, match=r"ben.csv:2:\d+: rater: is \"'=ben\", and this is taken in as"
        ):
            project.read_sheet(QUALITY, "anna", sheet)
        assert project.read_sheet(QUALITY, "=ben", sheet).new == 24
        write(sheet, [{key: cell for key, cell in row.items() if key != "rater"} for row in rows])
        assert project.read_sheet(QUALITY, "anna", sheet).new == 24, (
            "of a sheet that does not say whose it is"
        )


def test_a_file_that_is_there_is_no_place_for_a_sheet(folder: Folder, tmp_path: Path) -> None:
    sheet = tmp_path / "anna.csv"
    with Project.open(judged(folder).path) as project:
        project.draw_cases(QUALITY, count=24)
        write(sheet, sheet_of(project, "anna", sheet))
        before = sheet.read_bytes()
    told = folder.run("judge", "label", QUALITY, "--rater", "anna", "--sheet", str(sheet), code=2).stderr
    assert "is there already" in words(told) and sheet.read_bytes() == before


def test_a_column_that_was_sorted_by_itself_is_refused_with_its_lines(folder: Folder, tmp_path: Path) -> None:
    sheet = tmp_path / "anna.csv"
    with Project.open(judged(folder).path) as project:
        project.draw_cases(QUALITY, count=24)
        rows = sheet_of(project, "anna", sheet)
        for row in rows:  # what spreadsheets do to a text they keep
            row["output"] = f"'{row['output'].upper()} \r\n"
        write(sheet, rows)
        assert project.read_sheet(QUALITY, "anna", sheet).new == 24
        outputs = [row["output"] for row in rows]
        for row, output in zip(rows, [outputs[1], outputs[0], *outputs[2:]], strict=True):
            row["output"] = output
        write(sheet, rows)
        with pytest.raises(FileProblems, match=r"output: is not the output of this row's case") as refused:
            project.read_sheet(QUALITY, "anna", sheet)
        assert [problem.line for problem in refused.value.problems] == [2, 4]
        write(sheet, [{key: cell for key, cell in row.items() if key != "output"} for row in rows])
        assert project.read_sheet(QUALITY, "anna", sheet).same == 24


def test_half_points_are_refused_where_the_judge_has_none(folder: Folder, tmp_path: Path) -> None:
    sheet = tmp_path / "anna.csv"
    with Project.open(judged(folder).path) as project:
        case = project.draw_cases(QUALITY, count=24).cases[0]
        rows = sheet_of(project, "anna", sheet)
        rows[3]["rating"] = "4,5"
        write(sheet, rows)
        with pytest.raises(
            FileProblems, match=r"anna.csv:5:\d+: rating: is '4,5'; the judge's scale is 1 to 5 in whole"
        ):
            project.read_sheet(QUALITY, "anna", sheet)
        with pytest.raises(UsageError, match=r"4\.5 is off the scale .*whole numbers"):
            project.rate_cases(QUALITY, "anna", {case.id: 4.5})
    settings = folder.path / "evalsets/numbers/evalset.toml"
    half = 'metric = "criteria"\nstep = 0.5\n'
    settings.write_text(settings.read_text().replace('metric = "rubric"\n', half))
    with Project.open(folder.path) as project:
        held = project.labelling(QUALITY)
        assert held.takes(4.5) and not held.takes(4.4) and held.scale == "1 to 5 in steps of 0.5"
        assert project.read_sheet(QUALITY, "anna", sheet).new == 24


def test_a_name_like_a_known_one_is_asked_about(folder: Folder, tmp_path: Path) -> None:
    with Project.open(judged(folder).path) as project:
        project.draw_cases(QUALITY, count=24)
        write(tmp_path / "a.csv", sheet_of(project, "anna", tmp_path / "a.csv")[:20])
        project.read_sheet(QUALITY, "anna", tmp_path / "a.csv")
        for use in (
            lambda: project.labelling(QUALITY).share_of("Anna"),
            lambda: project.write_sheet(QUALITY, "ANNA", tmp_path / "b.csv"),
            lambda: project.rate_cases(QUALITY, "Anna ", {}),
        ):
            with pytest.raises(UsageError, match="Did you mean 'anna'"):
                use()
    sheet = ("judge", "label", QUALITY, "--rater")
    done = folder.run(*sheet, "ana", "--sheet", str(tmp_path / "c.csv"))
    assert "Did you mean anna?" in words(done.stderr) and "cases in" in done.stdout
    assert "Nobody rated as ANNA so far" not in folder.run(*sheet, "ANNA", code=2).stderr
    for name in ("anna", "ben"):
        done = folder.run(*sheet, name, "--sheet", str(tmp_path / f"{name}.csv"))
        assert "Did you mean" not in done.stderr


@pytest.mark.parametrize(("shared", "differ", "found"), [(10, 0, [10]), (9, 0, []), (24, 1, [])])
def test_two_who_say_the_same_of_all_they_share_are_told(shared: int, differ: int, found: list[int]) -> None:
    cases = [
        Case(sample=f"s{n}", output="x", ratings={"anna": n % 5} | ({"ben": n % 5} if n < shared else {}))
        for n in range(24)
    ]
    for case in cases[:differ]:
        case.ratings["ben"] = 4.5
    assert [each.cases for each in copies(cases)] == found


def test_certify_warns_of_a_sheet_that_was_taken_in_for_two(folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        cases = project.draw_cases(QUALITY, count=24, second=1).cases
        for rater in ("anna", "ben"):
            project.rate_cases(QUALITY, rater, {case.id: 1 + n % 5 for n, case in enumerate(cases)})
    told = words(folder.run("judge", "certify", QUALITY).stdout)
    assert "anna and ben said the same of all 24 cases that both rated." in told
    assert folder.json("judge", "certify", QUALITY)["certificate"]["copies"] == [24]
