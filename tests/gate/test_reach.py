"""What a set sees where not the usual bound decides: by bets, and by repeats of these very samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from promptops import Project
from promptops.analysis.comparison import Pairing
from promptops.gate.reach import Reach, Wanted, from_declared, from_history
from promptops.gate.rules import GateRule
from promptops.stats import decision
from promptops.types import Card, EvalSet, Sample
from tests.gate.test_expectation import flipped
from tests.made import Folder, questions

BOT = """\
import random


def old(inputs, sample_id, repeat):
    return said(inputs, sample_id, repeat)


def new(inputs, sample_id, repeat):
    return said(inputs, sample_id, repeat + 10)


def said(inputs, sample_id, seed):
    knows = random.Random(sample_id).random()
    return inputs["question"] if random.Random(f"{sample_id} {seed}").random() < knows else "no"
"""


def reached(pairing: Pairing, *rules: GateRule, change: float | None = None) -> tuple[Reach, ...]:
    samples = pairing.candidate.table.samples
    evalset = EvalSet(name="x", card=Card(description="x"), metrics=(), gate=rules, samples=samples)
    return from_history(pairing, evalset, Wanted({} if change is None else {"exact": change}, 0.05, 0.8))


def test_an_exact_rule_is_foretold_by_bets_and_takes_more() -> None:
    pairing = flipped(300, 0.2)
    (usual,) = reached(pairing, GateRule(metric="exact", margin=0.08), change=0.08)
    (exact,) = reached(pairing, GateRule(metric="exact", margin=0.08, exact=True), change=0.08)
    assert (usual.method, exact.method) == ("bound", "bets")
    assert (exact.resolves or 0) > (usual.resolves or 0)
    assert (exact.needed or 0) > (usual.needed or 0)
    assert (exact.to_see or 0) > (usual.to_see or 0)
    d = np.random.default_rng(1).choice([-1.0, 0, 1.0], p=[0.1, 0.8, 0.1], size=(300, 4000))
    passed = (decision.decide(d, 0.08, exact=True) == decision.PASS).mean()
    assert exact.chance == pytest.approx(passed, abs=0.07)
    # The smallest margin is the one that an equal version passes in 80 %.
    passed = (decision.decide(d, exact.resolves or 0, exact=True) == decision.PASS).mean()
    assert passed == pytest.approx(0.8, abs=0.06)


def test_under_twenty_groups_bets_decide_and_twenty_may_be_enough() -> None:
    grouped = [place // 10 for place in range(120)]
    (few,) = reached(flipped(120, 0.2, grouped), GateRule(metric="exact", margin=0.3))
    assert (few.clusters, few.method) == (12, "bets")
    assert few.needed is not None and few.needed <= 200
    (many,) = reached(
        flipped(200, 0.2, [place // 10 for place in range(200)]), GateRule(metric="exact", margin=0.3)
    )
    assert (many.clusters, many.method) == (20, "bound")
    assert (many.chance or 0) > 0.8


def test_declared_figures_say_what_they_are_not_about() -> None:
    samples = tuple(Sample(id=f"s{place}", inputs={}, group=f"g{place % 10}") for place in range(40))
    rules = (
        GateRule(metric="exact", margin=0.1, exact=True),
        GateRule(metric="f1", margin=0.1, estimand="suite"),
        GateRule(metric="rougeL", margin=0.1),
    )
    evalset = EvalSet(name="x", card=Card(description="x"), metrics=(), gate=rules, samples=samples)
    exact, suite, few = from_declared(
        evalset, dict.fromkeys(["exact", "f1", "rougeL"], 0.3), Wanted({}, 0.05, 0.8)
    )
    assert "the usual bound; bets (`exact`) take more" in exact.note
    assert suite.resolves is None and "repeats decide" in suite.note
    assert "from 20 groups on" in few.note


@pytest.fixture
def repeated(folder: Folder) -> Folder:
    folder.write("reachbot.py", BOT)
    rules = (
        'format = 1\n[card]\ndescription = "x"\n[metrics.exact]\n[metrics.contains]\n'
        '[[gate]]\nmetric = "exact"\nmargin = 0.08\nestimand = "suite"\n'
        '[[gate]]\nmetric = "contains"\nmargin = 0.08\n'
    )
    folder.evalset("numbers", questions(60), rules)
    return folder


def test_a_rule_about_these_very_samples_takes_repeats(repeated: Folder) -> None:
    with Project.open(repeated.path) as project:
        models = ["python/reachbot:old", "python/reachbot:new"]
        runs = project.evaluate("numbers", [repeated.path / "ask.prompt.yaml"], models, repeats=4)
        scores = [
            np.reshape(
                [row.scores["exact"]["counts"][0] for row in project.store.score_rows(run.id)], (60, 4)
            )
            for run in runs
        ]
        plan = project.plan("numbers", changes={"exact": 0.05})
        dear = project.plan("numbers", case_cost=20)
    reach = next(each for each in plan.reaches if each.label == "exact")
    se = math.sqrt(sum(side.var(axis=1, ddof=1).sum() / 4 for side in scores)) / 60
    z = stats.norm.ppf(0.95) + stats.norm.ppf(0.8)
    assert reach.method == "repeats"
    assert reach.resolves == pytest.approx(z * se, rel=1e-6)
    assert reach.needed_repeats == math.ceil(4 * (z * se / 0.08) ** 2)
    assert reach.chance == pytest.approx(stats.norm.cdf(0.08 / se - stats.norm.ppf(0.95)), abs=1e-6)
    assert (reach.needed, reach.to_see, reach.early, reach.extra) == (None, None, None, None)
    told = " ".join(plan.advice)
    assert f"About {reach.needed_repeats} repeats in both runs would pass it" in told
    assert "more samples don't help to see a change of 0.05 on these" in told
    assert "With --early-stop PASS takes the whole run, for exact" in told
    assert "contains: repeats are of use:" in told
    assert "the cost-optimal number is 1, with more samples" in told
    assert "Where a new sample costs 20 answers, the cost-optimal number is" in " ".join(dear.advice)


def test_repeats_that_say_nothing_new_are_called_useless(repeated: Folder) -> None:
    with Project.open(repeated.path) as project:
        models = [
            "mock/echo",
            repeated.script("w.json", {f"q{n:03}": "no" for n in range(0, 60, 4)} | {"*": {}}),
        ]
        project.evaluate("numbers", [repeated.path / "ask.prompt.yaml"], models, repeats=2)
        plan = project.plan("numbers")
    assert any("contains: repeats are useless" in sentence for sentence in plan.advice)
    suite = next(reach for reach in plan.reaches if reach.label == "exact")
    assert suite.resolves is None and "no noise was seen" in suite.note


def test_one_repeat_tells_nothing_about_these_very_samples(repeated: Folder) -> None:
    with Project.open(repeated.path) as project:
        models = ["python/reachbot:old", "python/reachbot:new"]
        project.evaluate("numbers", [repeated.path / "ask.prompt.yaml"], models)
        plan = project.plan("numbers")
    suite = next(reach for reach in plan.reaches if reach.label == "exact")
    assert suite.resolves is None and suite.margin == 0.08
    assert "--repeats 3" in suite.note
    assert any("each sample was asked once" in sentence for sentence in plan.advice)
