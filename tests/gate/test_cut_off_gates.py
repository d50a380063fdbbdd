"""A gate whose money runs out: as seldom wrong as any other, though what is spent goes with the scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from promptops.analysis.comparison import pair
from promptops.gate import decision as gate
from promptops.gate.rules import GateRule
from promptops.gate.stopping import Order, drawn
from promptops.metrics.exact import Exact
from promptops.stats import decision
from tests.gate.test_early_stop import asked, result, side
from tests.stats.simulated import MARGINS, grouping
from tests.stats.simulated import drawn as differences

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
RUNS = 4000
BUDGETS = (40.0, 80.0, 160.0, 320.0, 640.0)
"""A run that is cut off is given more and goes on: each cut is another look."""


def costs_of(d: Floats, rng: np.random.Generator) -> Floats:
    """(n, runs) what each answer costs: one that lost is twenty times as dear, as long answers are."""
    return np.where(d < 0, 20.0, 1.0) * rng.uniform(0.5, 1.5, d.shape)


def cuts(costs: Floats, budget: float) -> Ints:
    """(runs,) how many cases, in the order drawn, are answered before the next could pass the budget."""
    dearest = np.maximum.accumulate(costs, axis=0)
    before = np.vstack([np.zeros(costs.shape[1]), np.cumsum(costs, axis=0)[:-1]])
    expected = np.vstack([np.zeros(costs.shape[1]), dearest[:-1]])
    over = before + expected > budget
    return np.where(over.any(axis=0), over.argmax(axis=0), len(costs)).astype(np.intp)


@pytest.mark.parametrize("clusters", ["1", "unequal"])
@pytest.mark.parametrize("equal", [True, False])
def test_verdicts_at_cuts_that_go_with_the_scores_are_seldom_wrong(clusters: str, equal: bool) -> None:
    shape, n = "binary 10 %", 250
    margin, groups = MARGINS[shape], grouping(clusters, n)
    rng = np.random.default_rng(11)
    d = differences(shape, groups, 0.0 if equal else -margin, RUNS, rng)
    wrong = decision.FAIL if equal else decision.PASS
    found = decision.crossings(d, margin, groups)
    costs = costs_of(d, rng)
    ends = [cuts(costs, budget) for budget in BUDGETS]
    # Whole groups only: those that the cut tears count for nothing.
    whole = [groups[np.minimum(end, n - 1)] + (end == n) for end in ends]
    crossed, other = (found.failing, found.passing) if equal else (found.passing, found.failing)
    at_a_cut = np.zeros(RUNS, dtype=bool)
    for ready in whole:
        at_a_cut |= (crossed < ready) & ((crossed < other) if equal else (crossed <= other))
    at_the_end = decision.decide_early(d, margin, groups).outcome == wrong
    assert (at_a_cut | at_the_end).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / RUNS)
    if equal:
        return
    # With an ordinary bound on what money has bought, the cheap and quick first, losses would pass.
    naive = np.zeros(RUNS, dtype=bool)
    for run in range(300):
        first = np.argsort(costs[:, run], kind="stable")
        bought = np.sort(first[: int((np.cumsum(costs[first, run]) <= BUDGETS[2]).sum())])
        naive[run] = decision.decide(d[bought, run], margin, groups[bought]) == wrong
    assert naive[:300].mean() > 0.5


@pytest.mark.parametrize("true", [-0.4, -0.05, 0.0, 0.2])
def test_the_gate_decides_a_cut_run_by_bets_on_its_first_groups(true: float) -> None:
    rng = np.random.default_rng(int(100 * abs(true)) + 1)
    rule = GateRule(metric="exact", margin=0.1)
    seen = set()
    for trial in range(6):
        groups = np.sort(rng.integers(0, 70, 120))
        old = rng.random(120) < 0.5
        flip = rng.random(120) < 0.5
        new = np.where(flip, rng.random(120) < 0.5 + true, old)
        samples = asked(groups.tolist())
        rank = drawn(samples, str(trial))
        d = new.astype(float) - old
        costs = costs_of(d[np.argsort(rank, kind="stable")][:, None], rng)
        for budget in BUDGETS[1:]:
            end = int(cuts(costs, budget)[0])
            done = np.zeros(120, dtype=bool)
            done[np.argsort(rank, kind="stable")[:end]] = True
            # Dear ones among the last were let go, cheap ones far behind came in: neither counts.
            done[np.argsort(rank, kind="stable")[end : end + 4]] = (
                d[np.argsort(rank, kind="stable")[end : end + 4]] > 0
            )
            order = Order(str(trial), rank, done, cut=True)
            before = side("old", samples, [result(s, float(v)) for s, v in zip(samples, old, strict=True)])
            after = side(
                "new",
                samples,
                [result(s, float(v)) for s, v, there in zip(samples, new, done, strict=True) if there],
            )
            verdict = gate.judge(pair(before, after, {"exact": Exact()}), [rule], order=order)
            ready = order.ready
            if ready < 2:
                assert verdict.outcome == "CANNOT_MEASURE"
                continue
            places = np.argsort(rank, kind="stable")
            inside = places[rank[places] < ready]
            expected = decision.decide_early(d[inside], 0.1, rank[inside], largest=_largest(groups))
            assert verdict.stopping is not None
            if expected.early:
                assert verdict.outcome == decision.NAMES[int(expected.outcome)]
                assert verdict.stopping.samples == int(expected.cases) and not verdict.stopping.cut
            elif ready < order.groups:
                assert verdict.outcome == "INCONCLUSIVE"
                assert verdict.stopping.samples == len(inside) and verdict.stopping.cut
            seen.add((verdict.outcome, verdict.stopping.cut))
    assert ("INCONCLUSIVE", True) in seen or abs(true) > 0.1
    assert true != -0.4 or ("FAIL", False) in seen


def _largest(groups: Ints) -> float:
    return float(np.bincount(groups).max())


def test_a_cut_before_two_groups_measures_nothing() -> None:
    samples = asked(range(40))
    before = side("old", samples, [result(s, 1.0) for s in samples])
    rank = drawn(samples, "x")
    for ready in (0, 1):
        after = side(
            "new", samples, [result(s, 0.0) for s, r in zip(samples, rank, strict=True) if r < ready]
        )
        order = Order("x", rank, rank < ready, cut=True)
        rules = [GateRule(metric="exact", margin=0.1)]
        verdict = gate.judge(pair(before, after, {"exact": Exact()}), rules, order=order)
        assert verdict.outcome == "CANNOT_MEASURE"
