"""How many samples an early stop would take: against the formulas' page, a plain gate, and the self-test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from promptops.analysis.comparison import Pairing, pair
from promptops.gate import decision as gate
from promptops.gate.expectation import expectations
from promptops.gate.planting import scores_of
from promptops.gate.rules import GateRule
from promptops.gate.selftest import self_test
from promptops.gate.stopping import parts_of, stakes_of
from promptops.metrics.exact import Exact
from promptops.types import Card, EvalSet
from tests.gate.test_early_stop import asked, order_of, result, side
from tests.stats.plain_gate import outcome_of_bets


def paired(
    old: np.ndarray, new: np.ndarray, groups: Sequence[int], weights: Sequence[float] | None = None
) -> Pairing:
    samples = asked(groups, weights)
    sides = [
        side(name, samples, [result(s, float(v)) for s, v in zip(samples, values, strict=True)])
        for name, values in (("old", old), ("new", new))
    ]
    return pair(*sides, {"exact": Exact()})


def flipped(n: int, share: float, groups: Sequence[int] | None = None) -> Pairing:
    """Two runs that are right in most samples and differ in a share of them, as often up as down."""
    rng, places = np.random.default_rng(n), np.arange(n)
    old = np.where(places < share * n, places % 2 == 0, rng.random(n) < 0.8)
    new = np.where(places < share * n, ~old, old)
    order = rng.permutation(n)
    return paired(old[order], new[order], range(n) if groups is None else groups)


def expected(pairing: Pairing, *rules: GateRule):
    records = {record.label: record for record in pairing.candidate.run.metrics}
    stakes = stakes_of(parts_of(rules), pairing.candidate.table.samples, records)
    return expectations(pairing, stakes)


def test_an_equal_version_takes_what_the_page_of_formulas_says() -> None:
    """Binary scores of which 10 % differ, 250 samples, a margin of .05: 238 (statistics page, 2,000 runs)."""
    each, whole = expected(flipped(250, 0.1), GateRule(metric="exact", margin=0.05))
    assert each["exact", None].equal == pytest.approx(238, abs=6)
    assert whole.equal == each["exact", None].equal
    assert whole.samples == 250


def test_groups_take_what_a_plain_gate_takes() -> None:
    groups = np.sort(np.random.default_rng(5).integers(0, 90, 200))
    pairing = flipped(200, 0.3, groups.tolist())
    each, _ = expected(pairing, GateRule(metric="exact", margin=0.1))
    scores = scores_of(pairing, "exact")
    d, rng, used = scores.b - scores.a, np.random.default_rng(6), []
    for _ in range(600):
        rank, signs = rng.permutation(scores.clusters), rng.choice([-1, 1], scores.clusters)
        order = np.argsort(rank[scores.groups], kind="stable")
        _, labels = np.unique(rank[scores.groups][order], return_inverse=True)
        used.append(outcome_of_bets((d * signs[scores.groups])[order], labels, 0.1)[1])
    assert each["exact", None].equal == pytest.approx(np.mean(used), rel=0.05)


@pytest.mark.parametrize("exact", [False, True])
def test_the_self_test_measures_what_is_foretold(exact: bool) -> None:
    rules = (
        GateRule(metric="exact", margin=0.1, exact=exact),
        GateRule(metric="exact", margin=0.3, slice="odd"),
    )
    pairing = flipped(300, 0.2, [place // 3 for place in range(300)])
    samples = pairing.candidate.table.samples
    each, whole = expected(pairing, *rules)
    evalset = EvalSet(name="x", card=Card(description="x"), metrics=(), gate=rules, samples=samples)
    tried = self_test(pairing, evalset, trials=1000, seed=3, early_stop=True)
    found = {(trial.slice, trial.margins): trial for trial in tried.trials}
    for name in (None, "odd"):
        told = each["exact", name]
        assert told.equal == pytest.approx(found[name, 0.0].cases, rel=0.06)
        assert told.worse == pytest.approx(found[name, 2.0].cases, rel=0.06)
        assert found[name, 0.0].kept and found[name, 2.0].kept
    assert whole.rules == 2 and whole.equal is not None and whole.worse is not None
    # All rules must have passed, and one that failed is enough.
    assert whole.equal >= (each["exact", None].equal or 0.0)
    assert whole.worse <= (each["exact", None].worse or 0.0)


def test_real_gates_with_an_early_stop_take_as_many_samples_as_is_foretold() -> None:
    rules = [GateRule(metric="exact", margin=0.15), GateRule(metric="exact", margin=0.3, slice="odd")]
    pairing = flipped(160, 0.25, [place // 2 for place in range(160)])
    scores, rng, used = scores_of(pairing, "exact"), np.random.default_rng(8), []
    for trial in range(60):
        coins = (rng.random(scores.clusters) < 0.5)[scores.groups]
        old, new = np.where(coins, scores.b, scores.a), np.where(coins, scores.a, scores.b)
        swapped = paired(old, new, [place // 2 for place in range(160)])
        order = order_of(swapped.candidate.table.samples, str(trial))
        verdict = gate.judge(swapped, rules, order=order)
        assert verdict.stopping is not None
        used.append(verdict.stopping.samples)
    _, whole = expected(pairing, *rules)
    assert whole.equal == pytest.approx(np.mean(used), abs=4 * np.std(used) / np.sqrt(60))


def test_runs_that_differ_tell_of_an_equal_version_by_their_spread_around_the_mean() -> None:
    rng = np.random.default_rng(9)
    old = np.full(150, 0.9)
    new = old - 0.5 + rng.normal(0, 0.1, 150).clip(-0.3, 0.3)
    each, _ = expected(paired(old, new, range(150)), GateRule(metric="exact", margin=0.1))
    alike = new + 0.5
    close, _ = expected(paired(old, alike.clip(0, 1), range(150)), GateRule(metric="exact", margin=0.1))
    assert each["exact", None].equal == pytest.approx(close["exact", None].equal, rel=0.2)
    assert (each["exact", None].equal or 150) < 100


def test_what_can_t_be_foretold_is_said() -> None:
    pairing = flipped(100, 0.3)
    margin = GateRule(metric="exact", margin=0.1)
    each, whole = expected(
        pairing, margin, GateRule(metric="exact", slice="odd", margin=0.1, estimand="suite")
    )
    assert each["exact", None].equal is not None
    assert whole.equal == 100 and whole.worse is None
    assert "PASS takes the whole run" in whole.note
    _, whole = expected(pairing, margin, GateRule(metric="exact", min=0.5))
    assert whole.equal is None and "`min` or `max`" in whole.note
    same = flipped(100, 0.0)
    assert expected(same, margin)[0] == {}
    # More than there is can't be lost: scores of .8 can't fall by 1.2.
    assert expected(pairing, GateRule(metric="exact", margin=0.6))[0]["exact", None].worse is None
