"""People say which of two outputs is better, blind to whose they are and in an order drawn by lot."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from promptops import Project
from promptops.cli import app
from promptops.errors import FileProblems, UsageError
from promptops.labels.labels import Case, in_order, is_swapped
from tests.made import Folder, questions

N = 40
BETTER = "numbers:better"
SETTINGS = """\
format = 1

[card]
description = "made for a test"

[metrics.exact]

[metrics.better]
metric = "pairwise"
criteria = "The better answer names the number."
"""


@pytest.fixture
def two(folder: Folder) -> tuple[Folder, str, str]:
    """Two runs that give the same output to each fifth sample."""
    folder.evalset("numbers", questions(N), SETTINGS)
    prompt = folder.path / "ask.prompt.yaml"
    same = {f"q{number:03}": {"text": f"number {number}"} for number in range(0, N, 5)}
    old = same | {f"q{number:03}": {"text": f"old {number}"} for number in range(N) if number % 5}
    with Project.open(folder.path) as project:
        runs = [
            project.evaluate("numbers", [prompt], [model])[0].id
            for model in (folder.script("old.json", old), "mock/echo")
        ]
    return folder, runs[0], runs[1]


def invoked(folder: Folder, *arguments: str, typed: str = "") -> str:
    done = CliRunner().invoke(app, ["-C", str(folder.path), "judge", *arguments], input=typed)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def filled(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_both_outputs_of_a_sample_are_one_case_where_they_differ(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    told = invoked(folder, "draw", BETTER, "--run", old, "--run", new, "--second", "0.25")
    assert "32 pairs of outputs to 32 samples" in told and "8 of them for two people" in told
    assert "same output to 8 more" in told and "all are drawn" in told and "scale" not in told
    written = (folder.path / "evalsets/numbers/labels/better.jsonl").read_text()
    lines = [json.loads(line) for line in written.splitlines()]
    assert all(each["output"].startswith("number ") for each in lines)
    assert all(each["other"] == each["output"].replace("number", "old") for each in lines)
    assert not any(word in written for word in (old, new, "mock", "ask", "script"))


def test_a_sheet_hides_which_is_which_and_knows_it_again(
    two: tuple[Folder, str, str], tmp_path: Path
) -> None:
    folder, old, new = two
    invoked(folder, "draw", BETTER, "--run", old, "--run", new)
    told = invoked(folder, "label", BETTER, "--rater", "anna", "--sheet", str(tmp_path / "a.csv"))
    assert "column better with A, B or tie" in told and "names the number" in told
    rows = rows_of(tmp_path / "a.csv")
    first = ["old" if row["answer_a"].startswith("old") else "new" for row in rows]
    assert 8 <= first.count("old") <= 24, "by lot, not by side"
    for number, row in enumerate(rows):
        row["better"] = ("A", "b", "Tie", "")[number % 4]
        row["cannot_tell"] = "" if row["better"] else "Both are odd."
    filled(tmp_path / "a.csv", rows)
    invoked(folder, "label", BETTER, "--rater", "anna", "--from", str(tmp_path / "a.csv"))
    with Project.open(folder.path) as project:
        cases = {case.output: case for case in project.labelling(BETTER).cases}
    for number, row in enumerate(rows):
        new_one = row["answer_b"] if first[number] == "old" else row["answer_a"]
        won = 1.0 if first[number] == "new" else -1.0
        case = cases[new_one]
        if number % 4 == 3:
            assert case.unrated == {"anna": "Both are odd."}
        else:
            assert case.ratings == {"anna": (won, -won, 0.0)[number % 4]}


def test_a_sheet_that_says_something_else_is_told_with_its_line(
    two: tuple[Folder, str, str], tmp_path: Path
) -> None:
    folder, old, new = two
    with Project.open(folder.path) as project:
        project.draw_cases(BETTER, [old, new], count=20)
        project.write_sheet(BETTER, "anna", tmp_path / "a.csv")
        rows = rows_of(tmp_path / "a.csv")
        rows[2]["better"] = "first"
        with pytest.raises(FileProblems, match=r"a\.csv:4:\d+: better: is 'first'; write A, B or tie"):
            project.read_sheet(BETTER, "anna", filled(tmp_path / "a.csv", rows))
        rows[2]["better"], turned = "A", dict(rows[2])
        case = next(each for each in project.labelling(BETTER).cases if each.output in turned.values())
        project.write_sheet(BETTER, next(name for name in "cdefgh" if apart(case, name)), tmp_path / "b.csv")
        other = next(row for row in rows_of(tmp_path / "b.csv") if case.output in row.values())
        rows.append(other | {"better": "B", "rater": "anna"})
        with pytest.raises(FileProblems, match="stands above already"):
            project.read_sheet(BETTER, "anna", filled(tmp_path / "a.csv", rows))


def apart(case: Case, rater: str) -> bool:
    return is_swapped(case, rater) != is_swapped(case, "anna")


def test_the_form_shows_two_answers_and_takes_a_letter(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    with Project.open(folder.path) as project:
        project.draw_cases(BETTER, [old, new], count=20)
        wanted = project.labelling(BETTER).left_for("anna")
    told = invoked(folder, "label", BETTER, "--rater", "anna", typed="a\nfirst\nb\nt\nc\nNo idea.\nq\n")
    assert "'first' is none of a, b and tie" in told and old not in told and "mock" not in told
    assert "3 of 20 cases are rated" in told
    for case, name in zip(wanted[:3], ("A", "B", "tie"), strict=True):
        shown = in_order(case, swapped=is_swapped(case, "anna"))
        assert told.index(f"Answer A: {shown[0]}") < told.index(f"Answer B: {shown[1]}")
        with Project.open(folder.path) as project:
            [rated] = [each for each in project.labelling(BETTER).cases if each.id == case.id]
        chosen = {"A": shown[0], "B": shown[1]}.get(name)
        assert rated.ratings["anna"] == {case.output: 1.0, case.other: -1.0, None: 0.0}[chosen]


def test_what_does_not_go_with_pairs_is_refused_with_the_way_out(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    with Project.open(folder.path) as project:
        told = "promptops judge draw numbers:better --run OLD --run NEW"
        with pytest.raises(UsageError, match=told):
            project.draw_cases(BETTER, [new])
        with pytest.raises(UsageError, match=told):
            project.labelling(BETTER)
        with pytest.raises(UsageError, match="No sample has two outputs that differ"):
            project.draw_cases(BETTER, [old, old])
        cases = project.draw_cases(BETTER, [old, new], count=20).cases
        with pytest.raises(UsageError, match="other way round"):
            project.draw_cases(BETTER, [new, old], count=20)
        with pytest.raises(UsageError, match=r"0\.5 is off the scale"):
            project.rate_cases(BETTER, "anna", {cases[0].id: 0.5})
    path = folder.path / "evalsets/numbers/labels/better.jsonl"
    text = path.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    lines[0]["ratings"] = {"anna": 0.5}
    del lines[1]["other"]
    lines[2]["other"] = lines[2]["output"]
    turned = lines[3] | {"output": lines[3]["other"], "other": lines[3]["output"]}
    path.write_text("".join(f"{json.dumps(line)}\n" for line in [*lines, turned]))
    with Project.open(folder.path) as project, pytest.raises(FileProblems) as caught:
        project.labelling(BETTER)
    faults = [str(each) for each in caught.value.problems]
    assert len(faults) == 4 and "of a pair it is 1, 0 or -1" in faults[0]
    assert "this judge compares two outputs" in faults[1] and "neither is better" in faults[2]
    assert "stands above already" in faults[3]


def test_pairs_that_are_rated_stay_when_more_are_drawn(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    with Project.open(folder.path) as project:
        few = project.draw_cases(BETTER, [old, new], count=10).cases
        project.rate_cases(BETTER, "anna", {case.id: 1.0 for case in few[:4]})
        more = project.draw_cases(BETTER, [old, new], count=30).cases
    assert {case.id for case in few} <= {case.id for case in more} and len(more) == 30
    assert sum(bool(case.ratings) for case in more) == 4
