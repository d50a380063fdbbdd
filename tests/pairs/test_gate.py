"""The gate's rule about pairs: how verdicts that are stored decide."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from promptops import Project
from promptops.cli import app
from promptops.errors import FileProblems, NotComparable, UsageError
from promptops.gate.baselines import read_baseline
from promptops.judging.anchors import read_anchors
from promptops.providers.mock import Mock
from promptops.stats import decision
from promptops.stats.paired import terminal_bound
from promptops.verbs.preferences import mark_of
from promptops.verdicts import Verdict
from tests.made import Folder, questions
from tests.paired import BASELINE, SETTINGS, N, accepted_and_run, bring_judge, judges


@pytest.fixture(autouse=True)
def said(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge of pairs that does as a file says."""
    monkeypatch.setenv("SAID", str(folder.path / "said.json"))
    bring_judge(folder)


@pytest.fixture
def two(folder: Folder) -> tuple[Folder, str, str]:
    """An accepted baseline with its outputs, and a run whose answers are all others."""
    old, new = accepted_and_run(folder)
    return folder, old, new


def decided(folder: Folder, **more: str) -> Verdict:
    with Project.open(folder.path) as project:
        return project.gate("numbers", **more)


def compared(folder: Folder, baseline: str, candidate: str) -> None:
    with Project.open(folder.path) as project:
        project.prefer(baseline, candidate)


def test_who_only_reads_is_told_which_gate_asks(two: tuple[Folder, str, str]) -> None:
    folder, _, new = two
    found = decided(folder)
    assert found.outcome == "CANNOT_MEASURE"
    assert f"Ask it: `promptops gate numbers --run {new}`" in found.sentence
    assert f"not asked about {N} of {N} pairs" in found.sentence and f"{2 * N} calls" in found.sentence


def test_net_preference_passes_and_fails_by_its_bounds(two: tuple[Folder, str, str]) -> None:
    folder, _, new = two
    compared(folder, str(folder.path / BASELINE), new)
    found = decided(folder)
    [cell] = found.cells
    assert (found.outcome, cell.label) == ("PASS", "improved") and cell.delta is not None
    won = np.array([-1.0 if number % 4 == 0 else 1.0 for number in range(N)])
    bound = terminal_bound(won, None, 0.05)
    assert cell.delta.difference == pytest.approx(0.5)
    assert (cell.delta.low, cell.delta.high) == pytest.approx((bound.low, min(bound.high, 1.0)))
    assert decision.decide(won, 0.2) == decision.PASS
    assert "net preference" in cell.sentence and "changed with the order in 0%" in cell.sentence
    assert cell.preference is not None and (cell.preference.wins, cell.preference.losses) == (30, 10)
    judges(folder, lambda number: number % 4 != 0)
    with Project.open(folder.path) as project:
        project.prefer(str(folder.path / BASELINE), new, cache=False)
    worse = decided(folder)
    assert worse.outcome == "FAIL" and "0.2" in worse.sentence


def test_verdicts_on_other_runs_with_the_same_answers_are_enough(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    first = 'mock/constant:{"reason": "first", "winner": "A"}'
    folder.write("promptops.toml", f"model = 'mock/echo'\njudge_model = '{first}'\n")
    compared(folder, old, new)
    Mock.calls.clear()
    found = decided(folder)
    assert found.cells[0].delta is not None and found.cells[0].delta.difference == 0.0
    assert "changed with the order in 100%" in found.cells[0].sentence and not Mock.calls


def test_over_a_twentieth_of_unread_pairs_is_not_measured(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    judges(folder, lambda _: False, lambda number: number < 2)
    compared(folder, old, new)
    assert decided(folder, baseline=old).outcome == "PASS"
    judges(folder, lambda _: False, lambda number: number < 3)
    with Project.open(folder.path) as project:
        project.prefer(old, new, cache=False)
    found = decided(folder, baseline=old)
    assert found.outcome == "CANNOT_MEASURE" and "3 of 40 pairs (8%)" in found.sentence
    assert f"promptops gate numbers --run {new} --baseline {old}`" in found.sentence


def test_groups_are_clusters_and_few_of_them_leave_it_to_bets(folder: Folder) -> None:
    folder.evalset("numbers", questions(N, group=lambda number: f"g{number % 8}"), SETTINGS)
    judges(folder, lambda number: number % 8 < 2)
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        old = project.evaluate("numbers", [prompt], ["mock/constant:an old answer"])[0]
        new = project.evaluate("numbers", [prompt])[0]
        project.prefer(old.id, new.id)
        [cell] = project.gate("numbers", baseline=old.id).cells
    assert cell.delta is not None and (cell.delta.n, cell.delta.clusters) == (N, 8)
    assert "bets" in cell.delta.method and cell.outcome == "INCONCLUSIVE"


def test_an_answer_that_did_not_come_has_lost_and_a_missing_baseline_is_taken_for_the_best(
    folder: Folder,
) -> None:
    folder.evalset("numbers", questions(N), SETTINGS)
    judges(folder, lambda _: False)
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        old = project.evaluate("numbers", [prompt], ["mock/constant:an old answer"])[0]
        new = project.evaluate("numbers", [prompt], ["python/pairjudges:silent_on_four"])[0]
        project.prefer(old.id, new.id)
        [cell] = project.gate("numbers", run=new.id, baseline=old.id).cells
        assert cell.delta is not None and cell.delta.candidate_missing == 4
        assert cell.delta.difference == pytest.approx((36 - 4) / 40)
        whole = project.evaluate("numbers", [prompt])[0]
        judges(folder, lambda _: True)
        project.prefer(new.id, whole.id)
        [cell] = project.gate("numbers", run=whole.id, baseline=new.id).cells
    assert cell.delta is not None and (cell.delta.n, cell.delta.baseline_missing) == (36, 4)
    assert cell.delta.strict_low is not None and cell.delta.low is not None
    assert cell.delta.strict_low < cell.delta.low


def test_the_same_answers_pass_as_identical_without_a_judge(two: tuple[Folder, str, str]) -> None:
    folder, _, _ = two
    with Project.open(folder.path) as project:
        again = project.evaluate(
            "numbers", [folder.path / "ask.prompt.yaml"], ["mock/constant:an old answer"]
        )[0]
        found = project.gate("numbers", run=again.id)
    assert (found.outcome, found.cells[0].label) == ("PASS", "identical")


def test_a_gate_on_a_prompt_asks_first_what_would_be_in_vain(two: tuple[Folder, str, str]) -> None:
    folder, old, _ = two
    prompt = folder.path / "ask.prompt.yaml"
    with Project.open(folder.path) as project:
        with pytest.raises(UsageError, match="leave --early-stop out"):
            project.gate_prompt("numbers", prompt, early_stop=True)
        project.accept(old, outputs=False)
        with pytest.raises(NotComparable, match="accepted without outputs"):
            project.gate_prompt("numbers", prompt)
        with pytest.raises(UsageError, match="accepted without outputs"):
            project.prefer(str(folder.path / BASELINE), "latest")
    assert not Mock.calls


def test_a_rule_of_a_metric_beside_it_is_corrected_together_with_it(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    folder.evalset("numbers", questions(N), SETTINGS + '\n[[gate]]\nmetric = "exact"\nmargin = 0.1\n')
    compared(folder, old, new)
    found = decided(folder, baseline=old)
    assert [cell.rule.metric for cell in found.cells] == ["exact", "better"] and found.outcome == "PASS"
    assert all(cell.p_harm_adjusted is not None for cell in found.cells)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('pairwise = "better"', "lacks `margin`"),
        ('pairwise = "bettr"\nmargin = 0.1', "is no label under [metrics]. Did you mean 'better'"),
        (
            'pairwise = "better"\nmargin = 0.1\ncorrected = true',
            "`certified = true` demands that it was held",
        ),
        ('pairwise = "better"\nmargin = 0.1\nmin_agreement = 2', "less than or equal to 1"),
        ('pairwise = "better"\nmargin = 0.1\nmin = 0.4', "write `margin`"),
        ('pairwise = "better"\nmargin = 0.1\nslice = "od"', "no sample has the tag"),
        ('pairwise = "better"\nmargin = -1.0', "greater than 0"),
        ('metric = "better"\nmargin = 0.1', 'write `pairwise = "better"`'),
    ],
)
def test_a_rule_that_is_wrong_is_told_with_its_line(folder: Folder, rule: str, told: str) -> None:
    start = SETTINGS[: SETTINGS.index("[[gate]]")]
    folder.evalset("numbers", questions(N), f"{start}[[gate]]\n{rule}\n")
    with Project.open(folder.path) as project, pytest.raises(FileProblems) as caught:
        project.check_set("numbers")
    assert told in str(caught.value) and "gate[0]" in str(caught.value)


def test_what_looks_at_single_outputs_is_no_judge_of_pairs(two: tuple[Folder, str, str]) -> None:
    folder = two[0]
    folder.evalset("numbers", questions(N), SETTINGS.replace('pairwise = "better"', 'pairwise = "exact"'))
    with pytest.raises(UsageError, match="looks at single outputs"):
        decided(folder)


def test_reports_and_json_show_the_rule_and_the_order(two: tuple[Folder, str, str]) -> None:
    folder, _, new = two
    compared(folder, str(folder.path / BASELINE), new)
    files = [f"--report={folder.path / name}" for name in ("g.md", "g.html", "g.xml", "g.json")]
    done = CliRunner().invoke(app, ["-C", str(folder.path), "gate", "numbers", "--json", *files])
    assert done.exit_code == 0, done.output
    [cell] = json.loads(done.stdout)["verdict"]["cells"]
    assert cell["preference"]["flips"] == 0 and cell["rule"]["metric"] == "better"
    assert "may lose 0.2" in (folder.path / "g.md").read_text()
    for name in ("g.html", "g.xml"):
        assert "better" in (folder.path / name).read_text()
    line = (folder.path / "evalsets/numbers/evalset.toml").read_text().splitlines().index("[[gate]]")
    assert json.loads((folder.path / "g.json").read_text())["lines"] == [line + 1]


def test_verdicts_on_a_file_are_shown_as_long_as_it_is_there(two: tuple[Folder, str, str]) -> None:
    folder, _, new = two
    path = folder.path / BASELINE
    compared(folder, str(path), new)
    with Project.open(folder.path) as project:
        kept = project.preference(str(path), new)
        [listed] = project.preferences()
        assert kept is not None and kept.wins == 30
        assert listed == kept.model_copy(update={"baseline": "baseline.jsonl"}), "named for people"
        assert kept.baseline == mark_of(read_baseline(path)[1])
        project.accept(new)
        assert project.preferences() == () and project.preference(str(path), new) is None


def test_a_rule_can_ask_that_the_judge_came_out_as_its_anchors_were_frozen(
    two: tuple[Folder, str, str],
) -> None:
    folder, old, new = two
    folder.evalset("numbers", questions(N), SETTINGS + "max_drift = 0.1\n")
    compared(folder, old, new)
    found = decided(folder, baseline=old)
    assert found.outcome == "CANNOT_MEASURE"
    assert (
        "has no anchors" in found.sentence and "freeze numbers:better --from OLD --from NEW" in found.sentence
    )
    with Project.open(folder.path) as project:
        with pytest.raises(UsageError, match="those of two runs"):
            project.freeze_anchors("numbers:better", runs=[new])
        frozen = project.freeze_anchors("numbers:better", runs=[old, new])
        assert {case.other for case in frozen.cases} == {"an old answer"}
        assert {case.score for case in frozen.cases} == {0.0, 1.0}, "spread over what is stored"
        assert project.anchors("numbers:better") == frozen
        steady = project.check_judge("numbers:better")
        assert steady.measured and not steady.drifted and steady.difference.value == 0.0
        assert steady.calls == 60, "both orders of each"
        assert project.gate("numbers", baseline=old).outcome == "PASS"
        judges(folder, lambda _: True)
        assert project.check_judge("numbers:better").drifted
        moved = project.gate("numbers", baseline=old)
        assert moved.outcome == "CANNOT_MEASURE" and "the judge better changed" in moved.sentence
        renewed = project.freeze_anchors("numbers:better", renew=True)
        assert [case.id for case in renewed.cases] == [case.id for case in frozen.cases]
        told = f"`promptops gate numbers --run {new} --baseline {old} --no-cache`"
        assert told in project.gate("numbers", baseline=old).sentence, "verdicts are from before"
        assert project.gate_run("numbers", baseline=old, cache=False).outcome == "FAIL"


def test_anchors_of_a_judge_of_pairs_come_back_as_they_were_written(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    with Project.open(folder.path) as project:
        forecast = project.forecast_freeze("numbers:better", runs=[old, new], count=12)
        assert forecast.calls == 24
        frozen = project.freeze_anchors("numbers:better", runs=[old, new], count=12)
    path = folder.path / "evalsets/numbers/anchors/better/cases.jsonl"
    assert read_anchors(path) == frozen and '"other": "an old answer"' in path.read_text()
    path.write_text(path.read_text().replace(', "other": "an old answer"', ""))
    with Project.open(folder.path) as project, pytest.raises(UsageError, match="another judge's"):
        project.check_judge("numbers:better")


def test_the_judge_that_a_rule_names_is_the_one_that_compares(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    other = '[metrics.another]\nmetric = "pairwise"\ncriteria = "Shorter is better."\n\n[metrics.better]'
    settings = SETTINGS.replace("[metrics.better]", other)
    folder.evalset("numbers", questions(N), settings)
    with Project.open(folder.path) as project:
        assert project.prefer(old, new).label == "better"
        assert project.gate("numbers", baseline=old).outcome == "PASS"
    more = '\n[[gate]]\npairwise = "another"\nmargin = 0.1\n'
    folder.evalset("numbers", questions(N), settings + more)
    with Project.open(folder.path) as project, pytest.raises(FileProblems, match="another and better"):
        project.check_set("numbers")
