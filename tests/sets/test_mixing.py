"""Samples that a model wrote are told apart from those of people wherever figures are told."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from promptops import ORIGIN_SLICES, Project, render_report
from promptops.analysis.summary import slice_mask
from promptops.cli import app
from promptops.sets.origins import is_synthetic
from promptops.sets.roster import Roster
from promptops.types import Facts, Sample
from tests.made import EVALSET, Folder, questions

NOTE = (
    "10 of 40 samples are synthetic: a model wrote them. exact +0.0000 on people's, -0.3000 on synthetic "
    "ones; contains +0.0000 on people's, -0.3000 on synthetic ones."
)


def rows() -> list[dict[str, Any]]:
    """Return forty questions of which every fourth is synthetic, half of these by tag and half by origin."""
    found = questions(40)
    for number, row in enumerate(found):
        if number % 8 == 0:
            row["origin"] = "synthetic:edge"
        elif number % 8 == 4:
            row["tags"] = [*row["tags"], "synthetic"]
        else:
            row["origin"] = "production"
    return found


@pytest.fixture
def mixed(folder: Folder) -> Folder:
    folder.evalset("numbers", rows(), EVALSET)
    folder.script("worse.json", {f"q{n:03}": "no" if n in (0, 4, 8) else f"number {n}" for n in range(40)})
    return folder


@pytest.fixture
def runs(mixed: Folder) -> tuple[str, str]:
    with Project.open(mixed.path) as project:
        ask = mixed.path / "ask.prompt.yaml"
        found = [project.evaluate("numbers", [ask], [m])[0] for m in ("mock/echo", "mock/script:worse.json")]
    return found[0].id, found[1].id


def run(folder: Folder, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["-C", str(folder.path), *arguments])
    assert done.exit_code == code, done.output + str(done.exception)
    return done.stdout


def test_a_run_has_figures_of_either_part_also_where_no_slices_are_asked_for(
    mixed: Folder, runs: tuple[str, str]
) -> None:
    with Project.open(mixed.path) as project:
        found = {
            each.slice: each for each in project.estimates(runs[1], slices=False) if each.label == "exact"
        }
        every = {each.slice for each in project.estimates(runs[1])}
    assert set(found) == {None, *ORIGIN_SLICES} and every == {*found, "odd", "even"}
    assert [(each.value, each.n) for each in found.values()] == [(0.925, 40), (1.0, 30), (0.7, 10)]
    shown = run(mixed, "show", runs[1])
    assert "origin: human" in shown and "origin: synthetic" in shown


def test_a_comparison_tells_both_beside_the_whole_and_how_many_there_are(
    mixed: Folder, runs: tuple[str, str]
) -> None:
    with Project.open(mixed.path) as project:
        found = project.compare(*runs, slices=False)
        report = project.comparison_report(found, metric="exact")
        slow = project.changes(*runs, "exact", slice="origin: synthetic")
    told = {each.slice: (each.difference, each.n) for each in found.deltas if each.label == "exact"}
    assert told == {
        None: (pytest.approx(-0.075), 40),
        ORIGIN_SLICES[0]: (0.0, 30),
        ORIGIN_SLICES[1]: (pytest.approx(-0.3), 10),
    }
    assert NOTE in found.warnings and len(slow) == 10 and sum(change == -1 for change in slow.values()) == 3
    assert "10 of 40 samples are synthetic" in run(mixed, "compare", *runs, "--no-slices")
    page, comment = render_report(report, "html"), render_report(report, "md")
    metrics = page[page.index("<h2>Metrics") : page.index("<h2>Case by case")]
    for name in ORIGIN_SLICES:
        assert f"exact on {name}" in metrics
    before = comment.partition("<details>")[0]
    assert "`origin: human`" in before and "`origin: synthetic`" in before and "10 of 40" in before


def test_a_gate_says_so_in_one_line_and_a_rule_can_be_about_samples_of_people_alone(
    mixed: Folder, runs: tuple[str, str]
) -> None:
    with Project.open(mixed.path) as project:
        whole = project.gate("numbers", run=runs[1], baseline=runs[0])
        assert [each for each in whole.warnings if "synthetic" in each] == [NOTE]
        alone = EVALSET.replace("margin = 0.1", 'margin = 0.1\nslice = "origin: human"')
        mixed.write("evalsets/numbers/evalset.toml", alone)
        human = project.gate("numbers", run=runs[1], baseline=runs[0])
        report = project.report("numbers", run=runs[1], baseline=runs[0])
    assert whole.outcome != "PASS" and human.outcome == "PASS" and human.cells[0].delta is not None
    assert human.cells[0].delta.n == 30
    assert report.comparison is not None and {*ORIGIN_SLICES} <= {
        each.slice for each in report.comparison.deltas
    }
    shown = run(mixed, "gate", "numbers", "--run", runs[1], "--baseline", runs[0])
    assert shown.count("10 of 40 samples are synthetic") == 1
    document = json.loads(run(mixed, "gate", "numbers", "--run", runs[1], "--baseline", runs[0], "--json"))
    assert NOTE in document["verdict"]["warnings"]


def test_a_set_of_peoples_samples_has_neither_slices_nor_a_note(folder: Folder) -> None:
    with Project.open(folder.path) as project:
        ask = folder.path / "ask.prompt.yaml"
        first, second = (project.evaluate("numbers", [ask], cache=False)[0].id for _ in range(2))
        found = project.compare(first, second)
        assert {each.slice for each in project.estimates(first)} == {None, "odd", "even"}
    assert {each.slice for each in found.deltas} == {None, "odd", "even"}
    assert not [each for each in found.warnings if "synthetic" in each]


def test_all_ways_of_looking_at_a_set_agree_on_what_is_synthetic() -> None:
    samples = [Sample.model_validate(row | {"target": [row["target"]]}) for row in rows()]
    wanted = np.array([is_synthetic(each) for each in samples])
    assert list(np.flatnonzero(wanted)) == [number for number in range(40) if number % 4 == 0]
    facts = [Facts(each.id, each.tags, each.group, each.weight, each.origin) for each in samples]
    assert [is_synthetic(each) for each in facts] == wanted.tolist()
    roster = Roster.of(samples)
    assert (
        roster.synthetic.tolist() == np.flatnonzero(wanted).tolist()
        and "origin: synthetic" not in roster.tagged
    )
    assert slice_mask(samples, "origin: synthetic").tolist() == wanted.tolist()
    assert slice_mask(samples, "origin: human").tolist() == (~wanted).tolist()
