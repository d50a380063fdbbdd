"""Rules beyond a plain margin: exact ones, ones about these very samples, bounds among many, many looks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from promptops import Project, Verdict
from promptops.errors import FileProblems, UsageError
from promptops.gate import decision as gate
from promptops.gate.rules import GateRule
from promptops.stats.decision import FAIL, INCONCLUSIVE, overall
from tests.analysis.test_noise import BOT
from tests.gate.test_decision import coin, paired
from tests.made import Folder, questions

SET = """\
format = 1

[card]
description = "made for a test"

[metrics.exact]

[[gate]]
metric = "exact"
"""


def test_an_exact_rule_is_decided_by_bets_alone() -> None:
    """40 small losses say nothing about the rare large gains that may not have been drawn."""
    old, new = [0.5] * 40, [0.48] * 40
    loose = gate.judge(paired(old, new), [GateRule(metric="exact", margin=0.015)])
    exact = gate.judge(paired(old, new), [GateRule(metric="exact", margin=0.015, exact=True)])
    assert loose.outcome == "FAIL"
    assert exact.outcome == "INCONCLUSIVE"
    delta = exact.cells[0].delta
    assert delta is not None and "bets" in delta.method
    clear = gate.judge(paired([1.0] * 40, [0.0] * 40), [GateRule(metric="exact", margin=0.1, exact=True)])
    assert clear.outcome == "FAIL"


def test_an_exact_absolute_rule_is_decided_by_bets_too() -> None:
    values = coin(60, 0.9, 3)
    pairing = paired(values, values)
    found = {
        limit: gate.judge(pairing, [GateRule(metric="exact", min=limit, exact=True)]).outcome
        for limit in (0.4, 0.85, 1.0)
    }
    assert list(found.values()) == ["PASS", "INCONCLUSIVE", "FAIL"]
    assert gate.judge(pairing, [GateRule(metric="exact", max=0.3, exact=True)]).outcome == "FAIL"


def test_the_p_value_of_a_broken_bound_is_where_its_interval_ends() -> None:
    """Wilson's interval excludes a share just where the score test does: scipy's normal tail."""
    values = [1.0] * 60 + [0.0] * 40
    cell = gate.judge(paired(values, values), [GateRule(metric="exact", min=0.75)]).cells[0]
    z = (0.6 - 0.75) / math.sqrt(0.75 * 0.25 / 100)
    assert cell.outcome == "FAIL"
    assert cell.p_harm == pytest.approx(stats.norm.cdf(z), rel=2e-3)


def test_a_bound_broken_by_chance_among_many_rules_does_not_fail_the_whole() -> None:
    values = [1.0] * 66 + [0.0] * 34
    pairing = paired(values, values)
    broken = GateRule(metric="exact", min=0.745)
    alone = gate.judge(pairing, [broken])
    held = [GateRule(metric="exact", max=0.9, slice=name) for name in (None, "odd", "even")]
    among = gate.judge(pairing, [broken, *held])
    assert alone.outcome == "FAIL"
    assert among.outcome == "INCONCLUSIVE"
    assert "may be chance" in among.reason
    assert overall([FAIL], [0.01], [0.05]) == FAIL
    assert overall([FAIL], [None], [0.05]) == INCONCLUSIVE


def test_false_failures_of_absolute_rules_stay_rare_however_many_there_are() -> None:
    """Five rules that hold at their edge: at most 5 % of 400 sets and three standard errors fail."""
    rng = np.random.default_rng(1)
    failed = 0
    for _ in range(400):
        values = (rng.random(100) < 0.7).astype(float).tolist()
        rules = [GateRule(metric="exact", min=0.7, slice=name) for name in (None, "odd", "even")]
        rules += [GateRule(metric="exact", max=0.7), GateRule(metric="exact", max=0.7, slice="odd")]
        failed += gate.judge(paired(values, values), rules).outcome == "FAIL"
    assert failed / 400 <= 0.05 + 0.033


@pytest.fixture
def noisy(folder: Folder, request: pytest.FixtureRequest) -> str:
    name = "rule_" + "".join(letter for letter in request.node.name if letter.isalnum())
    folder.write(f"{name}.py", BOT)
    return f"python/{name}"


def judged(folder: Folder, models: tuple[str, str], rules: str, repeats: int) -> Verdict:
    folder.evalset("numbers", questions(30), SET + rules)
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        old, new = project.evaluate("numbers", [prompt], models, repeats=repeats)
        return project.gate("numbers", run=new.id, baseline=old.id)


def test_a_rule_about_these_very_samples_is_decided_by_the_noise_of_repeats(
    folder: Folder, noisy: str
) -> None:
    models = (f"{noisy}:lucky", f"{noisy}:luckier")
    found = judged(folder, models, 'margin = 0.1\nestimand = "suite"\n', 4)
    delta = found.cells[0].delta
    assert found.outcome == "PASS" and delta is not None and "very samples" in delta.method
    with Project.open(folder.path) as project:
        old, new = project.store.results(found.baseline), project.store.results(found.candidate)
        a, b = (
            np.array([each.scores["exact"].counts[0] for each in side]).reshape(30, 4) for side in (old, new)
        )
    # Section 0 of the statistics, written plainly.
    se = math.sqrt(float((a.var(axis=1, ddof=1) / 4 + b.var(axis=1, ddof=1) / 4).sum())) / 30
    assert delta.difference == pytest.approx(b.mean() - a.mean())
    reach = (delta.high or 0) - (delta.difference or 0)
    assert stats.norm.ppf(0.95) * se < reach < stats.t.ppf(0.95, 20) * se


def test_these_very_samples_need_repeats(folder: Folder, noisy: str) -> None:
    found = judged(folder, (f"{noisy}:lucky", f"{noisy}:luckier"), 'margin = 0.1\nestimand = "suite"\n', 1)
    assert found.outcome == "CANNOT_MEASURE"
    assert "--repeats" in found.reason


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ('min = 0.1\nestimand = "suite"\n', "goes with `margin`"),
        ('margin = 0.1\nestimand = "suite"\nexact = true\n', "bets on samples as draws"),
        ('margin = 0.1\nestimand = "everything"\n', "estimand"),
    ],
)
def test_rules_that_make_no_sense_are_told_with_their_line(folder: Folder, rules: str, told: str) -> None:
    folder.evalset("numbers", questions(4), SET + rules)
    with Project.open(folder.path) as project, pytest.raises(FileProblems, match=told):
        project.evalset("numbers")


def test_many_looks_spend_no_more_than_one_alpha(folder: Folder) -> None:
    spent = sum(6 / (math.pi * k) ** 2 for k in range(1, 100_000))
    assert spent == pytest.approx(1.0, abs=1e-4)
    folder.evalset("numbers", questions(40), SET + "margin = 0.2\n")
    with Project.open(folder.path) as project:
        prompt = Path(folder.path / "ask.prompt.yaml")
        wrong = {f"q{number:03}": {"text": "no"} for number in range(0, 40, 7)}
        model = folder.script("some.json", {**wrong, "*": {}})
        old, new = project.evaluate("numbers", [prompt], ["mock/echo", model])
        alphas = {
            look: project.gate("numbers", run=new.id, baseline=old.id, look=look).cells[0].rule.alpha
            for look in (None, 1, 2)
        }
        with pytest.raises(UsageError, match="counted from 1"):
            project.gate("numbers", run=new.id, baseline=old.id, look=0)
    assert alphas[None] == 0.05
    assert alphas[1] == pytest.approx(0.05 * 6 / math.pi**2)
    assert alphas[2] == pytest.approx(0.05 * 6 / (4 * math.pi**2))
