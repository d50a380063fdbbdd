"""A judge's figures corrected by people's ratings, from a run in the store to what a command prints."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from promptops.errors import NotMeasured, UnknownName
from promptops.labels.lots import lots
from promptops.project import Project
from promptops.stats.ppi import ppi_bound, ppi_mean
from tests.made import Folder
from tests.rated import JUDGED, Made, lines, made, rate, true_of, truth

N = 120


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Made once; each test has a copy of its own."""
    folder = Folder(tmp_path_factory.mktemp("ready"))
    folder.prompt("ask", "{{ question }}")
    return made(folder, *truth(N))


@pytest.fixture
def two(ready: Made, tmp_path: Path) -> Made:
    shutil.copytree(ready.folder.path, tmp_path / "copy")
    return replace(ready, folder=Folder(tmp_path / "copy"))


def test_a_mean_is_that_of_ppi_on_the_drawn_part(two: Made) -> None:
    with Project.open(two.folder.path) as project:
        project.draw_cases(JUDGED, [two.second], count=40)
        rate(project)
        found = project.correct_judge(JUDGED, two.second)
        order = lots(project.evalset("numbers").samples, 0)
    people, judge = (np.array(each[1], dtype=float) for each in (two.people, two.judge))
    own = ppi_mean(people[order[:40]], judge[order[:40]], judge[order[40:]])
    assert (found.mean.rated, found.mean.drawn, found.mean.samples) == (40, 40, N)
    assert found.mean.value == pytest.approx(own.mean)
    assert (found.mean.low, found.mean.high) == pytest.approx((own.interval().low, own.interval().high))
    assert found.mean.people == pytest.approx(people[order[:40]].mean())
    assert found.mean.judge == pytest.approx(judge.mean())
    assert found.mean.lam == pytest.approx(own.lam)
    assert found.mean.halve == own.labels_to_halve()
    assert found.mean.at_random and found.mean.same_judge
    assert abs(found.mean.value - people.mean()) < 0.25 < judge.mean() - people.mean()


def test_a_change_is_that_of_people_on_the_same_samples_of_both_runs(two: Made) -> None:
    with Project.open(two.folder.path) as project:
        project.draw_cases(JUDGED, [two.first, two.second], count=50)
        rate(project)
        found = project.correct_judge(JUDGED, two.second, baseline=two.first)
        by_file = project.correct_judge(
            JUDGED, two.second, baseline=str(project.evalset_folder("numbers") / "baseline.jsonl")
        )
        order = lots(project.evalset("numbers").samples, 0)
    people, judge = (np.array(each[1], dtype=float) - each[0] for each in (two.people, two.judge))
    bound = ppi_bound(people[order[:50]] / 4, judge[order[:50]] / 4, judge[order[50:]] / 4)
    change = found.change
    assert change is not None and change.value is not None
    assert change.value == pytest.approx(4 * bound.mean)
    assert (change.low, change.high) == pytest.approx((4 * bound.low, 4 * bound.high))
    assert change.judge == pytest.approx(judge.mean())
    assert change.judge > 0.3 and change.high is not None and change.high < 0
    assert by_file.change == change


def answer(two: Made, version: int, like: object) -> str:
    """Return what a version answered to the sample of some answer."""
    number = int(str(like).split()[1])
    return f"answer {number} worth {two.judge[version][number]} true {two.people[version][number]}"


def test_two_runs_are_drawn_on_the_same_samples_and_no_line_tells_which_run(two: Made) -> None:
    two.folder.run("judge", "draw", JUDGED, "--run", two.first, "--run", two.second, "-n", "30")
    rows = lines(two.folder)
    samples = [row["sample"] for row in rows]
    differ = {
        f"q{number:03}"
        for number in range(N)
        if answer(two, 0, f"answer {number}") != answer(two, 1, f"answer {number}")
    }
    assert len(set(samples)) == 30 and len(rows) == 30 + len(differ & set(samples))
    assert not {"run", "prompt", "model"} & set().union(*rows)
    pairs = [[row["output"] for row in rows if row["sample"] == name] for name in differ & set(samples)]
    first = [shown[0] == answer(two, 0, shown[0]) for shown in pairs]
    assert 0.2 < sum(first) / len(first) < 0.8  # neither run's output always comes first


def test_equal_outputs_are_rated_once_for_both(folder: Folder) -> None:
    people, judge = truth(60)
    two = made(folder, (people[0], people[0]), (judge[0], judge[0]))
    with Project.open(folder.path) as project:
        held = project.draw_cases(JUDGED, [two.first, two.second], count=25)
        assert len(held.cases) == 25
        rate(project)
        change = project.correct_judge(JUDGED, two.second, baseline=two.first).change
    assert change is not None and change.value == 0 and change.rated == 25


def test_ratings_of_another_version_never_pass_for_random_ones(folder: Folder) -> None:
    """40 rated answers of the first run stand in the second one too, but only where nothing was changed."""
    people, judge = truth(N)
    kept = [number % 2 == 0 for number in range(N)]
    after = [a if same else b for a, b, same in zip(*people, kept, strict=True)]
    said = [a if same else b for a, b, same in zip(*judge, kept, strict=True)]
    two = made(folder, (people[0], after), (judge[0], said))
    with Project.open(folder.path) as project:
        project.draw_cases(JUDGED, [two.first], count=80)
        rate(project)
        found = project.correct_judge(JUDGED, two.second)
    assert found.mean.value is not None and not found.mean.at_random
    assert "not drawn at random" in found.notes[0] and f"--run {two.second}" in found.notes[0]


def test_labels_of_ones_own_are_used_with_a_warning_and_left_out_beside_a_draw(two: Made) -> None:
    folder = two.folder
    rows = [
        {"sample": f"q{number:03}", "output": f"answer {number} worth {two.judge[1][number]} true {true}"}
        for number, true in enumerate(two.people[1])
    ]
    own = [{**row, "ratings": {"anna": int(row["output"].split()[-1])}} for row in rows]
    folder.write("mine.jsonl", "".join(json.dumps(row) + "\n" for row in own[:30]))
    told = folder.run("judge", "correct", JUDGED, "--run", two.second, "--labels", "mine.jsonl").stdout
    assert "30 rated samples were not drawn at random" in " ".join(told.split())
    with Project.open(folder.path) as project:
        project.draw_cases(JUDGED, [two.second], count=25, labels=folder.path / "mine.jsonl")
        held = project.labelling(JUDGED, labels=folder.path / "mine.jsonl")
        project.rate_cases(JUDGED, "anna", {case.id: true_of(case) for case in held.cases}, labels=held.path)
        found = project.correct_judge(JUDGED, two.second, labels=held.path)
    assert found.mean.rated == 25 and found.mean.at_random
    assert found.mean.left_out > 0


def test_the_command_prints_judge_people_and_both_beside_one_another(two: Made) -> None:
    folder = two.folder
    baseline = "evalsets/numbers/baseline.jsonl"
    folder.run("judge", "draw", JUDGED, "--run", baseline, "--run", two.second, "-n", "40")
    with Project.open(folder.path) as project:
        rate(project)
    told = folder.run("judge", "correct", JUDGED, "--run", two.second, "--baseline", baseline).stdout
    for words in (
        "judge alone",
        "people alone",
        "corrected (PPI++)",
        "halve the interval",
        "change, [L, U]",
    ):
        assert words in told
    shown = folder.json("judge", "correct", JUDGED, "--run", two.second, "--baseline", baseline)
    assert shown["correction"]["mean"]["rated"] == 40
    assert shown["correction"]["change"]["high"] < 0 < shown["correction"]["change"]["judge"]
    assert folder.json("show", two.second)["corrections"]["quality"]["rated"] == 40
    assert "by people's ratings of 40 of 120" in folder.run("compare", two.first, two.second).stdout


def test_too_few_ratings_are_told_and_exit_with_3(two: Made) -> None:
    folder = two.folder
    folder.run("judge", "draw", JUDGED, "--run", two.second, "-n", "12")
    with Project.open(folder.path) as project:
        with pytest.raises(NotMeasured, match="Nobody has rated"):
            project.correct_judge(JUDGED, two.second)
        rate(project)
        with pytest.raises(UnknownName):
            project.correct_judge("numbers:speed", two.second)
    told = folder.run("judge", "correct", JUDGED, "--run", two.second, code=3).stdout
    assert "takes 20 rated samples" in told and "there are 12" in told
    (folder.path / "evalsets/numbers/labels/quality.jsonl").unlink()
    assert "judge draw" in folder.run("judge", "correct", JUDGED, "--run", two.second, code=2).stderr


def binary(n: int, wrong: int) -> tuple[tuple[list[int], list[int]], tuple[list[int], list[int]]]:
    """A judge of yes and no that errs on every `wrong`-th sample."""
    people = [int(number % 3 > 0) for number in range(n)]
    judge = [1 - true if number % wrong == 0 else true for number, true in enumerate(people)]
    return (people, people), (judge, judge)


def test_a_binary_judge_is_corrected_by_its_errors_too_where_that_is_admissible(folder: Folder) -> None:
    two = made(folder, *binary(N, 7), scale="[0, 1]")
    with Project.open(folder.path) as project:
        project.draw_cases(JUDGED, [two.second], count=60)
        rate(project)
        share = project.correct_judge(JUDGED, two.second).share
        order = [int(place) for place in lots(project.evalset("numbers").samples, 0)]
    people, judge = np.array(two.people[1]), np.array(two.judge[1])
    y, f, rest = people[order[:60]], judge[order[:60]], judge[order[60:]]
    se, sp = f[y == 1].mean(), 1 - f[y == 0].mean()
    assert share is not None and share.value is not None
    assert (share.sensitivity, share.specificity) == pytest.approx((se, sp))
    assert share.value == pytest.approx((rest.mean() + sp - 1) / (se + sp - 1))
    assert "Rogan-Gladen: share of yes" in folder.run("judge", "correct", JUDGED, "--run", two.second).stdout


def test_a_binary_judge_that_hardly_sees_is_not(folder: Folder) -> None:
    two = made(folder, *binary(N, 2), scale="[0, 1]")
    with Project.open(folder.path) as project:
        project.draw_cases(JUDGED, [two.second], count=60)
        rate(project)
        found = project.correct_judge(JUDGED, two.second)
    assert found.share is not None and found.share.value is None and "Youden's J" in found.share.why
    assert found.mean.value is not None


def test_ratings_drawn_for_another_judge_are_told(two: Made) -> None:
    with Project.open(two.folder.path) as project:
        project.draw_cases(JUDGED, [two.second], count=30)
        rate(project)
    path = two.folder.path / "evalsets/numbers/labels/quality.jsonl"
    path.write_text(path.read_text().replace('"judge": "', '"judge": "0'))
    with Project.open(two.folder.path) as project:
        found = project.correct_judge(JUDGED, two.second)
        assert any("another judge" in note for note in found.notes)
        project.draw_cases(JUDGED, [two.second], count=30)
        again = project.correct_judge(JUDGED, two.second)
    assert again.mean.same_judge and again.mean.rated == 30


def test_groups_weigh_as_much_as_their_samples(folder: Folder) -> None:
    """30 groups of one sample that are good, 30 groups of three that are bad: the mean is that of samples."""
    n = 120
    people = [4 if number < 30 else 2 for number in range(n)]
    two = made(
        folder,
        (people, people),
        (people, people),
        group=lambda number: f"g{number}" if number < 30 else f"h{number % 30}",
    )
    with Project.open(folder.path) as project:
        project.draw_cases(JUDGED, [two.second], count=60)
        rate(project)
        found = project.correct_judge(JUDGED, two.second).mean
    assert found.groups == 60 and found.rated == 60
    assert found.value == pytest.approx(np.mean(people), abs=1e-9)
    assert found.judge == pytest.approx(np.mean(people))


def test_where_each_group_holds_a_rating_the_judge_has_nothing_to_add(folder: Folder) -> None:
    people = [2 + number % 3 for number in range(60)]
    two = made(folder, (people, people), (people, people), group=lambda number: f"g{number % 30}")
    draw = ("judge", "draw", JUDGED, "--run", two.second, "-n")
    few, many = (folder.run(*draw, size).stdout for size in ("29", "31"))
    assert "groups" not in few and "Each of the 30 groups has a sample that was drawn" in many
    with Project.open(folder.path) as project:
        rate(project)
        found = project.correct_judge(JUDGED, two.second).mean
    assert (found.rated, found.groups, found.unrated, found.lam) == (31, 30, 0, 0.0)
    told = folder.run("judge", "correct", JUDGED, "--run", two.second).stdout
    assert "Mean: all 30 groups hold a rated sample, so that the judge has nothing to add." in told
    assert "tell with this judge" not in told


def test_a_slice_that_is_none_and_too_few_ratings_are_told_as_such(two: Made) -> None:
    with Project.open(two.folder.path) as project:
        cases = project.draw_cases(JUDGED, [two.second], count=40).cases
        project.rate_cases(JUDGED, "anna", {case.id: true_of(case) for case in cases[:5]})
        with pytest.raises(UnknownName, match=r"slice of run .* 'typo'"):
            project.correct_judge(JUDGED, two.second, slice="typo")
    told = two.folder.run("judge", "correct", JUDGED, "--run", two.second, code=3).stdout
    row = next(line for line in told.splitlines() if line.startswith("mean, 95 % interval"))
    assert row.split()[-3:] == ["-", "-", "-"] and "- -" not in " ".join(row.split()[:-3])
    assert len(row.split()) == 4 + 3 + 3, "the judge's figure with its interval, and a dash for each other"
