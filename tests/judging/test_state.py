"""Declared judges: whether a certificate fits each as it is, and the next step."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from promptops import DeclaredJudge, Project
from promptops.cli import app
from tests.made import Folder
from tests.verbs.test_certification import judged, number_of, rate, said

QUALITY = "numbers:quality"


def quality(project: Project) -> DeclaredJudge:
    (found,) = [judge for judge in project.judges().judges if judge.name == QUALITY]
    return found


def test_a_judge_is_followed_from_nothing_to_void(folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        bare = quality(project)
        assert (bare.state, bare.kind, bare.models) == ("none", "rubric", ("python/judge:reply",))
        assert (bare.low, bare.high, bare.demanded) == (1, 5, True)
        assert bare.command == "promptops judge draw numbers:quality --run RUN"
        project.draw_cases(QUALITY, count=40)
        drawn = quality(project)
        assert (drawn.drawn, drawn.rated, drawn.command) == (
            40,
            0,
            "promptops judge label numbers:quality --rater NAME",
        )
        rate(project, "anna")
        rated = quality(project)
        assert (rated.rated, rated.raters) == (40, ("anna",))
        assert (rated.state, rated.command) == ("none", "promptops judge certify numbers:quality")
        certificate = project.certify_judge(QUALITY)
        valid = quality(project)
        assert (valid.state, valid.why, valid.command) == ("valid", "", "")
        assert valid.certificate == certificate
        assert valid.unread is not None and (valid.unread.value, valid.unread.n) == (0.0, 40)
        settings = folder.path / "evalsets/numbers/evalset.toml"
        settings.write_text(settings.read_text().replace("certified = true", "min_agreement = 0.999"))
        weak = quality(project)
        assert weak.state == "weak" and "the rule wants 0.999" in weak.why
        assert weak.why.endswith("Mend the judge, or rate more.")
        assert weak.command == "promptops judge draw numbers:quality --run RUN -n 60"
        settings.write_text(settings.read_text().replace('"rubric"', '"rubric"\ncriteria = "It is kind."'))
        void = quality(project)
        assert void.state == "void" and "criteria changed since it was made on" in void.why
        assert void.command == "promptops judge certify numbers:quality"
        (folder.path / "evalsets/numbers/certificates/quality.json").write_text("{}")
        broken = quality(project)
        assert broken.state == "unknown" and "holds no certificate" in broken.why


def test_a_valid_judge_that_agrees_by_chance_is_told_as_such(folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        cases = project.draw_cases(QUALITY, count=40).cases
        # Blind to the answer: the rating hangs on the question's place alone.
        project.rate_cases(QUALITY, "anna", {case.id: number_of(case) // 5 % 5 + 1 for case in cases})
        chance = project.certify_judge(QUALITY)
        found = quality(project)
        main = chance.agreement.judge_human
        assert main.low is not None and main.low <= 0
        assert found.state == "valid" and found.doubt == chance.doubt
        assert "better than chance" in found.doubt and f"{main.value:.4f} [" in found.doubt
        told = CliRunner().invoke(app, ["-C", str(folder.path), "judge", "list"]).output
        assert "valid, but nothing shows that it agrees with people better than chance" in told
        rate_like_the_judge = {case.id: said(number_of(case)) for case in cases}
        project.rate_cases(QUALITY, "anna", rate_like_the_judge)
        same = project.certify_judge(QUALITY)
        assert same.agreement.judge_human.value == 1 and quality(project).doubt == ""


def test_judges_that_people_can_not_stand_in_for_say_why(folder: Folder) -> None:
    folder.write("promptops.toml", "")
    card = 'format = 1\n[card]\ndescription = "made for a test"\n'
    metrics = '[metrics.exact]\n[metrics.quality]\nmetric = "rubric"\n[metrics.better]\nmetric = "pairwise"\n'
    folder.evalset("some", [{"id": "a", "inputs": {}, "target": "x"}], f"{card}{metrics}")
    folder.evalset("own", [{"id": "a", "inputs": {}, "target": "x"}], f'{card}[metrics.x]\nmetric = "no:X"\n')
    folder.evalset("odd", [{"id": "a", "inputs": {}, "target": "x"}], "format = 2\n")
    with Project.open(folder.path) as project:
        found = project.judges()
    told = {judge.name: (judge.state, judge.why) for judge in found.judges}
    assert set(told) == {"some:quality", "some:better"}
    assert told["some:quality"][0] == "unknown" and "has no model" in told["some:quality"][1]
    assert set(found.broken) == {"odd"} and "format" in found.broken["odd"]


def test_a_pairwise_judge_has_no_scale_and_takes_two_runs_to_draw(folder: Folder) -> None:
    card = 'format = 1\n[card]\ndescription = "made for a test"\n'
    metrics = '[metrics.exact]\n[metrics.better]\nmetric = "pairwise"\nmodel = "mock/echo"\n'
    folder.evalset("some", [{"id": "a", "inputs": {}, "target": "x"}], f"{card}{metrics}")
    with Project.open(folder.path) as project:
        (judge,) = project.judges().judges
    assert (judge.pairs, judge.low, judge.state) == (True, None, "none")
    assert judge.why == "Nobody has held it against people." and not judge.demanded
    assert judge.command == "promptops judge draw some:better --run OLD --run NEW"


def test_the_command_lists_judges_and_what_is_next(folder: Folder) -> None:
    judged(folder)
    folder.evalset("odd", [{"id": "a", "inputs": {}, "target": "x"}], "format = 2\n")
    runner = CliRunner()
    told = runner.invoke(app, ["-C", str(folder.path), "judge", "list"])
    assert told.exit_code == 0
    assert "numbers:quality" in told.output and "odd can't be read" in told.output
    assert "Nobody has held it against people. Next: promptops judge draw numbers:quality" in told.output
    printed = runner.invoke(app, ["-C", str(folder.path), "judge", "list", "--json"])
    with Project.open(folder.path) as project:
        found = project.judges()
    document = json.loads(printed.output)
    assert document["judges"] == [judge.model_dump(mode="json") for judge in found.judges]
    assert document["broken"] == found.broken


def test_the_bias_at_each_value_is_that_of_the_cases_rated_so(folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        project.draw_cases(QUALITY, count=40, second=0.5)
        rate(project, "anna")
        rate(project, "ben", 1)
        found = project.certify_judge(QUALITY)
        cases = project.labelling(QUALITY).cases
    for each in found.classes:
        gaps = [said(number_of(case)) - each.value for case in cases if each.value in case.ratings.values()]
        assert each.bias is not None and each.bias.n == len(gaps)
        assert each.bias.value == pytest.approx(np.mean(gaps), abs=1e-9)
        if np.std(gaps) > 0:
            spread = stats.t.interval(0.95, len(gaps) - 1, np.mean(gaps), stats.sem(gaps))
            assert (each.bias.low, each.bias.high) == pytest.approx(spread, abs=1e-9)


def test_ratings_that_change_after_the_certificate_are_told_of_it(folder: Folder) -> None:
    with Project.open(judged(folder).path) as project:
        cases = project.draw_cases(QUALITY, count=30).cases
        rate(project, "anna")
        project.certify_judge(QUALITY)
        assert quality(project).outdated == ""
        assert not any("ratings" in note for note in project.gate("numbers").warnings)
        project.rate_cases(QUALITY, "ben", {case.id: 3 for case in cases[:5]})
        found = quality(project)
        told = ("its ratings have changed since", f"promptops judge certify {QUALITY}")
        assert (found.state, (found.outdated, found.command)) == ("valid", told)
        verdict = project.gate("numbers")
        assert verdict.outcome == "PASS"
        [note] = [each for each in verdict.warnings if "ratings" in each]
        assert note.startswith("The certificate of quality is valid, but its ratings have changed since (")
        assert note.endswith(f"certify anew: promptops judge certify {QUALITY}")
        shown = CliRunner().invoke(app, ["-C", str(folder.path), "judge", "list"]).output
        assert f"valid, but its ratings have changed since; certify anew: {told[1]}" in shown
        assert "valid (outdated)" in shown
        project.withdraw_rater(QUALITY, "ben")
        assert quality(project).outdated == "", "what was certified stands again"
        (folder.path / "evalsets/numbers/labels/quality.jsonl").unlink()
        assert quality(project).outdated == "its ratings are gone"


def test_other_ratings_take_a_certificates_place_with_a_word_alone(folder: Folder) -> None:
    other = folder.path / "other.jsonl"
    with Project.open(judged(folder).path) as project:
        project.draw_cases(QUALITY, count=30)
        rate(project, "anna")
        project.certify_judge(QUALITY)
        shutil.copy(folder.path / "evalsets/numbers/labels/quality.jsonl", other)
    certify = ("judge", "certify", QUALITY, "--labels", str(other))
    told = " ".join(folder.run(*certify, code=2).stderr.split())
    assert "rests on the ratings in 'labels/quality.jsonl'" in told and "write --replace" in told
    assert folder.json(*certify, "--replace")["certificate"]["labels"] == "other.jsonl"
    folder.run(*certify)
    with Project.open(folder.path) as project:
        assert quality(project).outdated == "", "of a file elsewhere nobody knows"


def test_a_stored_run_is_not_passed_by_a_certificate_that_the_sets_judge_lost(folder: Folder) -> None:
    settings = folder.path / "evalsets/numbers/evalset.toml"
    with Project.open(judged(folder).path) as project:
        project.draw_cases(QUALITY, count=30)
        rate(project, "anna")
        project.certify_judge(QUALITY)
        assert project.gate("numbers").outcome == "PASS"
        declared = settings.read_text()
        settings.write_text(declared.replace('metric = "rubric"', 'metric = "rubric"\ncriteria = "It helps"'))
        verdict = project.gate("numbers")
        assert verdict.outcome == "CANNOT_MEASURE"
        why = "declares another judge quality by now than scored this run and is certified (criteria changed)"
        assert why in verdict.sentence
        assert f"Certify it: `promptops judge certify {QUALITY}`" in verdict.sentence
        project.certify_judge(QUALITY)
        assert "scored by another judge quality than is certified" in project.gate("numbers").sentence
        settings.write_text(declared)
        project.certify_judge(QUALITY)
        assert project.gate("numbers").outcome == "PASS"
        # Which model judges may be said on the command line, so that another one is only told.
        folder.write("promptops.toml", 'allow_code = ["python/judge:reply", "mock/echo"]\n')
        settings.write_text(declared.replace("python/judge:reply", "mock/echo"))
        verdict = project.gate("numbers")
        assert verdict.outcome == "PASS"
        assert any(
            "which is certified; the set declares it at mock/echo" in note for note in verdict.warnings
        )


def test_a_certificate_without_an_interval_asks_for_outputs_that_differ(folder: Folder) -> None:
    with Project.open(judged(folder, "min_agreement = 0.5").path) as project:
        cases = project.draw_cases(QUALITY, count=60).cases
        project.rate_cases(QUALITY, "anna", {case.id: said(number_of(case)) for case in cases})
        project.certify_judge(QUALITY)
        found = quality(project)
        draw = f"promptops judge draw {QUALITY} --run RUN -n 60"
        assert (found.state, found.command) == ("weak", draw), "certifying the same again changes nothing"
        assert "has no interval" in found.why and "Rate outputs that differ more as well" in found.why
        assert f"as of a worse prompt: `{draw}`" in project.gate("numbers").sentence
