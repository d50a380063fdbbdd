"""What samples are worth, as a user meets it: five versions that are scripted answer a set of forty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from promptops import Project, read_ids
from promptops.cli.setdocuments import EvalsetValueDocument
from promptops.errors import NotComparable, NotMeasured, UnknownName, UsageError
from promptops.sets.value import SetValue
from tests.made import Folder, questions

LONG = (
    "Dear all, we are a family of five and come by train from the north; when does the museum of the old "
    "town open on {} in the winter, and is there a place where we can leave our bags?"
)
TEXTS = {10: LONG.format("a Sunday"), 11: LONG.format("Sunday"), 12: LONG.format("one Sunday")}
WRONG = {  # by version: which samples it answers wrongly; 0 to 4 nobody answers, 20 on all answer
    "a": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14},
    "b": {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12},
    "c": {0, 1, 2, 3, 4, 5, 6, 7, 15},
    "d": {0, 1, 2, 3, 4, 5, 6},
    "e": {0, 1, 2, 3, 4, 5, 13},
}


def evaluate(folder: Folder, names: str = "abcde", *flags: str) -> None:
    rows = questions(40)
    for number, text in TEXTS.items():
        rows[number]["inputs"]["text"] = text
    for row in rows[30:]:
        row["tags"] = ["new"]
    folder.evalset("numbers", rows)
    models = [
        folder.script(f"{name}.json", {"*": {}, **{f"q{n:03}": "wrong" for n in WRONG[name]}})
        for name in names
    ]
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", *(f"-m{model}" for model in models), *flags)


@pytest.fixture
def versions(folder: Folder) -> Folder:
    evaluate(folder)
    return folder


def value(folder: Folder, *runs: str, **asked: Any) -> SetValue:
    with Project.open(folder.path) as project:
        return project.case_values("numbers", runs, **asked)


def matrix() -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([[float(number not in WRONG[name]) for number in range(40)] for name in WRONG])


def test_each_sample_is_told_by_what_versions_did_on_it(versions: Folder) -> None:
    found = value(versions)
    kinds = {case.id: case.kind for case in found.cases}
    scores = matrix()
    for number in range(40):
        expected = {0.0: "always failed", 5.0: "always passed"}.get(scores[:, number].sum(), "tells")
        assert kinds[f"q{number:03}"] == expected
    assert found.counts == {"tells": 10, "noise": 0, "always passed": 24, "always failed": 6, "same": 0}
    assert found.binary and not found.repeated
    assert [version.figure for version in found.versions] == pytest.approx(scores.mean(axis=1).tolist())
    assert "10 of 40 samples tell 5 versions apart in exact" in found.sentence
    assert any("asked once" in note for note in found.notes)


def test_difficulty_spread_and_correlations_are_those_of_numpy(versions: Folder) -> None:
    scores = matrix()
    for number, case in enumerate(value(versions).cases):
        assert case.mean == pytest.approx(scores[:, number].mean())
        assert case.spread == pytest.approx(scores[:, number].std(ddof=1))
        rest = np.delete(scores, number, axis=1).mean(axis=1)
        if case.rest is not None:
            assert case.rest == pytest.approx(np.corrcoef(scores[:, number], rest)[0, 1])
        else:
            assert np.ptp(scores[:, number]) == 0
        assert case.noise is None and case.signal is None


def test_samples_on_which_better_versions_do_worse_are_named(versions: Folder) -> None:
    assert value(versions).against == ("q013",)


def test_a_twin_in_text_is_redundant_only_where_it_is_scored_alike(versions: Folder) -> None:
    found = value(versions)
    assert [(pair.other, pair.kept) for pair in found.redundant] == [("q011", "q010")]
    assert found.redundant[0].correlation == pytest.approx(1.0) and found.redundant[0].alike > 0.8
    [removal] = [each for each in found.removals if each.what == "redundant"]
    assert removal.ids == ("q011",) and "text alone" not in removal.guards


def test_of_twins_that_all_versions_pass_the_text_alone_speaks(folder: Folder) -> None:
    evaluate(folder)
    rows = [
        json.loads(line) for line in (folder.path / "evalsets/numbers/samples.jsonl").read_text().splitlines()
    ]
    for number in (20, 21):
        rows[number]["inputs"]["text"] = LONG.format(f"day {number}")
    folder.evalset("numbers", rows)
    models = [f"-mmock/script:{name}.json" for name in "abcde"]
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", *models)
    found = value(folder)
    assert ("q021", "q020", None) in [(pair.other, pair.kept, pair.correlation) for pair in found.redundant]
    [removal] = [each for each in found.removals if each.what == "redundant"]
    assert "Of 1 the text alone says so" in removal.guards


def test_what_always_passes_is_told_with_what_it_guards(versions: Folder) -> None:
    [removal] = [each for each in value(versions).removals if each.what == "always passed"]
    scores = matrix()
    passed = scores.all(axis=0)
    assert removal.ids == tuple(f"q{number:03}" for number in np.flatnonzero(passed))
    moved = scores[:, ~passed].mean(axis=1) - scores.mean(axis=1)
    assert removal.figure == pytest.approx(np.abs(moved).max())
    assert removal.difference == pytest.approx(np.ptp(moved))
    assert removal.error is not None and removal.error > 1
    assert removal.tags_lost == ("new",) and "tag new" in removal.guards
    assert "regressions" in removal.guards and "45%" in removal.guards  # 1 - 0.05^(1/5)
    assert "not out of the gate" in removal.guards


def test_repeats_tell_noise_from_difference(folder: Folder) -> None:
    folder.write(
        "dice_bots.py",
        "import random\n"
        "def roll(name, inputs, sample_id, repeat):\n"
        "    if sample_id == 'q000':\n        return inputs['question'] if name in 'ab' else 'no'\n"
        "    chance = random.Random(f'{sample_id} {repeat} {name}').random()\n"
        "    return inputs['question'] if chance < 0.5 else 'no'\n"
        + "".join(
            f"def {name}(inputs, sample_id, repeat):\n    return roll('{name}', inputs, sample_id, repeat)\n"
            for name in "abcd"
        ),
    )
    models = [f"-mpython/dice_bots:{name}" for name in "abcd"]
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", *models, "--repeats", "4")
    found = value(folder)
    assert found.repeated and found.cases[0].kind == "tells"
    assert found.cases[0].signal == pytest.approx(found.cases[0].spread) and found.cases[0].noise == 0.0
    assert found.counts["noise"] > 10
    assert all(case.signal == 0 for case in found.cases if case.kind == "noise")


def test_two_versions_are_too_few_and_how_many_are_needed_is_said(folder: Folder) -> None:
    evaluate(folder, "ab")
    with pytest.raises(NotMeasured, match=r"takes 3 versions .* there are 2"):
        value(folder)
    evaluate(folder, "abc")
    with pytest.raises(NotMeasured, match=r"takes 4 versions .* there are 3. Evaluate 1 more"):
        value(folder, subset=10)
    told = folder.run("evalset", "value", "numbers", "--subset", "10", code=3)
    assert "takes 4 versions" in told.stderr


@pytest.mark.parametrize("size", [1, 7, 40, 400])
def test_a_size_that_is_no_subset_is_refused(versions: Folder, size: int) -> None:
    with pytest.raises(UsageError, match="sizes: from 8 up to 39"):
        value(versions, subset=size)


def test_runs_that_are_no_versions_are_refused(versions: Folder) -> None:
    with Project.open(versions.path) as project:
        ids = [run.id for run in project.runs()]
    versions.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/script:a.json")
    with Project.open(versions.path) as project:
        again = project.runs()[0].id
    with pytest.raises(UsageError, match="one prompt and model"):
        value(versions, *ids, again)
    versions.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/echo", "--limit", "9")
    with Project.open(versions.path) as project, pytest.raises(NotComparable, match="9 of 40 samples"):
        project.case_values("numbers", [*ids, project.runs()[0].id])
    with pytest.raises(UnknownName, match="Did you mean 'exact'"):
        value(versions, metric="exakt")
    versions.evalset("numbers", questions(39))
    with pytest.raises(NotComparable, match="another state"):
        value(versions, *ids)


def test_a_sample_without_a_score_is_left_out_and_said(versions: Folder) -> None:
    broken = versions.script("f.json", {"*": {}, "q020": {"fail": "rejected"}})
    versions.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", broken, "-m", "mock/echo")
    found = value(versions)
    case = next(each for each in found.cases if each.id == "q020")
    assert found.samples == 40 and case.kind == "tells"  # no answer counts as the worst one
    assert len(found.versions) == 7


def test_the_subset_is_written_and_evaluated(versions: Folder) -> None:
    printed = versions.json("evalset", "value", "numbers", "--subset", "16", "--write", "smoke.ids")
    jsonschema.validate(printed, EvalsetValueDocument.model_json_schema(mode="serialization"))
    guide = (Path(__file__).parents[2] / "docs/guide/json.md").read_text("utf-8")
    assert all(f"`{key}`" in guide for key in printed)
    subset = printed["value"]["subset"]
    listed = read_ids(versions.path / "smoke.ids")
    assert list(listed.ids) == [each["id"] for each in subset["members"]] and len(listed.ids) == 16
    assert 0 < subset["typical"] <= subset["bound"] and subset["random_typical"] > 0
    assert ("no better beyond doubt" in subset["sentence"]) == (not subset["better"])
    shown = versions.run("evalset", "value", "numbers", "--subset", "16", "--write", "smoke.ids", code=2)
    assert "there already" in shown.stderr
    found = versions.json("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/echo", "--ids", "smoke.ids")
    assert found["runs"][0]["run"]["done"] == 16
    assert "goes with --subset" in versions.run("evalset", "value", "numbers", "--write", "x", code=2).stderr


def test_the_command_prints_what_the_document_says(versions: Folder) -> None:
    printed = versions.run("evalset", "value", "numbers", "--limit", "3", "--subset", "16").stdout
    for told in (
        "10 of 40 samples tell 5 versions apart",
        "Tell most (10 tell versions apart)",
        "Better versions do worse on",
        "q011 like q010",
        "24 always passed",
        "They guard against regressions",
        "and 21 more",
        "each held out in turn",
    ):
        assert told in printed, told


def test_a_metric_of_which_less_is_better_is_turned_round(folder: Folder) -> None:
    settings = 'format = 1\n[card]\ndescription = "x"\n[metrics.ter]\n'
    rows = questions(12)
    folder.evalset("numbers", rows, settings)
    models = [
        folder.script(f"{name}.json", {"*": {}, **{f"q{n:03}": "wrong answer here" for n in range(wrong)}})
        for name, wrong in (("a", 2), ("b", 4), ("c", 6))
    ]
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", *(f"-m{model}" for model in models))
    found = value(folder)
    assert [case.kind for case in found.cases[6:]] == ["always passed"] * 6
    assert found.versions[0].figure < found.versions[2].figure
    assert all((case.rest or 0) > 0 for case in found.cases[2:6])
    assert json.loads(found.model_dump_json())["metric"] == "ter"
