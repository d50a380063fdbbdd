"""What a set can see: by formula, and by letting the gate itself decide on simulated cases."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from promptops import Project
from promptops.errors import UsageError
from promptops.gate.reach import Wanted, from_declared
from promptops.gate.rules import GateRule
from promptops.stats import decision
from promptops.types import Card, EvalSet, Sample

WORDS = ("yes", "no")


def evalset(n: int, margin: float, *, grouped: bool = False) -> EvalSet:
    samples = tuple(
        Sample(
            id=f"s{place}",
            inputs={},
            group=f"g{place // 4}" if grouped else None,
            tags=("half",) * (place % 2),
        )
        for place in range(n)
    )
    rules = (
        GateRule(metric="exact", margin=margin),
        GateRule(metric="exact", slice="half", margin=2 * margin),
    )
    return EvalSet(name="x", card=Card(description="x"), metrics=(), gate=rules, samples=samples)


@pytest.mark.parametrize(("n", "sd", "margin"), [(100, 0.3, 0.05), (400, 0.1, 0.02), (50, 0.6, 0.2)])
def test_cases_and_chances_are_those_of_statsmodels(n: int, sd: float, margin: float) -> None:
    whole, half = from_declared(evalset(n, margin), {"exact": sd}, Wanted({"exact": margin / 2}, 0.05, 0.8))
    power = NormalIndPower(ddof=0)
    asked = {"alpha": 0.05, "ratio": 0, "alternative": "larger"}
    assert whole.needed == math.ceil(power.solve_power(effect_size=margin / sd, power=0.8, **asked) - 1e-6)
    assert whole.to_see == math.ceil(
        power.solve_power(effect_size=margin / 2 / sd, power=0.8, **asked) - 1e-6
    )
    assert whole.chance == pytest.approx(power.power(effect_size=margin / sd, nobs1=n, **asked), abs=1e-9)
    assert whole.resolves == pytest.approx(
        power.solve_power(nobs1=n, power=0.8, effect_size=None, **asked) * sd, rel=1e-4
    )
    assert (half.slice, half.n, half.margin) == ("half", n // 2, 2 * margin)


def test_a_group_counts_as_one_case_where_nothing_is_known_of_it() -> None:
    alone = from_declared(evalset(100, 0.05), {"exact": 0.3}, Wanted({}, 0.05, 0.8))[0]
    grouped = from_declared(evalset(100, 0.05, grouped=True), {"exact": 0.3}, Wanted({}, 0.05, 0.8))[0]
    assert grouped.resolves == pytest.approx(2 * (alone.resolves or 0.0))


def test_with_the_cases_that_are_needed_the_gate_passes_an_equal_version_as_promised() -> None:
    sd, margin = math.sqrt(0.3), 0.05
    reach = from_declared(evalset(100, margin), {"exact": sd}, Wanted({}, 0.05, 0.8))[0]
    d = np.random.default_rng(1).choice([-1.0, 0, 1.0], p=[0.15, 0.7, 0.15], size=(reach.needed or 0, 4000))
    passed = (decision.decide(d, margin) == decision.PASS).mean()
    assert passed == pytest.approx(0.8, abs=0.025)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "evalsets" / "tiny"
    folder.mkdir(parents=True)
    (folder / "evalset.toml").write_text(
        'format = 1\n[card]\ndescription = "x"\n[metrics.exact]\n[[gate]]\nmetric = "exact"\nmargin = 0.1\n'
    )
    rows = [
        {"id": f"s{place}", "inputs": {"a": WORDS[place % 2], "b": WORDS[place % 3 % 2]}, "target": "yes"}
        for place in range(60)
    ]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in "ab":
        (tmp_path / f"{name}.prompt.yaml").write_text(
            f"messages: [{{role: user, content: '{{{{ {name} }}}}'}}]\n"
        )
    return tmp_path


def test_a_plan_learns_from_how_two_versions_differed(project: Path) -> None:
    with Project.open(project) as opened:
        with pytest.raises(UsageError, match="no two finished runs"):
            opened.plan("tiny")
        prompts = [project / "a.prompt.yaml", project / "b.prompt.yaml"]
        first, second = opened.evaluate("tiny", prompts, ["mock/echo"])
        plan = opened.plan("tiny", changes={"exact": 0.5})
        delta = opened.compare(first.id, second.id, slices=False).deltas[0]
        with pytest.raises(UsageError, match="the set measures exact"):
            opened.plan("tiny", changes={"exakt": 0.5})
    (reach,) = plan.reaches
    assert reach.resolves == pytest.approx(delta.resolves)
    assert reach.margin == 0.1
    assert reach.needed is not None and reach.needed > 60
    assert f"{reach.needed - 60} more" in plan.advice[0]
    assert "60 are enough" in plan.advice[1]
    assert plan.price is not None and plan.price.answers == 60
    assert reach.extra is not None and reach.extra.samples == reach.needed - 60
    assert reach.extra.cost is None and "cost unknown" in plan.advice[0]
    assert reach.early is not None and reach.early == plan.early
    assert reach.early.equal is not None and 0 < reach.early.equal <= 60
    assert any(sentence.startswith("With --early-stop a loss of 2 margins") for sentence in plan.advice)


def test_the_command_prints_the_plan_and_refuses_what_is_no_number(project: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "promptops", "plan", "tiny", *arguments],
            cwd=project, capture_output=True, text=True, check=False,
        )  # fmt: skip

    shown = run("--sd", "exact=0.5")
    assert shown.returncode == 0
    assert "an equal version would pass in" in shown.stdout
    assert "What --early-stop would bring is not known" in shown.stdout
    assert "early stop:" not in shown.stdout
    assert json.loads(run("--sd", "exact=0.5", "--json").stdout)["plan"]["reaches"][0]["margin"] == 0.1
    for wrong in ("exact=0", "exact=x", "exact", "exact=inf"):
        refused = run("--sd", wrong)
        assert refused.returncode == 2
        assert "METRIC=NUMBER" in refused.stderr
    assert run().returncode == 2
