"""A gate's `min` and `max` on a judge's figure as people's ratings correct it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from promptops.gate.evidence import evidence_of
from promptops.project import Project
from promptops.stats.ppi import ppi_mean
from promptops.verdicts import Verdict
from tests.made import Folder
from tests.rated import JUDGED, Made, made, rate, truth

N = 80


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Made once; each test has a copy. People see a mean of about 2.5, the judge one of about 4."""
    folder = Folder(tmp_path_factory.mktemp("ready"))
    folder.prompt("ask", "{{ question }}")
    two = made(folder, *truth(N))
    with Project.open(folder.path) as project:
        project.draw_cases(JUDGED, [two.second], count=40)
        rate(project)
    return two


@pytest.fixture
def two(ready: Made, tmp_path: Path) -> Made:
    shutil.copytree(ready.folder.path, tmp_path / "copy")
    return replace(ready, folder=Folder(tmp_path / "copy"))


def decided(two: Made, rule: str) -> Verdict:
    path = two.folder.path / "evalsets/numbers/evalset.toml"
    text = path.read_text()
    path.write_text(text[: text.index("[[gate]]")] + f'[[gate]]\nmetric = "quality"\n{rule}\n')
    with Project.open(two.folder.path) as project:
        return project.gate("numbers", run=two.second)


def test_the_judge_is_above_the_bound_people_are_below_it_and_people_decide(two: Made) -> None:
    assert decided(two, "min = 3.0").outcome == "PASS"
    verdict = decided(two, "min = 3.0\ncorrected = true")
    (cell,) = verdict.cells
    assert verdict.outcome == "FAIL" and cell.correction is not None and cell.estimate is not None
    assert (
        "by people's ratings of 40 of 80 samples" in cell.sentence and "at least 3 is broken" in cell.sentence
    )
    with Project.open(two.folder.path) as project:
        own = project.correct_judge(JUDGED, two.second).mean
        cases = project.labelling(JUDGED).cases
    assert cell.correction.value == own.value == cell.estimate.value
    drawn = {case.sample for case in cases}
    rated = np.array([f"q{number:03}" in drawn for number in range(N)])
    people, judge = np.array(two.people[1], float), np.array(two.judge[1], float)
    found = ppi_mean(people[rated], judge[rated], judge[~rated])
    assert (cell.estimate.low, cell.estimate.high) == pytest.approx((found.lower(0.05), found.upper(0.05)))
    assert cell.p_harm == pytest.approx(found.p_below(3.0))
    (row,) = evidence_of(verdict)
    assert row.asked == "at least 3 by people's ratings" and row.beside.startswith("judge alone 3.")


def test_what_people_see_within_the_bounds_passes(two: Made) -> None:
    assert decided(two, "min = 2.0\nmax = 3.0\ncorrected = true").outcome == "PASS"
    assert decided(two, "max = 3.0").outcome == "FAIL"


def test_an_open_bound_says_what_it_would_take_to_halve_the_interval(two: Made) -> None:
    verdict = decided(two, "min = 2.5\ncorrected = true")
    assert verdict.outcome == "INCONCLUSIVE" and "halve the interval" in verdict.cells[0].sentence


def test_without_ratings_of_this_run_it_cannot_measure_and_names_the_run_to_draw(two: Made) -> None:
    (two.folder.path / "evalsets/numbers/labels/quality.jsonl").unlink()
    verdict = decided(two, "min = 3.0\ncorrected = true")
    assert verdict.outcome == "CANNOT_MEASURE"
    assert f"promptops judge draw {JUDGED} --run {two.second}" in verdict.sentence
    assert "baseline" not in verdict.cells[0].sentence


def test_too_few_ratings_of_this_version_are_told(two: Made) -> None:
    path = two.folder.path / "evalsets/numbers/labels/quality.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:15]))
    verdict = decided(two, "min = 3.0\ncorrected = true")
    assert verdict.outcome == "CANNOT_MEASURE" and "of this version" in verdict.cells[0].sentence


def test_a_margin_and_a_bound_take_ratings_of_both_and_of_one(two: Made) -> None:
    verdict = decided(two, "margin = 0.3\nmin = 2.0\ncorrected = true")
    assert [cell.outcome for cell in verdict.cells] == ["CANNOT_MEASURE", "PASS"]
