"""Gate rules about texts: read, decided, told; and as rare as promised where nothing changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from promptops import Project
from promptops.distributions.gate import shift_cell
from promptops.distributions.rules import ShiftRule
from promptops.distributions.shift import measure_shift
from promptops.errors import FileProblems, UsageError
from promptops.sets.evalset import read_evalset
from promptops.stats.auc import area_above_p, auc_interval
from promptops.verdicts import Verdict
from tests.made import EVALSET, Folder

SET = """\
format = 1
[card]
description = "made for a test"
[metrics.exact]
[[gate]]
{rule}
[[gate]]
metric = "exact"
margin = 0.1
"""
WORDS = np.array([f"w{place}" for place in range(400)])
WEIGHTS = 1 / np.arange(1, 401)


def texts(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(5, 30), p=WEIGHTS / WEIGHTS.sum())) for _ in range(n)]


def rule(most: float = 0.65) -> ShiftRule:
    return ShiftRule(metric="shift of outputs", shift="outputs", max=most)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.prompt("ask", "{{ question }}")
    return made


def gated(folder: Folder, settings: str, second: list[str], *, outputs: bool = True) -> Verdict:
    """Accept plain answers as the baseline and gate other ones against it."""
    first = texts(len(second), 1)
    rows = [
        {"id": f"q{n:03}", "inputs": {"question": text}, "target": ["x"]}
        for n, text in enumerate(texts(60, 5))
    ]
    folder.evalset("desk", rows[: len(second)], SET.format(rule=settings))
    with Project.open(folder.path) as project:
        for name, answers in (("old", first), ("new", second)):
            script = folder.script(f"{name}.json", {f"q{n:03}": text for n, text in enumerate(answers)})
            [run] = project.evaluate("desk", [folder.path / "ask.prompt.yaml"], [script])
            if name == "old":
                project.accept(run.id, outputs=outputs)
        return project.gate("desk")


def test_outputs_in_another_style_break_the_rule(folder: Folder) -> None:
    verdict = gated(
        folder, 'shift = "outputs"\nmax = 0.65', [f"Dear customer, {text}" for text in texts(60, 1)]
    )
    assert verdict.outcome == "FAIL"
    exact, shift = verdict.cells
    assert (exact.outcome, shift.outcome, shift.rule.metric) == ("PASS", "FAIL", "shift of outputs")
    assert shift.estimate is not None and shift.estimate.value == 1.0
    assert shift.estimate.low is not None and shift.estimate.low > 0.65
    assert shift.p_harm is not None and shift.p_harm < 0.05
    assert "dear" in shift.sentence and "shift of outputs" in verdict.sentence


def test_equal_outputs_keep_the_rule(folder: Folder) -> None:
    assert gated(folder, 'shift = "outputs"\nmax = 0.7', texts(60, 1)).outcome == "PASS"


def test_few_pairs_leave_it_open(folder: Folder) -> None:
    verdict = gated(folder, 'shift = "outputs"\nmax = 0.6', texts(30, 1))
    assert verdict.cells[-1].outcome == "INCONCLUSIVE"


def test_a_baseline_without_outputs_can_t_be_compared(folder: Folder) -> None:
    verdict = gated(folder, 'shift = "outputs"\nmax = 0.65', texts(30, 1), outputs=False)
    assert verdict.outcome == "CANNOT_MEASURE"
    assert "accept it without --no-outputs" in verdict.reason


def test_inputs_are_held_against_those_of_production(folder: Folder) -> None:
    settings = 'shift = "inputs"\nagainst = "production.jsonl"\nmax = 0.65'
    log = folder.path / "evalsets/desk/production.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text("".join(json.dumps({"question": f"cancel plan {n} today"}) + "\n" for n in range(60)))
    verdict = gated(folder, settings, texts(60, 1))
    assert verdict.cells[-1].rule.metric == "shift of inputs"
    assert verdict.outcome == "FAIL"
    log.write_text("".join(json.dumps({"inputs": {"question": text}}) + "\n" for text in texts(60, 5)))
    with Project.open(folder.path) as project:
        assert project.gate("desk").cells[-1].outcome == "PASS"
        report = project.report("desk")
        assert report.lines == (9, 5)
        log.unlink()
        with pytest.raises(FileProblems, match=r"production\.jsonl"):
            project.gate("desk")


def test_the_headline_says_what_inputs_could_not_be_held_against(folder: Folder) -> None:
    verdict = gated(folder, 'shift = "inputs"\nagainst = "records:hepl/7d"\nmax = 0.65', texts(30, 1))
    assert verdict.outcome == "CANNOT_MEASURE"
    assert "No prompt with records is named 'hepl'" in verdict.sentence
    assert "accept" not in verdict.sentence and "?." not in verdict.sentence


def test_a_set_says_once_which_input_is_its_text(folder: Folder) -> None:
    facts = [f"Fact {n} of the old week, house {n % 9}." for n in range(60)]
    rows: list[dict[str, Any]] = [
        {"id": f"q{n}", "inputs": {"facts": facts[n], "question": text}, "target": "yes"}
        for n, text in enumerate(texts(60, 5))
    ]
    rule = '\n[[gate]]\nshift = "inputs"\nagainst = "production.jsonl"\nmax = 0.65\n'
    place = folder.evalset("desk", rows, EVALSET + rule)
    new = "What is new in this week is quite another thing: "
    asked = [
        json.dumps({"inputs": {"question": text, "facts": new + facts[n]}})
        for n, text in enumerate(texts(60, 5))
    ]
    log = place / "production.jsonl"
    log.write_text("\n".join(asked) + "\n")
    prompt = folder.prompt("reply", "{{ facts }} {{ question }}")
    with Project.open(folder.path) as project:
        (run,) = project.evaluate(
            "desk", [prompt], [folder.script("s.json", {row["id"]: "yes" for row in rows})]
        )
        project.accept(run.id)
        assert project.gate("desk").cells[-1].outcome == "FAIL"
        assert project.shift("desk", str(log)).alarmed
        (place / "evalset.toml").write_text('text = "question"\n' + EVALSET + rule)
        assert project.gate("desk").cells[-1].outcome == "PASS"
        shift = project.shift("desk", str(log))
        assert (shift.reference_name, shift.alarmed) == ("desk (inputs.question)", False)
        assert project.shift("desk", str(log), field="inputs").alarmed
        assert project.shift(run.id, str(log), what="inputs").reference_name.endswith("inputs.question")
        assert project.coverage("desk", str(log)).far == 0.0
        plain = "".join(json.dumps(json.loads(row)["inputs"]) + "\n" for row in asked)
        bare = folder.write("bare.jsonl", plain)
        assert project.shift("desk", str(bare)).p_value == shift.p_value
        log.write_text(json.dumps({"inputs": {"question": rows[7]["inputs"]["question"], "facts": new}}))
        assert "q7" in {pair.first for pair in project.leaks("desk", against=str(log), threshold=0.99).across}


def test_a_file_outside_of_the_project_is_not_read(folder: Folder) -> None:
    settings = 'shift = "inputs"\nagainst = "../../../secret.jsonl"\nmax = 0.65'
    with pytest.raises(FileProblems, match="leads out of"):
        gated(folder, settings, texts(30, 1))


def test_a_rule_that_looks_at_all_outputs_has_no_early_stop(folder: Folder) -> None:
    gated(folder, 'shift = "outputs"\nmax = 0.65', texts(30, 1))
    with Project.open(folder.path) as project, pytest.raises(UsageError, match="leave --early-stop out"):
        project.gate_prompt("desk", folder.path / "ask.prompt.yaml", "mock/echo", early_stop=True)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ('shift = "outputs"', "lacks `max`"),
        ('shift = "inputs"\nmax = 0.6', "lacks `against`"),
        ('shift = "outputs"\nmax = 0.6\nagainst = "x.jsonl"', "goes with inputs"),
        ('shift = "texts"\nmax = 0.6', "must be 'inputs' or 'outputs', not 'texts'"),
        ('shift = "outputs"\nmax = 0.2', "greater than or equal to 0.5"),
        ('shift = "outputs"\nmax = 0.6\nmargin = 0.1', "unknown key"),
    ],
)
def test_a_rule_that_can_t_be_meant_is_told_with_its_place(folder: Folder, settings: str, told: str) -> None:
    folder.evalset("desk", [{"id": "a", "inputs": {}}], SET.format(rule=settings))
    with pytest.raises(FileProblems, match=told) as caught:
        read_evalset(folder.path / "evalsets/desk")
    assert all(problem.line for problem in caught.value.problems)


def test_the_p_value_and_the_lower_end_agree() -> None:
    rng = np.random.default_rng(1)
    for gap in (0.4, 0.8, 1.2):
        x, y = rng.normal(size=40), rng.normal(gap, 1, 50)
        found = auc_interval(x, y, 0.9)
        for limit in (0.55, 0.65, 0.75):
            assert (area_above_p(found.value, limit, 40, 50) < 0.05) == (found.low > limit)


def test_where_nothing_changed_the_rule_is_hardly_ever_broken() -> None:
    """40 null pairs at the strictest rule; more than 4 at a true rate of 5 % come once in 20 times."""
    broken = [
        shift_cell(
            rule(0.5), measure_shift(texts(40, 2 * run), texts(40, 2 * run + 1), permutations=99)
        ).outcome
        for run in range(40)
    ]
    assert broken.count("FAIL") <= 4


def test_a_feature_alone_can_break_it() -> None:
    """Words are compared in lower case, so that no classifier sees capitals."""
    shift = measure_shift(texts(200, 1), [text.upper() for text in texts(200, 1)])
    cell = shift_cell(rule(), shift)
    assert shift.auc is not None and shift.auc < 0.55
    assert cell.outcome == "FAIL" and "upper-case share" in cell.sentence
