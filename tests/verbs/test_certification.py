"""A judge held against people: drawn blind, rated in a form or a sheet, void once the judge changes."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from promptops.calls.call import Stopped
from promptops.errors import FileProblems, NotComparable, NotMeasured, UsageError
from promptops.labels.labels import Case, draw, left_for, read_cases
from promptops.labels.lots import lots
from promptops.project import Project
from promptops.types import Sample
from tests.made import Folder, questions

SET = """\
format = 1

[card]
description = "made for a test"

[metrics.exact]

[metrics.quality]
metric = "rubric"
model = "{judge}"

[[gate]]
metric = "quality"
margin = 0.5
{rule}
"""
N = 60


def judged(folder: Folder, rule: str = "certified = true") -> Folder:
    """A set whose judge says 1 to 5, known beforehand, and a run on it that was accepted."""
    folder.write("judge.py", JUDGE)
    folder.write("promptops.toml", 'allow_code = ["python/judge:reply"]\n')
    judge = "python/judge:reply"
    folder.evalset("numbers", questions(N), SET.format(judge=judge, rule=rule))
    answers = {f"q{number:03}": {"text": f"answer {number} worth {said(number)}"} for number in range(N)}
    with Project.open(folder.path) as project:
        run = project.evaluate(
            "numbers", [folder.path / "ask.prompt.yaml"], [folder.script("answers.json", answers)]
        )[0]
        project.accept(run.id)
    return folder


JUDGE = """\
import json, re

def reply(messages):
    text = "\\n".join(message["content"] for message in messages)
    return json.dumps({"reason": "so", "score": int(re.search(r"worth (\\d)", text)[1])})
"""


def said(number: int) -> int:
    return number * 7 % 5 + 1


def person(number: int, shift: int = 0) -> int:
    """Mostly what the judge says, and one more now and then."""
    return min(said(number) + (number % 4 == shift), 5)


def number_of(case: Case) -> int:
    return int(case.output.split()[1])


def rate(project: Project, rater: str, shift: int = 0) -> None:
    held = project.labelling("numbers:quality")
    left = left_for(held.cases, rater)
    project.rate_cases("numbers:quality", rater, {case.id: person(number_of(case), shift) for case in left})


def test_the_certificate_says_what_other_libraries_say_of_the_same_ratings(folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        project.draw_cases("numbers:quality", count=50, second=0.4)
        rate(project, "anna")
        rate(project, "ben", 1)
        found = project.certify_judge("numbers:quality")
        held = project.labelling("numbers:quality")
    both = [case for case in held.cases if len(case.ratings) == 2]
    assert (found.cases, found.raters, found.ratings, len(both)) == (50, 2, 70, 20)
    judge = {case.id: said(number_of(case)) for case in held.cases}
    kappas, sizes = [], []
    for rater in ("anna", "ben"):
        mine = [case for case in held.cases if rater in case.ratings]
        pairs = [[judge[case.id] for case in mine], [case.ratings[rater] for case in mine]]
        kappas.append(cohen_kappa_score(*pairs, weights="quadratic"))
        sizes.append(len(mine))
    assert found.main == "quadratic_kappa"
    assert found.agreement.judge_human.value == pytest.approx(np.average(kappas, weights=sizes), abs=1e-9)
    people = [[case.ratings[rater] for case in both] for rater in ("anna", "ben")]
    assert found.agreement.human_human.value == pytest.approx(
        cohen_kappa_score(*people, weights="quadratic"), abs=1e-9
    )
    gaps = [judge[case.id] - np.mean(list(case.ratings.values())) for case in held.cases]
    assert found.bias.value == pytest.approx(np.mean(gaps), abs=1e-9)


def test_the_gate_wants_a_certificate_and_one_changed_letter_voids_it(folder: Folder) -> None:
    judged(folder)
    answers = "mock/script:answers.json"
    gate = ("gate", "numbers", "--prompt", "ask.prompt.yaml", "--model", answers)
    told = folder.run(*gate, code=3).stderr
    assert "has no certificate: nobody has rated what it judges" in " ".join(told.split())
    assert "promptops judge draw numbers:quality --run RUN" in " ".join(told.split())
    with Project.open(folder.path) as project:
        verdict = project.gate("numbers")
        assert verdict.outcome == "CANNOT_MEASURE"
        assert "judges. Draw and rate: `promptops judge draw numbers:quality --run RUN`" in verdict.sentence
        cases = project.draw_cases("numbers:quality", count=40).cases
        project.rate_cases("numbers:quality", "anna", {case.id: 3 for case in cases[:4]})
        few = "takes 20 independent rated cases, and there are 4; 36 that were drawn wait for a rating. Rate"
        assert few in project.gate("numbers").sentence
        rate(project, "anna")
        told = project.gate("numbers").sentence
        assert "no certificate. Certify it: `promptops judge certify numbers:quality`" in told
    folder.run("judge", "certify", "numbers:quality")
    assert "PASS" in folder.run(*gate).stdout
    settings = folder.path / "evalsets/numbers/evalset.toml"
    shipped = (Path(__file__).parents[2] / "promptops/judges/rubric.prompt.yaml").read_text()
    folder.write("evalsets/numbers/own.prompt.yaml", shipped)
    changed = settings.read_text().replace(
        'metric = "rubric"', 'metric = "rubric"\nprompt = "own.prompt.yaml"'
    )
    settings.write_text(changed)
    folder.write("evalsets/numbers/own.prompt.yaml", shipped.replace("grade", "Grade", 1))
    told = " ".join(folder.run(*gate, code=3).stderr.split())
    assert "is void: prompt changed since it was made on" in told
    assert "promptops judge certify numbers:quality" in told


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("min_agreement = 0.999", "wants 0.999"),
        ("max_bias = 0.01", "allows 0.01"),
        ("min_agreement = 0.5", ""),
    ],
)
def test_a_weak_certificate_is_no_certificate(folder: Folder, rule: str, why: str) -> None:
    with Project.open(judged(folder, rule).path) as project:
        project.draw_cases("numbers:quality", count=40)
        rate(project, "anna")
        project.certify_judge("numbers:quality")
        if why:
            with pytest.raises(NotComparable, match=why):
                project.gate_prompt(
                    "numbers", folder.path / "ask.prompt.yaml", model="mock/script:answers.json"
                )
        else:
            project.gate_prompt("numbers", folder.path / "ask.prompt.yaml", model="mock/script:answers.json")


def test_a_weak_certificate_is_certified_anew_only_where_a_rating_is_new(folder: Folder) -> None:
    with Project.open(judged(folder, "min_agreement = 0.999").path) as project:
        project.draw_cases("numbers:quality", count=25)
        rate(project, "anna")
        project.certify_judge("numbers:quality")
        more = "Mend the judge, or rate more: `promptops judge draw numbers:quality --run RUN -n 50`"
        assert more in project.gate("numbers").sentence
        project.draw_cases("numbers:quality", count=N)
        waiting = "Mend the judge, or rate more: `promptops judge label numbers:quality --rater NAME`"
        assert waiting in project.gate("numbers").sentence
        rate(project, "anna")
        assert "Certify it: `promptops judge certify numbers:quality`" in project.gate("numbers").sentence
        project.certify_judge("numbers:quality")
        mend = "Mend the judge, then certify it: `promptops judge certify numbers:quality`"
        assert mend in project.gate("numbers").sentence


def test_a_run_of_an_older_judge_is_to_be_scored_anew(folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        project.draw_cases("numbers:quality", count=40)
        rate(project, "anna")
        project.certify_judge("numbers:quality")
        old = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["mock/script:answers.json"])[
            0
        ].id
        assert project.gate("numbers", run=old).outcome == "PASS"
        settings = folder.path / "evalsets/numbers/evalset.toml"
        settings.write_text(settings.read_text().replace('"rubric"', '"rubric"\ncriteria = "It is kind."'))
    with Project.open(folder.path) as project:
        # No judge of the files is certified: that it is void is all there is to say.
        new = project.rescore(old).id
        assert (
            "is void: criteria changed"
            in project.gate("numbers", run=new, baseline=new_base(project)).sentence
        )
        project.certify_judge("numbers:quality")
        told = project.gate("numbers", run=old).sentence
        assert "scored by another judge quality than is certified (criteria changed)" in told
        assert "promptops score BASELINE_RUN, then accept the new run" in told
        assert told.endswith(f"Score the run anew: `promptops score {old}`.")
        with pytest.raises(NotComparable, match="promptops score BASELINE_RUN`, then accept the new run"):
            project.gate("numbers", run=new)
        project.accept(new_base(project))
        assert project.gate("numbers", run=new).outcome == "PASS"


def new_base(project: Project) -> str:
    """The accepted run, scored by the judge of the files."""
    first = min(project.runs(evalset="numbers"), key=lambda run: run.created_at)
    return project.rescore(first.id).id


def test_a_sheet_goes_out_blind_and_comes_back(folder: Folder, tmp_path: Path) -> None:
    judged(folder)
    folder.run("judge", "draw", "numbers:quality", "-n", "30", "--second", "0.5")
    sheet = tmp_path / "sheet.csv"
    folder.run("judge", "label", "numbers:quality", "--rater", "anna", "--sheet", str(sheet))
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert set(rows[0]) == {"case", "rater", "inputs", "target", "output", "rating", "cannot_tell"}
    for row in rows:
        row["rating"] = str(person(int(row["output"].split()[1])))
        row["inputs"] = "changed by a spreadsheet"
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    told = folder.run("judge", "label", "numbers:quality", "--rater", "anna", "--from", str(sheet)).stdout
    assert "What anna said of 30 cases is written" in told and "0 are left for anna" in told
    rows[0]["rating"] = "6"
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    told = folder.run(
        "judge", "label", "numbers:quality", "--rater", "anna", "--from", str(sheet), code=2
    ).stderr
    assert "scale is 1 to 5" in " ".join(told.split())
    sheet.unlink()
    folder.run("judge", "label", "numbers:quality", "--rater", "ben", "--sheet", str(sheet))
    with sheet.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 15


def test_the_form_writes_each_rating_down_and_shows_nothing_that_sways(folder: Folder) -> None:
    import subprocess
    import sys

    judged(folder)
    folder.run("judge", "draw", "numbers:quality", "-n", "25")
    done = subprocess.run(
        [sys.executable, "-m", "promptops", "judge", "label", "numbers:quality", "--rater", "anna"],
        check=False,
        cwd=folder.path,
        input="4\nnine\n7\n3\ns\nq\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "is not on the scale" in done.stdout
    assert "2 of 25 cases are rated" in done.stdout
    assert "answers.json" not in done.stdout and "python/judge" not in done.stdout
    with Project.open(folder.path) as project:
        rated = [case for case in project.labelling("numbers:quality").cases if case.ratings]
        assert sorted(case.ratings["anna"] for case in rated) == [3, 4]
        project.draw_cases("numbers:quality", count=40)
        kept = project.labelling("numbers:quality").cases
    assert len(kept) == 40
    assert {case.id for case in rated} <= {case.id for case in kept if case.ratings}


def test_what_the_judge_said_is_not_paid_for_twice(folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        project.draw_cases("numbers:quality", count=30)
        rate(project, "anna")
        with pytest.raises(Stopped, match="asked about 10 of 30"):
            from promptops.calls.budget import Budget

            project.certify_judge("numbers:quality", budget=Budget(max_calls=10))
        assert project.forecast_certify("numbers:quality").calls == 20
        assert project.forecast_certify("numbers:quality", cache=False).calls == 30
        spent = Budget(max_calls=20)
        project.certify_judge("numbers:quality", budget=spent)
        assert spent.calls == 20
        certificate = project.certificate("numbers:quality")
    assert certificate is not None and certificate.cases == 30
    text = (folder.path / "evalsets/numbers/certificates/quality.json").read_text()
    assert str(folder.path) not in text


def test_too_few_cases_and_broken_files_are_told(folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        with pytest.raises(UsageError, match="judge draw"):
            project.labelling("numbers:quality")
        project.draw_cases("numbers:quality", count=12)
        with pytest.raises(NotMeasured, match=r"and there are 0; 12 are drawn\. Draw and rate"):
            project.certify_judge("numbers:quality")
        rate(project, "anna")
        with pytest.raises(NotMeasured, match=r"and there are 12; 12 are drawn. .*judge draw .* -n 60"):
            project.certify_judge("numbers:quality")
    assert "there are 12" in folder.run("judge", "certify", "numbers:quality", code=3).stderr
    told = " ".join(
        folder.run("judge", "draw", "numbers:quality", "-n", "99", "--run", "latest").stdout.split()
    )
    assert "No more than 60 samples have an output that can be rated: all are drawn. 60 cases of 60" in told
    path = folder.path / "evalsets/numbers/labels/quality.jsonl"
    path.write_text('{"sample": "q001", "output": "a", "ratings": {"anna": 9}}\n{"output": 3}\n')
    with pytest.raises(FileProblems) as error:
        read_cases(path, 1, 5)
    assert {problem.line for problem in error.value.problems} == {1, 2}


def test_who_can_not_tell_says_so_and_is_not_asked_again(folder: Folder) -> None:
    import subprocess
    import sys

    with Project.open(judged(folder).path) as project:
        project.draw_cases("numbers:quality", count=25, second=0)
    done = subprocess.run(
        [sys.executable, "-m", "promptops", "judge", "label", "numbers:quality", "--rater", "anna"],
        check=False,
        cwd=folder.path,
        input="c\nno  idea\nq\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Look for this: The answer does what the task asks" in done.stdout
    assert "24 are left for anna" in done.stdout
    with Project.open(folder.path) as project:
        cases = project.labelling("numbers:quality").cases
        assert [case.unrated for case in cases if case.unrated] == [{"anna": "no idea"}]
        assert len(left_for(cases, "ben")) == 25
        # What somebody has looked at stays in another draw.
        again = project.draw_cases("numbers:quality", count=25, seed=9).cases
        assert [case.unrated for case in again if case.unrated] == [{"anna": "no idea"}]
        rate(project, "anna")
        assert project.certify_judge("numbers:quality").unrated == 1
        with pytest.raises(UsageError, match="why there is no telling"):
            project.leave_cases("numbers:quality", "anna", {cases[0].id: " "})


def test_two_raters_at_once_do_not_undo_each_other(folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        cases = project.draw_cases("numbers:quality", count=30).cases

    def rate_all(rater: str) -> None:
        with Project.open(folder.path) as own:
            for case in cases:
                own.rate_cases("numbers:quality", rater, {case.id: 3})

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(rate_all, ("anna", "ben", "cleo")))
    found = read_cases(folder.path / "evalsets/numbers/labels/quality.jsonl", 1, 5)
    assert all(case.ratings == {"anna": 3, "ben": 3, "cleo": 3} for case in found)


def test_half_a_character_does_not_make_a_file_that_can_not_be_read(folder: Folder) -> None:
    folder.evalset("numbers", questions(3), SET.format(judge="mock/echo", rule=""))
    answers = {f"q{n:03}": {"text": "half \ud800 of one" if n == 1 else f"whole {n}"} for n in range(3)}
    with Project.open(folder.path) as project:
        asked = folder.prompt("ask", "{{question}}")
        project.evaluate("numbers", [asked], [folder.script("answers.json", answers)])
        drawn = project.draw_cases("numbers:quality", count=3).drawn
        assert drawn is not None and (drawn.wanted, drawn.samples, drawn.alike) == (3, 2, 0)
        assert {case.output for case in project.labelling("numbers:quality").cases} == {"whole 0", "whole 2"}


def test_a_smaller_draw_is_a_part_of_a_larger_one() -> None:
    samples = [Sample(id=f"s{number}", inputs={}) for number in range(200)]
    small, large = (
        draw([[(samples[place].id, f"text {place}")] for place in lots(samples, 3)], count, 3, 0.5)
        for count in (30, 90)
    )
    assert {case.id for case in small} < {case.id for case in large}
    assert sum(case.twice for case in small) == 15


@pytest.mark.parametrize(("delimiter", "half"), [(";", "4,0"), ("\t", "4.0")])
def test_a_sheet_of_a_country_with_decimal_commas_is_read(
    folder: Folder, tmp_path: Path, delimiter: str, half: str
) -> None:
    sheet = tmp_path / "sheet.csv"
    with Project.open(judged(folder).path) as project:
        cases = project.draw_cases("numbers:quality", count=3).cases
        rows = [["case", "inputs", "rating", "cannot_tell"], [f"#{cases[0].id}", "a, b", half, ""]]
        rows.append([f"#{cases[1].id}", 'a "b"', "", "I don't know the shop; sorry."])

        def saved() -> None:
            with sheet.open("w", encoding="utf-8-sig", newline="") as file:
                csv.writer(file, delimiter=delimiter).writerows(rows)

        saved()
        project.read_sheet("numbers:quality", "anna", sheet)
        held = {case.id: case for case in project.labelling("numbers:quality").cases}
        assert held[cases[0].id].ratings == {"anna": 4.0}
        assert held[cases[1].id].unrated == {"anna": "I don't know the shop; sorry."}
        rows.append([f"#{cases[2].id}", "c", "nine", ""])
        saved()
        with pytest.raises(FileProblems) as error:
            project.read_sheet("numbers:quality", "anna", sheet)
    [problem] = error.value.problems
    assert (problem.line, problem.field) == (4, "rating") and "'nine'" in problem.reason
    assert problem.column == len(f"#{cases[2].id}") + 4


def test_a_void_certificate_is_told_in_json_too(folder: Folder) -> None:
    judged(folder)
    gate = ("gate", "numbers", "--prompt", "ask.prompt.yaml", "--model", "mock/script:answers.json")
    found = folder.json(*gate, code=3)
    assert (found["verdict"], found["outcome"], found["exit_code"]) == (None, "CANNOT_MEASURE", 3)
    [why] = found["reasons"]
    assert "has no certificate" in why and "promptops judge draw numbers:quality --run RUN" in why
    stored = folder.json("gate", "numbers", code=3)
    assert stored["outcome"] == stored["verdict"]["outcome"] == "CANNOT_MEASURE" and not stored["reasons"]


def test_no_interval_is_without_width_where_judge_and_people_say_the_same(folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        cases = project.draw_cases("numbers:quality", count=40).cases
        project.rate_cases("numbers:quality", "anna", {case.id: said(number_of(case)) for case in cases})
        found = project.certify_judge("numbers:quality")
    every = [found.bias, *(each.bias for each in found.classes), *(part.bias for part in found.parts)]
    assert len(every) > 8
    for each in every:
        assert each is not None and each.value == 0
        assert each.low is not None and each.high is not None and each.high > each.low
    worst = 1 - 0.025 ** (1 / 40)
    assert found.bias.high == pytest.approx(worst * 4) and found.bias.low == pytest.approx(-worst * 4)
    top = next(each for each in found.classes if each.value == 5)
    assert top.bias is not None and top.bias.high == 0, "nobody can be graded above the scale"
    assert top.bias.low == pytest.approx(-4 * (1 - 0.025 ** (1 / top.bias.n)))
