"""Decisions of a gate that may stop early: with weights, several cells, groups and exact rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops.stats import decision
from tests.stats.plain_gate import outcome_at_the_end, outcome_of_bets
from tests.stats.simulated import MARGINS, drawn, grouping


@pytest.mark.parametrize("true", [-0.1, -0.05, 0.0])
@pytest.mark.parametrize("clusters", ["1", "5", "unequal"])
def test_outcomes_and_cases_are_those_of_the_plain_gate(clusters: str, true: float) -> None:
    groups, margin = grouping(clusters, 200), MARGINS["binary 30 %"]
    runs = drawn("binary 30 %", groups, true, 40, np.random.default_rng(4))
    found = decision.decide_early(runs, margin, groups)
    for place, d in enumerate(runs.T):
        early, cases = outcome_of_bets(d, groups, margin)
        expected = early or outcome_at_the_end(d, groups, margin, 0.04)
        assert decision.NAMES[int(found.outcome[place])] == expected
        assert int(found.cases[place]) == cases
        assert bool(found.early[place]) == (early is not None)


@settings(max_examples=60)
@given(
    d=st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=25, max_size=80),
    margin=st.floats(0.02, 0.9),
    cells=st.integers(1, 6),
    exact=st.booleans(),
)
def test_more_cells_never_stop_a_run_sooner_and_doubled_weights_change_nothing(
    d: list[float], margin: float, cells: int, exact: bool
) -> None:
    one = decision.decide_early(d, margin, exact=exact)
    many = decision.decide_early(d, margin, cells=cells, exact=exact)
    assert many.cases >= one.cases
    if one.outcome == decision.FAIL and not many.early:
        assert many.outcome == decision.FAIL
    twice = decision.decide_early(d, margin, exact=exact, weights=np.full(len(d), 2.0))
    assert (twice.outcome, twice.cases, twice.early) == (one.outcome, one.cases, one.early)


@settings(max_examples=60)
@given(
    d=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=22, max_size=60), margin=st.floats(0.05, 0.9)
)
def test_an_exact_rule_is_decided_by_wealth_alone(d: list[float], margin: float) -> None:
    stakes, x = np.geomspace(0.01, 0.95, 20), np.array(d)
    gain = np.cumprod(1 + np.outer(x + margin, stakes / (1 - margin)), axis=0).mean(axis=1)
    loss = np.cumprod(1 - np.outer(x, stakes), axis=0).mean(axis=1)
    expected = "INCONCLUSIVE"
    for gained, lost in zip(gain, loss, strict=True):
        if max(gained, lost) >= 20:
            expected = "PASS" if gained >= 20 else "FAIL"
            break
    found = decision.decide_early(d, margin, exact=True)
    assert decision.NAMES[int(found.outcome)] == expected
    assert bool(found.early) == (expected != "INCONCLUSIVE")


def test_a_weighted_case_counts_as_that_many_cases_of_one_group() -> None:
    rng = np.random.default_rng(6)
    d, weights = rng.choice([-1.0, 0.0, 1.0], p=[0.3, 0.6, 0.1], size=60), rng.integers(1, 4, 60)
    groups = np.repeat(np.arange(60), weights)
    heavy = decision.decide_early(d, 0.05, weights=weights, exact=True)
    copied = decision.decide_early(np.repeat(d, weights), 0.05, groups, exact=True)
    assert (heavy.outcome, heavy.early) == (copied.outcome, copied.early)
    assert int(copied.cases) == int(weights[: int(heavy.cases)].sum())


@pytest.mark.parametrize("true", [-0.05, 0.0])
def test_exact_rules_with_an_early_stop_are_seldom_wrong(true: float) -> None:
    groups = grouping("unequal", 150)
    runs = drawn("preference", groups, true, 2000, np.random.default_rng(7))
    weights = np.random.default_rng(8).uniform(0.5, 2.0, 150)
    found = decision.decide_early(runs, 0.05, groups, exact=True, weights=weights)
    wrong = decision.PASS if true else decision.FAIL
    assert (found.outcome == wrong).mean() <= 0.05
